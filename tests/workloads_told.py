"""The five workloads that ship, as their answers."""

from __future__ import annotations

from datetime import timedelta

from signoff.methodology import Workload

RENEWAL = Workload(
    name="contract renewal",
    horizon=timedelta(days=90),
    waits_on_the_outside=True,
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    peers_write=True,
    consequence="financial",
)

PORT_IN = Workload(
    name="number port-in",
    about="Moves a subscriber's number from another carrier, who may reject in mid-flight.",
    horizon=timedelta(days=10),
    waits_on_the_outside=True,
    longest_pause=timedelta(days=3),
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=False,
    peers_write=True,
    partial_write_costs_more=True,
    side_effects=True,
    consequence="legal",
    asked_who_decided=True,
)

LEAD_WARMING = Workload(
    name="lead warming",
    about="Decides what to send to a lead next, from the log of touches alone.",
    horizon=timedelta(days=45),
    waits_on_the_outside=True,
    longest_pause=timedelta(days=7),
    rebuildable_from_input=True,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=True,
    deterministic_merge=True,
    peers_write=False,
    partial_result_useful=False,
    partial_write_costs_more=False,
    side_effects=True,
    consequence="minor",
    asked_who_decided=False,
)

BILLING = Workload(
    name="billing & payment assist",
    about="Answers about bills, and gives refunds and payment plans under policy.",
    horizon=timedelta(seconds=8),
    waits_on_the_outside=False,
    longest_pause=timedelta(0),
    rebuildable_from_input=True,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=True,
    deterministic_merge=True,
    peers_write=False,
    partial_result_useful=False,
    partial_write_costs_more=False,
    side_effects=True,
    consequence="financial",
    asked_who_decided=True,
    deferred={"escalation": "a person is on the line already"},
)

TRIAGE = Workload(
    name="network incident triage",
    about="Diagnoses an incident from probes, and remediates what can be undone.",
    horizon=timedelta(minutes=15),
    waits_on_the_outside=False,
    longest_pause=timedelta(minutes=5),
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=True,
    deterministic_merge=True,
    peers_write=True,
    partial_result_useful=True,
    partial_write_costs_more=True,
    side_effects=True,
    consequence="financial",
    asked_who_decided=True,
    deferred={"approval": "nobody answers within the minutes that an incident leaves"},
)

EVERY = (RENEWAL, PORT_IN, LEAD_WARMING, BILLING, TRIAGE)
