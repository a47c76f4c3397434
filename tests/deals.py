"""A small world for tests of the loop: deals, offers, a policy, and ways to carry them out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel

from signoff import Accept, Boundary, Reject, Runtime, Transactional, Verdict, Write
from signoff.state import StateMachine
from signoff.testing import FakeClock, Scripted


class Deal(BaseModel):
    id: str = "d"
    limit: int = 10
    sold: int = 0


class Offer(BaseModel):
    price: int


def within_limit(offer: Offer, deal: Deal) -> Verdict:
    if offer.price <= deal.limit:
        return Accept()
    return Reject("over_limit", f"{offer.price} asked, {deal.limit} allowed")


def sell(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
    return offer.price


def record_sale(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
    write.replace(deal.model_copy(update={"sold": deal.sold + 1}))
    return offer.price


def selling(*answers: Any, verifiers: Sequence[Any] = (within_limit,), **more: Any) -> Any:
    """A boundary whose proposer says `answers`, one after the other."""
    options = {"commit": Transactional(sell), "subject": Deal, **more}
    proposer = Scripted(*answers, proposes=Offer)
    return Boundary("deal.sell", proposer=proposer, verifiers=verifiers, **options)


def asked(boundary: Any) -> int:
    """How often its proposer was asked."""
    return len(boundary.proposer.asked)


def lifecycle(*timers: Any, **more: Any) -> StateMachine[str]:
    moves = {"open": {"sold", "lost"}, "sold": {"closed"}, "lost": {"open"}}
    return StateMachine("deal", moves, start="open", timers=timers, subject=Deal, **more)


@asynccontextmanager
async def running(
    store: Any = "sqlite://:memory:", *knows: Any, clock: FakeClock | None = None
) -> AsyncIterator[Runtime]:
    async with Runtime(store, clock=clock or FakeClock(), knows=knows) as runtime:
        yield runtime
        verification = await runtime.ledger.verify()
        assert verification.faults == ()


async def story(runtime: Runtime, subject: str = "d") -> list[str]:
    """The types of a subject's records, in order."""
    return [entry.type async for entry in runtime.ledger.of_subject(subject)]


def always(verdict: Any) -> Callable[[Offer, Deal], Any]:
    """A predicate that answers the same to everything."""

    def predicate(offer: Offer, deal: Deal) -> Any:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    return predicate
