"""A comparison laid out in tables, for whoever shows it: a terminal, or a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signoff.replay._compared import Comparison, Kind, LaneSummary, LevelComparison, Said
from signoff.statistics import Interval

_MOST_SHIFTS = 10
_SHOWN = 200
_IDS = 80

#: Kinds of inputs, in the order of gravity.
_KINDS: tuple[Kind, ...] = ("effect", "verdict", "proposal", "variance", "same", "alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under a title; the text may be hostile.

    Attributes:
        title: What the rows are about.
        columns: Their names.
        rows: One cell per column.
        numbers: Names of the columns that are aligned to the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...] = ()


def tables(comparison: Comparison) -> tuple[Table, ...]:
    """Lanes, levels, kinds of inputs, verdicts that moved, groups and examples; none is empty."""
    laid = (
        _lanes(comparison),
        _levels(comparison),
        _kinds(comparison),
        _shifts(comparison),
        _groups(comparison),
        *_examples(comparison),
    )
    return tuple(table for table in laid if table.rows)


def _lanes(comparison: Comparison) -> Table:
    def row(name: str, lane: LaneSummary) -> tuple[str, ...]:
        return (
            name,
            ", ".join(lane.models),
            f"{lane.inputs:,}",
            f"{lane.trials:,}",
            f"{lane.accepted:,} of {lane.judged:,}",
            _share(lane.rate),
            _range(lane.interval),
            f"{sum(lane.failures.values()):,}",
        )

    return Table(
        title="Lanes",
        columns=(
            "lane",
            "model",
            "inputs",
            "trials",
            "accepted",
            "share",
            f"{comparison.confidence:.0%} interval",
            "errors",
        ),
        rows=(row("baseline", comparison.baseline), row("candidate", comparison.candidate)),
        numbers=("inputs", "trials", "accepted", "share", "errors"),
    )


def _levels(comparison: Comparison) -> Table:
    def row(level: LevelComparison) -> tuple[str, ...]:
        return (
            level.level,
            f"{level.inputs:,}",
            f"{level.differing:,}",
            _share(level.across),
            _share(level.baseline_variance),
            _share(level.candidate_variance),
            _share(level.divergence),
            _range(level.interval),
            "" if level.p is None else f"{level.p:.4f}",
        )

    columns = (
        "level",
        "inputs",
        "differing",
        "across lanes",
        "within baseline",
        "within candidate",
        "divergence",
        f"{comparison.confidence:.0%} interval",
        "p",
    )
    return Table(
        title="Shares of pairs of answers to one input that differ",
        columns=columns,
        rows=tuple(row(level) for level in comparison.levels if level.inputs),
        numbers=tuple(name for name in columns if name not in ("level", columns[-2])),
    )


def _kinds(comparison: Comparison) -> Table:
    total = len(comparison.inputs)
    return Table(
        title="Inputs",
        columns=("kind", "inputs", "share"),
        rows=tuple(
            (_named(kind, comparison), f"{number:,}", _share(number / total))
            for kind in _KINDS
            if (number := comparison.kinds.get(kind, 0))
        ),
        numbers=("inputs", "share"),
    )


def _named(kind: Kind, comparison: Comparison) -> str:
    """What a person reads; divergence is claimed only where variance is known."""
    if kind in ("effect", "verdict", "proposal"):
        return f"{kind} {'divergence' if comparison.variance_measured else 'difference'}"
    return "in one lane only" if kind == "alone" else kind


def _shifts(comparison: Comparison) -> Table:
    return Table(
        title="Verdicts that moved",
        columns=("baseline", "candidate", "inputs", "same proposal"),
        rows=tuple(
            (shift.baseline, shift.candidate, f"{shift.inputs:,}", f"{shift.same_proposal:,}")
            for shift in comparison.shifts[:_MOST_SHIFTS]
        ),
        numbers=("inputs", "same proposal"),
    )


def _groups(comparison: Comparison) -> Table:
    return Table(
        title="Acceptance by group",
        columns=("group", "inputs", "baseline", "candidate", "worse", "better"),
        rows=tuple(
            (
                group.group,
                f"{group.inputs:,}",
                _share(group.baseline),
                _share(group.candidate),
                f"{group.worse:,}",
                f"{group.better:,}",
            )
            for group in comparison.groups
        ),
        numbers=("inputs", "baseline", "candidate", "worse", "better"),
    )


def _examples(comparison: Comparison) -> tuple[Table, ...]:
    return tuple(
        Table(
            title=f"Examples of {_named(kind, comparison)}",
            columns=("input", "baseline", "candidate"),
            rows=tuple(
                (_clipped(example.input, _IDS), _said(example.baseline), _said(example.candidate))
                for example in comparison.examples
                if example.kind == kind
            ),
        )
        for kind in _KINDS
    )


def _said(answers: Sequence[Said]) -> str:
    told = (f"{said.verdict}: {said.shown}" if said.shown else said.verdict for said in answers)
    return "; or ".join(_clipped(each, _SHOWN) for each in told)


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.1%} to {interval.high:.1%}"
