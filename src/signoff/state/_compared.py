"""What came of reading events again, or of asking their questions again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from signoff.ledger import Usage

#: Where two answers differ first: in what follows from them, in the verdict, or in the words alone.
Level: TypeAlias = Literal["proposal", "verdict", "events"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """One event whose handling comes out otherwise.

    Attributes:
        stream: Name of its stream.
        version: Its version.
        level: The gravest difference: `events` if other events would follow, `verdict` if it would
            be committed or rejected for other reasons, `proposal` if only the proposal differs.
        recorded: What is on record: `proposal`, `verdict` and `events`, and among the events what
            an effect outside was asked for.
        now: The same, as it comes out now.
    """

    stream: str
    version: int
    level: Level
    recorded: Mapping[str, Any]
    now: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of a consumer's events, compared with what was recorded.

    Attributes:
        consumer: Its name.
        asked_again: Whether its proposer was asked; if not, what it had said was read.
        events: How many were compared.
        same: How many came out the same, proposal included if it was asked again.
        levels: How many came out otherwise, by where they differ.
        left_out: How many could not be compared, by why: `not_handled` yet, decided by a `person`,
            stopped by a `control`, still `open`, or `removed` under a retention policy.
        examples: The first divergences, in the order of the log.
        usage: What asking again cost.
    """

    consumer: str
    asked_again: bool
    events: int
    same: int
    levels: Mapping[Level, int] = field(default_factory=dict[Level, int])
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    examples: Sequence[Divergence] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def diverged(self) -> int:
        """How many came out otherwise."""
        return sum(self.levels.values())

    @property
    def diverged_downstream(self) -> int:
        """How many would be followed by other events, or come to another verdict."""
        return self.levels.get("events", 0) + self.levels.get("verdict", 0)
