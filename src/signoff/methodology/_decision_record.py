"""The decision record: the method's six-line architecture decision for a workload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from signoff.ledger import digest
from signoff.methodology._line import Line
from signoff.methodology._workload import Workload

#: The form of the record, and the version of the predicates that wrote it.
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """What was decided about a workload, why, and what shows if it was wrong.

    Six lines: runtime class, spine, coordination, control, sequence, and the date with the model
    version. `str` is the short form; `as_markdown` and `as_json` keep everything and are read back
    by `read_record`.

    Attributes:
        workload: What was answered.
        runtime: Line 1, the runtime class.
        spine: Line 2, what survives a pause.
        coordination: Line 3, how work splits and combines.
        control: Line 4, what may stop, delay or ask.
        sequence: Line 5, what is built first.
        on: Line 6, the date of the decision; None for a draft.
        model: Line 6, the model and version that it was made for; empty for a draft.
        version: Of the record's form and of the predicates.
    """

    workload: Workload
    runtime: Line
    spine: Line
    coordination: Line
    control: Line
    sequence: Line
    on: date | None = None
    model: str = ""
    version: int = VERSION

    @property
    def lines(self) -> tuple[Line, ...]:
        """The first five lines, in order."""
        return self.runtime, self.spine, self.coordination, self.control, self.sequence

    @property
    def digest(self) -> str:
        """SHA-256 of the record's canonical JSON, as 64 hex digits."""
        from signoff.methodology._json import body_of

        return digest(body_of(self))

    def dated(self, on: date, *, model: str) -> DecisionRecord:
        """The same record with its sixth line."""
        return replace(self, on=on, model=model)

    def line(self, title: str) -> Line | None:
        """The line of that title, such as `spine`."""
        return next((line for line in self.lines if line.title == title), None)

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for JSON, with the digest."""
        from signoff.methodology._json import body_of

        return {**body_of(self), "digest": self.digest}

    def as_markdown(self) -> str:
        """Everything, for people and for `read_record`."""
        from signoff.methodology._markdown import markdown_of

        return markdown_of(self)

    def __str__(self) -> str:
        return "\n".join(self._short())

    def _short(self) -> Iterator[str]:
        yield f"{self.workload.name}: {self.runtime.decision}"
        yield f"  spine         {self.spine.decision} ({self.spine.because})"
        yield f"  coordination  {self.coordination.decision}"
        notes = f" ({'; '.join(self.control.notes)})" if self.control.notes else ""
        yield f"  control       {self.control.decision}{notes}"
