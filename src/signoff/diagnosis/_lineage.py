"""Which crossings an owner asked for again, and what was found in those that it did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Lineage(Generic[T]):
    """Lets through what was found in a crossing, unless an owner above it asked for it again.

    A part's records come before those of its owner, so that what was found in a part waits until
    its owner has ended.
    """

    _parents: dict[str, str] = field(default_factory=dict[str, str])
    _asked: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _again: set[str] = field(default_factory=set[str])
    _held: dict[str, list[T]] = field(default_factory=dict[str, "list[T]"])

    def opened(self, crossing: str, parent: str, asked: str) -> None:
        """A crossing began.

        Args:
            crossing: Its id.
            parent: The id of its owner's crossing; empty without an owner.
            asked: What it was asked: the same again under one owner was asked for again.
        """
        if not parent:
            return
        self._parents[crossing] = parent
        if parent in self._again or (parent, asked) in self._asked:
            self._again.add(crossing)
            self._held.pop(crossing, None)
        self._asked.add((parent, asked))

    def ended(self, crossing: str, found: Sequence[T]) -> list[T]:
        """A crossing ended; what may be let through now."""
        parent = self._parents.pop(crossing, "")
        below = self._held.pop(crossing, [])
        if crossing in self._again or parent in self._again:
            return []
        if not parent:
            return [*below, *found]
        self._held.setdefault(parent, []).extend([*below, *found])
        return []

    def rest(self) -> list[T]:
        """What waits for owners that have not ended."""
        return [each for held in self._held.values() for each in held]
