"""What every proposal about a renewal has to hold to."""

from __future__ import annotations

from typing import Protocol

from signoff.boundary import Accept, Reject, Verdict
from signoff.workloads.contract_renewal.subject import RESOLUTIONS, Closing, Renewal, price_after


class AboutACustomer(Protocol):
    """A proposal that says whom it is about."""

    @property
    def customer_id(self) -> str:
        """The customer's id, as the proposer has it."""
        ...


def about_this_customer(proposal: AboutACustomer, renewal: Renewal) -> Verdict:
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
