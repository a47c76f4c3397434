"""Late events do as the policy says, and nothing that failed keeps the others waiting."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from orders import Model, Offered, Paid, Placed, orders

from signoff import Boundary, EffectRefused, Runtime, Transactional, Write
from signoff.control import Principal
from signoff.errors import UsageError
from signoff.state import Consumer, Event, Watermark
from signoff.testing import FakeClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


async def offers(runtime: Runtime, stream: str = "o") -> list[Offered]:
    told = [event.data async for event in runtime.events(orders, stream)]
    return [data for data in told if isinstance(data, Offered)]


async def recorded(runtime: Runtime, type: str) -> list[dict[str, Any]]:
    import json

    return [
        json.loads(entry.body) async for entry in runtime.ledger.entries() if entry.type == type
    ]


async def add(runtime: Runtime, amount: int, minutes: int, stream: str = "o") -> None:
    await runtime.append(orders, stream, Placed(amount=amount), happened=at(minutes))
    await runtime.drain()


def late(policy: Any) -> Watermark:
    return Watermark(timedelta(minutes=10), policy)


def test_an_event_within_the_lateness_is_handled_like_any_other(any_store: str) -> None:
    async def main() -> None:
        model = Model()
        async with Runtime(any_store, knows=[model.consumer(late("drop"))]) as runtime:
            await add(runtime, 1, 60)
            await add(runtime, 2, 50)
            await add(runtime, 4, 55)
            await add(runtime, 9, 0, stream="p")  # every stream has its own watermark
            assert len(model.asked) == 4
            assert await recorded(runtime, "late") == []

    asyncio.run(main())


def test_drop_passes_over_a_late_event_and_says_so(any_store: str) -> None:
    async def main() -> None:
        model = Model()
        async with Runtime(any_store, knows=[model.consumer(late("drop"))]) as runtime:
            await add(runtime, 1, 60)
            await add(runtime, 2, 49)
            await add(runtime, 4, 61)
            assert model.asked == ["o", "o"]
            (told,) = await recorded(runtime, "late")
            assert (told["policy"], told["version"]) == ("drop", 3)
            assert told["watermark"] == "2026-01-01T12:50:00.000000Z"
            assert (await runtime.ledger.verify()).intact

    asyncio.run(main())


def test_escalate_asks_the_operator_and_goes_on(any_store: str) -> None:
    async def main() -> None:
        model = Model()
        people = {"ola": ["operator"]}
        async with Runtime(
            any_store,
            clock=FakeClock(),
            knows=[model.consumer(late("escalate"))],
            principals=people,
        ) as runtime:
            await add(runtime, 1, 60)
            await add(runtime, 2, 30)
            await add(runtime, 4, 61)
            await add(runtime, 8, 20)
            assert len(model.asked) == 2
            tickets = [ticket async for ticket in runtime.ledger.tickets("open")]
            assert [ticket.kind for ticket in tickets] == ["work", "work"]
            assert "before the watermark" in tickets[0].because
            first, second = (told["ticket"] for told in await recorded(runtime, "late"))
            await runtime.retry(first, by="ola", because="it counts all the same")
            await runtime.drop(second, by="ola", because="it does not")
            await runtime.drain()
            assert len(model.asked) == 3
            assert len(await offers(runtime)) == 3
            assert await runtime.drain() == 0
            assert [t async for t in runtime.ledger.tickets("open")] == []
            assert (await runtime.ledger.verify()).intact

    asyncio.run(main())


def test_reprocess_handles_it_at_its_place_and_counts_what_comes_out_otherwise(
    any_store: str,
) -> None:
    async def main() -> None:
        model = Model()
        async with Runtime(any_store, knows=[model.consumer(late("reprocess"))]) as runtime:
            await add(runtime, 1, 0)
            await add(runtime, 2, 60)
            await add(runtime, 4, 70)
            before = await offers(runtime)
            assert [offer.total for offer in before] == [1, 3, 7]
            await add(runtime, 100, 30)
            # At its place it follows the first; the two after it would have had other totals.
            assert (await offers(runtime))[3:] == [Offered(discount=10 + 101 % 3, total=101)]
            assert (await offers(runtime))[:3] == before, "history is not changed"
            (told,) = await recorded(runtime, "late")
            assert (told["policy"], told["reread"], told["otherwise"]) == ("reprocess", 2, 2)
            assert len(model.asked) == 4, "nobody is asked again"
            assert (await runtime.ledger.verify()).intact

    asyncio.run(main())


def test_reprocess_hands_later_events_to_a_handler_again(any_store: str) -> None:
    handled: list[tuple[int, int]] = []

    async def handle(delivery: Any, event: Event[Any]) -> None:
        handled.append((event.version, delivery.state.placed))
        delivery.append(orders, Paid(amount=delivery.state.placed))

    async def main() -> None:
        consumer = Consumer(
            "sums", orders, handle=handle, on=Placed, late=Watermark(timedelta(), "reprocess")
        )
        async with Runtime(any_store, knows=[consumer]) as runtime:
            for amount, minutes in ((1, 0), (2, 60)):
                await add(runtime, amount, minutes)
            await add(runtime, 100, 30)
            assert handled == [(1, 1), (3, 3), (5, 101), (3, 103)]
            told = [event.data async for event in runtime.events(orders, "o")]
            paid = [data.amount for data in told if isinstance(data, Paid)]
            assert paid == [1, 3, 101], "what was added stays, and nothing is added twice"
            (late,) = await recorded(runtime, "late")
            assert (late["reread"], late["otherwise"]) == (1, 1)

    asyncio.run(main())


def test_an_event_that_fails_every_time_is_set_aside_and_the_others_go_on(any_store: str) -> None:
    broken = True

    async def handle(delivery: Any, event: Event[Any]) -> None:
        if broken and event.data.amount == 2:
            raise ValueError("cannot be handled")
        delivery.append(orders, Paid(amount=event.data.amount))

    async def main() -> None:
        nonlocal broken
        clock = FakeClock()
        consumer = Consumer("payments", orders, handle=handle, on=Placed)
        async with Runtime(
            any_store,
            clock=clock,
            knows=[consumer],
            max_restarts=3,
            principals={"ola": ["operator"]},
        ) as runtime:
            for amount in (1, 2, 3):
                await runtime.append(orders, "o", Placed(amount=amount))
            await runtime.append(orders, "p", Placed(amount=4))
            await runtime.drain()

            async def paid(stream: str) -> list[int]:
                told = [event.data async for event in runtime.events(orders, stream)]
                return [data.amount for data in told if isinstance(data, Paid)]

            assert (await paid("o"), await paid("p")) == ([1], [4])
            await clock.advance(minutes=1)
            assert await paid("o") == [1, 3]
            (ticket,) = [ticket async for ticket in runtime.ledger.tickets("open")]
            assert "cannot be handled" in ticket.because
            (gave_up,) = await recorded(runtime, "gaveup")
            assert (gave_up["tries"], gave_up["ticket"]) == (4, ticket.id)
            await runtime.retry(ticket.id, by="ola", because="try again")
            await clock.advance(minutes=10)
            (again,) = [ticket async for ticket in runtime.ledger.tickets("open")]
            assert again.id != ticket.id
            broken = False
            await runtime.retry(again.id, by="ola", because="it is mended")
            await clock.advance(minutes=1)
            assert await paid("o") == [1, 3, 2]
            assert (await runtime.ledger.verify()).intact

    asyncio.run(main())


def test_a_kill_keeps_an_event_waiting_and_it_is_handled_when_it_is_lifted(any_store: str) -> None:
    async def main() -> None:
        clock, model = FakeClock(), Model()
        people = {"ola": Principal(may_kill=frozenset({"everything"}))}
        async with Runtime(
            any_store, clock=clock, knows=[model.consumer()], principals=people
        ) as runtime:
            await runtime.kill("order.discount", by="ola", because="test")
            await add(runtime, 1, 0)
            await clock.advance(minutes=5)
            assert await offers(runtime) == []
            await runtime.lift("order.discount", by="ola", because="test")
            await clock.advance(minutes=5)
            assert len(await offers(runtime)) == 1

    asyncio.run(main())


def test_a_commit_that_expects_another_version_is_rejected(any_store: str) -> None:
    def keep(discount: Any, order: Any, write: Write[Any]) -> int:
        return write.append(orders, Offered(discount=discount.percent), expected=1)

    async def main() -> None:
        boundary = Model().boundary()
        careful = Boundary(
            boundary.name, proposer=boundary.proposer, verifiers=[],
            commit=Transactional(keep), subject=boundary.subject_type,
        )  # fmt: skip
        consumer = Consumer("discounts", orders, through=careful, on=Placed)
        async with Runtime(any_store) as runtime:
            await runtime.append(orders, "o", Placed(amount=1), Placed(amount=2))
            await runtime.append(orders, "p", Placed(amount=1))
            await runtime.consume(consumer)
            await runtime.drain()
            assert (len(await offers(runtime, "o")), len(await offers(runtime, "p"))) == (0, 1)
            codes = {told["code"] for told in await recorded(runtime, "rejected")}
            assert codes == {"stale_version"}

    asyncio.run(main())


def test_a_mistake_in_a_handler_is_told_to_whoever_uses_the_runtime(any_store: str) -> None:
    async def handle(delivery: Any, event: Event[Any]) -> None:
        raise UsageError("a mistake")

    async def main() -> None:
        consumer = Consumer("mistaken", orders, handle=handle)
        async with Runtime(any_store, knows=[consumer]) as runtime:
            await runtime.append(orders, "o", Placed(amount=1))
            await runtime.drain()

    with pytest.raises(UsageError, match="a mistake"):
        asyncio.run(main())


def test_what_a_refused_commit_had_added_is_gone(any_store: str) -> None:
    def refuse(discount: Any, order: Any, write: Write[Any]) -> int:
        write.append(orders, Offered(discount=discount.percent))
        raise EffectRefused("no", "not today")

    async def main() -> None:
        boundary = Model().boundary()
        refusing = Boundary(
            boundary.name, proposer=boundary.proposer, verifiers=[],
            commit=Transactional(refuse), subject=boundary.subject_type,
        )  # fmt: skip
        consumer = Consumer("discounts", orders, through=refusing, on=Placed)
        async with Runtime(any_store, knows=[consumer]) as runtime:
            await add(runtime, 1, 0)
            assert await offers(runtime) == []
            assert await runtime.version(orders, "o") == 1
            assert len(await recorded(runtime, "appended")) == 1

    asyncio.run(main())
