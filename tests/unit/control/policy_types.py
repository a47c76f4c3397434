"""What the policies of these tests judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, computed_field

from signoff.control import Policy


class Plan(Enum):
    PREMIUM = "premium"
    BASIC = "basic"


class Address(BaseModel):
    city: str
    postcode: str | None = None


class Line(BaseModel):
    price: float
    sku: str
    note: str | None = None


class Offer(BaseModel):
    discount: float = 0.1
    months: int = 12
    message: str = "Stay with us"
    plan: Plan = Plan.PREMIUM
    amount: Decimal = Decimal("19.90")
    lines: list[Line] = Field(default_factory=list[Line])
    starts: AwareDatetime | None = None
    pause: timedelta | None = None
    extra: Any = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def yearly(self) -> float:
        return float(self.amount) * self.months


@dataclass
class Renewal:
    id: str = "r-1"
    max_discount: float = 0.3
    tenure: int = 24
    risk: float | None = None
    ends: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    home: Address = field(default_factory=lambda: Address(city="Oslo"))
    billing: Address | None = None
    tags: list[str] = field(default_factory=lambda: ["loyal"])
    limits: dict[str, float] = field(default_factory=lambda: {"gold": 0.5})
    stage: Literal["open", "offered"] = "open"
    blocked: bool | None = None
    account: UUID = field(default_factory=lambda: UUID(int=7))
    friends: set[str] | None = None


class Decline(BaseModel):
    reason: str


@dataclass
class Principal:
    role: Literal["agent", "lead"] = "agent"


HEAD = "policy: renewal\nversion: '1'\ndefault: allow\nrules:\n"


def rule(when: str, *, id: str = "a", then: str = "revise", message: str = "no") -> str:
    """A rule whose condition is on one line of its own, 6 blanks in."""
    text = f"  - id: {id}\n    then: {then}\n    when: |\n      {when}\n"
    return text if then == "allow" else f"{text}    code: {id}_code\n    message: '{message}'\n"


def policy(text: str, proposal: Any = Offer, subject: Any = Renewal) -> Policy:
    return Policy.parse(
        text.encode(), proposal=proposal, subject=subject, principal=Principal, source="p.yaml"
    )


def codes(when: str, proposal: object = None, subject: object = None, **more: Any) -> list[str]:
    """What a policy of one rule says."""
    judged = policy(HEAD + rule(when)).judge(proposal or Offer(), subject or Renewal(), **more)
    return [reject.code for reject in judged]
