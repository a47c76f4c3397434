"""What happened, in its order: the spine. Where a subject stands follows from it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from signoff.state import Event, EventLog

from $package.subject import $Subject


class Opened(BaseModel):
    """There is something to decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: float
%% if gather


class Looked(BaseModel):
    """The sources were asked; None if too few of them answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    estimate: float | None
%% end


class Decided(BaseModel):
    """A decision committed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: float
%% if saga


class Closed(BaseModel):
    """It is settled, or was undone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settled: bool
%% end


def stand(before: $Subject | None, event: Event[Any]) -> $Subject:
    """Where a subject stands after an event."""
    match event.data:
        case Opened() as opened:
            return $Subject(id=event.stream, limit=opened.limit)
        case happened:
            assert before is not None, f"{event.stream} does not begin with Opened"
%% if gather
            if isinstance(happened, Looked):
                return before.model_copy(update={"estimate": happened.estimate})
%% end
            if isinstance(happened, Decided):
                return before.model_copy(update={"amount": happened.amount})
            return before


%% if gather and saga
HISTORY = EventLog[Opened | Looked | Decided | Closed](
    "$package",
    events=(Opened, Looked, Decided, Closed),
    fold=stand,
)
%% elif gather
HISTORY = EventLog[Opened | Looked | Decided](
    "$package",
    events=(Opened, Looked, Decided),
    fold=stand,
)
%% elif saga
HISTORY = EventLog[Opened | Decided | Closed](
    "$package",
    events=(Opened, Decided, Closed),
    fold=stand,
)
%% else
HISTORY = EventLog[Opened | Decided](
    "$package",
    events=(Opened, Decided),
    fold=stand,
)
%% end
