"""Who proposes: a simulated model that misbehaves, or a real one."""

from __future__ import annotations

import json
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel

from signoff.boundary import Question
from signoff.errors import BadInput
from signoff.proposers import Local, Model, Rates, Simulated
from signoff.workloads.contract_renewal.boundary import Proposers
from signoff.workloads.contract_renewal.signals import sources
from signoff.workloads.contract_renewal.specialists import discount_for
from signoff.workloads.contract_renewal.subject import (
    RESOLUTIONS,
    Closing,
    Offer,
    Renewal,
    Score,
    Terms,
    price_after,
)

P = TypeVar("P", bound=BaseModel)

#: Share of the questions to usage, network, billing and support that get no answer.
_UNREACHABLE: Final = 0.10


def score(question: Question[Renewal]) -> Score:
    renewal = question.subject
    risk = {"Month-to-month": 0.45, "One year": 0.12, "Two year": 0.03}[renewal.contract]
    risk *= 1.3 if renewal.payment_method == "Electronic check" else 0.9
    return Score(customer_id=renewal.id, churn_risk=round(min(risk, 1.0), 3))


def offer(question: Question[Renewal]) -> Offer:
    renewal = question.subject
    discount = discount_for(renewal.risk or 0.2, renewal)
    return Offer(
        customer_id=renewal.id,
        discount=discount,
        product=renewal.product,
        message=f"Stay with us for another term and pay {discount:.0%} less.",
    )


def terms(question: Question[Renewal]) -> Terms:
    renewal = question.subject
    months: Literal[1, 12, 24] = 12 if renewal.contract == "One year" else 24
    if renewal.contract == "Month-to-month":
        months = 1
    return Terms(customer_id=renewal.id, product=renewal.product, months=months)


def closing(question: Question[Renewal]) -> Closing:
    renewal = question.subject
    resolution = RESOLUTIONS[renewal.reply or "renew"]
    price = price_after(renewal, resolution)
    return Closing(customer_id=renewal.id, resolution=resolution, monthly_price=price)


def simulated(*, seed: int, misbehaves: float) -> Proposers:
    """A model that answers well, except for a share of its answers spread over every failure."""
    rates = Rates.evenly(misbehaves)
    wrong = {"customer_id": "0000-OTHER"}

    def of(honest: Any, proposes: type[P], exaggerate: dict[str, Any]) -> Simulated[Renewal, P]:
        return Simulated(
            honest, proposes=proposes, seed=seed, rates=rates, exaggerate=exaggerate, wrong=wrong
        )

    return Proposers(
        score=of(score, Score, {"churn_risk": 9.0}),
        offer=of(offer, Offer, {"discount": 0.9}),
        terms=of(terms, Terms, {"product": "Fiber optic"}),
        closing=of(closing, Closing, {"monthly_price": 1.0}),
        signals=sources(seed=seed, unreachable=_UNREACHABLE),
    )


_SCORE = (
    "You score telecom customers. Estimate the risk, from 0 to 1, that this customer leaves when "
    "the contract ends. Answer with the customer's id and the risk."
)
_OFFER = (
    "You write renewal offers for a telecom company. Offer this customer a discount on the same "
    "product, as a share such as 0.10, at most the customer's cap, with one short sentence."
)
_TERMS = (
    "You write the terms of telecom contracts. Name the product and the length in months of this "
    "customer's next contract: the same product, and 1, 12 or 24 months."
)
_CLOSING = (
    "You close telecom renewals. The customer's reply decides: `renew` is renewed at the same "
    "monthly price; `take the offer` is renewed_with_offer at the price less the discount; "
    "`leave` is churned at 0; `pay less` is restructured at 80 % of the price."
)


def local(*, seed: int) -> Proposers:
    """A real model of 135 million parameters on this machine's CPU."""

    def of(proposes: type[P], instructions: str) -> Local[P]:
        return Local(proposes=proposes, instructions=instructions, seed=seed, render=_render)

    return Proposers(
        score=of(Score, _SCORE),
        offer=of(Offer, _OFFER),
        terms=of(Terms, _TERMS),
        closing=of(Closing, _CLOSING),
        signals=sources(seed=seed, unreachable=_UNREACHABLE),
    )


def model(name: str, *, base_url: str | None = None) -> Proposers:
    """A provider's model by its name, such as `openai:gpt-5`."""

    def of(proposes: type[P], instructions: str) -> Model[P]:
        return Model(
            name, proposes=proposes, instructions=instructions, base_url=base_url, render=_render
        )

    return Proposers(
        score=of(Score, _SCORE),
        offer=of(Offer, _OFFER),
        terms=of(Terms, _TERMS),
        closing=of(Closing, _CLOSING),
        signals=sources(seed=0, unreachable=_UNREACHABLE),
    )


def named(name: str, *, seed: int, misbehaves: float, base_url: str | None = None) -> Proposers:
    """The proposers that `--proposer` names.

    Raises:
        BadInput: If there is no such proposer.
    """
    if name == "simulated":
        return simulated(seed=seed, misbehaves=misbehaves)
    if name == "local":
        return local(seed=seed)
    if ":" in name:
        return model(name, base_url=base_url)
    raise BadInput(f"{name!r} is no proposer: give simulated, local, or provider:model")


def _render(renewal: Renewal) -> str:
    """What a model is shown: the facts of the contract, not our bookkeeping."""
    hidden = {"merging", "resolution", "ends"}
    facts = renewal.model_dump(mode="json", exclude=hidden, exclude_none=True)
    facts["customer_id"] = facts.pop("id")
    return json.dumps({key: value for key, value in facts.items() if value != ""})
