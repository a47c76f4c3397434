"""What every reply and every message has to hold to."""

from __future__ import annotations

import re
from typing import Final, Protocol

from signoff.boundary import Accept, Evidence, Reject, Verdict
from signoff.workloads.billing_assist.turn import (
    LEAST_INSTALMENT,
    MOST_INSTALMENTS,
    Message,
    Reply,
    Told,
    Turn,
)

#: Words that say that something was done -> the effect that has to be on the ledger for them.
CLAIMS: Final = {
    "billing.refund": r"\bI( have|'ve) (just )?refunded\b|\brefund (was|has been) made\b",
    "billing.plan": r"\bplan (is|was|has been) set up\b|\bI( have|'ve) set up a (payment )?plan\b",
}


class AboutACustomer(Protocol):
    """A proposal that says whom it is about."""

    @property
    def customer(self) -> str:
        """The customer's id, as the proposer has it."""
        ...


class WithACustomer(Protocol):
    """A subject that has one."""

    @property
    def customer(self) -> str:
        """The customer's id."""
        ...


def about_this_customer(proposal: AboutACustomer, subject: WithACustomer) -> Verdict:
    if proposal.customer == subject.customer:
        return Accept()
    told = f"this is about customer {subject.customer}, not {proposal.customer[:40]}"
    return Reject("wrong_customer", told, path="customer")


def within_what_was_paid(reply: Reply, turn: Turn) -> Verdict:
    if reply.action != "refund":
        return Accept()
    if reply.amount > turn.paid:
        told = f"{reply.amount:.2f} is more than the {turn.paid:.2f} that were paid"
        return Reject("over_paid", told, path="amount")
    if not 0 < reply.amount <= turn.overcharged + 0.005:
        told = f"{turn.overcharged:.2f} were charged by mistake, {reply.amount:.2f} is refunded"
        return Reject("over_owed", told, path="amount")
    return Accept()


def plan_within_policy(reply: Reply, turn: Turn) -> Verdict:
    if reply.action != "plan":
        return Accept()
    if abs(reply.amount - turn.owes) > 0.005:
        told = f"a plan is about all of the {turn.owes:.2f} that are owed"
        return Reject("not_what_is_owed", told, path="amount")
    if not 2 <= reply.instalments <= MOST_INSTALMENTS:
        told = f"{reply.instalments} instalments: 2 to {MOST_INSTALMENTS} are allowed"
        return Reject("too_many_instalments", told, path="instalments")
    if reply.amount / reply.instalments < LEAST_INSTALMENT:
        told = f"an instalment is at least {LEAST_INSTALMENT:.2f}"
        return Reject("small_instalment", told, path="instalments")
    return Accept()


def nothing_but_a_person(reply: Reply, turn: Turn) -> Verdict:
    if reply.action == "person":
        return Accept()
    return Reject(
        "not_a_hand_over", f"a person was to take over, not `{reply.action}`", then="stop"
    )


def nothing_that_did_not_happen(message: Message, told: Told, evidence: Evidence) -> Verdict:
    phantoms = evidence["phantoms"]
    if not phantoms:
        return Accept()
    words, status = phantoms[0]["words"], phantoms[0]["status"]
    return Reject("phantom_success", f"you say {words!r}, and that is {status}", path="text")


def amount_is_right(message: Message, told: Told) -> Verdict:
    named = [float(number) for number in re.findall(r"\d+\.\d\d\b", message.text)]
    if all(abs(number - told.amount) < 0.005 for number in named):
        return Accept()
    return Reject("wrong_amount", f"the amount is {told.amount:.2f}", path="text")
