"""One run of the renewal agent over a file of customers: begin, go on, report."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict

from signoff.boundary import TicketRow, TicketStatus
from signoff.clock import from_stamp
from signoff.control import ServiceLevel, service_levels
from signoff.errors import BadInput
from signoff.runtime import Runtime
from signoff.state import StateMachine
from signoff.storage import Storage
from signoff.testing import FakeClock
from signoff.workloads.contract_renewal import proposers as people
from signoff.workloads.contract_renewal.boundary import Ports, Proposers, boundaries
from signoff.workloads.contract_renewal.customers import Customer
from signoff.workloads.contract_renewal.lifecycle import RenewalAgent
from signoff.workloads.contract_renewal.reviewers import LOOKS_EVERY, PRINCIPALS, Reviewers
from signoff.workloads.contract_renewal.subject import WINDOW, Renewal
from signoff.workloads.contract_renewal.world import World

#: The first day of the simulated calendar.
BEGINS: Final = datetime(2026, 1, 1, tzinfo=UTC)

#: Grows when the agent crosses other boundaries: a run goes on with the agent that began it.
_AGENT: Final = 2

#: Renewals that are started at the same time.
_AT_ONCE: Final = 512

#: Called with (pieces of work done, of how many, day of the window).
Progress: TypeAlias = Callable[[int, int, int], None]

#: Score, offer, close and settle, after the start.
STEPS: Final = 5


class RunFacts(BaseModel):
    """What one store's run is about; a row of its own, so that the same line goes on with it."""

    model_config = ConfigDict(frozen=True)

    id: str = "renewals:run"
    customers: int
    digest: str
    seed: int
    proposer: str
    misbehaves: float
    agent: int = 1
    began: datetime = BEGINS


