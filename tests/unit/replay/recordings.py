"""Ledgers with questions on record, and boundaries whose every deed leaves a trace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from deals import Deal, Offer, within_limit

from signoff import Boundary, External, Runtime
from signoff.boundary import Question
from signoff.proposers import Function, Rates, Simulated
from signoff.testing import FakeClock


def five(question: Question[Deal]) -> Offer:
    return Offer(price=5)


def model(seed: int = 0, misbehaves: float = 0.0) -> Simulated[Deal, Offer]:
    """A model of offers that answers 5, or badly."""
    return Simulated(
        five,
        proposes=Offer,
        seed=seed,
        rates=Rates.evenly(misbehaves),
        exaggerate={"price": 50},
        wrong={"price": 3},
        slow_seconds=0.0,
    )


def always(price: int) -> Function[Deal, Offer]:
    """A model that has one answer."""

    def say(question: Question[Deal]) -> Offer:
        return Offer(price=price)

    return Function(say, name=f"always:{price}")


class Deeds:
    """Everything that must never happen in a replay, and whether it did."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.armed = False

    def _do(self, what: str) -> None:
        if self.armed:
            self.done.append(what)
            raise AssertionError(f"{what} happened")

    async def send(self, offer: Offer, deal: Deal, key: str) -> str:
        self._do("send")
        return f"sent {key}"

    async def probe(self, key: str) -> str | None:
        self._do("probe")
        return None

    async def balance(self, offer: Offer, deal: Deal) -> int:
        self._do("look up")
        return 100

    async def tell(self, notice: Any, deal: Deal, key: str) -> str:
        self._do("tell")
        return key

    def boundary(self, proposer: Any, **more: Any) -> Boundary[Any, Any, Any]:
        """A boundary over these deeds."""
        effect: Any = External(self.send, reconcile=self.probe, idempotent=True, name="send")
        options: dict[str, Any] = {"verifiers": [within_limit], "subject": Deal, **more}
        return Boundary("deal.sell", proposer=proposer, commit=effect, **options)


@asynccontextmanager
async def recorded(
    boundary: Boundary[Any, Any, Any],
    deals: Sequence[Deal] = tuple(Deal(id=f"d{n}") for n in range(10)),
    *,
    store: str = "sqlite://:memory:",
    clock: FakeClock | None = None,
    **more: Any,
) -> AsyncIterator[Runtime]:
    """A runtime whose ledger has a crossing about each deal."""
    async with Runtime(store, clock=clock or FakeClock(), **more) as runtime:
        for deal in deals:
            await runtime.run(boundary, deal)
        yield runtime


async def everything(runtime: Runtime) -> list[str]:
    """The hashes of all records: the same before and after something that only reads."""
    return [entry.hash async for entry in runtime.ledger.entries()]
