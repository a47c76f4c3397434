"""What came of a crossing: a closed union. Examine it or do not compile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from signoff.boundary._verdict import Rejection

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Committed(Generic[R_co]):
    """The commit happened, once.

    Attributes:
        receipt: What the commit returned.
        crossing: Id of the crossing on the ledger.
        attempts: How often the proposer was asked.
        parts: What became of those whom a coordinator asked, by name.
    """

    receipt: R_co
    crossing: str = ""
    attempts: int = 1
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was committed, and this crossing never will, unless it was only `halted`.

    Attributes:
        rejections: Every objection, oldest first; never empty.
        ended: Why it ended: `stop`, `budget`, `no_progress`, `effect`, `denied`, `deadline`, or
            `halted`: a kill or a throttle stopped it for now, and the same key may be run again.
        crossing: Id of the crossing on the ledger.
        attempts: How often the proposer was asked.
        parts: What became of those whom a coordinator asked last, by name.
    """

    rejections: Sequence[Rejection]
    ended: str = "stop"
    crossing: str = ""
    attempts: int = 1
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __iter__(self) -> Iterator[Rejection]:
        return iter(self.rejections)

    @property
    def code(self) -> str:
        """The code of the objection that ended it."""
        return self.rejections[-1].code


@dataclass(frozen=True, slots=True)
class Ticket:
    """A suspended crossing waiting for a person.

    Attributes:
        id: Names the ticket; single-use.
        ask: Whom it waits for.
        because: The objection that asked for a person.
        due: When it is passed on or ends, as text; empty for never.
        digest: SHA-256 of the proposal that waits; whoever answers says what they saw.
    """

    id: str
    ask: str
    because: str
    due: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Suspended:
    """A person has to decide; nothing is committed meanwhile."""

    ticket: Ticket
    crossing: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """We cannot say whether the effect happened. Never rounded up or down.

    Attributes:
        effect: Name of the effect in doubt.
        key: The idempotency key under which it was asked for.
        because: What went wrong.
        crossing: Id of the crossing on the ledger.
    """

    effect: str
    key: str
    because: str
    crossing: str = ""


Outcome: TypeAlias = Committed[R] | Rejected | Suspended | Unknown
