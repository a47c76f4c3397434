"""What was wrong with a corpus: counted, with the first line of each kind."""

from __future__ import annotations

from dataclasses import dataclass, field

_MOST = 50
_OTHERS = "other problems"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that was wrong with some lines.

    Attributes:
        line: The first of them, from 1.
        what: What was wrong.
        number: How many there were.
    """

    line: int
    what: str
    number: int


@dataclass(slots=True)
class Problems:
    """Counts while a corpus is read. Bounded, whatever is in the file."""

    found: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    skipped: int = 0
    incomplete: str = ""

    def note(self, line: int, what: str) -> None:
        """Something was wrong, but the record is kept."""
        if what not in self.found and len(self.found) >= _MOST:
            what = _OTHERS
        self.found.setdefault(what, [line, 0])[1] += 1

    def skip(self, line: int, what: str, number: int = 1) -> None:
        """Some records were left out."""
        self.note(line, what)
        self.found[what if what in self.found else _OTHERS][1] += number - 1
        self.skipped += number

    def cut_off(self, line: int, what: str) -> None:
        """Nothing can be read from here on."""
        self.note(line, what)
        self.incomplete = f"{what}, at line {line:,}"

    def listed(self) -> tuple[Problem, ...]:
        """The problems, the most frequent first."""
        problems = (
            Problem(line=line, what=what, number=number)
            for what, (line, number) in self.found.items()
        )
        return tuple(sorted(problems, key=lambda problem: (-problem.number, problem.line)))
