"""Who advises the owner of the decision; a plain function merges what they say."""

from __future__ import annotations

from collections.abc import Mapping

from signoff import Boundary, Transactional, Write
from signoff.coordination import Delegation, Part, Specialist

from $package.proposals import Decision, Risk
from $package.proposers import Proposers
from $package.subject import $Subject
from $package.verifiers import about_this_one


def one_decision(parts: Mapping[str, Part], subject: $Subject) -> Decision:
    """The mean, by the declared weights, of what is proposed and of what the risk leaves of it."""
    amount, risk = parts.get("amount"), parts.get("risk")
    if amount is None:
        raise LookupError("nobody proposed an amount")
    proposed: Decision = amount.value
    if risk is None:
        return proposed
    advised: Risk = risk.value
    safe = proposed.amount * (1 - advised.share)
    total = amount.weight + risk.weight
    mean = (amount.weight * proposed.amount + risk.weight * safe) / total
    return proposed.model_copy(update={"amount": round(mean, 2)})


def say_amount(decision: Decision, subject: $Subject, write: Write[$Subject]) -> Decision:
    return decision


def say_risk(risk: Risk, subject: $Subject, write: Write[$Subject]) -> Risk:
    return risk


def advised(
    owner: Boundary[$Subject, Decision, float], proposers: Proposers
) -> Delegation[$Subject, Decision, float]:
    """The owner's boundary, proposed to by two specialists; the retries are the owner's."""
    amount = Boundary(
        "$package.amount",
        proposer=proposers.decision,
        verifiers=[about_this_one],
        commit=Transactional(say_amount),
        attempts=1,
    )
    risk = Boundary(
        "$package.risk",
        proposer=proposers.risk,
        verifiers=[about_this_one],
        commit=Transactional(say_risk),
        attempts=1,
    )
    return Delegation(
        owner,
        [
            Specialist(boundary=amount, name="amount", weight=2.0),
            Specialist(boundary=risk, name="risk", weight=1.0),
        ],
        merge=one_decision,
        partial="drop",
    )
