"""Billing & payment assist: its answers to the method, and how it is entered in the catalogue."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from signoff.methodology import DecisionRecord, Workload, select
from signoff.workloads._plan import Plan
from signoff.workloads._shipped import Shipped, Unguarded, WorkloadReport

WORKLOAD: Final = Workload(
    name="billing & payment assist",
    about="Answers a customer who waits: a refund, a payment plan, an explanation, or a person.",
    # A turn takes seconds; a colleague who is asked about a large refund has three quarters of a
    # minute, and the customer sits and waits all the while.
    horizon=timedelta(minutes=1),
    waits_on_the_outside=False,
    longest_pause=timedelta(0),
    # The message and our own books: a turn that is lost is answered again from them.
    rebuildable_from_input=True,
    world_moves_while_paused=True,
    # What is asked for and what is owed are found apart from each other, and joined by a rule.
    one_owner=True,
    independent_subtasks=True,
    deterministic_merge=True,
    peers_write=False,
    partial_result_useful=False,
    partial_write_costs_more=False,
    side_effects=True,
    consequence="financial",
    asked_who_decided=True,
    deferred={
        "escalation": "nobody is left waiting without an end while a customer is on the line"
    },
)


def decided() -> DecisionRecord:
    """The decision record, which `decision_record.md` has in words."""
    return select(WORKLOAD, on=date(2026, 11, 25), model="simulated")


async def _run(plan: Plan) -> WorkloadReport:
    from signoff.workloads.billing_assist.lifecycle import run_turns

    return await run_turns(plan)


async def _run_unguarded(plan: Plan) -> Unguarded:
    from signoff.workloads.billing_assist.unguarded import run_unguarded

    return await run_unguarded(plan)


BILLING_ASSIST: Final = Shipped(
    name="billing-assist",
    workload=WORKLOAD,
    units="turns",
    run=_run,
    run_unguarded=_run_unguarded,
    damage={
        "over_owed": "refunds above what was charged by mistake",
        "wrong_customer": "refunds and plans for somebody else than who wrote",
        "out_of_policy": "plans outside the policy, and refunds above the cap",
        "unapproved": "large refunds that no colleague has looked at",
        "doubles": "refunds and plans that happened twice or more",
        "promised": "messages that promise what billing never did",
        "unanswered": "customers who were told nothing, or of whom no desk knows",
    },
    package="signoff.workloads.billing_assist",
)
