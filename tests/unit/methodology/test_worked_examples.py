"""The examples that the method was worked out on hold."""

from __future__ import annotations

from datetime import timedelta

import pytest
from workloads_told import BILLING, EVERY, LEAD_WARMING, PORT_IN, RENEWAL, TRIAGE

from signoff.diagnosis import SIGNATURES
from signoff.methodology import PLANES, Line, Workload, compare, select

CODES = {signature.code for signature in SIGNATURES}


def fired(line: Line) -> dict[str, bool]:
    return {each.name: each.holds for each in line.predicates if each.name in line.fired}


def test_the_block_of_the_readme_prints_what_it_says() -> None:
    renewals = Workload(
        name="contract renewal",
        horizon=timedelta(days=90),
        waits_on_the_outside=True,
        rebuildable_from_input=False,
        world_moves_while_paused=True,
        peers_write=True,
        consequence="financial",
    )
    assert str(select(renewals)) == (
        "contract renewal: long-horizon\n"
        "  spine         state machine (it waits, cannot be rebuilt, and the world moves)\n"
        "  coordination  delegation, scatter-gather + saga\n"
        "  control       supervisor + gate, human in the loop"
    )


def test_contract_renewal() -> None:
    record = select(RENEWAL)
    assert record.runtime.chosen == ("long-horizon",)
    assert record.spine.chosen == ("state machine",)
    every = {"it_waits": True, "it_cannot_be_rebuilt": True, "the_world_moves": True}
    assert fired(record.spine) == every
    assert record.coordination.chosen == ("delegation", "scatter-gather + saga")
    assert record.control.chosen == ("supervisor + gate", "human in the loop")
    assert record.sequence.chosen[0].startswith("dashboard")
    assert record.sequence.chosen[-1] == ", ".join(PLANES)
    assert len(record.sequence.chosen) == 5


def test_port_in_and_lead_warming_differ_in_the_spine_by_one_answer() -> None:
    port_in, leads = select(PORT_IN), select(LEAD_WARMING)
    assert port_in.runtime.chosen == leads.runtime.chosen == ("long-horizon",)
    assert port_in.spine.chosen == ("state machine",)
    assert leads.spine.chosen == ("none",)
    assert leads.spine.decision == "no durable spine"
    assert fired(leads.spine) == {"it_cannot_be_rebuilt": False}
    kept = PORT_IN.changed(rebuildable_from_input=True)
    assert select(kept).spine.chosen == leads.spine.chosen
    spine = next(line for line in compare(port_in, leads).lines if line.title == "spine")
    assert "rebuildable_from_input" in spine.because


def test_billing_assist_has_no_pause_so_no_state_machine() -> None:
    record = select(BILLING)
    assert record.runtime.chosen == ("conversational",)
    assert "state machine" not in record.spine.chosen
    kept = select(BILLING.changed(rebuildable_from_input=False)).spine
    assert kept.chosen == ("event log",)
    assert not {each.name: each.holds for each in kept.predicates}["it_waits"]


def test_network_triage_is_autonomous() -> None:
    record = select(TRIAGE)
    assert record.runtime.chosen == ("autonomous",)
    assert "scatter-gather + saga" in record.coordination.chosen
    assert record.sequence.chosen[-1] == "kill switch, escalation, throttle"
    assert record.control.notes == (
        "approval deferred: nobody answers within the minutes that an incident leaves",
    )


@pytest.mark.parametrize("workload", EVERY, ids=lambda workload: workload.name)
def test_every_code_that_a_record_names_is_in_the_catalogue(workload: Workload) -> None:
    for line in select(workload).lines:
        assert line.expect
        for codes in (line.expect, *(each.expect for each in line.alternatives)):
            assert codes
            assert set(codes) <= CODES
