"""An LLM consumer on the event log, its model switched in the middle, the log read again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from orders import Discount, Model, Offered, Placed, modest, orders
from pydantic import BaseModel

from signoff import Accept, Boundary, External, Reject, Runtime, Transactional, Verdict, Write
from signoff.boundary import Question
from signoff.errors import UsageError
from signoff.ledger import Verification
from signoff.proposers import Function
from signoff.state import Consumer, Event, EventLog
from signoff.testing import Scripted

HALF = 20


async def tailed(runtime: Runtime) -> list[Event[Any]]:
    return [event async for event in runtime.tail(orders)]


async def place(runtime: Runtime, first: int, last: int) -> None:
    for n in range(first, last):
        await runtime.append(orders, f"o-{n % 7}", Placed(amount=n))
    await runtime.drain()


async def switched_in_the_middle(url: str) -> tuple[Model, Model]:
    """Half of the log under one model, half of it under another."""
    first, second = Model(10, "first"), Model(12, "second")
    async with Runtime(url, knows=[first.consumer()]) as runtime:
        await place(runtime, 0, HALF)
    async with Runtime(url, knows=[second.consumer()]) as runtime:
        await place(runtime, HALF, 2 * HALF)
    assert (len(first.asked), len(second.asked)) == (HALF, HALF)
    return first, second


def test_read_again_from_the_record_nothing_diverges_and_nobody_is_asked(store_url: str) -> None:
    async def main() -> None:
        await switched_in_the_middle(store_url)
        now = Model(99, "now")
        async with Runtime(store_url) as runtime:
            before = await tailed(runtime)
            compared = await runtime.reread(now.consumer())
            assert (compared.events, compared.same, compared.diverged) == (40, 40, 0)
            assert compared.left_out == {}
            assert now.asked == []
            assert await tailed(runtime) == before, "nothing is written"

    asyncio.run(main())


def test_asked_again_the_divergence_is_found_counted_and_shown(store_url: str) -> None:
    async def main() -> None:
        await switched_in_the_middle(store_url)
        now = Model(12, "now")
        async with Runtime(store_url) as runtime:
            before = await tailed(runtime)
            compared = await runtime.ask_again(now.consumer())
            assert len(now.asked) == 40
            # The second model's half is the same; the first one's came out otherwise.
            assert (compared.events, compared.same, compared.diverged) == (40, HALF, HALF)
            assert compared.diverged_downstream == HALF
            shown = compared.examples[0]
            assert (shown.stream, shown.version, shown.level) == ("o-0", 1, "events")
            assert shown.recorded["events"] == [
                ["orders", "o-0", "Offered", {"discount": 10, "total": 0}]
            ]
            assert shown.now["events"] == [
                ["orders", "o-0", "Offered", {"discount": 12, "total": 0}]
            ]
            after = await tailed(runtime)
            assert [event for event in after if not event.asked_again] == before
            beside = [event for event in after if event.asked_again]
            assert len(beside) == 40
            assert {event.fingerprint["model"] for event in beside if event.fingerprint} == {"now"}
            types = [entry.type async for entry in runtime.ledger.of_subject("o-0")]
            assert types.count("askedagain") == 6
            verification: Verification = await runtime.ledger.verify()
            assert verification.faults == ()
            # History itself has not changed: not for readers, nor for writers, nor for consumers.
            again = await runtime.reread(now.consumer())
            assert (again.events, again.diverged) == (40, 0)
            assert await runtime.version(orders, "o-0") == 12
            await runtime.consume(now.consumer())
            assert await runtime.drain() == 0 or len(now.asked) == 40

    asyncio.run(main())


def test_code_that_changed_since_is_found_by_reading_again(store_url: str) -> None:
    async def main() -> None:
        await switched_in_the_middle(store_url)

        def stricter(discount: Discount, order: Any) -> Verdict:
            return Accept() if discount.percent <= 11 else Reject("too_much", "at most 11")

        def other(discount: Discount, order: Any, write: Write[Any]) -> int:
            write.append(orders, Offered(discount=discount.percent + 1))
            return 0

        boundary = Model().boundary()
        judged = Boundary(
            boundary.name, proposer=boundary.proposer, verifiers=[stricter],
            commit=boundary.commit, subject=boundary.subject_type,
        )  # fmt: skip
        committed = Boundary(
            boundary.name, proposer=boundary.proposer, verifiers=[modest],
            commit=Transactional(other), subject=boundary.subject_type,
        )  # fmt: skip
        async with Runtime(store_url) as runtime:
            offered = [e.data for e in await tailed(runtime) if isinstance(e.data, Offered)]
            few = sum(offer.discount <= 11 for offer in offered)
            assert 0 < few < HALF
            for changed, same in ((judged, few), (committed, 0)):
                consumer = Consumer("discounts", orders, through=changed, on=Placed)
                compared = await runtime.reread(consumer)
                assert (compared.events, compared.same) == (40, same)
                assert compared.diverged_downstream == compared.diverged
                if changed is judged:
                    assert compared.examples[0].now["verdict"] == ["rejected: too_much"]

    asyncio.run(main())


def test_rejections_and_their_revisions_are_read_again_as_they_were(any_store: str) -> None:
    async def main() -> None:
        script: Scripted[Discount] = Scripted(
            Discount(percent=50), "no idea", Discount(percent=5), Discount(percent=70),
            Discount(percent=70), Discount(percent=80), Discount(percent=90),
        )  # fmt: skip
        boundary = Model().boundary()
        asked = Boundary(
            boundary.name, proposer=script, verifiers=[modest], commit=boundary.commit,
            subject=boundary.subject_type,
        )  # fmt: skip
        consumer = Consumer("discounts", orders, through=asked, on=Placed)
        async with Runtime(any_store, knows=[consumer]) as runtime:
            await runtime.append(orders, "o", Placed(amount=1))
            await runtime.append(orders, "p", Placed(amount=1))
            await runtime.drain()
            assert len(script.asked) >= 5
            told = [event.data async for event in runtime.events(orders, "o")]
            assert told[1:] in ([Offered(discount=5, total=1)], [])
            asked_before = len(script.asked)
            compared = await runtime.reread(consumer)
            assert (compared.events, compared.same) == (2, 2)
            assert len(script.asked) == asked_before

    asyncio.run(main())


class Ping(BaseModel):
    id: str
    n: int


class Pong(BaseModel):
    n: int


pings = EventLog[Ping | Pong]("pings", events=(Ping, Pong))


def test_a_handler_is_read_again_without_acting(any_store: str) -> None:
    sent: list[int] = []

    async def send(pong: Pong, ping: Ping, key: str) -> str:
        sent.append(ping.n)
        return f"receipt {ping.n}"

    def answer(question: Question[Ping]) -> Pong:
        return Pong(n=question.subject.n * factor)

    factor = 1
    boundary: Boundary[Ping, Pong, str] = Boundary(
        "pong", proposer=Function(answer), verifiers=[], commit=External(send)
    )

    async def handle(delivery: Any, event: Event[Any]) -> None:
        outcome = await delivery.run(boundary, event.data)
        delivery.append(pings, Pong(n=len(outcome.receipt)))

    async def main() -> None:
        nonlocal factor
        consumer = Consumer("ponger", pings, handle=handle, on=Ping)
        async with Runtime(any_store, knows=[consumer]) as runtime:
            for n in (1, 20, 300):
                await runtime.append(pings, "p", Ping(id="p", n=n))
            await runtime.drain()
            assert sent == [1, 20, 300]
            compared = await runtime.reread(consumer)
            assert (compared.events, compared.same, sent) == (3, 3, [1, 20, 300])
            factor = 2
            compared = await runtime.reread(consumer)
            assert (compared.same, compared.diverged) == (3, 0)
            assert sent == [1, 20, 300]

    asyncio.run(main())


def test_what_cannot_be_compared_is_counted_by_why(any_store: str) -> None:
    async def main() -> None:
        model = Model()
        async with Runtime(any_store) as runtime:
            await runtime.append(orders, "o", Placed(amount=1))
            compared = await runtime.reread(model.consumer())
            assert (compared.events, dict(compared.left_out)) == (0, {"not_handled": 1})
            await runtime.consume(model.consumer())

    asyncio.run(main())


def test_two_consumers_of_one_name_are_a_mistake(any_store: str) -> None:
    async def main() -> None:
        model = Model()
        async with Runtime(any_store, knows=[model.consumer()]) as runtime:
            with pytest.raises(UsageError, match="two different consumers"):
                await runtime.consume(model.consumer())

    asyncio.run(main())
