"""The port behind which the language of conditions lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from signoff.control._fields import Fields

#: Whether each condition holds for these values by path; None where that cannot be said.
Ask = Callable[[Mapping[str, Any]], Sequence[bool | None]]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions that were checked, ready to be asked together.

    Attributes:
        reads: The paths that each condition reads, in the order of the conditions.
        ask: Answers all of them; deterministic, and never raises. A path that is missing among
            the values makes the conditions that depend on it unanswerable.
    """

    reads: tuple[tuple[str, ...], ...]
    ask: Ask


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one condition: which one, and where inside its text, from 1."""

    condition: int
    line: int
    column: int
    message: str


class Misread(Exception):
    """Conditions that cannot be used; raised by a language, told to people as `BadPolicy`."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("; ".join(complaint.message for complaint in complaints))
        self.complaints = tuple(complaints)


class Language(Protocol):
    """A language in which conditions are written. Has one method, so that it can be replaced.

    It must check types before anything is asked, and must bound what asking can cost.
    """

    def compile(self, conditions: Sequence[str], fields: Fields) -> Conditions:
        """Check conditions against the fields that they may read.

        Raises:
            Misread: If one has a syntax error, a type error, or a name that does not exist.
        """
        ...
