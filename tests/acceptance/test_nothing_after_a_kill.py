"""After a kill has committed, nothing in its scope commits: whoever writes, and from wherever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from bounded import (
    Order,
    Price,
    affordable,
    asked,
    console,
    entries,
    running,
    says,
    selling,
    ship,
    types,
)

import signoff.boundary._passage as passage
from signoff import (
    Accept,
    Committed,
    External,
    Reject,
    Rejected,
    Runtime,
    Suspended,
    Transactional,
    Write,
)
from signoff.boundary import Kill, Question
from signoff.clock import SystemClock
from signoff.control import Escalation, KillSwitch
from signoff.ledger import Entry
from signoff.proposers import Function
from signoff.state import StateMachine

WRITERS = 16

#: By scope, whether a crossing of (boundary, tenant, subject) is in it.
SCOPES: dict[str, Callable[[str, str, str], bool]] = {
    "everything": lambda boundary, tenant, subject: True,
    "order.ship": lambda boundary, tenant, subject: boundary == "order.ship",
    "sales": lambda boundary, tenant, subject: boundary in ("order.sell", "order.move"),
    "tenant:acme": lambda boundary, tenant, subject: tenant == "acme",
    "subject:b-": lambda boundary, tenant, subject: subject.startswith("b-"),
}


async def propose(question: Question[Order]) -> Price:
    await asyncio.sleep(0)  # asking takes time, in which a kill may come
    return Price(price=1)


def a_machine() -> StateMachine[str]:
    return StateMachine("order", {"open": {"sold"}, "sold": set()}, start="open", subject=Order)


@dataclass
class Writers:
    """Sixteen loops that cross one boundary after the other, each time with a new subject."""

    runtime: Runtime
    name: str
    machine: StateMachine[str] = field(default_factory=a_machine)
    stopping: bool = False
    #: Commits and halts so far, by (boundary, tenant, group).
    committed: dict[tuple[str, str, str], int] = field(default_factory=dict)
    turns: int = 0

    def __post_init__(self) -> None:
        proposer: Any = Function(propose)
        switch = KillSwitch("sales")
        self.sell = selling(proposer=proposer).bounded_by(switch)
        self.ship = selling(name="order.ship", proposer=proposer, commit=ship)
        self.move = selling(name="order.move", proposer=proposer).bounded_by(switch)

    async def write(self, number: int) -> None:
        group = "ab"[number % 2]
        turn = 0
        while not self.stopping:
            turn += 1
            kind = (number // 2 + turn) % 3
            tenant = ("acme", "bolt")[(number // 4 + turn) % 2]
            order = Order(id=f"{group}-{self.name}{number}.{turn}", tenant=tenant)
            if kind == 0:
                outcome: Any = await self.runtime.run(self.sell, order)
            elif kind == 1:
                outcome = await self.runtime.run(self.ship, order)
            else:
                handle = await self.runtime.start(self.machine, order)
                outcome = await self.runtime.advance(handle, "sold", through=self.move)
            self.turns += 1
            if isinstance(outcome, Committed):
                done = (("order.sell", "order.ship", "order.move")[kind], tenant, f"{group}-")
                self.committed[done] = self.committed.get(done, 0) + 1

    def outside(self, scope: str) -> int:
        """Commits so far out of a scope."""
        within = SCOPES[scope]
        return sum(n for done, n in self.committed.items() if not within(*done))


def violations(found: list[Entry]) -> list[Entry]:
    """Commits, intents and moves within the scope of a kill that stands before them."""
    about: dict[str, tuple[str, str, str]] = {}
    intended: set[str] = set()
    killed: set[str] = set()
    wrong: list[Entry] = []
    for entry in found:
        fields = json.loads(entry.body)
        if entry.type == "opened":
            about[entry.crossing] = (fields["boundary"], fields["subject"]["tenant"], entry.subject)
        elif entry.type == "controlchanged":
            change = killed.add if fields["change"] == "killed" else killed.discard
            change(fields["control"].removeprefix("kill:"))
        elif entry.type in ("intended", "committed", "moved"):
            if entry.crossing in intended:
                continue  # its effect was under way; it ends, and is recorded
            if any(SCOPES[scope](*about[entry.crossing]) for scope in killed):
                wrong.append(entry)
            elif entry.type == "intended":
                intended.add(entry.crossing)
    return wrong


async def rounds(url: str, scope: str, *, count: int, runtimes: int = 1) -> list[Entry]:
    async with AsyncExitStack() as stack:
        crews: list[Writers] = []
        for n in range(runtimes):
            runtime = await stack.enter_async_context(running(url, clock=SystemClock()))
            crews.append(Writers(runtime, f"r{n}"))
        kill, lift = await stack.enter_async_context(console(url))
        tasks = [
            asyncio.create_task(crew.write(number))
            for crew in crews
            for number in range(WRITERS // runtimes)
        ]

        async def until(go_on: Callable[[], bool]) -> None:
            while not go_on():
                for task in tasks:
                    assert not task.done(), task.exception()
                await asyncio.sleep(0.0005)

        def turns() -> int:
            return sum(crew.turns for crew in crews)

        for _ in range(count):
            before = turns()
            await until(lambda before=before: turns() > before + 3)  # type: ignore[misc]
            await kill(scope)
            before, outside = turns(), sum(crew.outside(scope) for crew in crews)
            await until(lambda before=before: turns() > before + WRITERS)  # type: ignore[misc]
            if scope != "everything":
                await until(lambda n=outside: sum(c.outside(scope) for c in crews) > n)  # type: ignore[misc]
            await lift(scope)
        for crew in crews:
            crew.stopping = True
        await asyncio.gather(*tasks)
        found = await entries(crews[0].runtime)
        assert sum(entry.type == "controlchanged" for entry in found) == 2 * count
        assert any(entry.type == "halted" for entry in found)
        assert any(entry.type == "moved" for entry in found)
        return found


@pytest.mark.parametrize("scope", SCOPES)
def test_nothing_in_its_scope_commits_after_a_kill(store_url: str, scope: str) -> None:
    found = asyncio.run(rounds(store_url, scope, count=10))
    assert violations(found) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scope", SCOPES)
def test_nor_in_two_hundred_rounds(store_url: str, scope: str) -> None:
    found = asyncio.run(rounds(store_url, scope, count=40))
    assert violations(found) == []


@pytest.mark.parametrize(
    ("scope", "count"),
    [("tenant:acme", 8), *(pytest.param(scope, 40, marks=pytest.mark.slow) for scope in SCOPES)],
)
@pytest.mark.timeout(600)
def test_nor_in_another_process(postgres_database: str, scope: str, count: int) -> None:
    found = asyncio.run(rounds(postgres_database, scope, count=count, runtimes=2))
    assert violations(found) == []


def test_without_the_look_at_the_commit_these_tests_would_find_commits_after_a_kill(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest: Any = getattr(passage, "ask_at_commit")  # noqa: B009  # it is not exported there

    def blind(boundary: Any, tx: Any, *more: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(type(tx), "switch", lambda tx, name: "")
            return honest(boundary, tx, *more)

    monkeypatch.setattr(passage, "ask_at_commit", blind)
    found = asyncio.run(rounds(store_url, "everything", count=5))
    assert violations(found)


def test_without_the_wait_for_whoever_has_read_the_kills_they_would_too(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from signoff.storage._transaction import StoredTransaction

    async def main() -> list[Entry]:
        slow = asyncio.Event()

        def look(tx: StoredTransaction, name: str) -> str:
            return tx._state_of(tx.connection.run("switch", {"name": name}))

        loop = asyncio.get_running_loop()

        def sell_slowly(offer: Price, order: Order, write: Write[Order]) -> int:
            loop.call_soon_threadsafe(slow.set)
            write.execute("SELECT pg_sleep(0.2)")
            return offer.price

        monkeypatch.setattr(StoredTransaction, "switch", look)
        async with running(postgres_database) as runtime, console(postgres_database) as (kill, _):
            selling_slowly = selling(commit=Transactional(sell_slowly))
            crossing = asyncio.create_task(runtime.run(selling_slowly, Order(id="a-1")))
            await slow.wait()
            await kill("everything")
            await crossing
            return await entries(runtime)

    assert violations(asyncio.run(main()))


def test_a_kill_is_not_kept_waiting_by_commits_that_never_stop_coming(store_url: str) -> None:
    async def main() -> None:
        async with (
            running(store_url, clock=SystemClock()) as runtime,
            console(store_url) as (kill, lift),
        ):
            crew = Writers(runtime, "r")
            tasks = [asyncio.create_task(crew.write(number)) for number in range(WRITERS)]
            for _ in range(20):
                before = crew.turns
                await kill("tenant:nobody")
                await lift("tenant:nobody")
                assert crew.turns < before + 2000, "they go on meanwhile, and it has its turn"
                await asyncio.sleep(0)
            crew.stopping = True
            await asyncio.gather(*tasks)
            assert all(entry.type != "halted" for entry in await entries(runtime))

    asyncio.run(main())


def test_after_a_lift_the_same_key_goes_on_with_what_waited(store_url: str) -> None:
    async def main() -> None:
        async with running(store_url) as runtime, console(store_url) as (kill, lift):

            async def killed_meanwhile(question: Any) -> Price:
                await kill("order.sell")
                return Price(price=7)

            boundary = selling().proposed_by(says())
            boundary.proposer._answers = (killed_meanwhile,)
            order = Order(id="a-1")
            for _ in range(3):
                outcome = await runtime.run(boundary, order)
                assert isinstance(outcome, Rejected)
                assert (outcome.code, outcome.ended) == ("killed", "halted")
            await lift("order.sell")
            assert await runtime.run(boundary, order) == Committed(7, outcome.crossing, 1)
            assert asked(boundary) == 1
            found = await types(runtime, "a-1")
            assert found.count("opened") == found.count("committed") == 1

    asyncio.run(main())


def test_a_kill_between_two_attempts_leaves_the_proposer_another_one(store_url: str) -> None:
    async def main() -> None:
        async with running(store_url) as runtime, console(store_url) as (kill, lift):

            async def killed_meanwhile(question: Any) -> Price:
                await kill("order.sell")
                return Price(price=200)

            def cheap(offer: Price, order: Order) -> Accept | Reject:
                return Accept() if offer.price < 100 else Reject("too_high", "less")

            boundary = selling(verifiers=[cheap]).proposed_by(says())
            boundary.proposer._answers = (killed_meanwhile, Price(price=8))
            outcome = await runtime.run(boundary, Order(id="a-1"))
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "halted"
            await lift("order.sell")
            outcome = await runtime.run(boundary, Order(id="a-1"))
            assert isinstance(outcome, Committed)
            assert (outcome.receipt, outcome.attempts) == (8, 2)

    asyncio.run(main())


def test_what_was_enqueued_waits_for_the_lift_and_a_failure_then_is_its_first(
    store_url: str,
) -> None:
    async def main() -> None:
        sent: list[str] = []
        broken = True

        async def mail(payload: Any, order: Order, key: str) -> str:
            sent.append(key)
            if broken:
                raise ConnectionError("not yet")
            return "sent"

        letter = External(mail, idempotent=True)

        def sell_and_tell(offer: Price, order: Order, write: Write[Order]) -> int:
            write.enqueue(letter, {"price": offer.price})
            return offer.price

        boundary = selling(commit=Transactional(sell_and_tell, effects=(letter,)))
        async with running(store_url) as runtime, console(store_url) as (kill, lift):
            clock: Any = runtime.clock
            assert isinstance(await runtime.run(boundary, Order(id="a-1", tenant="t")), Committed)
            await kill("tenant:t")
            await clock.advance(minutes=30)
            assert sent == []
            await lift("tenant:t")
            await clock.advance(seconds=30)
            assert sent
            assert "unknown" in await types(runtime, "a-1"), "that it waits is on record"
            broken = False
            await clock.advance(minutes=1)
            assert (await types(runtime, "a-1"))[-1] == "delivered"
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


def test_an_effect_that_was_under_way_ends_and_is_recorded(store_url: str) -> None:
    async def main() -> None:
        async with running(store_url) as runtime, console(store_url) as (kill, _):

            async def ship_slowly(offer: Price, order: Order, key: str) -> str:
                await kill("everything")
                return "shipped"

            boundary = selling(name="order.ship", commit=ship_slowly)
            assert await runtime.run(boundary, Order(id="a-1")) == Committed(
                "shipped", (await entries(runtime))[0].crossing, 1
            )
            found = [entry.type for entry in await entries(runtime)]
            assert found[-3:] == ["intended", "controlchanged", "committed"]
            assert violations(await entries(runtime)) == []

    asyncio.run(main())


def test_a_question_may_be_asked_after_a_kill_but_nothing_moves_for_it(store_url: str) -> None:
    moves = {"open": {"asking", "sold"}, "asking": {"sold"}, "sold": set[str]()}
    machine = StateMachine("order", moves, start="open", subject=Order)

    async def main() -> None:
        async with running(store_url, machine) as runtime, console(store_url) as (kill, lift):

            async def killed_meanwhile(question: Any) -> Price:
                await kill("subject:a-")
                return Price(price=500)

            def escalating(offer: Price, order: Order) -> Any:
                if offer.price > 100:
                    return Reject("dear", "a person decides", then="escalate")
                return affordable(offer, order)

            boundary = selling(verifiers=[escalating]).bounded_by(Escalation(ask="role:boss"))
            boundary = boundary.proposed_by(says())
            boundary.proposer._answers = (killed_meanwhile,)
            handle = await runtime.start(machine, Order(id="a-1"))
            outcome = await runtime.advance(handle, "sold", through=boundary, waits_in="asking")
            assert isinstance(outcome, Suspended)
            assert handle.state == "open"
            assert violations(await entries(runtime)) == []
            await lift("subject:a-")
            because = {"by": "dana", "because": "fine"}
            assert isinstance(await runtime.approve(outcome.ticket, **because), Committed)
            assert handle.state == "sold"

    asyncio.run(main())


def test_the_scopes_of_these_tests_are_those_of_a_kill() -> None:
    for scope, within in SCOPES.items():
        kill = Kill(scope=scope, by="dana", because="", at="")
        for boundary, switches in (("order.sell", ["sales"]), ("order.ship", [])):
            for tenant in ("acme", "bolt", ""):
                for subject in ("a-1", "b-1", "b"):
                    reached = kill.reaches(
                        boundary=boundary, subject=subject, tenant=tenant, switches=switches
                    )
                    assert reached == within(boundary, tenant, subject)
