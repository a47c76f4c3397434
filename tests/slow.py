"""Tests that take long and have a quicker sibling in their module: marked `slow` when collected."""

#: By module, the rest of their ids.
SLOW = {
    "acceptance/test_console_browser.py": (
        "test_a_proposal_of_a_megabyte_is_shown_in_part_and_kept_whole",
        "test_it_is_used_without_scripts",
        "test_an_inbox_of_ten_thousand_tickets_is_walked_with_the_keyboard",
        "test_markup_in_every_field_stays_text",
    ),
    "acceptance/test_consumers_killed_at_every_statement.py": (
        "test_killed_a_statement_later_each_time_they_still_end_well[postgres]",
    ),
    "acceptance/test_conversational_workloads_killed.py": (
        "test_a_kill_at_any_statement_leaves_nothing_half_done[postgres-network-triage]",
        "test_a_kill_at_any_statement_leaves_nothing_half_done[postgres-billing-assist]",
    ),
    "acceptance/test_endurance.py": (
        "test_nothing_is_lost_or_doubled_while_everything_fails[postgres]",
    ),
    "acceptance/test_kill_at_every_statement.py": (
        "test_a_kill_at_any_statement_loses_and_doubles_nothing[sqlite-probed]",
        "test_a_kill_at_any_statement_loses_and_doubles_nothing[sqlite-idempotent]",
        "test_a_kill_while_the_tables_are_built_leaves_none_of_them",
        "test_one_line_killed_again_and_again_a_statement_later_each_time_still_ends_well[postgres-transactional]",
        "test_a_kill_at_any_statement_loses_and_doubles_nothing[postgres-transactional]",
        "test_a_kill_at_any_statement_loses_and_doubles_nothing[sqlite-neither]",
    ),
    "acceptance/test_long_horizon_workloads.py": (
        "test_a_kill_at_any_moment_changes_nothing[sqlite-port-in]",
        "test_a_run_that_was_stopped_goes_on_where_it_was[port-in]",
        "test_a_seed_has_one_outcome_and_does_no_damage[postgres-port-in-ends1]",
        "test_lead_warming_is_killed_and_loses_its_store_again_and_again",
        "test_a_kill_at_any_moment_changes_nothing[postgres-lead-warming]",
        "test_a_kill_at_any_moment_changes_nothing[postgres-port-in]",
    ),
    "acceptance/test_new_projects.py": (
        "test_a_new_project_is_formatted_and_typed[months, on a row, with everything]",
    ),
    "acceptance/test_planted_signatures.py": ("test_clean_ledgers_are_called_healthy",),
    "acceptance/test_recorded_corpora.py": (
        "test_the_report_points_at_the_format",
        "test_the_upgrade_is_computed_a_second_way",
        "test_four_runs_find_what_one_run_misses",
        "test_every_record_is_read[bfcl_recorded-bfcl-101940-68]",
    ),
    "acceptance/test_recorded_reliability.py": (
        "test_what_a_version_changed_in_bfcl_is_found[-0.792-0.268-860-52]",
        "test_what_a_version_changed_in_bfcl_is_found[-FC-0.842-0.87-36-80]",
    ),
    "acceptance/test_renewals.py": (
        "test_two_processes_on_one_postgresql_do_nothing_twice",
        "test_a_kill_at_any_moment_changes_nothing[postgres]",
    ),
    "acceptance/test_renewals_command.py": ("test_an_interrupted_run_goes_on",),
    "typing/test_mistakes.py": (
        "test_it_is_seen_where_it_is_made[by_basedpyright-a verifier about another subject]",
    ),
    "unit/cli/test_approvals_command.py": ("test_on_postgres_it_is_the_same",),
    "acceptance/test_kill_under_controls.py": (
        "test_a_kill_at_any_statement_loses_no_ticket_and_no_share[sqlite-False-1]",
    ),
    "unit/workloads/contract_renewal/spines/test_spine_experiment.py": (
        "test_without_drift_nothing_differs_between_the_spines",
        "test_a_model_that_drifts_changes_a_history_that_is_asked_again_and_no_other",
    ),
    "unit/coordination/test_fan_out_interleavings.py": (
        "test_a_gather_is_what_its_model_says[postgres]",
        "test_a_delegation_is_what_its_model_says[postgres]",
    ),
    "acceptance/test_workers.py": ("test_older_code_leaves_alone_what_newer_code_has_opened",),
    "unit/proposers/test_local.py": ("test_the_same_question_gets_the_same_answer_in_any_order",),
    "acceptance/test_poison.py": (
        "test_a_subject_that_kills_its_worker_every_time_is_given_up[postgres]",
    ),
    "acceptance/test_moved_while_killed.py": ("test_killed_where_it_turns[postgres]",),
    "acceptance/test_fan_out_killed.py": (
        "test_after_a_kill_only_the_missing_are_asked[postgres-delegation]",
        "test_after_a_kill_only_the_missing_are_asked[postgres-gather]",
    ),
    "contracts/test_store_check.py": ("test_whatever_is_wrong_is_found[postgres]",),
    "acceptance/test_wrong_choices_cost_long_horizon.py": (
        "test_the_same_ports_with_undo_and_on_a_row_leak_and_lose_none",
    ),
    "unit/console/access/test_console_sign_in.py": (
        "test_nobody_pushes_out_others_by_signing_in_over_and_over",
    ),
}
