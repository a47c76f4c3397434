"""The loop and the chain under random interleavings, crashes among them."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deals import Deal, Offer, lifecycle
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from signoff import (
    Accept,
    Boundary,
    Committed,
    External,
    Reject,
    Rejected,
    Runtime,
    Transactional,
    Unknown,
    Verdict,
    Write,
)
from signoff.boundary import Question, crossing_id
from signoff.proposers import Function
from signoff.state import After, StateMachine
from signoff.testing import FakeClock

SUBJECTS = ["a", "b", "c"]

#: What the outside world does with one call.
WEATHER = st.sampled_from(["fine", "fails before", "fails after"])


class Agent:
    """A machine, three boundaries, and a world that keeps an account of what was done to it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.weather = "fine"
        self.world: Counter[str] = Counter()
        self.machine: StateMachine[str] = lifecycle(
            After(timedelta(days=7), at="open", go="lost"),
            After(timedelta(days=1), at="lost", go="open"),
            After(timedelta(days=2), at="sold", do=self._look_after),
        )
        self.looked_after: list[str] = []
        mail = External(self._do, name="mail", reconcile=self._ask, tries=2)
        bill = External(self._do, name="bill", idempotent=True, tries=1)

        def sell(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
            write.replace(deal.model_copy(update={"sold": deal.sold + 1}))
            write.enqueue(mail, offer)
            write.enqueue(bill, offer)
            return offer.price

        self.boundaries: dict[str, Boundary[Deal, Offer, Any]] = {
            name: Boundary(
                f"deal.{name}",
                proposer=Function(_propose),
                verifiers=[_even, _within_limit],
                commit=commit,
                subject=Deal,
                attempts=2,
            )
            for name, commit in (
                ("inside", Transactional(sell, effects=(mail, bill))),
                ("probed", External(self._do, reconcile=self._ask, tries=1)),
                ("neither", External(self._do_plainly, tries=1)),
            )
        }
        self.committed: dict[str, Any] = {}

    async def _do(self, offer: Offer, deal: Deal, key: str) -> str:
        await asyncio.sleep(0)
        if self.weather == "fails before":
            raise ConnectionError
        self.world[key] = 1  # it honours keys
        if self.weather == "fails after":
            raise ConnectionError
        return key

    async def _do_plainly(self, offer: Offer, deal: Deal, key: str) -> str:
        await asyncio.sleep(0)
        if self.weather == "fails before":
            raise ConnectionError
        self.world[key] += 1
        if self.weather == "fails after":
            raise ConnectionError
        return key

    async def _ask(self, key: str) -> str | None:
        return key if self.world[key] else None

    async def _look_after(self, runtime: Runtime, handle: Any) -> None:
        self.looked_after.append(handle.id)
        await runtime.move(handle, "closed", because="looked after")


def _propose(question: Question[Deal]) -> Offer:
    # Every second subject version is offered too much at first; odd prices are bad taste.
    return Offer(price=question.subject.limit + (4 if question.attempt == 1 else -2))


def _even(offer: Offer, deal: Deal) -> Verdict:
    return Accept() if offer.price % 2 == 0 else Reject("odd", "even prices only")


def _within_limit(offer: Offer, deal: Deal) -> Verdict:
    if offer.price <= deal.limit:
        return Accept()
    return Reject("over_limit", f"{deal.limit} allowed")


class Interleavings(RuleBasedStateMachine):
    """Random runs, changes, moves, passing days and crashes on a handful of subjects."""

    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.agent = Agent()
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{Path(self.folder.name) / 'agent.db'}"
        self.runs = 0
        self.runtime = self.do(self._open)

    def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        return self.loop.run_until_complete(work())

    async def _open(self) -> Runtime:
        knows = [self.agent.machine, *self.agent.boundaries.values()]
        runtime = Runtime(self.url, clock=self.agent.clock, knows=knows)
        await runtime.__aenter__()
        return runtime

    async def _handle(self, id: str) -> Any:
        return await self.runtime.start(self.agent.machine, Deal(id=id))

    async def _advance(self, id: str, name: str, key: str) -> None:
        handle = await self._handle(id)
        to = "sold" if handle.state == "open" else "closed"
        known = await self.runtime.ledger.crossing(crossing_id(key))
        if not self.agent.machine.allows(handle.state, to) and known is None:
            return
        boundary = self.agent.boundaries[name]
        outcome = await self.runtime.advance(handle, to, through=boundary, key=key)
        before = self.agent.committed.get(key)
        assert before is None or before == outcome, "an outcome never changes"
        if not isinstance(outcome, Unknown):
            self.agent.committed[key] = outcome

    @initialize()
    def start(self) -> None:
        async def work() -> None:
            for id in SUBJECTS:
                await self._handle(id)

        self.do(work)

    @rule(
        target=keys,
        id=st.sampled_from(SUBJECTS),
        name=st.sampled_from(["inside", "probed", "neither"]),
        weather=WEATHER,
    )
    def run(self, id: str, name: str, weather: str) -> Any:
        self.runs += 1
        self.agent.weather = weather
        key = f"{id}/{name}/{self.runs:04}"
        self.do(lambda: self._advance(id, name, key))
        return (id, name, key)

    @rule(crossing=keys, weather=WEATHER)
    def run_again(self, crossing: tuple[str, str, str], weather: str) -> None:
        self.agent.weather = weather
        self.do(lambda: self._advance(*crossing))

    @rule(
        target=keys,
        id=st.sampled_from(SUBJECTS),
        names=st.lists(st.sampled_from(["inside", "probed", "neither"]), min_size=2, max_size=4),
        weather=WEATHER,
        change=st.booleans(),
    )
    def run_together(self, id: str, names: list[str], weather: str, change: bool) -> Any:
        self.agent.weather = weather
        crossings = []
        for name in names:
            self.runs += 1
            crossings.append((id, name, f"{id}/{name}/{self.runs:04}"))

        async def work() -> None:
            together = [self._advance(*crossing) for crossing in crossings]
            if change:
                together.append(self._change(id))
            await asyncio.gather(*together)

        self.do(work)
        return multiple(*crossings)

    async def _change(self, id: str) -> None:
        handle = await self._handle(id)
        if handle.pending:
            return  # it would wait for whoever holds the row
        with suppress(Exception):
            async with asyncio.timeout(1):
                await self.runtime.change(
                    handle,
                    lambda deal: deal.model_copy(update={"limit": deal.limit + 1}),
                    because="the world moved",
                )

    @rule(id=st.sampled_from(SUBJECTS))
    def change(self, id: str) -> None:
        self.do(lambda: self._change(id))

    @rule(id=st.sampled_from(SUBJECTS), to=st.sampled_from(["lost", "open", "closed"]))
    def move(self, id: str, to: str) -> None:
        async def work() -> None:
            handle = await self._handle(id)
            if self.agent.machine.allows(handle.state, to):
                await self.runtime.move(handle, to, because="by hand")

        self.do(work)

    @rule(hours=st.integers(1, 200), weather=WEATHER)
    def let_time_pass(self, hours: int, weather: str) -> None:
        self.agent.weather = weather
        self.do(lambda: self.agent.clock.advance(hours=hours))

    @rule(
        id=st.sampled_from(SUBJECTS),
        name=st.sampled_from(["inside", "probed", "neither"]),
        steps=st.integers(0, 60),
        weather=WEATHER,
    )
    def crash(self, id: str, name: str, steps: int, weather: str) -> None:
        """Begin something, and close the store a random moment later without settling it."""
        self.runs += 1
        self.agent.weather = weather
        key = f"{id}/{name}/{self.runs:04}"

        async def work() -> None:
            task = asyncio.create_task(self._advance(id, name, key))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(BaseException):
                await task
            await self.runtime.__aexit__(None, None, None)
            self.runtime = await self._open()
            await self.runtime.drain()  # as the real clock would at once

        self.do(work)

    @rule()
    def seal(self) -> None:
        self.do(self.runtime.ledger.seal)

    @invariant()
    def the_chain_verifies(self) -> None:
        assert self.do(self.runtime.ledger.verify).faults == ()

    @invariant()
    def nothing_was_done_twice(self) -> None:
        assert max(self.agent.world.values(), default=0) <= 1

    @invariant()
    def nothing_was_committed_without_everybodys_consent(self) -> None:
        async def work() -> None:
            accepted: set[str] = set()
            async for entry in self.runtime.ledger.entries():
                if entry.type == "judged":
                    if '"accepted":true' in entry.body:
                        accepted.add(entry.crossing)
                    else:
                        accepted.discard(entry.crossing)
                if entry.type in ("committed", "intended"):
                    assert entry.crossing in accepted
                if entry.type == "opened":
                    assert entry.crossing not in accepted

        self.do(work)

    def teardown(self) -> None:
        """In fair weather everything comes to its end, and the accounts agree."""

        async def settle() -> None:
            self.agent.weather = "fine"
            await self.agent.clock.advance(days=2)
            statuses: dict[str, str] = {}
            delivered: Counter[str] = Counter()
            async for entry in self.runtime.ledger.entries():
                if entry.type in ("committed", "rejected"):
                    assert entry.crossing not in statuses, "a crossing ends once"
                    statuses[entry.crossing] = entry.type
                delivered[entry.crossing] += entry.type == "delivered"
            for key, outcome in self.agent.committed.items():
                id = crossing_id(key)
                done = [name for name in self.agent.world if name.startswith(key)]
                if isinstance(outcome, Committed):
                    inside = "/inside/" in key
                    assert statuses[id] == "committed"
                    assert delivered[id] == (2 if inside else 0)
                    wanted = [f"{key}/bill", f"{key}/mail"] if inside else [key]
                    assert sorted(done) == wanted
                if isinstance(outcome, Rejected):
                    assert statuses[id] == "rejected"
                    assert sum(self.agent.world[name] for name in done) == 0
            for kind, name, _, _ in await self.runtime.ledger.pending():
                assert (kind, name) != ("effect", "mail")
                assert (kind, name) != ("effect", "bill")
                assert (kind, name) != ("effect", "deal.probed")

        try:
            self.do(settle)
        finally:
            self.do(lambda: self.runtime.__aexit__(None, None, None))
            self.loop.close()
            self.folder.cleanup()


_quick = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = _quick


class LongInterleavings(Interleavings):
    pass


TestLongInterleavings = pytest.mark.timeout(500)(pytest.mark.slow(LongInterleavings.TestCase))
TestLongInterleavings.settings = settings(_quick, max_examples=60, stateful_step_count=40)
