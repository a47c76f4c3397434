"""Lead warming: its answers to the method, and how it is entered in the catalogue."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from signoff.methodology import DecisionRecord, Workload, select
from signoff.workloads._plan import Plan
from signoff.workloads._shipped import Shipped, Unguarded, WorkloadReport

WORKLOAD: Final = Workload(
    name="lead warming",
    about="Decides what to send to a lead next, from the log of touches alone.",
    horizon=timedelta(days=90),
    waits_on_the_outside=True,
    longest_pause=timedelta(days=14),
    # Every touch is an entry of the CRM's log, and nothing else decides where a lead stands.
    rebuildable_from_input=True,
    world_moves_while_paused=True,
    peers_write=False,
    consequence="minor",
    one_owner=True,
    # The next touch follows from the last one: there is nothing to hand to somebody else.
    independent_subtasks=False,
    deterministic_merge=True,
    partial_result_useful=False,
    partial_write_costs_more=False,
    side_effects=True,
    asked_who_decided=False,
)


def decided() -> DecisionRecord:
    """The decision record, which `decision_record.md` has in words."""
    return select(WORKLOAD, on=date(2026, 11, 25), model="simulated")


async def _run(plan: Plan) -> WorkloadReport:
    from signoff.workloads.lead_warming.lifecycle import run

    return await run(plan)


async def _run_unguarded(plan: Plan) -> Unguarded:
    from signoff.workloads.lead_warming.unguarded import run_unguarded

    return await run_unguarded(plan)


LEAD_WARMING: Final = Shipped(
    name="lead-warming",
    workload=WORKLOAD,
    units="leads",
    run=_run,
    run_unguarded=_run_unguarded,
    damage={
        "after_unsubscribe": "contacts with somebody who had unsubscribed",
        "too_many": "contacts beyond two within seven days",
        "price_promised": "mails and calls that promise a price",
        "wrong_lead": "touches of somebody else than the lead that it was about",
        "doubles": "touches that were made twice",
        "dropped": "leads who wanted to talk and were never handed over",
    },
    package="signoff.workloads.lead_warming",
    rows=60,
)
