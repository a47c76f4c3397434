"""Any interleaving of people, clocks, kills and restarts: every ticket is answered once at most."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from bounded import PRINCIPALS, Order, Price, affordable, running, says, selling
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from signoff import Reject, Runtime, Suspended
from signoff.boundary import crossing_id, digest_of
from signoff.control import Approval, Escalation, Throttle
from signoff.errors import BadInput, NotAllowed
from signoff.testing import FakeClock

HOUR = timedelta(hours=1)
PEOPLE = ["dana", "omar", "eve", "ike"]

ORDERS = st.integers(0, 2)


def odd(offer: Price, order: Order) -> Any:
    if offer.price == 13:
        return Reject("odd", "a person decides", then="escalate")
    return affordable(offer, order)


class Tickets(RuleBasedStateMachine):
    """Three orders at a time, and everything that may happen to them."""

    #: Set by the test: where the store is, and the loop that everything runs in.
    url: ClassVar[str]
    loop: ClassVar[asyncio.Runner]
    examples: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.example = self.examples
        self.clock = FakeClock()
        self.prices: dict[int, int] = {}
        name = f"order.{self.example}"
        self.boundary = selling(
            name=name, proposer=says(Price(price=7)), verifiers=[odd]
        ).bounded_by(
            Throttle(per_minute=2),
            Approval(ask="role:lead", within=HOUR, four_eyes=True),
            Approval(
                ask="role:boss",
                within=2 * HOUR,
                when=lambda offer, order: offer.price > 20,
                otherwise=Escalation(ask="role:operator"),
            ),
        )
        self.boundary.proposer._answers = (self._propose,)
        self.boundary.proposer._repeat = True
        self.killed = False
        self._do(self._start())

    def _do(self, work: Any) -> Any:
        return self.loop.run(work)

    async def _start(self) -> None:
        self.stack = AsyncExitStack()
        self.runtime: Runtime = await self.stack.enter_async_context(
            running(self.url, self.boundary, clock=self.clock)
        )

    def _propose(self, question: Any) -> Price:
        return Price(price=self.prices[int(question.subject.id.split(".")[1])])

    def _order(self, n: int) -> Order:
        return Order(id=f"{self.example}.{n}")

    async def _ticket(self, n: int) -> Any:
        rows = await self.runtime.ledger.tickets_of(self._order(n).id)
        return rows[-1] if rows else None

    @rule(n=ORDERS, price=st.sampled_from([7, 13, 30, 500]))
    def run(self, n: int, price: int) -> None:
        self.prices.setdefault(n, price)
        self._do(self.runtime.run(self.boundary, self._order(n), principal="omar"))

    @rule(n=ORDERS, by=st.sampled_from(PEOPLE), how=st.sampled_from(["approve", "deny", "edit"]),
          price=st.sampled_from([8, 13, 30, 500]), twice=st.booleans())  # fmt: skip
    def answer(self, n: int, by: str, how: str, price: int, twice: bool) -> None:
        async def say() -> Any:
            ticket = await self._ticket(n)
            if ticket is None:
                return
            verbs: dict[str, Callable[[], Any]] = {
                "approve": lambda: self.runtime.approve(ticket.id, by=by, because="yes"),
                "deny": lambda: self.runtime.deny(ticket.id, by=by, because="no"),
                "edit": lambda: self.runtime.edit(
                    ticket.id, Price(price=price), by=by, because="so"
                ),
            }
            for said in await asyncio.gather(*(verbs[how]() for _ in "12"[: 1 + twice]),
                                             return_exceptions=True):  # fmt: skip
                assert not isinstance(said, BaseException) or isinstance(said, NotAllowed), said

        self._do(say())

    @rule(minutes=st.sampled_from([1, 30, 61, 200]))
    def later(self, minutes: int) -> None:
        self._do(self.clock.advance(minutes=minutes))

    @rule()
    def kill_or_lift(self) -> None:
        verb = self.runtime.lift if self.killed else self.runtime.kill
        self._do(verb(self.boundary.name, by="dana", because="a drill"))
        self.killed = not self.killed

    @rule()
    def restart(self) -> None:
        self._do(self.stack.aclose())
        self._do(self._start())

    def teardown(self) -> None:
        self._do(self.stack.aclose())

    @invariant()
    def all_accounts_agree(self) -> None:
        self._do(self._check())

    async def _check(self) -> None:
        for n in self.prices:
            order = self._order(n)
            crossing = await self.runtime.ledger.crossing(
                crossing_id(f"{self.boundary.name}/{order.id}")
            )
            tickets = await self.runtime.ledger.tickets_of(order.id)
            found = [entry async for entry in self.runtime.ledger.of_subject(order.id)]
            told = [(entry.type, json.loads(entry.body)) for entry in found]
            if crossing is None:
                assert not told
                continue
            # Tickets and the ledger: opened once, answered once at most, in the same words.
            opened = [body["ticket"] for type, body in told if type == "suspended"]
            resumed = {body["ticket"]: body for type, body in told if type == "resumed"}
            assert sorted(opened) == sorted(ticket.id for ticket in tickets)
            assert len(opened) == len(set(opened))
            assert sum(type == "resumed" for type, _ in told) == len(resumed)
            for ticket in tickets:
                said = resumed.get(ticket.id)
                assert (ticket.status == "open") == (said is None)
                if said is not None:
                    assert said["answer"] == ticket.status
            waiting = [ticket for ticket in tickets if ticket.status == "open"]
            assert len(waiting) == (crossing.status == "suspended")
            if waiting:
                assert crossing.state["ticket"]["id"] == waiting[0].id
                assert crossing.state["waiting"]["proposal"] == waiting[0].body["proposal"]
            # A commit is of what was agreed to by whoever had to.
            commits = [body for type, body in told if type == "committed"]
            assert len(commits) == (crossing.status == "committed")
            if commits:
                last = [body for type, body in told if type == "proposed"][-1]["proposal"]
                digest = digest_of(last)
                yes = [
                    ticket
                    for ticket in tickets
                    if ticket.status == "approved" and ticket.body["digest"] == digest
                ]
                asked = [ticket.body["terms"]["control"] for ticket in yes]
                assert asked.count("approval:role:lead") == 1
                written = [t.by for t in tickets if t.status == "edited"]
                lead = next(t for t in yes if t.body["terms"]["control"] == "approval:role:lead")
                assert lead.by not in ("omar", lead.body["editor"])
                assert "lead" in PRINCIPALS.roles_of(lead.by)
                if last["price"] > 20:
                    boss = [t.body["terms"]["control"] for t in tickets if t.id in resumed]
                    assert "approval:role:boss" in boss
                if written and last["price"] == commits[-1]["receipt"] != self.prices[n]:
                    assert lead.body["editor"] in written
                assert commits[-1]["receipt"] == last["price"] <= 100
                assert last["price"] != 13 or any(
                    ticket.body["waives"] for ticket in tickets if ticket.status == "approved"
                )
            rejected = [body for type, body in told if type == "rejected"]
            assert len(rejected) == (crossing.status == "rejected")


def _any_interleaving(url: str, examples: int, steps: int) -> None:
    with asyncio.Runner() as loop:
        Tickets.url, Tickets.loop, Tickets.examples = url, loop, 0
        run_state_machine_as_test(
            Tickets,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True
)
def test_every_ticket_is_answered_once_at_most(store_url: str) -> None:
    _any_interleaving(store_url, examples=10, steps=20)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nor_more_often_in_many_interleavings(store_url: str) -> None:
    _any_interleaving(store_url, examples=40, steps=40)


def test_what_is_not_killed_cannot_be_lifted(store_url: str) -> None:
    async def main() -> None:
        async with running(store_url) as runtime:
            with pytest.raises(BadInput, match="not killed"):
                await runtime.lift("everything", by="dana", because="of nothing")
            outcome = await runtime.run(
                selling().bounded_by(Approval(ask="role:lead", within=HOUR)), Order(id="a")
            )
            assert isinstance(outcome, Suspended)

    asyncio.run(main())
