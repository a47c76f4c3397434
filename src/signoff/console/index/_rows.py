"""What is asked of the index, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the index has come: a ledger position, of the last one that there is."""

    position: int = 0
    last: int = 0
    error: str = ""

    @property
    def caught_up(self) -> bool:
        """Whether nothing is left to read."""
        return self.position >= self.last

    def towards(self, last: int) -> Progress:
        """With another end."""
        return replace(self, last=max(last, self.position), error="")

    def reached(self, position: int) -> Progress:
        """At another place."""
        return replace(self, position=position, last=max(self.last, position))

    def failed(self, error: str) -> Progress:
        """The store could not be read."""
        return replace(self, error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingFilter:
    """Which crossings are looked for; what is empty does not matter.

    Attributes:
        text: How the id or the key begins.
        subject: How the subject's id begins.
        since: Opened at or after this time; the beginning of a stamp is enough.
        until: Opened before this time.
    """

    text: str = ""
    boundary: str = ""
    subject: str = ""
    outcome: str = ""
    code: str = ""
    model: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class CrossingRow:
    """A crossing as a list shows it; `usd` in dollars, `number` its first record's position."""

    number: int
    id: str
    key: str
    boundary: str
    subject: str
    outcome: str
    code: str
    model: str
    attempts: int
    opened: str
    usd: float


@dataclass(frozen=True, slots=True)
class Found:
    """Rows, and where to go on; an empty cursor if there are no more."""

    rows: Sequence[CrossingRow]
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """The values that a search can choose from."""

    boundaries: Sequence[str]
    outcomes: Sequence[str]
    codes: Sequence[str]
    models: Sequence[str]
