"""A small world for tests of controls: orders with a tenant, offers, and what is on the ledger."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from stores import opened

from signoff import Accept, Boundary, Reject, Runtime, Transactional, Verdict, Write
from signoff.boundary import Answer
from signoff.clock import SystemClock
from signoff.control import Principal, Principals, lift, throw
from signoff.ledger import Entry, Usage
from signoff.testing import FakeClock, Scripted


class Order(BaseModel):
    id: str
    tenant: str = ""
    sold: int = 0


class Price(BaseModel):
    price: int
    usd: float = 0.0


PRINCIPALS = Principals(
    {
        "dana": Principal(
            roles=frozenset({"lead", "boss", "operator"}), may_kill=frozenset({"everything"})
        ),
        "omar": Principal(roles=frozenset({"lead"})),
        "eve": Principal(roles=frozenset({"lead", "boss"})),
        "ike": Principal(roles=frozenset({"intern"})),
    }
)

YES = {"because": "it is good"}


def affordable(offer: Price, order: Order) -> Verdict:
    if offer.price <= 100:
        return Accept()
    return Reject("too_high", f"{offer.price} asked, 100 allowed", then="stop")


def sell(offer: Price, order: Order, write: Write[Order]) -> int:
    return offer.price


async def ship(offer: Price, order: Order, key: str) -> str:
    return f"shipped for {offer.price}"


def says(*offers: Price, repeat: bool = False) -> Scripted[Price]:
    """A proposer that also reports what each offer has cost."""
    answers = [Answer(content=offer, usage=Usage(usd=offer.usd)) for offer in offers]
    return Scripted(*answers, proposes=Price, repeat=repeat)


def selling(*prices: int, name: str = "order.sell", commit: Any = None, **more: Any) -> Any:
    """A boundary whose proposer says these prices, the last one for ever."""
    return Boundary(
        name,
        proposer=more.pop("proposer", None)
        or says(*(Price(price=price) for price in prices or (1,)), repeat=True),
        verifiers=more.pop("verifiers", [affordable]),
        commit=commit or Transactional(sell),
        subject=Order,
        **more,
    )


def asked(boundary: Any) -> int:
    """How often its proposer was asked."""
    return len(boundary.proposer.asked)


@asynccontextmanager
async def running(url: str, *knows: Any, clock: Any = None, **more: Any) -> AsyncIterator[Runtime]:
    options = {"principals": PRINCIPALS, **more}
    async with Runtime(url, clock=clock or FakeClock(), knows=knows, **options) as runtime:
        yield runtime
        assert (await runtime.ledger.verify()).faults == ()


Switching = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def console(url: str) -> AsyncIterator[tuple[Switching, Switching]]:
    """Kill and lift as another program does: over a connection of its own, without a runtime."""
    async with opened(url, exclusive=False) as storage:

        async def switch(verb: Any, scope: str) -> None:
            now = SystemClock().now()
            assert await storage.transact(
                lambda tx: verb(tx, PRINCIPALS, scope, by="dana", because="a drill", now=now)
            )

        yield (lambda scope: switch(throw, scope)), (lambda scope: switch(lift, scope))


async def entries(runtime: Runtime) -> list[Entry]:
    return [entry async for entry in runtime.ledger.entries()]


async def types(runtime: Runtime, subject: str) -> list[str]:
    return [entry.type async for entry in runtime.ledger.of_subject(subject)]


async def bodies(runtime: Runtime, type: str, subject: str = "") -> list[dict[str, Any]]:
    """What the records of one type say, oldest first."""
    found = await entries(runtime)
    return [
        json.loads(entry.body)
        for entry in found
        if entry.type == type and subject in ("", entry.subject)
    ]


def at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.at)


def most_within(times: Sequence[datetime], window: timedelta) -> int:
    """The most times in any half-open window of this length."""
    ordered = sorted(times)
    assert all(before <= after for before, after in pairwise(ordered))
    return max(
        (
            sum(begin <= time < begin + window for time in ordered[n:])
            for n, begin in enumerate(ordered)
        ),
        default=0,
    )
