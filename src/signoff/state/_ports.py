"""What the spine needs of a database beyond a crossing's transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Protocol, TypeVar

from signoff.boundary import (
    CrossingStore,
    EventRow,
    OffsetRow,
    PendingEffect,
    StreamRow,
    Timer,
    Transaction,
)

T = TypeVar("T")


class SpineTransaction(Transaction, Protocol):
    """A transaction that can also put timers off."""

    def drop_timer(self, timer: Timer) -> None:
        """Forget a timer, unless it has been set anew since."""
        ...

    def postpone_timer(self, timer: Timer, *, due: str, counts: bool = True) -> None:
        """Try a timer again later, and count the try."""
        ...

    def begin_timer(self, timer: Timer) -> None:
        """Count a try before it is made: whoever makes it may not live to say so."""
        ...

    def reset_timer(self, timer: Timer, *, due: str) -> None:
        """Have a timer's work begin anew at some time, as if it had never been tried."""
        ...

    def reset_effect(self, effect: int, *, due: str) -> None:
        """The same for an effect; it belongs to nobody until then."""
        ...


class SpineStore(CrossingStore, Protocol):
    """Where rows, timers and pending effects are kept.

    Guarantees: a claimed timer or effect is given to no other living process until this one ends
    or settles it. Does not guarantee that it was never begun before: whoever claims must expect
    that a process died half-way.
    """

    async def transact(self, script: Callable[[SpineTransaction], T]) -> T:
        """Run a script in one transaction."""
        ...

    async def claim_timers(
        self,
        machines: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[tuple[str, str]],
        subject: str = "",
    ) -> list[Timer]:
        """Timers that are due, earliest first, without those in `busy` (subject, name).

        Args:
            machines: Only theirs.
            now: As a stamp.
            limit: At most so many.
            busy: (subject, name) of those that are in hand.
            subject: Only this one's, if it is named.
        """
        ...

    async def timer_is_set(self, timer: Timer) -> bool:
        """Whether a timer still waits, as it was armed."""
        ...

    async def claim_effects(
        self,
        names: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[int],
        subject: str = "",
    ) -> list[PendingEffect]:
        """Pending effects that are due, in the order they were intended, without `busy` ids.

        What newer code has begun is left to it.

        Args:
            names: Only these.
            now: As a stamp.
            limit: At most so many.
            busy: Ids of those that are in hand.
            subject: Only this one's, if it is named.
        """
        ...

    async def claim_commit(self, crossing: str, *, busy: Collection[int]) -> PendingEffect | None:
        """The external commit of a crossing, whether or not it is due.

        Returns:
            None if there is none, or another living process has it.
        """
        ...

    async def next_due(self, machines: Collection[str], names: Collection[str]) -> str | None:
        """When the earliest timer or effect of these machines and names is due."""
        ...


class EventStore(SpineStore, Protocol):
    """Where event logs are kept, and how far their consumers have come.

    Guarantees: positions are given in the order of the commits, so that whoever has read one has
    seen everything before it; a claimed consumer is given to no other living process until this
    one ends. Does not guarantee that an event was never handed over before.
    """

    async def stream(self, log: str, stream: str) -> StreamRow:
        """A stream as last recorded; version 0 if there is none."""
        ...

    async def events_of_log(self, log: str, *, after: int, limit: int) -> list[EventRow]:
        """Events with a position greater than `after`, in order."""
        ...

    def events_of_stream(
        self, log: str, stream: str, *, after: int = 0, until: int | None = None
    ) -> AsyncIterator[EventRow]:
        """A stream's history in versions greater than `after`, through its forks."""
        ...

    async def events_caused_by(self, cause: str) -> list[EventRow]:
        """The events that a crossing, or a delivery, added."""
        ...

    async def log_position(self, log: str) -> int:
        """Position of a log's last event; 0 without any."""
        ...

    async def add_consumer(self, name: str, log: str, *, from_now: bool) -> None:
        """Begin a consumer at the log's first event, or at its next one, if it has not begun.

        Raises:
            UsageError: If its name belongs to a consumer of another log.
        """
        ...

    async def claim_consumer(self, name: str) -> int | None:
        """Everything up to which position is handled; None if another living process has it."""
        ...

    async def offsets(self, consumer: str, streams: Collection[str]) -> dict[str, OffsetRow]:
        """How far a consumer has come in some streams."""
        ...

    async def save_position(self, consumer: str, position: int) -> None:
        """Everything up to a position is handled. An earlier position takes nothing back."""
        ...
