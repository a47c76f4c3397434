"""A throttle's caps hold: by every clock, whoever commits, and whatever becomes of a crossing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from bounded import (
    Order,
    Price,
    affordable,
    asked,
    at,
    entries,
    most_within,
    running,
    says,
    selling,
    ship,
    types,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from signoff import Accept, Committed, Reject, Rejected, Runtime, Suspended
from signoff.boundary import AGREE, Control
from signoff.clock import SystemClock, stamp
from signoff.control import Approval, Throttle
from signoff.ledger import Entry
from signoff.testing import FakeClock, Scripted

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Jumping(FakeClock):
    """A clock that somebody sets, also back."""

    def set(self, now: datetime) -> None:
        self._now = now


def commits(found: Sequence[Entry], boundary: str, tenant: str | None = None) -> list[datetime]:
    """When each crossing committed; one with an effect outside, when that was intended."""
    mine: set[str] = set()
    times: dict[str, datetime] = {}
    for entry in found:
        if entry.type == "opened":
            fields = json.loads(entry.body)
            theirs = fields["subject"]["tenant"]
            if fields["boundary"] == boundary and tenant in (None, theirs):
                mine.add(entry.crossing)
        elif entry.type in ("intended", "committed") and entry.crossing in mine:
            times.setdefault(entry.crossing, at(entry))
    return list(times.values())


def dollars(found: Sequence[Entry], boundary: str) -> dict[str, float]:
    """What proposers of a boundary have cost, by day."""
    mine: set[str] = set()
    days: dict[str, float] = {}
    for entry in found:
        fields = json.loads(entry.body)
        if entry.type == "opened" and fields["boundary"] == boundary:
            mine.add(entry.crossing)
        elif entry.type == "proposed" and entry.crossing in mine and fields.get("usage"):
            day = entry.at[:10]
            days[day] = days.get(day, 0.0) + fields["usage"]["usd"]
    return days


def is_throttled(outcome: Any) -> bool:
    return isinstance(outcome, Rejected) and (outcome.code, outcome.ended) == (
        "throttled",
        "halted",
    )


# Many at once


@pytest.mark.parametrize("commit", [None, ship])
def test_sixteen_writers_stay_below_the_cap_of_a_minute(store_url: str, commit: Any) -> None:
    async def main() -> None:
        clock = FakeClock()
        boundary = selling(commit=commit).bounded_by(Throttle(per_minute=5))
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(running(store_url, clock=clock))
            runtimes = [one]
            if store_url.startswith("postgresql"):
                runtimes.append(await stack.enter_async_context(running(store_url, clock=clock)))
            for turn in range(10):
                await asyncio.gather(
                    *(
                        runtimes[n % len(runtimes)].run(boundary, Order(id=f"{turn}.{n}"))
                        for n in range(16)
                    )
                )
                await clock.advance(seconds=20)
            times = commits(await entries(one), boundary.name)
            assert most_within(times, MINUTE) == 5
            assert len(times) >= 15, "room that is free is used"

    asyncio.run(main())


def test_by_the_real_clock_too(store_url: str) -> None:
    async def main() -> None:
        boundary = selling().bounded_by(Throttle(per_minute=7))
        async with running(store_url, clock=SystemClock()) as runtime:
            outcomes = await asyncio.gather(
                *(runtime.run(boundary, Order(id=f"{n}")) for n in range(40))
            )
            committed = [outcome for outcome in outcomes if isinstance(outcome, Committed)]
            assert len(committed) == 7
            assert sum(map(is_throttled, outcomes)) == 33
            assert asked(boundary) == 7, "whoever has no share costs nothing"

    asyncio.run(main())


def test_every_tenant_has_its_own_hour(store_url: str) -> None:
    async def main() -> None:
        clock = FakeClock()
        boundary = selling().bounded_by(Throttle(per_minute=100, per_tenant_per_hour=3))
        async with running(store_url, clock=clock) as runtime:
            for turn in range(8):
                await asyncio.gather(
                    *(
                        runtime.run(boundary, Order(id=f"{turn}.{n}", tenant="ab"[n % 2]))
                        for n in range(10)
                    )
                )
                await clock.advance(minutes=15)
            found = await entries(runtime)
            for tenant in "ab":
                assert most_within(commits(found, boundary.name, tenant), HOUR) == 3

    asyncio.run(main())


def test_a_day_costs_no_more_than_its_cap_and_the_next_day_begins_anew(store_url: str) -> None:
    async def main() -> None:
        clock = FakeClock(FakeClock.epoch + timedelta(hours=22))
        boundary = selling(proposer=says(Price(price=1, usd=0.4), repeat=True)).bounded_by(
            Throttle(per_day_usd=2.0, usd_each=0.5)
        )
        async with running(store_url, clock=clock) as runtime:
            for turn in range(4):
                await asyncio.gather(
                    *(runtime.run(boundary, Order(id=f"{turn}.{n}")) for n in range(9))
                )
                await clock.advance(hours=1)
            spent = dollars(await entries(runtime), boundary.name)
            assert spent == pytest.approx({"2026-01-01": 1.6, "2026-01-02": 1.6})

    asyncio.run(main())


# What becomes of a share


def test_a_rejected_crossing_frees_its_slot_at_once_and_its_dollars_stay_spent(
    store_url: str,
) -> None:
    async def main() -> None:
        dear, cheap = Price(price=500, usd=0.3), Price(price=1, usd=0.3)
        boundary = selling(proposer=says(dear, cheap, cheap)).bounded_by(
            Throttle(per_minute=1, per_day_usd=0.8, usd_each=0.4)
        )
        async with running(store_url) as runtime:
            outcome = await runtime.run(boundary, Order(id="a"))
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "stop"
            assert isinstance(await runtime.run(boundary, Order(id="b")), Committed)
            await runtime.clock.advance(minutes=2)  # type: ignore[attr-defined]
            outcome = await runtime.run(boundary, Order(id="c"))
            assert is_throttled(outcome)
            assert "0.80 US dollars a day" in outcome.rejections[-1].message  # type: ignore[union-attr]

    asyncio.run(main())


def test_what_waits_for_a_person_holds_no_slot_and_takes_one_when_it_goes_on(
    store_url: str,
) -> None:
    async def main() -> None:
        approval = Approval(ask="role:lead", within=HOUR, when=lambda offer, order: offer.price > 5)
        boundary = selling(9, 1).bounded_by(Throttle(per_minute=1), approval)
        async with running(store_url) as runtime:
            clock: Any = runtime.clock
            waits = await runtime.run(boundary, Order(id="a"))
            assert isinstance(waits, Suspended)
            assert isinstance(await runtime.run(boundary, Order(id="b")), Committed)
            halted = await runtime.approve(waits.ticket, by="omar", because="fine")
            assert is_throttled(halted), "an approval skips no other control"
            await clock.advance(seconds=50)
            assert is_throttled(await runtime.run(boundary, Order(id="a")))
            await clock.advance(seconds=60)
            done = await runtime.outcome(boundary, "order.sell/a")
            assert isinstance(done, Committed), "a worker goes on as soon as there is room"
            assert most_within(commits(await entries(runtime), boundary.name), MINUTE) == 1

    asyncio.run(main())


def test_dollars_that_a_waiting_crossing_has_spent_need_no_room_again(store_url: str) -> None:
    async def main() -> None:
        throttle = Throttle(per_day_usd=1.0, usd_each=0.9)
        boundary = selling(proposer=says(Price(price=9, usd=0.8))).bounded_by(
            throttle, Approval(ask="role:lead", within=HOUR)
        )
        async with running(store_url) as runtime:
            waits = await runtime.run(boundary, Order(id="a"))
            assert isinstance(waits, Suspended)
            done = await runtime.approve(waits.ticket, by="omar", because="fine")
            assert isinstance(done, Committed)

    asyncio.run(main())


def test_dollars_of_a_crossing_that_waited_for_days_are_not_counted_twice(store_url: str) -> None:
    async def main() -> None:
        throttle = Throttle(per_day_usd=1.0, usd_each=0.8)
        approval = Approval(
            ask="role:lead", within=5 * 24 * HOUR, when=lambda offer, order: offer.price > 5
        )
        offers = [Price(price=9, usd=0.8), Price(price=1), Price(price=1, usd=0.8)]
        boundary = selling(proposer=says(*offers)).bounded_by(throttle, approval)
        async with running(store_url) as runtime:
            clock: Any = runtime.clock
            waits = await runtime.run(boundary, Order(id="a"))
            assert isinstance(waits, Suspended)
            await clock.advance(days=4)
            assert isinstance(await runtime.run(boundary, Order(id="b")), Committed)
            done = await runtime.approve(waits.ticket, by="omar", because="fine")
            assert isinstance(done, Committed)
            assert isinstance(await runtime.run(boundary, Order(id="c")), Committed)

    asyncio.run(main())


class Dying(Exception):
    """As if the process died: nothing of what should follow happens."""


def test_a_share_whose_process_died_lapses_and_its_dollars_at_the_end_of_the_day(
    store_url: str,
) -> None:
    async def main() -> None:
        async def dies(question: Any) -> Any:
            raise asyncio.CancelledError

        clock = FakeClock(FakeClock.epoch + timedelta(hours=12))
        throttle = Throttle(per_minute=1, per_day_usd=1.0, usd_each=0.6)
        boundary = selling(proposer=Scripted(dies, proposes=Price)).bounded_by(throttle)
        lives = boundary.proposed_by(says(Price(price=1, usd=0.4), repeat=True))
        async with running(store_url, clock=clock) as runtime:
            with pytest.raises(asyncio.CancelledError):
                await runtime.run(boundary, Order(id="a"))
        async with running(store_url, clock=clock) as runtime:
            await clock.advance(minutes=9)
            assert is_throttled(await runtime.run(lives, Order(id="b")))
            await clock.advance(minutes=2)
            outcome = await runtime.run(lives, Order(id="b"))
            assert is_throttled(outcome)
            assert "US dollars" in outcome.rejections[-1].message  # type: ignore[union-attr]
            # The same crossing takes it up again, and returns what it does not use.
            assert isinstance(await runtime.run(lives, Order(id="a")), Committed)
            await clock.advance(minutes=2)
            assert isinstance(await runtime.run(lives, Order(id="b")), Committed)
            await clock.advance(days=1)
            assert isinstance(await runtime.run(lives, Order(id="c")), Committed)

    asyncio.run(main())


def test_two_processes_under_one_key_take_one_share_and_keep_it(postgres_database: str) -> None:
    async def main() -> None:
        clock = FakeClock()
        throttle = Throttle(per_tenant_per_hour=2)
        async with (
            running(postgres_database, clock=clock) as one,
            running(postgres_database, clock=clock) as two,
        ):
            order = Order(id="a", tenant="t")
            fast = selling().bounded_by(throttle)

            async def meanwhile(question: Any) -> Any:
                assert isinstance(await two.run(fast, order), Committed)
                raise ConnectionError("and then the model fails, and is asked again")

            slow = fast.proposed_by(Scripted(meanwhile, Price(price=2), proposes=Price))
            outcome = await one.run(slow, order)
            assert isinstance(outcome, Committed)
            assert outcome.receipt == 1
            assert (await types(one, "a")).count("committed") == 1
            await clock.advance(minutes=30)
            assert isinstance(await one.run(fast, Order(id="b", tenant="t")), Committed)
            assert is_throttled(await one.run(fast, Order(id="c", tenant="t")))

    asyncio.run(main())


def test_a_halt_in_one_process_does_not_open_what_another_committed(
    postgres_database: str,
) -> None:
    async def main() -> None:
        async with running(postgres_database) as one, running(postgres_database) as two:
            order = Order(id="a")
            fast = selling(1)

            async def meanwhile(question: Any) -> Any:
                assert isinstance(await two.run(fast, order), Committed)
                await two.kill("everything", by="dana", because="a drill")
                return Price(price=500)

            def dear(offer: Price, order: Order) -> Any:
                return Accept() if offer.price < 100 else Reject("dear", "less")

            slow = selling(verifiers=[dear], proposer=Scripted(meanwhile, proposes=Price))
            outcome = await one.run(slow, order)
            assert isinstance(outcome, Committed)
            await two.lift("everything", by="dana", because="over")
            assert await two.run(fast, order) == outcome
            assert (await types(one, "a")).count("committed") == 1

    asyncio.run(main())


# Anything at all, in any order


@dataclass
class Day:
    """Runtimes that live through every example; clocks that jump; caps that must hold."""

    runtimes: list[Runtime]
    clocks: list[Jumping]
    numbers: Iterator[int] = field(default_factory=count)
    seen: int = 0

    async def live(self, caps: tuple[int, int, float], steps: list[Any]) -> None:
        number = next(self.numbers)
        name = f"order.{number}"
        per_minute, per_tenant, usd = caps
        throttle = Throttle(
            per_minute=per_minute, per_tenant_per_hour=per_tenant, per_day_usd=usd, usd_each=0.5
        )
        approval = Approval(
            ask="role:lead", within=24 * HOUR, when=lambda offer, order: offer.price == 7
        )
        start = FakeClock.epoch + timedelta(days=30 * number, hours=23, minutes=58)
        for clock in self.clocks:
            clock.set(start)
        boundaries: dict[str, Any] = {}
        for kind, prices in {"commit": [1], "reject": [500], "suspend": [7]}.items():
            offers = [Price(price=price, usd=0.25) for price in prices]
            boundaries[kind] = selling(
                name=name, proposer=says(*offers, repeat=True), verifiers=[affordable]
            ).bounded_by(throttle, Unwilling(), approval)
        for runtime in self.runtimes:
            runtime.know(boundaries["suspend"])
        first = self.runtimes[0]
        waiting: list[str] = []
        ids = count()

        async def cross(runtime: Runtime, kind: str, tenant: str) -> None:
            order = Order(id=f"{number}.{next(ids)}", tenant=tenant)
            outcome = await runtime.run(boundaries[kind], order)
            if isinstance(outcome, Suspended):
                waiting.append(outcome.ticket.id)

        for who, kind, tenant, seconds in steps:
            runtime = self.runtimes[who % len(self.runtimes)]
            clock = self.clocks[who % len(self.clocks)]
            if kind == "wait":
                for each in self.clocks:
                    each.set(each.now() + timedelta(seconds=abs(seconds)))
            elif kind == "jump":
                clock.set(clock.now() + timedelta(seconds=seconds))
            elif kind == "approve":
                if waiting:
                    await runtime.approve(waiting.pop(), by="omar", because="fine")
            elif kind == "many":
                await asyncio.gather(
                    *(
                        cross(self.runtimes[n % len(self.runtimes)], "commit", tenant)
                        for n in b"\1\0\1\0"
                    )
                )
            elif kind == "halt":
                Unwilling.now = True
                await cross(runtime, "commit", tenant)
                Unwilling.now = False
            else:
                await cross(runtime, kind, tenant)
        found = [e async for e in first.ledger.entries(after=self.seen)]
        self.seen = max([entry.position for entry in found], default=self.seen)
        assert most_within(commits(found, name), MINUTE) <= per_minute
        for tenant in "ab":
            assert most_within(commits(found, name, tenant), HOUR) <= per_tenant
        assert all(spent <= usd + 1e-9 for spent in dollars(found, name).values())


class Unwilling(Control):
    """Halts when it is told to."""

    name = "unwilling"
    now = False

    def at_commit(self, tx: Any, passing: Any) -> Any:
        from signoff.boundary import Halt

        return Halt("unwilling", "not now", again=passing.now) if self.now else AGREE


KINDS = ["commit", "commit", "reject", "suspend", "approve", "halt", "many", "wait", "jump"]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(KINDS),
        st.sampled_from("ab"),
        st.integers(-90, 90) | st.sampled_from([-7200, 7200, 600, 3600]),
    ),
    max_size=25,
)
CAPS = st.tuples(st.integers(1, 4), st.integers(1, 6), st.sampled_from([0.5, 1.0, 2.5]))


def _in_any_order(url: str, examples: int, *, shrinks: bool = True) -> None:
    runner = asyncio.Runner()
    stack = AsyncExitStack()

    async def begin() -> Day:
        # Two processes on PostgreSQL; on SQLite there is one at a time, whose clock is set.
        clocks = [Jumping() for _ in range(2 if url.startswith("postgresql") else 1)]
        runtimes = [await stack.enter_async_context(running(url, clock=clock)) for clock in clocks]
        return Day(runtimes, clocks)

    with runner:
        day = runner.run(begin())

        @settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=list(Phase) if shrinks else [Phase.generate],
            report_multiple_bugs=shrinks,
        )
        @given(CAPS, STEPS)
        def go(caps: tuple[int, int, float], steps: list[Any]) -> None:
            runner.run(day.live(caps, steps))

        try:
            go()
        finally:
            runner.run(stack.aclose())


def test_no_schedule_passes_a_cap(store_url: str) -> None:
    _in_any_order(store_url, 25)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nor_does_any_of_hundreds(store_url: str) -> None:
    _in_any_order(store_url, 200)


def test_without_shares_these_tests_would_find_a_cap_passed(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Throttle, "reserve", lambda self, tx, passing: AGREE)
    monkeypatch.setattr(Throttle, "at_commit", lambda self, tx, passing: AGREE)
    with pytest.raises(AssertionError):
        _in_any_order(store_url, 25, shrinks=False)


def test_these_tests_count_a_window_as_a_throttle_does() -> None:
    begin = FakeClock.epoch
    assert most_within([begin, begin + MINUTE], MINUTE) == 1
    assert most_within([begin, begin + MINUTE - timedelta(microseconds=1)], MINUTE) == 2
    assert stamp(begin) < stamp(begin + timedelta(microseconds=1))
