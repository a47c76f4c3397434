"""A run of the renewals as the catalogue shows it; `signoff renewals run` says more about it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, replace
from typing import Final

from signoff.storage import storage_at, without_password
from signoff.workloads._meter import Cost, CostRow, Meter
from signoff.workloads._plan import Plan
from signoff.workloads._shipped import Unguarded, WorkloadReport
from signoff.workloads.contract_renewal.audit import audit
from signoff.workloads.contract_renewal.customers import Customer, file_digest, read_customers
from signoff.workloads.contract_renewal.proposers import named
from signoff.workloads.contract_renewal.run import Report, run_renewals
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.services import Faults, Service, Services, open_services
from signoff.workloads.contract_renewal.unguarded import run_unguarded

#: As the ledger calls it -> as an outcome is called.
_STATUS: Final = {"open": "under way", "intended": "under way"}


async def run(plan: Plan) -> WorkloadReport:
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


async def run_unguarded_of(plan: Plan) -> Unguarded:
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
