"""The three boundaries of a renewal, with what bounds them: score, offer, close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel

from signoff.boundary import (
    Boundary,
    Control,
    EffectRefused,
    External,
    Proposer,
    Transactional,
    Write,
)
from signoff.control import Approval, Escalation, Gate, KillSwitch
from signoff.coordination import Delegation, Merged, Saga
from signoff.workloads.contract_renewal.services import (
    LOCKED,
    ServiceError,
    ServicePort,
    Services,
)
from signoff.workloads.contract_renewal.settlement import ACTIONS, settled_in
from signoff.workloads.contract_renewal.signals import Signal, Source, scored_by_signals
from signoff.workloads.contract_renewal.specialists import offered_by_specialists
from signoff.workloads.contract_renewal.subject import Closing, Offer, Renewal, Score, Terms
from signoff.workloads.contract_renewal.verifiers import (
    about_this_customer,
    follows_the_reply,
    price_is_right,
)

Ports: TypeAlias = Services[Any]

P = TypeVar("P")
R = TypeVar("R")


class Call(BaseModel):
    """One call to a service, as it waits in the outbox."""

    action: str
    payload: dict[str, Any]


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


def decide(closing: Closing, renewal: Renewal, write: Write[Renewal]) -> str:
    write.replace(renewal.model_copy(update={"resolution": closing.resolution}))
    return closing.resolution


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


def calls_for_closing(closing: Closing, renewal: Renewal) -> tuple[Call, Call, Call]:
    """What a closing asks of the CRM, billing and mail, in this order, where nothing is undone."""
    payload = {
        "subject": closing.customer_id,
        "renewal": renewal.id,
        "resolution": closing.resolution,
        "monthly_price": closing.monthly_price,
    }
    crm, billing, mailer = ACTIONS[closing.resolution]
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
            if error.status < 500 and error.status != LOCKED:
                raise EffectRefused(f"http_{error.status}", error.message) from error
            raise

    return External(perform, reconcile=service.find, idempotent=True, name=name)


@dataclass(frozen=True, slots=True)
class Proposers:
    """Who proposes what. One model may play all parts; the signals come from four systems."""

    score: Proposer[Renewal, Score]
    offer: Proposer[Renewal, Offer]
    terms: Proposer[Renewal, Terms]
    closing: Proposer[Renewal, Closing]
    signals: Mapping[Source, Proposer[Renewal, Signal]]


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What the renewal agent crosses, over one set of services, in the order of its days."""

    score: Delegation[Renewal, Score, float]
    offer: Delegation[Renewal, Offer, str]
    closing: Boundary[Renewal, Closing, str]
    settlement: Saga[Renewal]


def boundaries(proposers: Proposers, services: Ports, *, attempts: int = 3) -> Boundaries:
    """Build what is crossed."""
    mail = effect_on(services.mailer, "mail")

    def send_offer(offer: Offer, renewal: Renewal, write: Write[Renewal]) -> str:
        write.replace(renewal.model_copy(update={"discount": offer.discount}))
        return write.enqueue(mail, calls_for_offer(offer, renewal))

    score = Boundary(
        "renewal.score",
        proposer=Merged(Score),
        verifiers=[about_this_customer],
        commit=Transactional(keep_score),
        attempts=attempts,
    )
    offer = Boundary(
        "renewal.offer",
        proposer=Merged(Offer),
        verifiers=[about_this_customer],
        commit=Transactional(send_offer, effects=(mail,)),
        attempts=attempts,
    )
    closing = Boundary(
        "renewal.close",
        proposer=proposers.closing,
        verifiers=[about_this_customer, follows_the_reply, price_is_right],
        commit=Transactional(decide),
        attempts=attempts,
        level="business rule",
    )
    return Boundaries(
        score=scored_by_signals(_bounded(score), proposers.signals),
        offer=offered_by_specialists(
            _bounded(
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
            churn=proposers.score,
            discount=proposers.offer,
            terms=proposers.terms,
        ),
        closing=_bounded(
            closing,
            Gate(_POLICY / "closing.yaml"),
            Escalation(name="surprise", ask="role:retention"),
        ),
        settlement=settled_in(*services),
    )
