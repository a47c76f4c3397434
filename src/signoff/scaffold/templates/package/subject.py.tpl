"""What the agent works on: the subject of every boundary here."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class $Subject(BaseModel):
    """One unit of work. Put the facts here that verifiers and policies judge by.

    Attributes:
        id: Names it for ever, on the ledger and in keys.
        limit: The most that a decision about it may be worth.
%% if gather
        estimate: What it is worth, as the sources say; None before they were asked.
%% end
%% if machine or log or saga
        amount: What was decided; None before.
%% end
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    limit: float
%% if gather
    estimate: float | None = None
%% end
%% if machine or log or saga
    amount: float | None = None
%% end
