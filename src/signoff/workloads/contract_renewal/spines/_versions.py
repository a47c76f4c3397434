"""Two versions of the model that offers and closes; how far they drift apart is a parameter."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from signoff.boundary import Answer, Proposer, Question
from signoff.ledger import Fingerprint
from signoff.proposers import Rates, Simulated
from signoff.workloads.contract_renewal import proposers
from signoff.workloads.contract_renewal.subject import Closing, Offer, Renewal

Version: TypeAlias = Literal["prior", "current"]

P = TypeVar("P")

#: How much more the current version offers, where it offers anything else.
_MORE: Final = 0.04


@dataclass(frozen=True, slots=True)
class Models:
    """Who offers, and who closes."""

    offer: Proposer[Renewal, Offer]
    closing: Proposer[Renewal, Closing]


#: The models of a version, for the trial of that number.
MakeModels: TypeAlias = Callable[[Version, int], Models]


class _SameLuck(Generic[P]):
    """A simulated model whose luck follows the customer, not the crossing.

    So that one renewal meets the same luck over every spine, and what differs is the spine's doing.
    """

    def __init__(self, simulated: Simulated[Renewal, P], what: str) -> None:
        self._simulated, self._what = simulated, what

    @property
    def proposes(self) -> type[P]:
        return self._simulated.proposes

    @property
    def fingerprint(self) -> Fingerprint:
        return self._simulated.fingerprint

    async def __call__(self, question: Question[Renewal], /) -> Answer:
        crossing = f"{self._what}/{question.subject.id}"
        return await self._simulated(replace(question, crossing=crossing))


def drifting(*, seed: int, misbehaves: float, drift: float) -> MakeModels:
    """Simulated models: the current version offers otherwise to a share of the customers.

    Both versions keep to the policy, and both misbehave as often.

    Args:
        seed: Of their luck; every trial has its own.
        misbehaves: Share of the answers that go wrong.
        drift: Share of the customers to whom the current version offers another discount.
    """
    rates = Rates.evenly(misbehaves)

    def otherwise(question: Question[Renewal]) -> Offer:
        said = proposers.offer(question)
        draw = hashlib.blake2b(f"drift/{question.subject.id}".encode(), digest_size=4).digest()
        if int.from_bytes(draw, "big") / 2**32 >= drift:
            return said
        discount = round(said.discount + _MORE, 2)
        if discount > question.subject.cap:
            discount = round(said.discount - _MORE, 2)
        return said.model_copy(
            update={"discount": discount, "message": f"Stay, and pay {discount:.0%} less."}
        )

    def make(version: Version, trial: int) -> Models:
        luck, wrong = seed * 1000 + trial, {"customer_id": "0000-OTHER"}
        offer = Simulated(
            proposers.offer if version == "prior" else otherwise,
            proposes=Offer,
            seed=luck,
            rates=rates,
            exaggerate={"discount": 0.9},
            wrong=wrong,
        )
        closing = Simulated(
            proposers.closing,
            proposes=Closing,
            seed=luck,
            rates=rates,
            exaggerate={"monthly_price": 1.0},
            wrong=wrong,
        )
        return Models(offer=_SameLuck(offer, "offer"), closing=_SameLuck(closing, "closing"))

    return make


def named(prior: str, current: str, *, seed: int, base_url: str | None = None) -> MakeModels:
    """Real models by name: `local`, or `provider:model`.

    Raises:
        BadInput: If there is no such proposer.
    """

    def make(version: Version, trial: int) -> Models:
        name = prior if version == "prior" else current
        made = proposers.named(name, seed=seed * 1000 + trial, misbehaves=0.0, base_url=base_url)
        return Models(offer=made.offer, closing=made.closing)

    make("prior", 1)
    make("current", 1)
    return make
