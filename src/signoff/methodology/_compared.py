"""Two workloads side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from signoff.methodology._decision_record import DecisionRecord
from signoff.methodology._markdown import said
from signoff.methodology._span import spelled
from signoff.methodology._workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One line of two records, or one answer of two workloads.

    Attributes:
        title: The title of the line, or the name of the answer.
        left: What the first one says.
        right: What the second one says.
        because: For a line, the answers that it reads and that differ.
    """

    title: str
    left: str
    right: str
    because: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether they say different things."""
        return self.left != self.right


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two decision records side by side.

    Attributes:
        names: Of the two workloads.
        lines: The five lines; where they differ, with the answers that make the difference.
        answers: Every answer that is not the same.
    """

    names: tuple[str, str]
    lines: tuple[Difference, ...]
    answers: tuple[Difference, ...]


def compare(left: DecisionRecord, right: DecisionRecord) -> Comparison:
    """Where two decision records differ, and which answers make the difference."""
    answers = tuple(
        Difference(title=name, left=one, right=other)
        for name in Workload.model_fields
        if name not in ("name", "about")
        for one, other in [(_said(left.workload, name), _said(right.workload, name))]
        if one != other
    )
    other_answers = {each.title for each in answers}
    lines = tuple(
        Difference(
            title=one.title,
            left=one.decision,
            right=other.decision,
            because=tuple(sorted((one.reads | other.reads) & other_answers))
            if one.decision != other.decision
            else (),
        )
        for one, other in zip(left.lines, right.lines, strict=True)
    )
    names = (left.workload.name, right.workload.name)
    return Comparison(names=names, lines=lines, answers=answers)


def _said(workload: Workload, name: str) -> str:
    answer: object = getattr(workload, name)
    if isinstance(answer, timedelta):
        return spelled(answer)
    if isinstance(answer, bool | str):
        return said(answer)
    if name == "deferred":
        return ", ".join(sorted(workload.deferred)) or "none"
    return "not answered"
