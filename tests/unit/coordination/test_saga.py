"""Sagas: every step happens, or what happened is undone in reverse; nothing is left half done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel
from saga_world import YES, Case, Weather, World, open_tickets, running

from signoff import (
    Accept,
    Boundary,
    Committed,
    EffectRefused,
    Reject,
    Rejected,
    Suspended,
    Transactional,
    Unknown,
    Verdict,
    Write,
)
from signoff.boundary import crossing_id
from signoff.control import Approval, Principal, Principals
from signoff.coordination import Compensated, Delegation, Merged, Part, Saga, Step
from signoff.errors import UsageError
from signoff.storage import storage_at
from signoff.testing import FakeClock, Scripted


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


KILLERS = Principals(
    {"omar": Principal(roles=frozenset({"operator"}), may_kill=frozenset({"everything"}))}
)


class Price(BaseModel):
    price: int


def fair(price: Price, case: Case) -> Verdict:
    return Accept() if price.price <= 10 else Reject("too_high", "10 at most")


def keep(price: Price, case: Case, write: Write[Case]) -> int:
    return price.price


def priced(*prices: int, name: str = "case.price", **more: Any) -> Boundary[Case, Price, int]:
    return Boundary(
        name,
        proposer=Scripted(*(Price(price=price) for price in prices), proposes=Price),
        verifiers=[fair],
        commit=Transactional(keep),
        subject=Case,
        **more,
    )


# To the end, or back


def test_all_steps_happen_in_order_and_the_receipts_are_kept(store_url: str) -> None:
    async def main() -> None:
        world = World()
        saga = world.saga()
        async with running(store_url, saga) as runtime:
            outcome = await runtime.run(saga, Case(id="a"), key="k")
            assert isinstance(outcome, Committed)
            assert outcome.receipt == {
                name: f"{name} k/1/{name}" for name in ("reserve", "issue", "book")
            }
            assert world.done == ["reserve", "issue", "book"]
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fails", "done"),
    [
        ("reserve", []),
        ("issue", ["reserve", "un-reserve"]),
        ("book", ["reserve", "issue", "un-issue", "un-reserve"]),
    ],
)
def test_a_refusal_undoes_what_happened_in_reverse(
    store_url: str, fails: str, done: list[str]
) -> None:
    async def main() -> None:
        world = World()
        saga = world.saga()
        world.weather[fails] = "refused"
        async with running(store_url, saga) as runtime:
            outcome = await runtime.run(saga, Case(id="a"))
            assert isinstance(outcome, Compensated)
            assert outcome.because == f"{fails}: {fails} is down"
            assert list(outcome.undone) == [name for name in done if name.startswith("un-")]
            assert world.done == done
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


@pytest.mark.parametrize("weather", ["fine", "refused"])
def test_the_same_key_again_asks_nobody_and_writes_nothing(
    store_url: str, weather: Weather
) -> None:
    async def main() -> None:
        world = World()
        saga = world.saga()
        world.weather["book"] = weather
        async with running(store_url, saga) as runtime:
            first = await runtime.run(saga, Case(id="a"))
            world.weather = {}
            calls, written = list(world.calls), [entry async for entry in runtime.ledger.entries()]
            assert await runtime.run(saga, Case(id="a")) == first
        async with running(store_url, saga) as runtime:
            assert await runtime.run(saga, Case(id="a")) == first
            assert world.calls == calls
            assert [entry async for entry in runtime.ledger.entries()] == written

    asyncio.run(main())


def test_every_step_is_on_the_ledger_as_a_part_of_the_saga(store_url: str) -> None:
    async def main() -> None:
        world = World()
        saga = world.saga()
        world.weather["book"] = "refused"
        async with running(store_url, saga) as runtime:
            await runtime.run(saga, Case(id="a"), key="k")
            whole = await runtime.ledger.crossing(crossing_id("k"))
            assert whole is not None
            assert whole.status == "rejected"
            for place, status in {
                "reserve": "committed",
                "issue": "committed",
                "book": "rejected",
                "issue/undo/1": "committed",
                "reserve/undo/1": "committed",
            }.items():
                part = await runtime.ledger.crossing(crossing_id(f"k/1/{place}"))
                assert part is not None, place
                assert part.status == status

    asyncio.run(main())


# What is handed to an undo


class Reservation(BaseModel):
    number: int


def test_an_undo_is_given_the_receipt_in_the_type_that_it_asks_for(store_url: str) -> None:
    async def main() -> None:
        seen: list[Any] = []

        async def reserve(case: Case, key: str) -> Reservation:
            return Reservation(number=7)

        async def release(reservation: Reservation, case: Case, key: str) -> None:
            seen.append((reservation, case.id))

        world = World()
        world.weather["book"] = "refused"
        saga = Saga("s", Step(reserve, undo=release), world.step("book", undone=False))
        async with running(store_url, saga) as runtime:
            await runtime.run(saga, Case(id="a"))
        assert seen == [(Reservation(number=7), "a")]

    asyncio.run(main())


# Steps in our own database


def in_the_database(name: str, *, error: list[Exception] | None = None) -> Any:
    def write_it(case: Case, write: Write[Case]) -> str:
        write.execute(f"INSERT INTO book (line) VALUES ('{name}')")
        if error:
            raise error[0]
        return name

    write_it.__name__ = name
    return write_it


def out_of_the_database(name: str) -> Any:
    def delete_it(receipt: str, case: Case, write: Write[Case]) -> None:
        write.execute(f"DELETE FROM book WHERE line = '{receipt}'")

    delete_it.__name__ = f"un-{name}"
    return delete_it


async def lines(runtime: Any) -> list[str]:
    found = await runtime.ledger.transact(
        lambda tx: tx.execute("SELECT line FROM book ORDER BY line")
    )
    return [line for (line,) in found]


async def make_book(runtime: Any) -> None:
    await runtime.ledger.transact(lambda tx: tx.execute("CREATE TABLE book (line TEXT)"))


def test_steps_in_the_database_are_done_and_undone_in_it(store_url: str) -> None:
    async def main() -> None:
        world = World()
        saga = Saga(
            "s",
            Step(in_the_database("one"), undo=out_of_the_database("one")),
            Step(in_the_database("two"), undo=out_of_the_database("two")),
            world.step("mail", undone=False),
        )
        async with running(store_url, saga) as runtime:
            await make_book(runtime)
            assert isinstance(await runtime.run(saga, Case(id="a")), Committed)
            assert await lines(runtime) == ["one", "two"]
            world.weather["mail"] = "refused"
            outcome = await runtime.run(saga, Case(id="b"))
            assert isinstance(outcome, Compensated)
            assert outcome.undone == ("un-two", "un-one")
            # By what they say, and not by whose they are: these undo both cases.
            assert await lines(runtime) == []

    asyncio.run(main())


def test_a_step_in_the_database_that_refuses_writes_nothing_and_ends_the_saga(
    store_url: str,
) -> None:
    async def main() -> None:
        world = World()
        no: list[Exception] = [EffectRefused("full", "the book is full")]
        saga = Saga("s", world.step("reserve"), Step(in_the_database("two", error=no)))
        async with running(store_url, saga) as runtime:
            await make_book(runtime)
            outcome = await runtime.run(saga, Case(id="a"))
            assert isinstance(outcome, Compensated)
            assert outcome.because == "two: the book is full"
            assert world.done == ["reserve", "un-reserve"]
            assert await lines(runtime) == []
            no.clear()
            assert await runtime.run(saga, Case(id="a")) == outcome

    asyncio.run(main())


def test_a_step_in_the_database_that_raises_is_tried_again_and_then_an_operator_is_asked(
    store_url: str,
) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        bug: list[Exception] = [ValueError("a bug")]
        saga = Saga("s", world.step("reserve"), Step(in_the_database("two", error=bug)))
        async with running(store_url, saga, clock=clock) as runtime:
            await make_book(runtime)
            outcome = await runtime.run(saga, Case(id="a"))
            assert isinstance(outcome, Suspended)
            assert "ValueError: a bug" in outcome.ticket.because
            await clock.advance(hours=1)
            (ticket,) = await open_tickets(runtime)
            assert "ValueError: a bug" in ticket.because
            assert world.done == ["reserve"], "a bug decides nothing"
            bug.clear()
            await runtime.retry(ticket.id, **YES)
            await runtime.drain()
            assert isinstance(await runtime.run(saga, Case(id="a")), Committed)
            assert await lines(runtime) == ["two"]
            assert world.done == ["reserve"]

    asyncio.run(main())


# In doubt


@pytest.mark.parametrize("kind", ["probed", "idempotent"])
@pytest.mark.parametrize("weather", ["lost", "late"])
def test_a_step_in_doubt_is_settled_and_the_saga_goes_on_by_itself(
    store_url: str, kind: Any, weather: Weather
) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = world.saga(kind=kind)
        world.weather["issue"] = weather
        async with running(store_url, saga, clock=clock) as runtime:
            outcome = await runtime.run(saga, Case(id="a"))
            world.weather.clear()
            if kind == "probed" and weather == "lost":
                assert isinstance(outcome, Compensated), "the probe says that it never happened"
                assert world.done == ["reserve", "un-reserve"]
                return
            if kind == "probed":
                assert isinstance(outcome, Committed), "the probe says that it happened"
            else:
                assert isinstance(outcome, Unknown)
                assert "un-reserve" not in world.done, "what is in doubt is waited for"
                await clock.advance(hours=1)
            assert world.done == ["reserve", "issue", "book"]
            assert await runtime.ledger.pending() == []
            assert isinstance(await runtime.run(saga, Case(id="a")), Committed)

    asyncio.run(main())


@pytest.mark.parametrize("happened", [True, False])
def test_a_step_in_doubt_for_ever_is_settled_by_a_person_and_the_saga_goes_on_by_itself(
    store_url: str, happened: bool
) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = world.saga(kind="neither")
        world.weather["issue"] = "late" if happened else "lost"
        async with running(store_url, saga, clock=clock) as runtime:
            outcome = await runtime.run(saga, Case(id="a"))
            assert isinstance(outcome, Unknown)
            await clock.advance(minutes=20)
            assert world.done == (["reserve", "issue"] if happened else ["reserve"])
            issue = next(each for each in saga.boundaries if each.name == "case.close.issue")
            receipt = "seen" if happened else None
            await runtime.resolve(issue, outcome.key, happened=happened, receipt=receipt, **YES)
            await clock.advance(minutes=5)
            if happened:
                assert world.done == ["reserve", "issue", "book"]
            else:
                assert world.done == ["reserve", "un-reserve"]
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


# Undoing that fails


@pytest.mark.parametrize("weather", ["refused", "lost", "late"])
def test_an_undo_that_fails_for_ever_asks_an_operator_and_is_finished_later(
    store_url: str, weather: Weather
) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = Saga("s", *map(world.step, ("a", "b", "c")), world.step("z", undone=False))
        world.weather = {"z": "refused", "un-b": weather}
        async with running(store_url, saga, clock=clock) as runtime:
            outcome = await runtime.run(saga, Case(id="1"))
            assert isinstance(outcome, Suspended)
            assert outcome.ticket.ask == "worker"
            await clock.advance(hours=2)
            (ticket,) = await open_tickets(runtime)
            assert ticket.kind == "work"
            assert "z: z is down; still to be undone: a, b (" in ticket.because
            assert "un-a" not in world.done, "not before what came after it"
            tried = world.calls.count("un-b")
            assert tried > 3
            world.weather.clear()
        async with running(store_url, saga, clock=clock) as runtime:
            (ticket,) = await open_tickets(runtime)
            await runtime.retry(ticket.id, **YES)
            await clock.advance(hours=3)
            assert world.done == ["a", "b", "c", "un-c", "un-b", "un-a"]
            assert await runtime.ledger.pending() == []
            ended = await runtime.run(saga, Case(id="1"))
            assert isinstance(ended, Compensated)
            assert ended.undone == ("un-c", "un-b", "un-a")

    asyncio.run(main())


def test_an_undo_that_fails_is_called_again_with_the_same_receipt_until_it_works(
    store_url: str,
) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = world.saga()
        world.weather = {"book": "refused", "un-reserve": "refused"}
        async with running(store_url, saga, clock=clock) as runtime:
            await runtime.run(saga, Case(id="a"), key="k")
            world.weather["un-reserve"] = "fine"
            await clock.advance(minutes=10)
            assert [given for name, given in world.given if name == "reserve"] == [
                "reserve k/1/reserve"
            ] * 3
            assert world.done == ["reserve", "issue", "un-issue", "un-reserve"]
            assert await open_tickets(runtime) == []

    asyncio.run(main())


def test_an_undo_that_was_cut_off_is_repeated_under_the_same_key(store_url: str) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = world.saga()
        world.weather = {"book": "refused", "un-issue": "late"}
        async with running(store_url, saga, clock=clock, max_restarts=12) as runtime:
            await runtime.run(saga, Case(id="a"), key="k")
            world.weather["un-issue"] = "fine"
            await clock.advance(hours=2)
            assert [key for name, key in world.account if name == "un-issue"] == [
                "k/1/issue/undo/1"
            ]
            assert world.done[-1] == "un-reserve"
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


# Sagas within


def nested(world: World) -> Saga[Case]:
    inner = Saga("inner", world.step("i1"), world.step("i2"))
    return Saga("outer", world.step("a"), Step(inner), world.step("z", undone=False))


@pytest.mark.parametrize(
    ("fails", "done"),
    [
        ("", ["a", "i1", "i2", "z"]),
        ("i2", ["a", "i1", "un-i1", "un-a"]),
        ("z", ["a", "i1", "i2", "un-i2", "un-i1", "un-a"]),
    ],
)
def test_a_saga_within_a_saga_is_taken_back_with_it(
    store_url: str, fails: str, done: list[str]
) -> None:
    async def main() -> None:
        world = World()
        world.weather[fails] = "refused"
        saga = nested(world)
        async with running(store_url, saga) as runtime:
            outcome = await runtime.run(saga, Case(id="a"))
            assert isinstance(outcome, Compensated if fails else Committed)
            assert world.done == done
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


def test_what_is_left_of_an_outer_saga_is_listed_when_an_inner_step_cannot_be_undone(
    store_url: str,
) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = nested(world)
        world.weather = {"z": "refused", "un-i1": "refused"}
        async with running(store_url, saga, clock=clock) as runtime:
            await runtime.run(saga, Case(id="1"))
            await clock.advance(hours=1)
            (ticket,) = await open_tickets(runtime)
            assert "; still to be undone: a, inner/i1 (" in ticket.because
            world.weather.clear()
            await runtime.retry(ticket.id, **YES)
            await runtime.drain()
            assert world.done == ["a", "i1", "i2", "un-i2", "un-i1", "un-a"]

    asyncio.run(main())


def test_one_operator_is_asked_once_about_a_saga_and_those_around_it(
    store_url: str,
) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = nested(world)
        world.weather = {"i2": "refused", "un-i1": "refused"}
        async with running(store_url, saga, clock=clock) as runtime:
            assert isinstance(await runtime.run(saga, Case(id="1")), Suspended)
            await clock.advance(hours=1)
            (ticket,) = await open_tickets(runtime)
            assert "i2: i2 is down; still to be undone: i1 (" in ticket.because
            assert ticket.because.endswith("before it, outer has done: a")
            assert world.calls.count("un-i1") == 2 * 5, "at first, and max_restarts + 1 times"
            world.weather.clear()
            await runtime.retry(ticket.id, **YES)
            await clock.advance(minutes=5)
            assert world.done == ["a", "i1", "un-i1", "un-a"]
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


def delegated(world: World) -> Saga[Case]:
    """A saga of a step that is a delegation, one of whose specialists is a saga."""

    def merge(parts: dict[str, Part], case: Case) -> Price:
        return Price(price=len(parts))

    inner = Saga("inner", world.step("i1"), world.step("i2"))
    owner = Boundary(
        "owner",
        proposer=Merged(Price),
        verifiers=[fair],
        commit=Transactional(keep),
        attempts=1,
        subject=Case,
    )
    both: Any = [inner, priced(3, name="opinion", attempts=1)]
    middle: Any = Delegation(owner, both, merge=merge)

    async def take_back(receipt: int, case: Case, key: str) -> None:
        world.call(f"un-{receipt}", key)

    return Saga(
        "outer", world.step("a"), Step(middle, undo=take_back), world.step("z", undone=False)
    )


@pytest.mark.parametrize(
    ("fails", "done"),
    [
        ("", ["a", "i1", "i2", "z"]),
        ("i2", ["a", "i1", "un-i1", "un-a"]),
        ("z", ["a", "i1", "i2", "un-2", "un-a"]),
    ],
)
def test_a_saga_within_a_delegation_within_a_saga(
    store_url: str, fails: str, done: list[str]
) -> None:
    async def main() -> None:
        world = World()
        world.weather[fails] = "refused"
        saga = delegated(world)
        async with running(store_url, saga) as runtime:
            outcome = await runtime.run(saga, Case(id="1"))
            assert isinstance(outcome, Compensated if fails else Committed)
            assert world.done == done

    asyncio.run(main())


# Steps that are crossed


def test_a_step_whose_first_proposal_is_rejected_and_revised_is_no_failure(store_url: str) -> None:
    async def main() -> None:
        world = World()
        price = priced(99, 7)
        saga = Saga("s", world.step("a"), Step(price, undo=world.undo("price")), world.step("z"))
        async with running(store_url, saga) as runtime:
            outcome = await runtime.run(saga, Case(id="1"))
            assert isinstance(outcome, Committed)
            assert outcome.receipt["case.price"] == 7
            assert world.done == ["a", "z"]

    asyncio.run(main())


def test_a_step_that_is_rejected_for_good_is_a_failure(store_url: str) -> None:
    async def main() -> None:
        world = World()
        saga = Saga("s", world.step("a"), Step(priced(99, 98, attempts=2)))
        async with running(store_url, saga) as runtime:
            outcome = await runtime.run(saga, Case(id="1"))
            assert isinstance(outcome, Compensated)
            assert outcome.because == "case.price: 10 at most"
            assert world.done == ["a", "un-a"]

    asyncio.run(main())


@pytest.mark.parametrize("yes", [True, False])
def test_a_saga_waits_for_a_person_and_goes_on_by_itself(store_url: str, yes: bool) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        price = priced(7).bounded_by(Approval(ask="role:lead", within=timedelta(days=9)))
        saga = Saga("s", world.step("a"), Step(price, undo=world.undo("price")), world.step("z"))
        async with running(store_url, saga, clock=clock) as runtime:
            outcome = await runtime.run(saga, Case(id="1"))
            assert isinstance(outcome, Suspended)
            assert outcome.ticket.ask == "role:lead"
            await clock.advance(minutes=20)
            assert world.done == ["a"]
            ticket = outcome.ticket
        async with running(store_url, saga, clock=clock) as runtime:
            await (runtime.approve if yes else runtime.deny)(ticket, **YES)
            await clock.advance(minutes=1)
            assert world.done == (["a", "z"] if yes else ["a", "un-a"])
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


# Kills


def test_a_kill_halts_a_saga_in_the_middle_and_it_goes_on_after_the_lift(store_url: str) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        killed = asyncio.Event()

        async def issue(case: Case, key: str) -> str:
            if not killed.is_set():
                killed.set()
                await runtime.kill("everything", **YES)
            return world.call("issue", key)

        saga = Saga(
            "s",
            world.step("reserve"),
            Step(issue, undo=world.undo("issue"), idempotent=True),
            world.step("book"),
        )
        options: Any = {"clock": clock, "principals": KILLERS}
        async with running(store_url, saga, **options) as runtime:
            outcome = await runtime.run(saga, Case(id="a"))
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "halted"
            await clock.advance(hours=1)
            assert world.done == ["reserve", "issue"], "what had begun ends, and nothing begins"
            await runtime.lift("everything", **YES)
            await clock.advance(minutes=1)
            assert world.done == ["reserve", "issue", "book"]
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


def test_a_saga_halted_before_it_began_survives_a_crash_after_it_has(store_url: str) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = world.saga()
        options: Any = {"clock": clock, "principals": KILLERS}
        async with running(store_url, saga, **options) as runtime:
            await runtime.kill("case.close", **YES)
            outcome = await runtime.run(saga, Case(id="a"))
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "halted"
            await runtime.lift("case.close", **YES)
            world.weather["issue"] = "late"
            assert isinstance(await runtime.run(saga, Case(id="a")), Unknown)
            world.weather.clear()
        async with running(store_url, saga, **options) as runtime:
            await clock.advance(hours=1)
            assert world.done == ["reserve", "issue", "book"]
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


# The point of no return


def test_a_failure_after_the_pivot_is_insisted_on_and_never_undone(store_url: str) -> None:
    async def main() -> None:
        world, clock = World(), FakeClock()
        saga = Saga(
            "s",
            world.step("reserve"),
            world.step("send", undone=False, pivot=True),
            world.step("book"),
            world.step("mail", undone=False),
        )
        world.weather["book"] = "refused"
        async with running(store_url, saga, clock=clock) as runtime:
            assert isinstance(await runtime.run(saga, Case(id="a")), Suspended)
            await clock.advance(hours=1)
            (ticket,) = await open_tickets(runtime)
            assert "has passed; still to be done: book, mail (" in ticket.because
            world.weather.clear()
            await runtime.retry(ticket.id, **YES)
            await runtime.drain()
            assert world.done == ["reserve", "send", "book", "mail"]
            assert isinstance(await runtime.run(saga, Case(id="a")), Committed)

    asyncio.run(main())


def test_a_failure_of_the_pivot_itself_undoes_what_came_before(store_url: str) -> None:
    async def main() -> None:
        world = World()
        send = world.step("send", undone=False, pivot=True)
        saga = Saga("s", world.step("reserve"), send, world.step("book"))
        world.weather["send"] = "refused"
        async with running(store_url, saga) as runtime:
            assert isinstance(await runtime.run(saga, Case(id="a")), Compensated)
            assert world.done == ["reserve", "un-reserve"]

    asyncio.run(main())


# Crashes and restarts


@pytest.mark.parametrize("by", ["saga", "boundary"])
@pytest.mark.parametrize("concurrency", [1, 64])
def test_sagas_that_were_cut_off_go_on_by_themselves(
    store_url: str, by: str, concurrency: int
) -> None:
    async def main() -> None:
        world = World()
        cut, all_there = asyncio.Event(), asyncio.Event()
        reached = 0

        async def issue(case: Case, key: str) -> str:
            nonlocal reached
            receipt = world.call("issue", key)
            if not cut.is_set():
                reached += 1
                if reached == 3:
                    all_there.set()
                await asyncio.Event().wait()
            return receipt

        def defined() -> Saga[Case]:
            step = Step(issue, undo=world.undo("issue"), idempotent=True)
            return Saga("s", world.step("reserve"), step, world.step("book", undone=False))

        saga = defined()
        async with running(store_url, saga) as runtime:
            begun = [asyncio.create_task(runtime.run(saga, Case(id=f"{n}"))) for n in range(3)]
            await all_there.wait()
            for task in begun:
                task.cancel()
            await asyncio.gather(*begun, return_exceptions=True)
        cut.set()
        world.weather["book"] = "refused"
        again = defined()
        knows = again if by == "saga" else again.boundary
        clock = FakeClock()
        async with running(store_url, knows, clock=clock, concurrency=concurrency) as runtime:
            await asyncio.wait_for(clock.advance(hours=1), 20)
            assert await runtime.ledger.pending() == []
            assert sorted(world.done) == sorted(["reserve", "issue", "un-issue", "un-reserve"] * 3)

    asyncio.run(main())


def test_a_statement_that_fails_decides_nothing(sqlite_url: str) -> None:
    """Whatever statement of the store fails, once: no step is given up for it, nor forgotten."""

    async def one(at: int) -> int:
        statements, counting = 0, False
        clock, world = FakeClock(), World()
        saga = world.saga()

        def fault_point(name: str) -> None:
            nonlocal statements
            statements += counting
            if counting and statements == at:
                raise ConnectionError("the store was away")

        store = storage_at(sqlite_url, fault_point=fault_point)
        async with running(store, saga, clock=clock) as runtime:
            counting = True
            with contextlib.suppress(ConnectionError):
                await runtime.run(saga, Case(id=f"{at}"))
            counting = False
            if await runtime.ledger.crossing(crossing_id(f"case.close/{at}")) is None:
                assert world.calls == [], "nothing is done before it is on record"
                return statements
            await clock.advance(hours=2)
            assert world.done == ["reserve", "issue", "book"], at
            assert isinstance(await runtime.run(saga, Case(id=f"{at}")), Committed)
            assert await runtime.ledger.pending() == []
        return statements

    async def main() -> None:
        whole = await one(0)
        assert whole > 20
        for at in range(1, whole + 1):
            assert await one(at) >= at

    asyncio.run(main())


# Definitions


def test_what_is_no_saga_is_refused() -> None:
    world = World()
    step = world.step
    pivot = partial(step, undone=False, pivot=True)

    async def outside(case: Case, key: str) -> str:
        return ""

    def inside(case: Case, write: Write[Case]) -> str:
        return ""

    async def ask(key: str) -> str | None:
        return None

    class Caller:
        async def __call__(self, case: Case, key: str) -> str:
            return ""

    price = priced(1)
    inner = Saga("inner", step("a", undone=False))
    wrong: dict[str, Any] = {
        "has no steps": lambda: Saga("s"),
        "two steps of one name": lambda: Saga("s", step("a"), step("a")),
        "cannot be undone": lambda: Saga("s", step("a", undone=False), step("b")),
        "step inner of saga s cannot be undone": lambda: Saga("s", Step(inner), step("b")),
        "two pivots": lambda: Saga("s", pivot("a"), pivot("b")),
        "it has no undo=": lambda: step("a", pivot=True),
        "is no step": lambda: Step(3),  # type: ignore[arg-type]
        "takes nothing back": lambda: Step(outside, undo=price),  # type: ignore[arg-type]
        "called asynchronously": lambda: Step(Caller()),
        "not an async function": lambda: Step(inside, idempotent=True),
        "about another system": lambda: Step(inside, reconcile=ask),
        "but step case.price": lambda: Step(price, idempotent=True),
        "cannot tell its subject": lambda: Saga("s", Step(lambda case, write: "")),
    }
    for message, define in wrong.items():
        with pytest.raises(UsageError) as refusal:
            define()
        assert message in str(refusal.value)


def test_a_saga_is_run_by_a_runtime() -> None:
    async def main() -> None:
        from signoff.boundary import Question

        with pytest.raises(UsageError, match="run by a runtime"):
            await World().saga()(Question(subject=Case(id="a"), crossing="c"))

    asyncio.run(main())