_RUN = StateMachine[Literal["running", "finished"]](
    "renewals.run", {"running": {"finished"}}, start="running", subject=RunFacts
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a run.

    Attributes:
        endings: How many renewals ended in which way; `waiting` is none of them.
        asked: Which control asked a person -> about how many crossings.
        service: How the people who were asked answered, by role.
        crossings: Boundary -> outcome -> how many.
        attempts: How often a proposer was asked.
        objections: Code -> how often a proposal was rejected with it.
        repaired: Answers whose JSON was untidy and was repaired.
        records: Records on the ledger.
        root: The seal's Merkle root.
    """

    endings: dict[str, int]
    asked: dict[str, int]
    service: tuple[ServiceLevel, ...]
    crossings: dict[str, dict[str, int]]
    attempts: int
    objections: dict[str, int]
    repaired: int
    records: int
    root: str


@dataclass(slots=True)
class _Counting:
    """Counts pieces of work for the progress bar."""

    total: int
    tell: Progress
    done: int = 0
    clock: FakeClock = field(default_factory=FakeClock)

    def step(self, _: str = "") -> None:
        self.done = min(self.done + 1, self.total)
        day = (self.clock.now() - BEGINS).days - WINDOW.days
        self.tell(self.done, self.total, day)


async def run_renewals(
    customers: list[Customer],
    storage: Storage,
    services: Ports,
    *,
    digest: str,
    seed: int = 0,
    proposer: str = "simulated",
    misbehaves: float = 0.20,
    base_url: str | None = None,
    progress: Progress = lambda done, total, day: None,
    concurrency: int = 64,
) -> Report:
    """Lead every customer's renewal through its window, or go on with a run that was interrupted.

    Args:
        customers: Whose contracts end.
        storage: Where the run is kept; not yet open.
        services: CRM, billing and mailer.
        digest: Names the customers' file, so that a run only goes on with the same.
        seed: Of the simulated proposer's luck.
        proposer: `simulated`, `local`, or `provider:model`.
        misbehaves: Share of the simulated proposer's answers that go wrong.
        base_url: Of an OpenAI-compatible server, for `provider:model`.
        progress: Told after every piece of work.
        concurrency: Renewals worked on at the same time.

    Raises:
        BadInput: If the store holds a run over other customers, or with other settings.
        StorageUnavailable: If the store cannot be used; the run goes on from where it was.
    """
    facts = RunFacts(
        customers=len(customers),
        digest=digest,
        seed=seed,
        proposer=proposer,
        misbehaves=misbehaves if proposer == "simulated" else 0.0,
        agent=_AGENT,
    )
    world = World({customer.customer_id: customer for customer in customers})
    model = people.named(proposer, seed=seed, misbehaves=misbehaves, base_url=base_url)
    clock = await _clock_of(storage)
    counting = _Counting(len(customers) * STEPS, progress, clock=clock)
    agent = agent_of(model, services, world, on_step=counting.step)
    runtime = Runtime(
        storage,
        clock=clock,
        knows=[agent.lifecycle],
        concurrency=concurrency,
        principals=PRINCIPALS,
    )
    async with runtime:
        run = await runtime.start(_RUN, facts)
        _check_same(run.subject, facts, storage.url)
        counting.done = await _done_before(storage)
        runtime.know(*agent.crossed)
        await _start_all(runtime, agent, customers, counting)
        await _pass_the_time(clock, Reviewers(runtime))
        if run.state == "running":
            await runtime.move(run, "finished", because="every window has closed")
            await storage.seal()
        return await report(storage)


def agent_of(
    model: Proposers,
    services: Ports,
    world: World,
    *,
    on_step: Callable[[str], None] = lambda _: None,
) -> RenewalAgent:
    """The agent, over its boundaries."""
    return RenewalAgent(boundaries(model, services), world, on_step=on_step)


async def _pass_the_time(clock: FakeClock, reviewers: Reviewers) -> None:
    """Let the days go by; every few hours the reviewers look at their inbox."""
    end = BEGINS + WINDOW + timedelta(days=5)
    # On a grid, so that a run that was interrupted goes on at the same hours.
    looks = (clock.now() - BEGINS) // LOOKS_EVERY
    while clock.now() < end:
        looks += 1
        await clock.advance_to(max(clock.now(), min(BEGINS + looks * LOOKS_EVERY, end)))
        await reviewers.look()
    await clock.advance_to(clock.now())


async def _clock_of(storage: Storage) -> FakeClock:
    """The simulated calendar, set to where the store's last record stands."""
    await storage.open(exclusive=True)
    try:
        last = await storage.last_at()
    finally:
        await storage.close()
    return FakeClock(BEGINS if last is None else max(BEGINS, from_stamp(last)))


def _check_same(stored: RunFacts, asked: RunFacts, where: str) -> None:
    differing = [
        f"{name} {getattr(stored, name)!r}, not {getattr(asked, name)!r}"
        for name in ("agent", "customers", "digest", "seed", "proposer", "misbehaves")
        if getattr(stored, name) != getattr(asked, name)
    ]
    if differing:
        raise BadInput(
            f"{where} holds a run with {'; '.join(differing)}. Run the same line as before to go "
            "on with it, or give another --store."
        )


async def _done_before(storage: Storage) -> int:
    """Steps that an interrupted run had already made."""
    made = {"window_open": 1, "scoring": 2, "offer_sent": 3, "closing": 4}
    rows = await storage.rows_by_state("renewal")
    return sum(count * made.get(state, STEPS) for state, count in rows.items())


async def _start_all(
    runtime: Runtime, agent: RenewalAgent, customers: list[Customer], counting: _Counting
) -> None:
    ends = BEGINS + WINDOW
    started = {row.subject async for row in runtime.ledger.rows_of("renewal")}
    missing = [customer for customer in customers if customer.customer_id not in started]
    for first in range(0, len(missing), _AT_ONCE):
        async with asyncio.TaskGroup() as group:
            for customer in missing[first : first + _AT_ONCE]:
                renewal = Renewal.opened(customer, ends=ends)
                task = group.create_task(runtime.start(agent.lifecycle, renewal))
                task.add_done_callback(lambda _: counting.step())


async def report(storage: Storage) -> Report:
    """Read what came of a run from its store."""
    endings: Counter[str] = Counter()
    async for row in storage.rows_of("renewal"):
        renewal = Renewal.model_validate_json(row.data)
        endings[_ending(row.state, renewal)] += 1
    asked: Counter[str] = Counter()
    tickets: list[TicketRow] = []
    async for ticket in storage.tickets(*get_args(TicketStatus)):
        tickets.append(ticket)
        if ticket.id.endswith("-1"):
            asked[ticket.body["terms"]["control"]] += 1
    crossings: dict[str, dict[str, int]] = {}
    attempts = 0
    for boundary, status, count, tries in await storage.crossings_by_status():
        crossings.setdefault(boundary, {})[status] = count
        attempts += tries
    objections: Counter[str] = Counter()
    records = repaired = 0
    root = ""
    async for entry in storage.entries():
        records += 1
        if entry.type == "judged" and '"accepted":false' in entry.body:
            for rejection in json.loads(entry.body)["rejections"]:
                objections[rejection["code"]] += 1
        elif entry.type == "proposed" and '"repaired":' in entry.body:
            repaired += 1
        elif entry.type == "sealed":
            root = json.loads(entry.body)["root"]
    return Report(
        endings=dict(endings),
        asked=dict(asked.most_common()),
        service=service_levels(tickets),
        crossings=crossings,
        attempts=attempts,
        objections=dict(objections.most_common()),
        repaired=repaired,
        records=records,
        root=root,
    )


def _ending(state: str, renewal: Renewal) -> str:
    if state == "closed":
        return renewal.resolution
    if state == "human_required":
        return "escalated" if renewal.reply == "dispute" else "waiting"
    return "expired" if state == "expired" else "waiting"
