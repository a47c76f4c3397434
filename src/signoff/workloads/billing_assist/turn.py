"""What a turn of the conversation is about, and what may be proposed in it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

#: What may come of a turn.
Action: TypeAlias = Literal["refund", "plan", "explain", "person"]

#: What a payment plan may be: at most so many instalments, and each at least so large.
MOST_INSTALMENTS: Final = 12
LEAST_INSTALMENT: Final = 10.0

#: A refund above this is looked at by a person.
LARGE: Final = 120.0


class Turn(BaseModel):
    """One message of a customer, with what our own books say about them.

    Attributes:
        id: Names the turn.
        customer: Who writes.
        message: What they write.
        wants: What they are after; of the simulated world, and never shown to a model.
        paid: What they paid for the last bill.
        overcharged: How much of that was charged by mistake and has not been given back.
        owes: What they have still to pay.
        refunds_this_year: How many they have had.
        broken_plans: Payment plans that they did not keep to.
        tenant: The brand that they are a customer of.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    customer: str
    message: str
    wants: Action
    paid: float
    overcharged: float = 0.0
    owes: float = 0.0
    refunds_this_year: int = 0
    broken_plans: int = 0
    tenant: str = "north"


class Intent(BaseModel):
    """What a specialist for words makes of the message."""

    model_config = ConfigDict(extra="forbid")

    customer: str
    action: Action


class Figures(BaseModel):
    """What a specialist for bills makes of the account."""

    model_config = ConfigDict(extra="forbid")

    customer: str
    refund: Annotated[float, Field(ge=0)]
    instalments: Annotated[int, Field(ge=0)]


class Reply(BaseModel):
    """What is done for the customer.

    Attributes:
        amount: What is refunded, or what the plan is about; 0 otherwise.
        instalments: Of a plan; 0 otherwise.
    """

    model_config = ConfigDict(extra="forbid")

    customer: str
    action: Action
    amount: Annotated[float, Field(ge=0)] = 0.0
    instalments: Annotated[int, Field(ge=0)] = 0


class Told(BaseModel):
    """A turn that is over, for its closing message.

    Attributes:
        id: That of the turn.
        customer: Who is told.
        done: What was decided; `waiting` if it is decided, and billing has not confirmed it.
        amount: About how much.
        instalments: Of a plan.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    customer: str
    done: Literal["refund", "plan", "explain", "person", "waiting"]
    amount: float = 0.0
    instalments: int = 0


class Message(BaseModel):
    """What the customer reads."""

    model_config = ConfigDict(extra="forbid")

    customer: str
    text: Annotated[str, Field(min_length=1, max_length=600)]


def words_for(told: Told) -> str:
    """What is so, in a sentence."""
    match told.done:
        case "refund":
            return f"I have refunded {told.amount:.2f} to your account."
        case "plan":
            return f"A payment plan is set up: {told.amount:.2f} in {told.instalments} instalments."
        case "explain":
            return "Your bill is right: I have written down for you how it comes about."
        case "person":
            return "A colleague takes over from here and will call you today."
        case "waiting":
            return "I have passed this on, and you will hear from us as soon as it is confirmed."
