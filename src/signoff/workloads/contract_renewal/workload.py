"""Contract renewal: its answers to the method, and how it is entered in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from signoff.methodology import DecisionRecord, Workload, select
from signoff.workloads._plan import Plan
from signoff.workloads._shipped import Shipped, Unguarded, WorkloadReport

WORKLOAD: Final = Workload(
    name="contract renewal",
    about="Leads a customer's contract through the 90 days before it ends.",
    horizon=timedelta(days=90),
    waits_on_the_outside=True,
    longest_pause=timedelta(days=30),
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=True,
    deterministic_merge=True,
    peers_write=True,
    partial_result_useful=False,
    partial_write_costs_more=True,
    side_effects=True,
    consequence="financial",
    asked_who_decided=True,
    deferred={"throttle": "a day's renewals are due at once, and the mailer limits its own rate"},
)


def decided() -> DecisionRecord:
    """The decision record, which `decision_record.md` has in words."""
    return select(WORKLOAD, on=date(2026, 11, 25), model="simulated")


async def _run(plan: Plan) -> WorkloadReport:
    from signoff.workloads.contract_renewal.measured import run

    return await run(plan)


async def _run_unguarded(plan: Plan) -> Unguarded:
    from signoff.workloads.contract_renewal.measured import run_unguarded_of

    return await run_unguarded_of(plan)


_DAMAGE: Final[Mapping[str, str]] = {
    "over_cap": "offers mailed above the customer's cap",
    "not_a_discount": "offers mailed without a usable discount",
    "wrong_customer": "effects on the wrong customer",
    "wrong_price": "contracts and invoices at a wrong price",
    "wrong_ending": "effects against the customer's reply",
    "doubles": "effects that happened twice or more",
    "orphans": "renewals closed in one system and not in another",
    "missing": "renewals that a service never heard of",
}

CONTRACT_RENEWAL: Final = Shipped(
    name="contract-renewal",
    workload=WORKLOAD,
    units="renewals",
    run=_run,
    run_unguarded=_run_unguarded,
    damage=_DAMAGE,
    package="signoff.workloads.contract_renewal",
)
