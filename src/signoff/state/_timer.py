"""Durable timers that know the version at which they were set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeAlias, TypeVar

from signoff.errors import UsageError

St = TypeVar("St", bound=str)

#: Work that a timer starts: an async function of (runtime, handle).
Handler: TypeAlias = Callable[[Any, Any], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class After(Generic[St]):
    """A timer that runs from the moment a state is entered.

    Attributes:
        delay: How long after entering.
        at: The state that it waits in.
        go: The state that it moves to; or
        do: the work that it starts. It may run again after a crash: it acts through boundaries.
    """

    delay: timedelta
    at: St
    go: St | None = None
    do: Handler | None = None

    def __post_init__(self) -> None:
        _one_of(self.at, self.go, self.do)

    @property
    def name(self) -> str:
        """Names the timer on the ledger."""
        return _name(self.at, self.go, self.do)

    def due(self, subject: Any, entered: datetime) -> datetime | None:
        """When it is due, for a subject that entered the state at `entered`."""
        return entered + self.delay


@dataclass(frozen=True, slots=True)
class At(Generic[St]):
    """A timer whose time is read off the subject when the state is entered.

    Attributes:
        when: Function of the subject that returns an aware time, or None for no timer. A time
            that has passed is due at once.
        at: The state that it waits in.
        go: The state that it moves to; or
        do: the work that it starts. It may run again after a crash: it acts through boundaries.
    """

    when: Callable[[Any], datetime | None]
    at: St
    go: St | None = None
    do: Handler | None = None

    def __post_init__(self) -> None:
        _one_of(self.at, self.go, self.do)

    @property
    def name(self) -> str:
        """Names the timer on the ledger."""
        return _name(self.at, self.go, self.do)

    def due(self, subject: Any, entered: datetime) -> datetime | None:
        """When it is due, for a subject that entered the state at `entered`."""
        return self.when(subject)


def _one_of(at: str, go: str | None, do: Handler | None) -> None:
    if (go is None) == (do is None):
        raise UsageError(f"a timer at {at!r} needs go= a state or do= a handler, one of the two")


def _name(at: str, go: str | None, do: Handler | None) -> str:
    return f"{at}->{go}" if do is None else f"{at}:{getattr(do, '__name__', repr(do))}"
