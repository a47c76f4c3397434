"""What every interval here is, and what is refused before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from signoff.errors import BadInput, UsageError


@dataclass(frozen=True, slots=True)
class Interval:
    """A range that holds the true value with the confidence that was asked for.

    Attributes:
        low: The lower end.
        high: The upper end.
    """

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def checked_confidence(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"a confidence lies between 0 and 1, such as 0.95; it is {confidence}")
    return confidence


def checked_counts(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise UsageError(f"{successes} of {trials} is not a count: 0 <= successes <= trials")


def checked_values(values: Iterable[float], what: str) -> list[float]:
    """The values as a list.

    Raises:
        BadInput: If one is NaN or infinite.
    """
    kept = list(map(float, values))
    if all(map(isfinite, kept)):
        return kept
    for place, value in enumerate(kept):
        if not isfinite(value):
            raise BadInput(f"{what} number {place + 1} is {value}: leave out what is not known")
    return kept
