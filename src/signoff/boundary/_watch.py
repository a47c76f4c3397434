"""Who watches a crossing while it runs: a port for telemetry, and nobody."""

from __future__ import annotations

from types import TracebackType
from typing import Literal, Self

from signoff.boundary._ports import Recorded

#: The steps of a crossing: the proposer is asked, a fact is looked up, all verifiers judge, one
#: verifier does, a control is asked, the commit runs, an effect is asked for, its probe is.
StepName = Literal[
    "propose", "evidence", "verify", "verifier", "control", "commit", "effect", "probe"
]


class Step:
    """Something that is watched from its beginning to its end; this one is not.

    Used as a context manager. It must not raise, and it may be entered on another thread than the
    crossing's.
    """

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def tell(self, said: object) -> None:
        """What came of it."""


_UNSEEN = Step()


class Watch(Step):
    """Watches one crossing, or one piece of work; this one does not look.

    It is told the outcome, as a step is told what came of it.
    """

    __slots__ = ()

    @property
    def trace(self) -> str:
        """Where what it saw can be found, as W3C `traceparent`; empty if nowhere."""
        return ""

    def finds(self, recorded: Recorded) -> None:
        """The crossing was on record before: it goes on, or is answered again."""

    def step(self, what: StepName, name: str, about: object = None) -> Step:
        """A step that is about to be taken.

        Args:
            what: Its kind.
            name: Of the boundary, verifier, control, lookup or effect.
            about: The `Question` of a proposer, the key of an effect, or when a control is asked:
                `before` or `at_commit`.
        """
        return _UNSEEN


NOT_WATCHED = Watch()
