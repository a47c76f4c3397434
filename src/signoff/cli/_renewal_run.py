"""What `signoff renewals run` does, apart from showing it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from signoff.errors import BadInput
from signoff.storage import SQLiteStorage, storage_at
from signoff.workloads.contract_renewal import proposers
from signoff.workloads.contract_renewal.audit import Damage, audit
from signoff.workloads.contract_renewal.customers import Customer, file_digest, read_customers
from signoff.workloads.contract_renewal.run import Progress, Report, run_renewals
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.services import (
    Faults,
    Service,
    Services,
    connect_services,
    open_services,
)
from signoff.workloads.contract_renewal.unguarded import run_unguarded


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The command line, as values."""

    data: Path | None
    rows: int
    limit: int | None
    seed: int
    store: str
    services: str | None
    proposer: str
    base_url: str | None
    misbehaves: float
    faults: float
    concurrency: int

    @property
    def stem(self) -> Path:
        """Where the run's own files lie: beside the SQLite file, or here."""
        storage = storage_at(self.store)
        if isinstance(storage, SQLiteStorage) and storage.path != ":memory:":
            return Path(storage.path).with_suffix("")
        return Path("signoff")

    @property
    def customers_file(self) -> Path:
        """The customers: yours, or the generated ones."""
        if self.data is not None:
            return self.data
        stem = self.stem
        return stem.with_name(f"{stem.name}-customers-{self.rows}-{self.seed}.csv")

    @property
    def services_folder(self) -> Path | None:
        """Where the services keep their accounts; None if they are behind a URL."""
        if self.services is None:
            return self.stem.with_name(f"{self.stem.name}-services")
        return None if "://" in self.services else Path(self.services)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A guarded run: its report, the services' side of it, and what it took."""

    report: Report
    damage: Damage | None
    seconds: float
    store: str
    flushes: int | None

    def body(self) -> dict[str, Any]:
        """JSON-ready."""
        damage = None if self.damage is None else asdict(self.damage)
        return asdict(self.report) | {
            "damage": damage,
            "seconds": round(self.seconds, 3),
            "store": self.store,
            "commits": self.flushes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Unguarded:
    """The same agent without a boundary."""

    damage: Damage
    seconds: float

    def body(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"damage": asdict(self.damage), "seconds": round(self.seconds, 3)}


def customers_of(plan: Plan) -> list[Customer]:
    """Read the customers, after generating them if there is no file.

    Raises:
        BadInput: The file is wrong; the message says where.
    """
    path = plan.customers_file
    if plan.data is None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sample(path, plan.rows, plan.seed)
    customers = list(read_customers(path, limit=plan.limit))
    if not customers:
        raise BadInput(f"{path} holds no customers")
    return customers


async def run_guarded(plan: Plan, customers: list[Customer], progress: Progress) -> Result:
    """Run the agent, or go on with it, and audit the services."""
    storage = storage_at(plan.store)
    began = time.perf_counter()
    folder = plan.services_folder
    digest = file_digest(plan.customers_file)

    async def run(services: Services[Any]) -> Report:
        return await run_renewals(
            customers,
            storage,
            services,
            digest=digest,
            seed=plan.seed,
            proposer=plan.proposer,
            misbehaves=plan.misbehaves,
            base_url=plan.base_url,
            progress=progress,
            concurrency=plan.concurrency,
        )

    damage: Damage | None = None
    if folder is None:
        with connect_services(str(plan.services)) as remote:
            report = await run(remote)
    else:
        with open_services(folder, _rates(plan)) as services:
            report = await run(services)
            damage = audit(services, customers)
    return Result(
        report=report,
        damage=damage,
        seconds=time.perf_counter() - began,
        store=storage.url,
        flushes=storage.commits if isinstance(storage, SQLiteStorage) else None,
    )


async def run_without(plan: Plan, customers: list[Customer], progress: Progress) -> Unguarded:
    """Run the unguarded agent against services of its own, with the same faults."""
    model = proposers.named(
        plan.proposer, seed=plan.seed, misbehaves=plan.misbehaves, base_url=plan.base_url
    )
    began = time.perf_counter()
    with _throwaway_services(plan) as services:
        await run_unguarded(
            customers, services, model, progress=progress, concurrency=plan.concurrency
        )
        damage = audit(services, customers)
    return Unguarded(damage=damage, seconds=time.perf_counter() - began)


@contextmanager
def _throwaway_services(plan: Plan) -> Generator[Services[Service]]:
    with (
        tempfile.TemporaryDirectory(prefix="signoff-") as folder,
        open_services(folder, _rates(plan)) as services,
    ):
        yield services


def _rates(plan: Plan) -> Faults:
    return Faults.evenly(plan.faults, seed=plan.seed) if plan.faults else Faults.none()
