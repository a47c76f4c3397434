"""What the spine needs of a database beyond a crossing's transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from signoff.boundary import CrossingStore, PendingEffect, Timer, Transaction

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
        self, machines: Collection[str], *, now: str, limit: int, busy: Collection[tuple[str, str]]
    ) -> list[Timer]:
        """Timers that are due, earliest first, without those in `busy` (subject, name)."""
        ...

    async def timer_is_set(self, timer: Timer) -> bool:
        """Whether a timer still waits, as it was armed."""
        ...

    async def claim_effects(
        self, names: Collection[str], *, now: str, limit: int, busy: Collection[int]
    ) -> list[PendingEffect]:
        """Pending effects that are due, in the order they were intended, without `busy` ids."""
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
