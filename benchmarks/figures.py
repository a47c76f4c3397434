"""A measured figure, and the table of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        what: What was measured.
        measured: In words, with unit.
        target: The design's, in words; empty for what is only reported.
        met: Whether the target was reached; None where there is none.
        how: How it was measured, and what it says beside the number.
    """

    what: str
    measured: str
    target: str = ""
    met: bool | None = None
    how: str = ""


def table(figures: Sequence[Figure]) -> str:
    rows = ["| figure | measured | target | met | how |", "|---|---|---|---|---|"]
    said = {True: "yes", False: "**no**", None: ""}
    rows += [f"| {f.what} | {f.measured} | {f.target} | {said[f.met]} | {f.how} |" for f in figures]
    return "\n".join(rows)


def as_json(figure: Figure) -> dict[str, object]:
    return asdict(figure)


def micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} us"


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": statistics.median(values),
        "low": min(values),
        "high": max(values),
        "n": len(values),
    }


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Median, lowest and highest of the ratios of blocks that ran next to each other."""
    paired = [a / b for a, b in zip(ours, theirs, strict=True)]
    return statistics.median(paired), min(paired), max(paired)
