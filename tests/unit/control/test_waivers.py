"""A person's yes sets aside what asked for a person, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, computed_field

from signoff import (
    Accept,
    Boundary,
    Committed,
    Reject,
    Rejected,
    Runtime,
    Suspended,
    Transactional,
    Verdict,
    Write,
)
from signoff.boundary import Ticket
from signoff.control import Approval, Escalation, Gate
from signoff.testing import Scripted

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
            done = await runtime.edit(again, Offer(price=67), by="dana", because="another")
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
            edited = await runtime.edit(ticket, Offer(price=95), by="dana", because="more")
            assert "very dear" in waiting(edited).because

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
