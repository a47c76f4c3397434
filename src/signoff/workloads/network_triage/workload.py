"""Network incident triage: its answers to the method, and how it is entered in the catalogue."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from signoff.methodology import DecisionRecord, Workload, select
from signoff.workloads._plan import Plan
from signoff.workloads._shipped import Shipped, Unguarded, WorkloadReport

WORKLOAD: Final = Workload(
    name="network incident triage",
    about="Diagnoses an alarm from probes, and mends what can be undone, or calls a person.",
    horizon=timedelta(minutes=15),
    waits_on_the_outside=False,
    longest_pause=timedelta(minutes=5),
    # What the probes saw, they saw then: asked again, they see another network.
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    history_read_by_many=True,
    # What is done follows from what was seen: there is nothing to hand to somebody else.
    one_owner=True,
    independent_subtasks=False,
    deterministic_merge=True,
    # Probes look at the site, the remedy acts on it, and three of four readings are enough.
    peers_write=True,
    partial_result_useful=True,
    # A site that is drained and not put back is worse than one that nobody touched.
    partial_write_costs_more=True,
    side_effects=True,
    consequence="financial",
    asked_who_decided=True,
    deferred={"approval": "nobody answers within the minutes that an incident leaves"},
)


def decided() -> DecisionRecord:
    """The decision record, which `decision_record.md` has in words."""
    return select(WORKLOAD, on=date(2026, 11, 25), model="simulated")


async def _run(plan: Plan) -> WorkloadReport:
    from signoff.workloads.network_triage.lifecycle import run_incidents

    return await run_incidents(plan)


async def _run_unguarded(plan: Plan) -> Unguarded:
    from signoff.workloads.network_triage.unguarded import run_unguarded

    return await run_unguarded(plan)


NETWORK_TRIAGE: Final = Shipped(
    name="network-triage",
    workload=WORKLOAD,
    units="incidents",
    run=_run,
    run_unguarded=_run_unguarded,
    damage={
        "wrong_site": "actions on another site than the one that raised the alarm",
        "needless": "sites that were restarted or rolled back, and did not need it",
        "core": "core sites that were touched without a person",
        "blast": "sites that were touched beyond the blast radius",
        "left": "sites that were left drained, or worse than before",
        "doubles": "actions that happened twice or more",
        "unattended": "sites that are down, and nobody was called",
    },
    package="signoff.workloads.network_triage",
)
