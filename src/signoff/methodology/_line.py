"""What a line of a decision record is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

#: An answer as a predicate read it: yes or no, a text, or None if it was not given.
Value: TypeAlias = bool | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """A question that the method asked of the answers, and what came of it.

    Attributes:
        name: Names it, such as `it_pauses`.
        says: What it asks, in words.
        holds: What came of it.
        reads: The answers that it read, as they were given; None for one that was not.
        assumed: For each answer that was not given, what was assumed.
    """

    name: str
    says: str
    holds: bool
    reads: Mapping[str, Value]
    assumed: Mapping[str, str] = field(default_factory=dict[str, str])

    def __hash__(self) -> int:
        return hash((self.name, self.holds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A pattern that was not chosen, or to do without one that was.

    Attributes:
        pattern: Which; `no delegation` is to do without delegation.
        why_not: Why not here.
        expect: Codes of the signatures to expect if it were taken all the same, the most likely
            first; see `signoff.diagnosis.SIGNATURES`.
    """

    pattern: str
    why_not: str
    expect: tuple[str, ...]

    @property
    def leaves_out(self) -> bool:
        """Whether it is to do without a pattern that was chosen."""
        return self.pattern.startswith("no ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a decision record.

    Attributes:
        title: `runtime class`, `spine`, `coordination`, `control` or `sequence`.
        chosen: The patterns, or the steps of the sequence in their order; empty for none.
        because: Why, in a few words.
        fired: Names of the predicates that decided, among `predicates`.
        predicates: Everything that was asked, what did not hold included.
        expect: Codes of the signatures to expect if the choice is wrong, the most likely first.
        alternatives: What was not chosen.
        notes: What was decided besides, such as why a plane is deferred.
    """

    title: str
    chosen: tuple[str, ...]
    because: str
    fired: tuple[str, ...]
    predicates: tuple[Predicate, ...]
    expect: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    notes: tuple[str, ...] = ()

    @property
    def decision(self) -> str:
        """What was chosen, as people say it."""
        if self.title == "sequence":
            return "; ".join(f"{number}. {step}" for number, step in enumerate(self.chosen, 1))
        if self.title == "spine" and self.chosen == ("none",):
            return "no durable spine"
        return ", ".join(self.chosen) or "none"

    @property
    def reads(self) -> frozenset[str]:
        """Names of the answers that the line rests on; no other answer changes it."""
        return frozenset(name for predicate in self.predicates for name in predicate.reads)

    @property
    def assumed(self) -> Mapping[str, str]:
        """What was assumed for answers that were not given."""
        return {
            name: value
            for predicate in self.predicates
            for name, value in predicate.assumed.items()
        }
