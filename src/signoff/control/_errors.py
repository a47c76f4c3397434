"""What is wrong with a file that somebody wrote, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signoff.errors import BadInput

#: Problems that a message lists; the error itself holds all.
_LISTED = 10


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a file.

    Attributes:
        line: Counted from 1; 0 if the problem is with the file as a whole.
        column: Counted from 1 in characters; 0 likewise.
        message: What is wrong, and where it helps, what to write instead.
    """

    line: int
    column: int
    message: str


class BadPolicy(BadInput):
    """A policy file, or a file of cases, that is refused: nothing of it is used.

    Attributes:
        source: The file, as it was named.
        problems: Everything that was found, in the order of the file; never empty.
    """

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems))
        told = [self._place(problem) + problem.message for problem in self.problems[:_LISTED]]
        if len(self.problems) > _LISTED:
            told.append(f"and {len(self.problems) - _LISTED} more")
        super().__init__("\n".join(told))

    @property
    def line(self) -> int:
        """The line of the first problem."""
        return self.problems[0].line

    @property
    def column(self) -> int:
        """The column of the first problem."""
        return self.problems[0].column

    def _place(self, problem: Problem) -> str:
        if not problem.line:
            return f"{self.source}: "
        return f"{self.source}:{problem.line}:{problem.column}: "
