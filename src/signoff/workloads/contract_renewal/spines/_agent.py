"""What both spines have in common: the two boundaries but for their commits, and the truth outside.

A renewal is offered a discount, then nothing happens for weeks, then the customer's reply decides
how it is closed. The price that is billed has to be the one that was mailed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from signoff.boundary import Accept, Boundary, External, Reject, Transactional, Verdict
from signoff.workloads.contract_renewal.customers import Ending
from signoff.workloads.contract_renewal.spines._versions import Models
from signoff.workloads.contract_renewal.subject import (
    RESOLUTIONS,
    Closing,
    Offer,
    Renewal,
    price_after,
)
from signoff.workloads.contract_renewal.verifiers import (
    about_this_customer,
    follows_the_reply,
    price_is_right,
)

R = TypeVar("R")

#: How often a model is asked: seldom enough that some renewals are not closed at all.
ATTEMPTS = 2


class Mailed(BaseModel):
    """An offer on its way to a customer."""

    discount: float


class Billed(BaseModel):
    """A closing on its way to the billing system."""

    resolution: Ending
    price: float


@dataclass(slots=True)
class Outside:
    """The mailer and the billing system: what they did, for nobody but the auditor."""

    mailed: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    billed: dict[str, list[Billed]] = field(default_factory=lambda: defaultdict(list))
    _done: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def mail(self) -> External[Mailed, Renewal, str]:
        """Mails an offer."""

        async def perform(offer: Mailed, renewal: Renewal, key: str) -> str:
            if key not in self._done:
                self._done[key] = f"mail-{len(self._done)}"
                self.mailed[renewal.id].append(offer.discount)
            return self._done[key]

        return External(perform, idempotent=True, name="experiment.mail")

    @property
    def bill(self) -> External[Billed, Renewal, str]:
        """Bills what a closing says."""

        async def perform(closing: Billed, renewal: Renewal, key: str) -> str:
            if key not in self._done:
                self._done[key] = f"bill-{len(self._done)}"
                self.billed[renewal.id].append(closing)
            return self._done[key]

        return External(perform, idempotent=True, name="experiment.bill")

    def is_right(self, renewal: Renewal) -> bool:
        """Whether one offer was mailed, and the reply billed once at the price that was mailed."""
        mailed, billed = self.mailed[renewal.id], self.billed[renewal.id]
        if len(mailed) != 1 or len(billed) != 1:
            return False
        promised = renewal.model_copy(update={"discount": mailed[0]})
        ending = RESOLUTIONS[renewal.reply]
        return (
            billed[0].resolution == ending
            and abs(billed[0].price - price_after(promised, ending)) < 0.005
        )


def within_cap(offer: Offer, renewal: Renewal) -> Verdict:
    if offer.discount <= renewal.cap:
        return Accept()
    return Reject(
        "over_cap", f"{offer.discount:.0%} offered, {renewal.cap:.0%} allowed", path="discount"
    )


def offering(models: Models, commit: Transactional[Offer, Renewal, R]) -> Boundary[Any, Any, R]:
    """The boundary of an offer; only its commit knows the spine."""
    return Boundary(
        "experiment.offer",
        proposer=models.offer,
        verifiers=[about_this_customer, within_cap],
        commit=commit,
        attempts=ATTEMPTS,
    )


def closing(models: Models, commit: Transactional[Closing, Renewal, R]) -> Boundary[Any, Any, R]:
    """The boundary of a closing; only its commit knows the spine."""
    return Boundary(
        "experiment.close",
        proposer=models.closing,
        verifiers=[about_this_customer, follows_the_reply, price_is_right],
        commit=commit,
        attempts=ATTEMPTS,
    )
