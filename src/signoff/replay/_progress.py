"""How far a replay is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay is, and what it has cost.

    Attributes:
        done: Answers that are there, those of an earlier run included.
        of: How many are wanted.
        usd: What they cost, in US dollars, as far as prices are known.
        seconds: How long this run has been asking.
        left: Seconds that it will still take at this pace; None before the first answer.
    """

    done: int
    of: int
    usd: float
    seconds: float
    left: float | None


#: Told after every answer.
Tell: TypeAlias = Callable[[Progress], None]
