"""The three boundaries of a renewal: score, offer, close. Each is its four parts in one place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel

from signoff.boundary import (
    Accept,
    Boundary,
    Control,
    EffectRefused,
    External,
    Proposer,
    Reject,
    Transactional,
    Verdict,
    Write,
)
from signoff.control import Approval, Escalation, Gate, KillSwitch
from signoff.workloads.contract_renewal.customers import Ending
from signoff.workloads.contract_renewal.services import ServiceError, ServicePort, Services
from signoff.workloads.contract_renewal.subject import (
    RESOLUTIONS,
    Closing,
    Offer,
    Renewal,
    Score,
    price_after,
)

Ports: TypeAlias = Services[Any]

P = TypeVar("P")
R = TypeVar("R")


class Call(BaseModel):
    """One call to a service, as it waits in the outbox."""

    action: str
    payload: dict[str, Any]


# Verifiers


def about_this_customer(proposal: Score | Offer | Closing, renewal: Renewal) -> Verdict:
    if proposal.customer_id == renewal.id:
        return Accept()
    return Reject(
        "wrong_customer",
        f"this is about customer {renewal.id}, not {proposal.customer_id[:40]}",
        path="customer_id",
    )


def follows_the_reply(closing: Closing, renewal: Renewal) -> Verdict:
    expected = RESOLUTIONS.get(renewal.reply)
    if expected is None or closing.resolution == expected:
        return Accept()
    return Reject(
        "against_the_reply",
        f"the customer replied `{renewal.reply}`, which asks for `{expected}`",
        path="resolution",
    )


def price_is_right(closing: Closing, renewal: Renewal) -> Verdict:
    expected = price_after(renewal, closing.resolution)
    if abs(closing.monthly_price - expected) < 0.005:
        return Accept()
    return Reject(
        "wrong_price",
        f"{closing.monthly_price:.2f} a month proposed; {closing.resolution} costs {expected:.2f}",
        path="monthly_price",
    )


# Controls


def merging(renewal: Renewal) -> bool:
    return renewal.merging


def deep_discount(offer: Offer, renewal: Renewal) -> bool:
    return offer.discount > 0.22 and renewal.monthly_charges >= 100


_POLICY = Path(__file__).parent / "policy"
_DESK = "role:renewal-desk"
_TO_THE_LEAD = ((timedelta(days=2), "role:team-lead"),)


def _bounded(
    of: Boundary[Renewal, P, R], *controls: Control[P, Renewal]
) -> Boundary[Renewal, P, R]:
    """With a stop before everything else, and a desk that hears of every budget that is spent."""
    return of.bounded_by(
        KillSwitch("renewals"),
        *controls,
        Escalation(name="budget", ask=_DESK, on_budget=True, chain=_TO_THE_LEAD),
    )


# Commits


def keep_score(score: Score, renewal: Renewal, write: Write[Renewal]) -> float:
    write.replace(renewal.model_copy(update={"risk": score.churn_risk}))
    return score.churn_risk


def calls_for_offer(offer: Offer, renewal: Renewal) -> Call:
    """The mail that an accepted offer sends."""
    return Call(
        action="send_offer",
        payload={
            "subject": offer.customer_id,
            "renewal": renewal.id,
            "discount": offer.discount,
            "product": offer.product,
            "message": offer.message,
        },
    )


_CLOSING_CALLS: dict[Ending, tuple[str, str, str]] = {
    "renewed": ("issue_contract", "book_invoice", "send_confirmation"),
    "renewed_with_offer": ("issue_contract", "apply_discount", "send_confirmation"),
    "restructured": ("restructure_contract", "book_invoice", "send_confirmation"),
    "churned": ("close_account", "stop_charges", "send_farewell"),
    "escalated": ("assign_person", "book_invoice", "send_correction"),
}


def calls_for_closing(closing: Closing, renewal: Renewal) -> tuple[Call, Call, Call]:
    """What an accepted closing asks of the CRM, billing and mail, in this order."""
    payload = {
        "subject": closing.customer_id,
        "renewal": renewal.id,
        "resolution": closing.resolution,
        "monthly_price": closing.monthly_price,
    }
    crm, billing, mailer = _CLOSING_CALLS[closing.resolution]
    return (
        Call(action=crm, payload=payload),
        Call(action=billing, payload=payload),
        Call(action=mailer, payload=payload),
    )


def effect_on(service: ServicePort, name: str) -> External[Call, Renewal, str]:
    """A service's call as an effect: it honours our key, and can be asked about it."""

    async def perform(call: Call, renewal: Renewal, key: str) -> str:
        try:
            return await service.perform(call.action, call.payload, key=key)
        except ServiceError as error:
            if error.status < 500:
                raise EffectRefused(f"http_{error.status}", error.message) from error
            raise

    return External(perform, reconcile=service.find, idempotent=True, name=name)


@dataclass(frozen=True, slots=True)
class Proposers:
    """Who proposes what. One model may play all three parts."""

    score: Proposer[Renewal, Score]
    offer: Proposer[Renewal, Offer]
    closing: Proposer[Renewal, Closing]


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The renewal agent's boundaries, over one set of services."""

    score: Boundary[Renewal, Score, float]
    offer: Boundary[Renewal, Offer, str]
    closing: Boundary[Renewal, Closing, str]


def boundaries(proposers: Proposers, services: Ports, *, attempts: int = 3) -> Boundaries:
    """Build the three boundaries."""
    crm = effect_on(services.crm, "crm")
    billing = effect_on(services.billing, "billing")
    mail = effect_on(services.mailer, "mail")

    def send_offer(offer: Offer, renewal: Renewal, write: Write[Renewal]) -> str:
        write.replace(renewal.model_copy(update={"discount": offer.discount}))
        return write.enqueue(mail, calls_for_offer(offer, renewal))

    def close(closing: Closing, renewal: Renewal, write: Write[Renewal]) -> str:
        write.replace(renewal.model_copy(update={"resolution": closing.resolution}))
        for effect, call in zip(
            (crm, billing, mail), calls_for_closing(closing, renewal), strict=True
        ):
            write.enqueue(effect, call)
        return closing.resolution

    score = Boundary(
        "renewal.score",
        proposer=proposers.score,
        verifiers=[about_this_customer],
        commit=Transactional(keep_score),
        attempts=attempts,
    )
    offer = Boundary(
        "renewal.offer",
        proposer=proposers.offer,
        verifiers=[about_this_customer],
        commit=Transactional(send_offer, effects=(mail,)),
        attempts=attempts,
    )
    closing = Boundary(
        "renewal.close",
        proposer=proposers.closing,
        verifiers=[about_this_customer, follows_the_reply, price_is_right],
        commit=Transactional(close, effects=(crm, billing, mail)),
        attempts=attempts,
        level="business rule",
    )
    return Boundaries(
        score=_bounded(score),
        offer=_bounded(
            offer,
            Gate(_POLICY / "offer.yaml"),
            Approval(
                name="deep discount",
                when=deep_discount,
                ask="role:sales-lead",
                within=timedelta(days=1),
                otherwise=Escalation(ask="role:team-lead"),
            ),
            Escalation(name="merger", before=merging, ask=_DESK, chain=_TO_THE_LEAD),
        ),
        closing=_bounded(
            closing,
            Gate(_POLICY / "closing.yaml"),
            Escalation(name="surprise", ask="role:retention"),
        ),
    )
