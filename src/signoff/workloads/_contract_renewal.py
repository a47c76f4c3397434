"""The contract renewal, entered in the catalogue; `signoff renewals run` says more about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Final

from signoff.methodology import Workload
from signoff.storage import storage_at, without_password
from signoff.workloads._meter import Cost, CostRow, Meter
from signoff.workloads._plan import Plan
from signoff.workloads._shipped import Shipped, Unguarded, WorkloadReport
from signoff.workloads.contract_renewal.audit import audit
from signoff.workloads.contract_renewal.customers import Customer, file_digest, read_customers
from signoff.workloads.contract_renewal.proposers import named
from signoff.workloads.contract_renewal.run import Report, run_renewals
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.services import Faults, Service, Services, open_services
from signoff.workloads.contract_renewal.unguarded import run_unguarded

_WORKLOAD: Final = Workload(
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
)

#: As the ledger calls it -> as an outcome is called.
_STATUS: Final = {"open": "under way", "intended": "under way"}


async def _run(plan: Plan) -> WorkloadReport:
    with plan.placed() as placed:
        customers, digest = _customers(placed)
        meter = Meter()
        storage = storage_at(placed.store, fault_point=meter.statement)
        began = time.perf_counter()
        with _services(placed, "services") as services:
            timed = Services(*(meter.service(service) for service in services))
            report = await run_renewals(
                customers,
                storage,
                timed,
                digest=digest,
                seed=placed.seed,
                proposer=placed.proposer,
                misbehaves=placed.misbehaves,
                base_url=placed.base_url,
                progress=placed.progress,
                concurrency=1,
            )
            damage = audit(services, customers)
        seconds = time.perf_counter() - began
    return WorkloadReport(
        units=len(customers),
        outcomes=report.endings,
        damage=asdict(damage),
        cost=_cost(report, meter, seconds),
        seconds=seconds,
        store=without_password(plan.store),
        records=report.records,
        root=report.root,
        notes={"measured": "one time for all crossings together, the model's included"},
    )


async def _run_unguarded(plan: Plan) -> Unguarded:
    with plan.placed() as placed:
        customers, _ = _customers(placed)
        model = named(
            placed.proposer,
            seed=placed.seed,
            misbehaves=placed.misbehaves,
            base_url=placed.base_url,
        )
        meter = Meter()
        began = time.perf_counter()
        with _services(placed, "unguarded") as services:
            counted = replace(
                model, offer=meter.proposer(model.offer), closing=meter.proposer(model.closing)
            )
            await run_unguarded(customers, services, counted, progress=placed.progress)
            damage = audit(services, customers)
    return Unguarded(damage=asdict(damage), calls=meter.calls, seconds=time.perf_counter() - began)


def _customers(plan: Plan) -> tuple[list[Customer], str]:
    path = plan.folder("customers") / f"{plan.rows}-{plan.seed}.csv"
    if not path.exists():
        write_sample(path, plan.rows, plan.seed)
    return list(read_customers(path)), file_digest(path)


def _services(plan: Plan, name: str) -> Services[Service]:
    rates = Faults.evenly(plan.faults, seed=plan.seed) if plan.faults else Faults.none()
    return open_services(plan.folder(name), rates)


def _cost(report: Report, meter: Meter, seconds: float) -> Cost:
    """By boundary and outcome only how many: their times are not taken apart here."""
    crossings = Counter[tuple[str, str]]()
    for boundary, by_status in report.crossings.items():
        for status, number in by_status.items():
            crossings[boundary, _STATUS.get(status, status)] += number
    number = sum(crossings.values()) or 1
    each = meter.taken(seconds) / number
    row = CostRow(
        what="all boundaries",
        outcome="any",
        number=number,
        median=each,
        p99=each,
        transactions=meter.transactions / number,
        calls=report.attempts / number,
    )
    return Cost(
        crossings=(row,),
        units=(),
        seconds=meter.taken(seconds),
        transactions=meter.transactions,
        calls=report.attempts,
    )


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
    workload=_WORKLOAD,
    units="renewals",
    run=_run,
    run_unguarded=_run_unguarded,
    damage=_DAMAGE,
    package="signoff.workloads.contract_renewal",
)
