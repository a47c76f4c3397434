"""What the assistant's model has to cross: reply, hand over, say; and what bounds each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from signoff.boundary import (
    Boundary,
    Budget,
    EffectRefused,
    External,
    Proposer,
    Question,
    Transactional,
    Write,
)
from signoff.control import Approval, Gate, KillSwitch, Throttle
from signoff.coordination import Delegation, Merged, Part, Specialist
from signoff.ledger import Ledger, phantom_successes
from signoff.proposers import Function
from signoff.workloads.billing_assist.turn import (
    LARGE,
    Figures,
    Intent,
    Message,
    Reply,
    Told,
    Turn,
    words_for,
)
from signoff.workloads.billing_assist.verifiers import (
    CLAIMS,
    about_this_customer,
    amount_is_right,
    nothing_but_a_person,
    nothing_that_did_not_happen,
    plan_within_policy,
    within_what_was_paid,
)
from signoff.workloads.contract_renewal.services import LOCKED, ServiceError, ServicePort

P = TypeVar("P", Intent, Figures)

#: What a customer waits at most, the model included.
BUDGET: Final = Budget(attempts=3, usd=0.02, seconds=8.0)

# Delegation


def one_reply(parts: Mapping[str, Part], turn: Turn) -> Reply:
    """What is done: the intent says what, the figures say how much. Plain, and the same twice."""
    intent: Intent = parts["intent"].value
    figures: Figures = parts["figures"].value
    # If the two are about different customers, the owner is shown the wrong one, and objects.
    customer = figures.customer if intent.customer == turn.customer else intent.customer
    match intent.action:
        case "refund" if figures.refund > 0:
            return Reply(customer=customer, action="refund", amount=figures.refund)
        case "plan" if figures.instalments > 0:
            number = figures.instalments
            return Reply(customer=customer, action="plan", amount=turn.owes, instalments=number)
        case "person":
            return Reply(customer=customer, action="person")
        case _:
            return Reply(customer=customer, action="explain")


def _specialist(name: str, proposer: Proposer[Turn, P]) -> Specialist[Turn]:
    def advise(proposal: P, turn: Turn, write: Write[Turn]) -> P:
        return proposal

    advise.__annotations__["return"] = proposer.proposes
    boundary = Boundary(
        f"billing.{name}",
        proposer=proposer,
        verifiers=[about_this_customer],
        commit=Transactional(advise),
        attempts=1,  # the retries are the owner's
        subject=Turn,
    )
    return Specialist(boundary=boundary, name=name)


# Effects


class Order(BaseModel):
    """One order to billing, as it waits in the outbox."""

    action: str
    payload: dict[str, Any]


def effect_on(service: ServicePort, name: str) -> External[Order, Turn, str]:
    """A call as an effect: the service honours our key, and can be asked about it."""

    async def perform(order: Order, turn: Turn, key: str) -> str:
        try:
            return await service.perform(order.action, order.payload, key=key)
        except ServiceError as error:
            if error.status < 500 and error.status != LOCKED:
                raise EffectRefused(f"http_{error.status}", error.message) from error
            raise

    return External(perform, reconcile=service.find, idempotent=True, name=name)


def order_for(reply: Reply, turn: Turn) -> Order:
    """What a reply asks of billing; nobody but this function writes to it."""
    payload = {"subject": reply.customer, "turn": turn.id, "amount": reply.amount}
    payload["instalments"] = reply.instalments
    return Order(action=reply.action, payload=payload)


def large_refund(reply: Reply, turn: Turn) -> bool:
    return reply.action == "refund" and reply.amount > LARGE


@dataclass(frozen=True, slots=True)
class Proposers:
    """Who proposes what. One model may play all parts."""

    intent: Proposer[Turn, Intent]
    figures: Proposer[Turn, Figures]
    message: Proposer[Told, Message]


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What the assistant crosses in a turn.

    Attributes:
        reply: What is done for the customer.
        hand_over: A person takes over: where the model gets no yes, or is stopped.
        say: The closing message, in the model's words.
        say_plainly: The closing message in ours.
    """

    reply: Delegation[Turn, Reply, Reply]
    hand_over: Boundary[Turn, Reply, Reply]
    say: Boundary[Told, Message, str]
    say_plainly: Boundary[Told, Message, str]


def to_a_person(question: Question[Turn]) -> Reply:
    return Reply(customer=question.subject.customer, action="person")


def in_plain_words(question: Question[Told]) -> Message:
    return Message(customer=question.subject.customer, text=words_for(question.subject))


def boundaries(
    proposers: Proposers, billing: ServicePort, chat: ServicePort, ledger: Ledger
) -> Boundaries:
    """Build what is crossed."""
    effects = {
        action: effect_on(billing, f"billing.{action}")
        for action in ("refund", "plan", "explain", "person")
    }

    def act(reply: Reply, turn: Turn, write: Write[Turn]) -> Reply:
        write.enqueue(effects[reply.action], order_for(reply, turn))
        return reply

    async def phantoms(message: Message, told: Told) -> list[dict[str, str]]:
        """What the message claims, and our own account does not bear out."""
        entries = [entry async for entry in ledger.of_subject(told.id)]
        return [asdict(each) for each in phantom_successes(message.text, CLAIMS, entries)]

    async def send(message: Message, told: Told, key: str) -> str:
        payload = {"subject": message.customer, "turn": told.id, "text": message.text}
        return await chat.perform("say", payload, key=key)

    owner = Boundary(
        "billing.reply",
        proposer=Merged(Reply),
        verifiers=[about_this_customer, within_what_was_paid, plan_within_policy],
        commit=Transactional(act, effects=tuple(effects.values())),
        budget=BUDGET,
        level="business rule",
    ).bounded_by(
        KillSwitch("billing"),
        Gate(_POLICY / "reply.yaml"),
        Throttle(per_day_usd=25.0, name="billing"),
        Approval(
            name="large refund",
            when=large_refund,
            ask="role:billing-lead",
            within=timedelta(seconds=45),
            otherwise="stop",
        ),
    )
    hand_over = Boundary(
        "billing.hand-over",
        proposer=Function(to_a_person),
        verifiers=[about_this_customer],
        commit=Transactional(act, effects=tuple(effects.values())),
        attempts=1,
    ).bounded_by(Gate(nothing_but_a_person))

    def saying(name: str, proposer: Proposer[Told, Message]) -> Boundary[Told, Message, str]:
        return Boundary(
            name,
            proposer=proposer,
            verifiers=[about_this_customer, nothing_that_did_not_happen],
            evidence=[phantoms],
            commit=External(send, reconcile=chat.find, idempotent=True, name="chat.say"),
            budget=BUDGET,
            level="business rule",
        ).bounded_by(Gate(amount_is_right))

    return Boundaries(
        reply=Delegation(
            owner,
            [_specialist("intent", proposers.intent), _specialist("figures", proposers.figures)],
            merge=one_reply,
        ),
        hand_over=hand_over,
        say=saying("billing.say", proposers.message).bounded_by(
            KillSwitch("billing"), Throttle(per_day_usd=25.0, name="billing")
        ),
        say_plainly=saying("billing.say-plainly", Function(in_plain_words)),
    )


_POLICY = Path(__file__).parent / "policy"
