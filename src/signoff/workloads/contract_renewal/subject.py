"""What a renewal is, and what may be proposed about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from signoff.workloads.contract_renewal.customers import (
    Contract,
    Customer,
    Ending,
    InternetService,
)

#: No offer goes above this share of the price, unless the customer has a cap of their own.
CAP: Final = 0.30

#: Days from the opening of the window to the end of the contract.
WINDOW: Final = timedelta(days=90)

Stage: TypeAlias = Literal[
    "window_open", "scoring", "offer_sent", "human_required", "closing", "closed", "expired"
]
Reply: TypeAlias = Literal["", "renew", "take the offer", "leave", "pay less", "dispute"]

REPLIES: dict[Ending, Reply] = {
    "renewed": "renew",
    "renewed_with_offer": "take the offer",
    "churned": "leave",
    "restructured": "pay less",
    "escalated": "dispute",
}

#: What a reply asks for. A dispute asks for a person.
RESOLUTIONS: dict[Reply, Ending] = {reply: ending for ending, reply in REPLIES.items()}


class Renewal(BaseModel):
    """One contract on its way through the window: the subject of every boundary here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    ends: datetime
    contract: Contract
    product: InternetService
    monthly_charges: float
    tenure: int
    payment_method: str
    cap: float = CAP
    ended_product: InternetService | Literal[""] = ""
    risk: float | None = None
    discount: float = 0.0
    reply: Reply = ""
    resolution: Ending | Literal[""] = ""
    merging: bool = False
    settlings: int = 0

    @classmethod
    def opened(cls, customer: Customer, *, ends: datetime) -> Renewal:
        """The renewal of a customer's contract. What the customer will do is not part of it."""
        return cls(
            id=customer.customer_id,
            ends=ends,
            contract=customer.contract,
            product=customer.internet_service,
            monthly_charges=customer.monthly_charges,
            tenure=customer.tenure,
            payment_method=customer.payment_method,
            cap=_cap_of(customer),
        )


class Score(BaseModel):
    """A proposal: how likely the customer is to leave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: str
    churn_risk: float = Field(ge=0, le=1)


class Offer(BaseModel):
    """A proposal: what to offer before the contract ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: str
    discount: float = Field(ge=0, le=1, description="Share of the monthly price, such as 0.10.")
    product: InternetService
    message: str = Field(max_length=400)


class Terms(BaseModel):
    """A proposal: which product the next contract is for, and how long it lasts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: str
    product: InternetService
    months: Literal[1, 12, 24]


class Closing(BaseModel):
    """A proposal: how to end the renewal, given what the customer replied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: str
    resolution: Ending
    monthly_price: float = Field(ge=0)


def _cap_of(customer: Customer) -> float:
    if customer.contract == "Two year" and customer.tenure >= 70:
        return 0.40
    if customer.tenure <= 2:
        return 0.15
    return CAP


def price_after(renewal: Renewal, resolution: Ending) -> float:
    """What the customer pays per month from now on, in the currency of the file."""
    match resolution:
        case "renewed":
            return renewal.monthly_charges
        case "renewed_with_offer":
            return round(renewal.monthly_charges * (1 - renewal.discount), 2)
        case "restructured":
            return round(renewal.monthly_charges * 0.80, 2)
        case "churned" | "escalated":
            return 0.0
