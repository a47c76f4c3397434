"""A person's yes sets aside what asked for a person, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, computed_field

from signoff import (
    Accept,
    Boundary,
    Committed,
    External,
    Reject,
    Rejected,
    Runtime,
    Suspended,
    Transactional,
    Verdict,
    Write,
)
from signoff.boundary import Ticket
from signoff.control import (
    Answer,
    Approval,
    Escalation,
    Gate,
    Principal,
    Principals,
    answer,
)
from signoff.testing import FakeClock, Scripted

PEOPLE = {"dana": ["operator"]}


class Deal(BaseModel):
    id: str = "d-1"
    sold_out: bool = False


class Offer(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    price: float = Field(alias="thePrice")

    @computed_field
    def doubled(self) -> float:
        return 2 * self.price


class Shop(BaseModel):
    id: str

    @property
    def tenant(self) -> str:
        return self.id.partition("-")[0]


def keep(offer: Offer, deal: Deal, write: Write[Deal]) -> float:
    return offer.price


def dear(offer: Offer, deal: Deal) -> Verdict:
    return Accept() if offer.price < 50 else Reject("ask", "dear", then="escalate")


def in_stock(offer: Offer, deal: Deal) -> Verdict:
    return Reject("sold_out", "nothing left") if offer.price == 66 else Accept()


def very_dear(offer: Offer, deal: Deal) -> Verdict:
    if offer.price < 90:
        return Accept()
    return Reject("ask", "very dear", then="escalate", details={"rule": "very-dear"})


def quite_dear(offer: Offer, deal: Deal) -> Verdict:
    if offer.price < 80:
        return Accept()
    return Reject("ask", "quite dear", then="escalate", details={"rule": "quite-dear"})


def selling(*prices: float) -> Boundary[Deal, Offer, float]:
    offers = [Offer(price=price) for price in prices]
    return Boundary(
        "deal",
        proposer=Scripted(*offers),
        verifiers=[dear, in_stock],
        commit=Transactional(keep),
    )


def waiting(outcome: object) -> Ticket:
    assert isinstance(outcome, Suspended)
    return outcome.ticket


def test_the_ticket_after_a_yes_says_what_still_objects() -> None:
    async def main() -> None:
        async with Runtime("sqlite://:memory:", principals=PEOPLE) as runtime:
            ticket = waiting(await runtime.run(selling(66), Deal()))
            assert "dear" in ticket.because
            again = waiting(await runtime.approve(ticket, by="dana", because="fine"))
            assert "nothing left" in again.because
            assert "dear" not in again.because
            edited = await runtime.edit(again, Offer(price=67), by="dana", because="another")
            assert "dear" in waiting(edited).because  # the yes was about the other proposal
            done = await runtime.approve(waiting(edited), by="dana", because="fine, too")
            assert isinstance(done, Committed)

    asyncio.run(main())


def test_one_yes_after_the_other_is_enough_for_all_who_ask() -> None:
    """A verifier, a gate and an approval each ask about the same proposal, each once."""

    def always(offer: Offer, deal: Deal) -> bool:
        return True

    async def main() -> None:
        approval = Approval(when=always, ask="role:operator", within=timedelta(hours=1))
        boundary = selling(95).bounded_by(Gate(quite_dear), approval)
        async with Runtime("sqlite://:memory:", principals=PEOPLE) as runtime:
            ticket = waiting(await runtime.run(boundary, Deal()))
            whys = [ticket.because]
            for _ in range(2):
                ticket = waiting(await runtime.approve(ticket, by="dana", because="fine"))
                whys.append(ticket.because)
            assert isinstance(await runtime.approve(ticket, by="dana", because="fine"), Committed)
            assert [why.split(" (")[0] for why in whys] == [
                "ask: dear",
                "ask: quite dear",
                "always",
            ]

    asyncio.run(main())


def test_a_yes_to_one_rule_is_none_to_another_with_its_code() -> None:
    async def main() -> None:
        boundary = selling(85).bounded_by(Gate(quite_dear, very_dear), Escalation(ask="dana"))
        async with Runtime("sqlite://:memory:") as runtime:
            ticket = waiting(await runtime.run(boundary, Deal()))
            ticket = waiting(await runtime.approve(ticket, by="dana", because="dear is fine"))
            assert "quite dear" in ticket.because
            ticket = waiting(await runtime.edit(ticket, Offer(price=95), by="dana", because="more"))
            assert "ask: dear" in ticket.because
            ticket = waiting(await runtime.approve(ticket, by="dana", because="this one, too"))
            assert "very dear" in ticket.because

    asyncio.run(main())


def test_a_proposal_with_aliases_and_computed_fields_survives_its_ticket() -> None:
    async def main() -> None:
        async with Runtime("sqlite://:memory:", principals=PEOPLE) as runtime:
            ticket = waiting(await runtime.run(selling(70), Deal()))
            outcome = await runtime.approve(ticket, by="dana", because="fine")
            assert isinstance(outcome, Committed)
            assert outcome.receipt == 70
            ticket = waiting(await runtime.run(selling(70), Deal(id="d-2")))
            denied = await runtime.deny(ticket, by="dana", because="no")
            assert isinstance(denied, Rejected)
            assert (denied.code, denied.ended) == ("denied", "denied")

    asyncio.run(main())


def test_an_edit_sets_aside_only_what_its_own_ticket_asks() -> None:
    """What the chief agreed to about one proposal is no leave for the lead to write another."""

    def always(offer: Offer, deal: Deal) -> bool:
        return True

    async def main() -> None:
        people = {"chief": ["chief"], "lead": ["lead"]}
        boundary = selling(60).bounded_by(
            Escalation(ask="role:chief"),
            Approval(when=always, ask="role:lead", within=timedelta(hours=1)),
        )
        async with Runtime("sqlite://:memory:", principals=people) as runtime:
            ticket = waiting(await runtime.run(boundary, Deal()))
            second = waiting(await runtime.approve(ticket, by="chief", because="just this"))
            assert second.ask == "role:lead"
            third = waiting(await runtime.edit(second, Offer(price=99), by="lead", because="more"))
            assert third.ask == "role:chief"
            assert "dear" in third.because

    asyncio.run(main())


def test_a_ticket_outlives_the_gate_that_was_taken_away(sqlite_url: str) -> None:
    async def main() -> None:
        gated = selling(70).bounded_by(Gate(in_stock))
        with_policy = Path(sqlite_url.removeprefix("sqlite:///")).with_suffix(".yaml")
        with_policy.write_text(
            'policy: p\nversion: "1"\ndefault: allow\nrules:\n'
            '  - {id: r, when: subject.sold_out, code: sold_out, message: "no", then: stop}\n'
        )
        async with Runtime(sqlite_url, principals=PEOPLE) as runtime:
            await runtime.run(selling(1).bounded_by(Gate(with_policy)), Deal(id="d-0"))
        async with Runtime(sqlite_url, principals=PEOPLE) as runtime:
            ticket = waiting(await runtime.run(gated, Deal()))
            outcome = await runtime.approve(ticket, by="dana", because="fine")
            assert isinstance(outcome, Committed)

    asyncio.run(main())


def test_a_yes_is_about_the_subject_that_was_seen() -> None:
    async def main() -> None:
        sold: list[bool] = []

        def note(offer: Offer, deal: Deal, write: Write[Deal]) -> float:
            sold.append(deal.sold_out)
            return offer.price

        offers = Scripted(Offer(price=70))
        boundary: Boundary[Deal, Offer, float] = Boundary(
            "deal", proposer=offers, verifiers=[dear], commit=Transactional(note)
        )
        async with Runtime("sqlite://:memory:", principals=PEOPLE) as runtime:
            ticket = waiting(await runtime.run(boundary, Deal()))

            def write(tx: Any) -> None:
                now = runtime.clock.now()
                said = Answer(kind="approve", by="dana", because="fine")
                answer(tx, ticket.id, said, Principals.of(PEOPLE), now)

            await runtime.ledger.transact(write)
            outcome = await runtime.run(boundary, Deal(sold_out=True))
            assert isinstance(outcome, Committed)
            assert sold == [False]

    asyncio.run(main())


def test_a_kill_of_a_tenant_reaches_effects_whose_tenant_is_worked_out() -> None:
    mailed: list[str] = []

    async def mail(payload: str, shop: Shop, key: str) -> str:
        mailed.append(shop.id)
        return "ok"

    effect = External(mail, idempotent=True)

    def sell(offer: Offer, shop: Shop, write: Write[Shop]) -> float:
        write.enqueue(effect, "hello")
        return offer.price

    async def main() -> None:
        boundary: Boundary[Shop, Offer, float] = Boundary(
            "shop",
            proposer=Scripted(Offer(price=1), Offer(price=1)),
            verifiers=[],
            commit=Transactional(sell, effects=(effect,)),
        )
        people = {"dana": Principal(may_kill=frozenset({"everything"}))}
        clock = FakeClock()
        async with Runtime("sqlite://:memory:", principals=people, clock=clock) as runtime:
            assert isinstance(await runtime.run(boundary, Shop(id="acme-1")), Committed)
            await runtime.kill("tenant:acme", by="dana", because="a test")
            await runtime.drain()
            assert mailed == []
            await runtime.lift("tenant:acme", by="dana", because="over")
            await clock.advance(minutes=5)
            assert mailed == ["acme-1"]

    asyncio.run(main())
