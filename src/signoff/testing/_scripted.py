"""A proposer that says what the test tells it to say."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias, TypeVar, cast, overload

from signoff.boundary import Answer, Question
from signoff.errors import UsageError
from signoff.ledger import Fingerprint

ProposalT = TypeVar("ProposalT")
AnySubject = TypeVar("AnySubject")

Cue: TypeAlias = Answer | BaseException | type[BaseException] | Callable[[Question[Any]], object]


class ScriptExhausted(UsageError):
    """The boundary asked more often than the script has answers."""


class Scripted(Generic[ProposalT]):
    """Answer from a list, in order, and remember every question.

    Args:
        answers: Proposals, raw texts, `Answer`s, exceptions to raise, or functions of the question
            that return or raise one of these.
        proposes: The proposal type; by default the type of the first typed answer.
        repeat: Give the last answer again and again, instead of raising `ScriptExhausted`.
    """

    @overload
    def __init__(self, *answers: ProposalT | str | Cue, repeat: bool = False) -> None: ...
    @overload
    def __init__(
        self, *answers: object, proposes: type[ProposalT], repeat: bool = False
    ) -> None: ...
    def __init__(
        self,
        *answers: object,
        proposes: type[ProposalT] | None = None,
        repeat: bool = False,
    ) -> None:
        self._answers = answers
        self._proposes = proposes or cast("type[ProposalT]", _type_of_first_typed(answers))
        self._repeat = repeat
        self.asked: list[Question[Any]] = []

    @property
    def proposes(self) -> type[ProposalT]:
        """The type that answers are parsed into."""
        return self._proposes

    @property
    def fingerprint(self) -> Fingerprint:
        """Always the same: `scripted`."""
        return Fingerprint(model="scripted")

    async def __call__(self, question: Question[AnySubject], /) -> Answer:
        """Give the next answer."""
        self.asked.append(question)
        said: object = self._next()
        if callable(said) and not isinstance(said, type):
            said = said(question)
            if inspect.isawaitable(said):
                said = await cast("Awaitable[object]", said)
        match said:
            case BaseException():
                raise said
            case type() if issubclass(said, BaseException):
                raise said
            case Answer():
                return said
            case content:
                return Answer(content=content)

    def _next(self) -> object:
        asked, written = len(self.asked), len(self._answers)
        if asked <= written:
            return self._answers[asked - 1]
        if self._repeat and written:
            return self._answers[-1]
        raise ScriptExhausted(
            f"Asked {asked} times, but the script has {written} answers. "
            "Add an answer, lower the boundary's attempts, or pass `repeat=True`."
        )


def _type_of_first_typed(answers: tuple[object, ...]) -> type[object]:
    for answer in answers:
        said = answer.content if isinstance(answer, Answer) else answer
        if not (isinstance(said, str | BaseException | type) or callable(said)):
            return type(said)
    raise UsageError("A script of texts does not say what it proposes. Pass `proposes=`.")
