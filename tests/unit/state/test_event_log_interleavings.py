"""Event logs under random appends, late events, forks, failures and crashes."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from orders import Model, Offered, Paid, Placed, orders

from signoff import Runtime
from signoff.errors import BadInput
from signoff.state import Appended, Consumer, Event, Stale, Watermark
from signoff.storage import storage_at
from signoff.testing import FakeClock

STREAMS = st.sampled_from(["a", "b", "c", "fork-1", "fork-2"])
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Crash(BaseException):
    """The process would have ended here."""


class Interleavings(RuleBasedStateMachine):
    """What the log must tell, against a model of it that is a few dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{Path(self.folder.name) / 'log.db'}"
        self.clock = FakeClock()
        self.model = Model()
        self.placed: dict[str, list[int]] = {}
        self.number = 0
        self.left: int | None = None
        self.runtime: Runtime | None = None
        self.failures = 0

    def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        return self.loop.run_until_complete(work())

    def fault_point(self, name: str) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash

    async def pay(self, delivery: Any, event: Event[Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        delivery.append(orders, Paid(amount=event.data.discount))

    @initialize()
    def open(self) -> None:
        late = Watermark(timedelta(minutes=30), "drop")
        self.payments = Consumer("payments", orders, on=Offered, handle=self.pay)
        self.discounts = self.model.consumer(late)
        self.runtime = self.do(self._open)

    async def _open(self) -> Runtime:
        storage = storage_at(self.url, fault_point=self.fault_point)
        knows = [self.discounts, self.payments]
        runtime = Runtime(storage, clock=self.clock, knows=knows, max_restarts=1000)
        return await runtime.__aenter__()

    async def _version(self, stream: str) -> int:
        assert self.runtime is not None
        return await self.runtime.version(orders, stream)

    @rule(stream=STREAMS, minutes=st.integers(0, 120), off=st.sampled_from([None, 0, 0, 1]))
    def append(self, stream: str, minutes: int, off: int | None) -> None:
        async def work() -> None:
            assert self.runtime is not None
            version = await self._version(stream)
            expected = None if off is None else version + off
            self.number += 1
            outcome = await self.runtime.append(
                orders,
                stream,
                Placed(amount=self.number),
                expected=expected,
                happened=NOON + timedelta(minutes=minutes),
            )
            if off:
                assert outcome == Stale(stream=stream, expected=version + 1, version=version)
            else:
                assert outcome == Appended(stream=stream, version=version + 1)
                self.placed.setdefault(stream, []).append(self.number)

        self.do(work)

    @rule(source=STREAMS, to=st.sampled_from(["fork-1", "fork-2"]), back=st.integers(0, 3))
    def fork(self, source: str, to: str, back: int) -> None:
        async def work() -> None:
            assert self.runtime is not None
            at = await self._version(source) - back
            past = [e.data async for e in self.runtime.events(orders, source, until=at)]
            with suppress(BadInput):
                await self.runtime.fork(orders, source, at=at, to=to)
                assert [e.data async for e in self.runtime.events(orders, to)] == past

        self.do(work)

    @rule()
    def drain(self) -> None:
        assert self.runtime is not None
        self.do(self.runtime.drain)

    @rule(failures=st.integers(1, 3))
    def fail(self, failures: int) -> None:
        self.failures = failures

    @rule(minutes=st.integers(1, 90))
    def let_time_pass(self, minutes: int) -> None:
        self.do(lambda: self.clock.advance(minutes=minutes))

    @rule(steps=st.integers(0, 80))
    def crash(self, steps: int) -> None:
        async def work() -> None:
            assert self.runtime is not None
            self.left = steps
            with suppress(Crash):
                await self.runtime.drain()
            self.left = None
            with suppress(Crash):
                await self.runtime.__aexit__(None, None, None)
            self.runtime = await self._open()

        self.do(work)

    def teardown(self) -> None:
        if self.runtime is not None:
            self.do(self._check)
        self.loop.close()
        self.folder.cleanup()

    async def _check(self) -> None:
        runtime = self.runtime
        assert runtime is not None
        self.failures = 0
        await self.clock.advance(hours=3)
        await runtime.drain()
        told = [event async for event in runtime.tail(orders)]
        assert [event.position for event in told] == list(range(1, len(told) + 1))
        late = Counter[str]()
        async for entry in runtime.ledger.entries():
            if entry.type == "late":
                late[f"{entry.subject}/{json.loads(entry.body)['version']}"] += 1
        assert all(number == 1 for number in late.values())
        for stream, amounts in self.placed.items():
            ours = [event for event in told if event.stream == stream]
            placed = [event for event in ours if event.type == "Placed"]
            assert [event.data.amount for event in placed] == amounts
            handled = {event.caused_by for event in ours if event.type == "Offered"}
            offered = [event for event in ours if event.type == "Offered"]
            assert len(handled) == len(offered), "one effect for each that is handled"
            dropped = [e for e in placed if late[f"{stream}/{e.version}"]]
            assert len(offered) == len(placed) - len(dropped)
            assert len([e for e in ours if e.type == "Paid"]) == len(offered)
        for stream in {event.stream for event in told}:
            history = [event.version async for event in runtime.events(orders, stream)]
            assert history == list(range(1, len(history) + 1))
        compared = await runtime.reread(self.discounts)
        assert (compared.diverged, compared.same) == (0, compared.events)
        assert (await runtime.ledger.verify()).faults == ()
        await runtime.__aexit__(None, None, None)


Interleavings.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

TestInterleavings = pytest.mark.filterwarnings("ignore")(Interleavings.TestCase)
