"""Durable timers: they know the version at which they were set."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from deals import Deal, Offer, lifecycle, running, selling, story

from signoff import External, Runtime, Unknown
from signoff.errors import UsageError
from signoff.state import After, At
from signoff.testing import FakeClock

A_WEEK = timedelta(days=7)


def test_a_timer_moves_the_row_when_it_is_due_and_not_before(any_store: str) -> None:
    async def main() -> None:
        clock = FakeClock()
        async with running(any_store, clock=clock) as runtime:
            handle = await runtime.start(lifecycle(After(A_WEEK, at="open", go="lost")), Deal())
            await clock.advance(days=6, hours=23)
            assert handle.state == "open"
            await clock.advance(hours=1)
            assert (handle.state, handle.version) == ("lost", 2)
            assert await story(runtime) == ["started", "timerset", "timerfired", "moved"]
            entries = [entry async for entry in runtime.ledger.of_subject("d")]
            assert entries[-1].at == "2026-01-08T00:00:00.000000Z"

    asyncio.run(main())


def test_a_timer_does_nothing_once_the_row_has_moved(any_store: str) -> None:
    async def main() -> None:
        clock = FakeClock()
        async with running(any_store, clock=clock) as runtime:
            handle = await runtime.start(lifecycle(After(A_WEEK, at="open", go="lost")), Deal())
            await runtime.move(handle, "sold", because="by hand")
            await clock.advance(days=30)
            assert handle.state == "sold"
            assert "timerfired" not in await story(runtime)

    asyncio.run(main())


def test_a_timer_survives_a_change_of_data_and_a_restart(store_url: str) -> None:
    async def main() -> None:
        machine = lifecycle(After(A_WEEK, at="open", go="lost"))
        async with running(store_url) as runtime:
            handle = await runtime.start(machine, Deal())
            await runtime.change(handle, lambda deal: Deal(limit=1), because="")
        late = FakeClock(FakeClock.epoch + timedelta(days=30))
        async with running(store_url, machine, clock=late) as runtime:
            await runtime.drain()
            found = await runtime.find(machine, "d", Deal)
            assert found is not None
            assert (found.state, found.subject.limit) == ("lost", 1)

    asyncio.run(main())


def test_timers_fall_due_in_their_order_on_the_way() -> None:
    async def main() -> None:
        clock = FakeClock()
        seen: list[tuple[str, datetime]] = []

        async def note(runtime: Runtime, handle: Any) -> None:
            seen.append((handle.id, clock.now()))

        def at_limit(deal: Deal) -> datetime | None:
            return FakeClock.epoch + timedelta(days=deal.limit) if deal.limit else None

        async with running(clock=clock) as runtime:
            machine = lifecycle(At(at_limit, at="open", do=note))
            for limit in (3, 0, 1, 2):
                await runtime.start(machine, Deal(id=f"d{limit}", limit=limit))
            await clock.advance(days=10)
            assert seen == [(f"d{n}", FakeClock.epoch + timedelta(days=n)) for n in (1, 2, 3)]

    asyncio.run(main())


def test_a_timer_of_a_row_that_is_held_waits_until_it_is_free() -> None:
    async def main() -> None:
        clock = FakeClock()

        async def doubtful(offer: Offer, deal: Deal, key: str) -> str:
            raise ConnectionError

        answers: list[str | None] = []

        async def look(key: str) -> str | None:
            if not answers:
                raise ConnectionError
            return answers[0]

        async with running(clock=clock) as runtime:
            handle = await runtime.start(lifecycle(After(A_WEEK, at="open", go="lost")), Deal())
            effect = External(doubtful, reconcile=look, tries=1)
            boundary = selling(Offer(price=7), commit=effect)
            outcome = await runtime.advance(handle, "sold", through=boundary)
            assert isinstance(outcome, Unknown)
            await clock.advance(days=7)
            assert (handle.state, bool(handle.pending)) == ("open", True)
            answers.append(None)
            await clock.advance(hours=2)
            assert handle.state == "lost"

    asyncio.run(main())


def test_a_handler_runs_once_whether_or_not_it_touches_the_row(any_store: str) -> None:
    async def main() -> None:
        clock = FakeClock()
        runs: list[str] = []

        async def touch(runtime: Runtime, handle: Any) -> None:
            runs.append(handle.id)
            if handle.id == "changed":
                await runtime.change(handle, lambda deal: deal, because="")
            if handle.id == "moved":
                await runtime.move(handle, "lost", because="")

        async with running(any_store, clock=clock) as runtime:
            machine = lifecycle(After(A_WEEK, at="open", do=touch))
            for id in ("left", "changed", "moved"):
                await runtime.start(machine, Deal(id=id))
            await clock.advance(days=30)
            assert sorted(runs) == ["changed", "left", "moved"]
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


def test_a_handler_that_comes_back_to_the_state_has_set_its_timer_anew() -> None:
    async def main() -> None:
        clock = FakeClock()
        runs: list[datetime] = []

        async def again(runtime: Runtime, handle: Any) -> None:
            runs.append(clock.now())
            await runtime.move(handle, "lost", because="")
            await runtime.move(handle, "open", because="")

        async with running(clock=clock) as runtime:
            await runtime.start(lifecycle(After(A_WEEK, at="open", do=again)), Deal())
            await clock.advance(days=30)
            assert runs == [FakeClock.epoch + A_WEEK * n for n in (1, 2, 3, 4)]

    asyncio.run(main())


def test_a_handler_that_fails_is_tried_again_later_and_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        clock = FakeClock()
        runs: list[float] = []

        async def fail(runtime: Runtime, handle: Any) -> None:
            runs.append((clock.now() - FakeClock.epoch - A_WEEK).total_seconds())
            raise ConnectionError("down")

        async with running(clock=clock) as runtime:
            handle = await runtime.start(lifecycle(After(A_WEEK, at="open", do=fail)), Deal())
            await clock.advance(days=7, seconds=15)
            assert runs == [0, 1, 3, 7, 15]
            assert handle.state == "open"

    asyncio.run(main())
    assert "timer open:fail of d failed" in caplog.text


def test_work_that_fails_every_time_rests_after_an_hour_or_so() -> None:
    async def main() -> None:
        clock = FakeClock()
        runs: list[float] = []

        async def fail(runtime: Runtime, handle: Any) -> None:
            runs.append((clock.now() - FakeClock.epoch - A_WEEK).total_seconds())
            raise ConnectionError("down")

        logging.disable(logging.CRITICAL)
        try:
            async with running(clock=clock) as runtime:
                await runtime.start(lifecycle(After(A_WEEK, at="open", do=fail)), Deal())
                await clock.advance(days=60)
                assert len(runs) == 13
                assert runs[-1] == 4095
                assert (await story(runtime))[-1] == "gaveup"
        finally:
            logging.disable(logging.NOTSET)

    asyncio.run(main())


def test_a_handler_that_uses_the_library_wrongly_says_so() -> None:
    async def main() -> None:
        clock = FakeClock()

        async def wrong(runtime: Runtime, handle: Any) -> None:
            await runtime.move(handle, "closed", because="it may not")

        async with running(clock=clock) as runtime:
            await runtime.start(lifecycle(After(A_WEEK, at="open", do=wrong)), Deal())
            with pytest.raises(UsageError, match="cannot go from `open` to `closed`"):
                await clock.advance(days=7)

    asyncio.run(main())


def test_a_timer_that_the_machine_no_longer_has_is_a_mistake_of_the_code(store_url: str) -> None:
    async def main() -> None:
        async with running(store_url) as runtime:
            await runtime.start(lifecycle(After(A_WEEK, at="open", go="lost")), Deal())
        late = FakeClock(FakeClock.epoch + timedelta(days=30))
        async with running(store_url, lifecycle(), clock=late) as runtime:
            with pytest.raises(UsageError, match="no longer has it"):
                await runtime.drain()

    asyncio.run(main())


def test_two_drains_at_once_run_a_handler_once() -> None:
    async def main() -> None:
        clock = FakeClock()
        runs = 0
        may_end = asyncio.Event()

        async def slow(runtime: Runtime, handle: Any) -> None:
            nonlocal runs
            runs += 1
            await may_end.wait()

        async with running(clock=clock) as runtime:
            await runtime.start(lifecycle(After(timedelta(0), at="open", do=slow)), Deal())
            drains = [asyncio.create_task(runtime.drain()) for _ in range(5)]
            for _ in range(50):
                await asyncio.sleep(0)
            may_end.set()
            await asyncio.gather(*drains)
            assert runs == 1

    asyncio.run(main())
