"""What is asked of the index, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from typing_extensions import TypeVar


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
    """A crossing as a list shows it.

    Attributes:
        number: Its first record's ledger position.
        code: Of the last objection, also where it was overcome, or a person is asked about it.
        usd: In dollars.
    """

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
class SubjectRow:
    """A subject as a list shows it.

    Attributes:
        machine: The machine that its row is of; empty if it has none.
        state: That the machine is in.
        version: Of the row; 0 without one.
        at: When something last happened to it, as a stamp.
        last: Position of that record.
    """

    id: str
    machine: str
    state: str
    version: int
    at: str
    last: int


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """Rows, and where to go on; an empty cursor if there are no more."""

    rows: Sequence[Row]
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """The values that a search can choose from."""

    boundaries: Sequence[str]
    outcomes: Sequence[str]
    codes: Sequence[str]
    models: Sequence[str]
    states: Sequence[str]


#: What is counted at a boundary.
COUNTED = ("opened", "attempts", "committed", "rejected", "suspended", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryFacts:
    """What happened at a boundary in a stretch of time.

    Attributes:
        counts: Of everything in `COUNTED`.
        series: The same over time: a number for each bucket of the overview.
        codes: (rejection code, how often), the most frequent first.
        usd: Cost of asking, dollars.
        p50: Seconds that half of the crossings took from opening to end, to 15 %; None without any.
        p99: The same for 99 of 100.
        strength: What is verified, and how the commit stands a crash; empty if not on record.
        verifiers: Names, as of the last crossing.
        controls: The same.
        model: The last that was asked.
    """

    name: str
    counts: Mapping[str, int]
    series: Mapping[str, Sequence[float]]
    codes: Sequence[tuple[str, int]]
    usd: float
    p50: float | None
    p99: float | None
    strength: Sequence[str]
    verifiers: Sequence[str]
    controls: Sequence[str]
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What happened at every boundary in a stretch of time.

    Attributes:
        buckets: When each stretch of the series begins, as the beginning of a stamp.
        boundaries: By name; those that nothing happened at in this time included.
    """

    buckets: Sequence[str]
    boundaries: Sequence[BoundaryFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """What has not ended within a scope.

    Attributes:
        crossings: By where they stand.
        subjects: How many subjects they are of.
    """

    crossings: Mapping[str, int]
    subjects: int
