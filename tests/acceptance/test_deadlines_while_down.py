"""A deadline that passes while nobody is there: its fallback happens once, on return."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from bounded import YES, Order, Price, asked, bodies, running, selling, types

from signoff import Accept, Committed, Reject, Rejected, Suspended
from signoff.control import Approval, Escalation, Gate
from signoff.errors import NotAllowed
from signoff.testing import FakeClock

HOUR = timedelta(hours=1)


def escalation() -> Escalation:
    return Escalation(ask="role:boss", chain=[(HOUR, "role:operator"), (2 * HOUR, "zoe")])


def approving(otherwise: Any) -> Any:
    return selling(7).bounded_by(Approval(ask="role:lead", within=HOUR, otherwise=otherwise))


async def passes_while_down(url: str, otherwise: Any, *, runtimes: int) -> list[dict[str, Any]]:
    """Ask, go down, come back after the time is over; what the ledger and the outcome say then."""
    clock = FakeClock()
    boundary = approving(otherwise)
    async with running(url, boundary, clock=clock) as runtime:
        asking = [await runtime.run(boundary, Order(id=f"{n}")) for n in range(10)]
        assert all(isinstance(outcome, Suspended) for outcome in asking)
    clock._now += 3 * HOUR
    async with running(url, boundary, clock=clock) as one:
        if runtimes == 2:
            async with running(url, boundary, clock=clock) as two:
                await asyncio.gather(one.drain(), two.drain())
                await asyncio.gather(one.drain(), two.drain())
        await one.drain()
        outcomes = [await one.outcome(boundary, f"order.sell/{n}") for n in range(10)]
        told = []
        for n, outcome in enumerate(outcomes):
            found = await types(one, f"{n}")
            told.append({"outcome": outcome, "types": found})
        assert asked(boundary) == 10, "nobody asked the proposer again"
        if not isinstance(otherwise, Escalation):
            assert await one.ledger.pending() == []
        return told


EVERYWHERE = [
    pytest.param("sqlite", 1, id="sqlite"),
    pytest.param("postgres", 1, id="postgres"),
    pytest.param("postgres", 2, id="two on postgres"),
]


@pytest.mark.parametrize(("store_url", "runtimes"), EVERYWHERE, indirect=["store_url"])
def test_stop_rejects_once(store_url: str, runtimes: int) -> None:
    for told in asyncio.run(passes_while_down(store_url, "stop", runtimes=runtimes)):
        assert isinstance(told["outcome"], Rejected)
        assert (told["outcome"].code, told["outcome"].ended) == ("deadline_passed", "deadline")
        assert told["types"].count("resumed") == told["types"].count("rejected") == 1


@pytest.mark.parametrize(("store_url", "runtimes"), EVERYWHERE, indirect=["store_url"])
def test_approve_commits_once(store_url: str, runtimes: int) -> None:
    for told in asyncio.run(passes_while_down(store_url, "approve", runtimes=runtimes)):
        assert isinstance(told["outcome"], Committed)
        assert told["types"].count("resumed") == told["types"].count("committed") == 1


@pytest.mark.parametrize(("store_url", "runtimes"), EVERYWHERE, indirect=["store_url"])
def test_an_escalation_passes_it_on_once(store_url: str, runtimes: int) -> None:
    for told in asyncio.run(passes_while_down(store_url, escalation(), runtimes=runtimes)):
        assert isinstance(told["outcome"], Suspended)
        assert told["outcome"].ticket.ask == "role:boss"
        assert told["outcome"].ticket.due == "2026-01-01T04:00:00.000000Z"
        assert told["types"].count("passedon") == 1


def test_a_chain_is_passed_on_in_order_and_ends_with_who_waits_for_ever(store_url: str) -> None:
    async def main() -> None:
        clock = FakeClock()
        boundary = approving(escalation())
        async with running(store_url, boundary, clock=clock) as runtime:
            first = await runtime.run(boundary, Order(id="a"))
            assert isinstance(first, Suspended)
            asks: list[tuple[float, str]] = []
            for hour in range(8):
                outcome: Any = await runtime.run(boundary, Order(id="a"))
                asks.append((hour, outcome.ticket.ask))
                assert outcome.ticket.id == first.ticket.id
                await clock.advance(hours=1)
            assert [ask for _, ask in asks] == [
                "role:lead", "role:boss", "role:operator", "role:operator", *["zoe"] * 4
            ]  # fmt: skip
            assert [told["ask"] for told in await bodies(runtime, "passedon")] == [
                "role:boss", "role:operator", "zoe"
            ]  # fmt: skip
            await clock.advance(days=400)
            with pytest.raises(NotAllowed, match="may not answer for zoe"):
                await runtime.approve(first.ticket, by="omar", **YES)
            done = await runtime.approve(first.ticket, by="zoe", **YES)
            assert isinstance(done, Committed)

    asyncio.run(main())


def test_it_waits_for_a_kill_to_be_lifted(store_url: str) -> None:
    async def main() -> None:
        clock = FakeClock()
        boundary = approving("approve")
        async with running(store_url, boundary, clock=clock) as runtime:
            await runtime.run(boundary, Order(id="a"))
            await runtime.kill("everything", by="dana", because="a drill")
            await clock.advance(hours=1, minutes=10)
            assert await bodies(runtime, "committed") == []
            await runtime.lift("everything", by="dana", because="over")
            await clock.advance(minutes=1)
            assert isinstance(await runtime.run(boundary, Order(id="a")), Committed)

    asyncio.run(main())


def test_what_nobody_said_yes_to_and_a_gate_refuses_ends(store_url: str) -> None:
    async def main() -> None:
        clock = FakeClock()
        allowed = True

        def rule(offer: Price, order: Order) -> Any:
            return Accept() if allowed else Reject("closed", "not any more", then="stop")

        boundary = approving("approve")
        boundary = boundary.bounded_by(Gate(rule))
        async with running(store_url, boundary, clock=clock) as runtime:
            await runtime.run(boundary, Order(id="a"))
            allowed = False
            await clock.advance(days=3)
            outcome = await runtime.run(boundary, Order(id="a"))
            assert isinstance(outcome, Rejected)
            assert outcome.code == "closed"
            assert (await types(runtime, "a")).count("suspended") == 1

    asyncio.run(main())


def test_a_clock_that_is_put_back_loses_no_deadline(store_url: str) -> None:
    class Back(FakeClock):
        later = timedelta(0)

        def now(self) -> Any:
            now = super().now()
            # What claims the work sees a later time than what does it.
            later, Back.later = Back.later, timedelta(0)
            return now + later

    async def main() -> None:
        clock = Back()
        boundary = approving("stop")
        async with running(store_url, boundary, clock=clock) as runtime:
            await runtime.run(boundary, Order(id="a"))
            Back.later = 2 * HOUR
            await runtime.drain()
            assert isinstance(await runtime.run(boundary, Order(id="a")), Suspended)
            await clock.advance(hours=2)
            assert isinstance(await runtime.run(boundary, Order(id="a")), Rejected)

    asyncio.run(main())
