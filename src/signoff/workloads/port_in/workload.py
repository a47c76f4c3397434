"""Number port-in: its answers to the method, and how it is entered in the catalogue."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from signoff.methodology import DecisionRecord, Workload, select
from signoff.workloads._plan import Plan
from signoff.workloads._shipped import Shipped, Unguarded, WorkloadReport

WORKLOAD: Final = Workload(
    name="number port-in",
    about="Moves a subscriber's number from another carrier, who may reject in mid-flight.",
    horizon=timedelta(days=30),
    waits_on_the_outside=True,
    longest_pause=timedelta(days=8),
    # What the donating carrier has said so far, and what was answered, is in no input.
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    # The pool, the donating carrier and our own network.
    peers_write=True,
    consequence="legal",
    one_owner=True,
    independent_subtasks=False,
    deterministic_merge=True,
    partial_result_useful=False,
    # A number that is live on two networks, or reserved for nobody.
    partial_write_costs_more=True,
    side_effects=True,
    asked_who_decided=True,
    deferred={"throttle": "the donating carriers limit how often they are asked"},
)


def decided() -> DecisionRecord:
    """The decision record, which `decision_record.md` has in words."""
    return select(WORKLOAD, on=date(2026, 11, 25), model="simulated")


async def _run(plan: Plan) -> WorkloadReport:
    from signoff.workloads.port_in.lifecycle import run

    return await run(plan)


async def _run_unguarded(plan: Plan) -> Unguarded:
    from signoff.workloads.port_in.unguarded import run_unguarded

    return await run_unguarded(plan)


PORT_IN: Final = Shipped(
    name="port-in",
    workload=WORKLOAD,
    units="ports",
    run=_run,
    run_unguarded=_run_unguarded,
    damage={
        "leaked": "numbers of the pool that nobody holds and nobody gave back",
        "invented": "orders with an account, a holder or a date that no paper has",
        "unapproved": "orders on another holder that nobody approved",
        "wrong_port": "effects on somebody else's number",
        "live_twice": "numbers that are live here although the donor did not let them go",
        "doubles": "effects that happened twice and were not taken back",
        "lost": "numbers that could have been ported, and were not",
    },
    package="signoff.workloads.port_in",
    rows=60,
)
