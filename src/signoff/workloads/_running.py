"""One run over one store: opened, checked to be the same run as before, and sealed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from signoff.clock import from_stamp
from signoff.control import Principal
from signoff.errors import BadInput
from signoff.runtime import Known, Runtime
from signoff.state import Handle, StateMachine
from signoff.storage import Storage, storage_at, without_password
from signoff.testing import FakeClock
from signoff.workloads._meter import Meter
from signoff.workloads._plan import Plan

#: The first instant of every simulated calendar.
BEGINS: Final = datetime(2026, 1, 1, tzinfo=UTC)

#: The subject under which a store says which run it holds.
_RUN_ID: Final = "workload:run"


_Stands: TypeAlias = Literal["running", "finished"]


class RunFacts(BaseModel):
    """What a store's run is about; a row of its own, so that the same line goes on with it."""

    model_config = ConfigDict(frozen=True)

    id: str = _RUN_ID
    workload: str
    rows: int
    seed: int
    proposer: str
    misbehaves: float
    faults: float


_RUN: Final = StateMachine[_Stands](
    "workload.run", {"running": {"finished"}}, start="running", subject=RunFacts
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A run in progress.

    Attributes:
        runtime: Open.
        clock: Its simulated calendar, set to where the store's last record stands.
        storage: The store.
        row: What says which run it is, and that it goes on.
    """

    runtime: Runtime
    clock: FakeClock
    storage: Storage
    row: Handle[_Stands, RunFacts]

    async def told(self) -> tuple[int, str]:
        """End the run: seal the ledger; how many records it has, and the seal's Merkle root."""
        if self.row.state == "running":
            await self.runtime.move(self.row, "finished", because="every unit of work has ended")
            await self.storage.seal()
        records, root = 0, ""
        async for entry in self.storage.entries():
            records += 1
            if entry.type == "sealed":
                root = str(json.loads(entry.body)["root"])
        return records, root


@asynccontextmanager
async def running(
    name: str,
    plan: Plan,
    meter: Meter,
    *,
    knows: Iterable[Known] = (),
    principals: Mapping[str, Principal] | None = None,
    concurrency: int = 1,
) -> AsyncGenerator[Running]:
    """A run over the plan's store, begun or gone on with; `Running.told` ends it.

    Args:
        name: Of the workload.
        plan: What was asked for; placed.
        meter: Counts the transactions.
        knows: Boundaries and machines whose unfinished work is taken up.
        principals: Who may answer and who may kill.
        concurrency: Timers and effects worked on at the same time; the meter is right at 1.

    Raises:
        BadInput: If the store holds a run of another workload, or with other settings.
    """
    storage = storage_at(plan.store, fault_point=meter.statement)
    clock = await _clock_of(storage)
    facts = RunFacts(
        workload=name,
        rows=plan.rows,
        seed=plan.seed,
        proposer=plan.proposer,
        misbehaves=plan.misbehaves if plan.proposer == "simulated" else 0.0,
        faults=plan.faults,
    )
    runtime = Runtime(
        storage, clock=clock, knows=[_RUN], principals=principals, concurrency=concurrency
    )
    async with runtime:
        run = await runtime.start(_RUN, facts)
        _check_same(run.subject, facts, without_password(plan.store))
        runtime.know(*knows)
        await runtime.drain()
        yield Running(runtime=runtime, clock=clock, storage=storage, row=run)


async def _clock_of(storage: Storage) -> FakeClock:
    await storage.open(exclusive=True)
    try:
        last = await storage.last_at()
    finally:
        await storage.close()
    return FakeClock(BEGINS if last is None else max(BEGINS, from_stamp(last)))


def _check_same(stored: RunFacts, asked: RunFacts, where: str) -> None:
    before: dict[str, Any] = stored.model_dump()
    differing = [
        f"{name} {before[name]!r}, not {value!r}"
        for name, value in asked.model_dump().items()
        if before[name] != value
    ]
    if differing:
        raise BadInput(
            f"{where} holds a run with {'; '.join(differing)}. Run the same line as before to go "
            "on with it, or give another --store."
        )
