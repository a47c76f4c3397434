"""Showing what the method says: a composition, why not another, and two side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signoff.cli._fitted import show_fitted, show_lines
from signoff.cli._output import put, styled

if TYPE_CHECKING:
    from signoff.methodology import Comparison, DecisionRecord, WhyNot


def show_record(record: DecisionRecord) -> None:
    """The composition, then the predicate that fired for each line, and what to expect."""
    show_lines(str(record))
    print()
    rows = [
        (line.title, line.because, ", ".join(line.fired), ", ".join(line.expect))
        for line in record.lines[:-1]
    ]
    show_fitted(("line", "because", "predicates", "if it is wrong, expect"), rows)
    _head("Build it in this order")
    for number, step in enumerate(record.sequence.chosen, 1):
        put(styled(f"{number}. {step}", most=0))
    if assumed := _assumed(record):
        _head("Not answered, so the method assumed")
        show_fitted(("answer", "assumed", "read by"), assumed)
    on = "" if record.on is None else f"{record.on.isoformat()}, "
    model = record.model or "no model named: say --model"
    print()
    put(styled(f"{on}{model}; digest {record.digest[:12]}", "dim"))


def _head(title: str) -> None:
    print()
    put(styled(title, "bold"))


def _assumed(record: DecisionRecord) -> list[tuple[str, str, str]]:
    readers: dict[tuple[str, str], list[str]] = {}
    for line in record.lines[:-1]:
        for name, value in line.assumed.items():
            readers.setdefault((name, value), []).append(line.title)
    return [(name, value, ", ".join(titles)) for (name, value), titles in readers.items()]


def show_why_not(found: WhyNot) -> None:
    """Why a pattern was not chosen, and what would have to be different."""
    show_lines(str(found))


def show_comparison(found: Comparison) -> None:
    """Two workloads side by side, and which answers make the difference."""
    left, right = found.names
    rows = [
        (
            "" if not line.differs else "*",
            line.title,
            line.left,
            line.right,
            ", ".join(line.because),
        )
        for line in found.lines
        if line.title != "sequence"
    ]
    show_fitted(("", "line", left, right, "because of"), rows)
    if not found.answers:
        print("\nevery answer is the same")
        return
    print()
    answers = [(each.title, each.left, each.right) for each in found.answers]
    show_fitted(("answer", left, right), answers)


def comparison_as_json(found: Comparison) -> dict[str, Any]:
    """Two workloads side by side, for programs."""
    left, right = found.names
    return {
        "left": left,
        "right": right,
        "lines": [
            {
                "title": each.title,
                "left": each.left,
                "right": each.right,
                "differs": each.differs,
                "because_of": list(each.because),
            }
            for each in found.lines
        ],
        "answers": [
            {"answer": each.title, "left": each.left, "right": each.right} for each in found.answers
        ],
    }


def why_not_as_json(found: WhyNot) -> dict[str, Any]:
    """Why a pattern was not chosen, for programs."""
    return {
        "pattern": found.pattern,
        "chosen": found.chosen,
        "because": found.because,
        "expect": list(found.expect),
        "ways": [
            [{"answer": each.answer, "now": each.now, "then": each.then} for each in way]
            for way in found.ways
        ],
    }
