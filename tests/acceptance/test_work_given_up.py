"""One subject's work fails every time: it is given up, a person is asked, all others go on."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from bounded import YES, Order, bodies, running, types

from signoff import Runtime
from signoff.errors import NotAllowed, NotNow
from signoff.state import After, StateMachine
from signoff.testing import FakeClock

A_WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class World:
    """Orders whose work is to be sold after a week; the one called `bad` never is."""

    def __init__(self, error: type[Exception] = ConnectionError) -> None:
        self.runs: Counter[str] = Counter()
        self.times: list[datetime] = []
        self.healed = False
        moves = {"open": {"sold"}, "sold": set[str]()}
        timer = After(A_WEEK, at="open", do=self.sell)
        self.machine = StateMachine("order", moves, start="open", timers=[timer], subject=Order)
        self.error = error

    async def sell(self, runtime: Runtime, handle: Any) -> None:
        self.runs[handle.id] += 1
        if handle.id == "bad" and not self.healed:
            self.times.append(runtime.clock.now())
            raise self.error("as ever")
        await runtime.move(handle, "sold", because="it is time")

    async def begin(self, runtime: Runtime, others: int = 99) -> None:
        for id in ("bad", *(f"{n}" for n in range(others))):
            await runtime.start(self.machine, Order(id=id))


async def ticket_of(runtime: Runtime) -> Any:
    (ticket,) = [row async for row in runtime.ledger.tickets("open")]
    assert (ticket.kind, ticket.subject, ticket.ask) == ("work", "bad", "role:operator")
    return ticket


def test_it_is_tried_later_and_later_and_then_no_more_and_others_go_on(store_url: str) -> None:
    async def main() -> None:
        clock, world = FakeClock(), World()
        async with running(store_url, world.machine, clock=clock) as runtime:
            await world.begin(runtime)
            await clock.advance(days=7)
            assert await runtime.ledger.rows_by_state("order") == {"open": 1, "sold": 99}
            await clock.advance(days=60)
            assert world.runs["bad"] == 13
            pauses = [b - a for a, b in zip(world.times, world.times[1:], strict=False)]
            assert pauses == [timedelta(seconds=2**n) for n in range(12)]
            (gave_up,) = await bodies(runtime, "gaveup")
            ticket = await ticket_of(runtime)
            assert gave_up["ticket"] == ticket.id
            assert gave_up["tries"] == 13
            ((_, _, waiting, due),) = await runtime.ledger.pending()
            assert (waiting, due[:4]) == (1, "9999")
            assert all(runs == 1 for id, runs in world.runs.items() if id != "bad")
        # After a restart, too, it rests.
        async with running(store_url, world.machine, clock=clock) as runtime:
            await clock.advance(days=60)
            assert world.runs["bad"] == 13
            assert (await ticket_of(runtime)).id == ticket.id

    asyncio.run(main())


def test_an_operator_has_it_tried_again_as_if_it_had_never_failed(store_url: str) -> None:
    async def main() -> None:
        clock, world = FakeClock(), World()
        async with running(store_url, world.machine, clock=clock, max_restarts=3) as runtime:
            await world.begin(runtime, others=3)
            await clock.advance(days=8)
            assert world.runs["bad"] == 4
            ticket = await ticket_of(runtime)
            for verb in (runtime.retry, runtime.drop):
                with pytest.raises(NotAllowed) as refusal:
                    await verb(ticket.id, by="omar", **YES)
                assert refusal.value.code == "no_role"
            await runtime.retry(ticket.id, by="dana", **YES)
            with pytest.raises(NotAllowed) as refusal:
                await runtime.drop(ticket.id, by="dana", **YES)
            assert refusal.value.code == "answered"
            await clock.advance(days=1)
            assert world.runs["bad"] == 8, "as often as before"
            again = await ticket_of(runtime)
            assert again.id != ticket.id
            world.healed = True
            await runtime.retry(again.id, by="dana", **YES)
            await clock.advance(seconds=1)
            assert await runtime.ledger.rows_by_state("order") == {"sold": 4}
            assert await runtime.ledger.pending() == []
            answers = [told["answer"] for told in await bodies(runtime, "resumed", "bad")]
            assert answers == ["retried", "retried"]
            assert (await types(runtime, "bad")).count("answerrefused") == 3

    asyncio.run(main())


def test_an_operator_has_it_dropped(store_url: str) -> None:
    async def main() -> None:
        clock, world = FakeClock(), World()
        async with running(store_url, world.machine, clock=clock, max_restarts=1) as runtime:
            await world.begin(runtime, others=0)
            await clock.advance(days=8)
            await runtime.drop((await ticket_of(runtime)).id, by="dana", **YES)
            world.healed = True
            await clock.advance(days=30)
            assert world.runs["bad"] == 2
            assert await runtime.ledger.pending() == []
            assert await runtime.ledger.rows_by_state("order") == {"open": 1}

    asyncio.run(main())


def test_an_answer_about_work_that_is_gone_changes_nothing(store_url: str) -> None:
    async def main() -> None:
        clock, world = FakeClock(), World()
        async with running(store_url, world.machine, clock=clock, max_restarts=1) as runtime:
            await world.begin(runtime, others=0)
            await clock.advance(days=8)
            ticket = await ticket_of(runtime)
            handle = await runtime.find(world.machine, "bad", Order)
            assert handle is not None
            await runtime.move(handle, "sold", because="by hand")
            await runtime.retry(ticket.id, by="dana", **YES)
            await clock.advance(days=8)
            assert world.runs["bad"] == 2
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


def test_work_that_is_told_not_now_is_tried_for_ever(store_url: str) -> None:
    async def main() -> None:
        clock, world = FakeClock(), World(NotNow)
        async with running(store_url, world.machine, clock=clock, max_restarts=2) as runtime:
            await world.begin(runtime, others=0)
            await clock.advance(days=7, minutes=30)
            assert world.runs["bad"] == 61, "every thirty seconds"
            assert await bodies(runtime, "gaveup") == []
            world.error = ConnectionError
            await clock.advance(seconds=30 + 1 + 2)
            assert len(await bodies(runtime, "gaveup")) == 1
            assert world.runs["bad"] == 64, "what was no failure did not count"

    asyncio.run(main())


def test_two_processes_give_it_up_once(postgres_database: str) -> None:
    async def main() -> None:
        clock, world = FakeClock(), World()
        async with (
            running(postgres_database, world.machine, clock=clock, max_restarts=3) as one,
            running(postgres_database, world.machine, clock=clock, max_restarts=3),
        ):
            await world.begin(one, others=20)
            await clock.advance(days=8)
            assert world.runs["bad"] == 4
            assert len(await bodies(one, "gaveup")) == 1
            assert await one.ledger.rows_by_state("order") == {"open": 1, "sold": 20}

    asyncio.run(main())
