"""A function as a proposer: rules, a lookup, a client of your own."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar, cast, overload

from signoff.boundary import Answer, Question
from signoff.errors import UsageError
from signoff.ledger import Fingerprint
from signoff.proposers._source import qualified_name, source_digest

SubjectT = TypeVar("SubjectT")
ProposalT = TypeVar("ProposalT")


class Function(Generic[SubjectT, ProposalT]):
    """Propose with a function of the question, sync or async.

    It returns a proposal, the text of one, or an `Answer` when it knows what the answer cost. A
    sync function runs on the event loop: it should be quick.

    Args:
        fn: Takes a `Question`.
        proposes: The proposal type; by default what the function is annotated to return.
        name: Known by this name in the ledger; by default the function's qualified name.
    """

    @overload
    def __init__(
        self,
        fn: Callable[[Question[SubjectT]], Coroutine[Any, Any, ProposalT]],
        *,
        proposes: None = None,
        name: str | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        fn: Callable[[Question[SubjectT]], ProposalT],
        *,
        proposes: None = None,
        name: str | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        fn: Callable[[Question[SubjectT]], object],
        *,
        proposes: type[ProposalT],
        name: str | None = None,
    ) -> None: ...
    def __init__(
        self,
        fn: Callable[[Question[SubjectT]], object],
        *,
        proposes: type[ProposalT] | None = None,
        name: str | None = None,
    ) -> None:
        self._fn = fn
        self._proposes = proposes or cast("type[ProposalT]", _annotated(fn))
        self._fingerprint = Fingerprint(
            model=name or f"function:{qualified_name(fn)}", version=source_digest(fn)
        )

    @property
    def proposes(self) -> type[ProposalT]:
        """The type that answers are parsed into."""
        return self._proposes

    @property
    def fingerprint(self) -> Fingerprint:
        """The function's name and the digest of its source."""
        return self._fingerprint

    async def __call__(self, question: Question[SubjectT], /) -> Answer:
        """Call the function."""
        said = self._fn(question)
        if inspect.isawaitable(said):
            said = await cast("Awaitable[object]", said)
        return said if isinstance(said, Answer) else Answer(content=said)


def _annotated(fn: Callable[..., object]) -> type[Any]:
    plain = fn if inspect.isroutine(fn) else type(fn).__call__
    try:
        returned = typing.get_type_hints(plain).get("return")
    except (NameError, TypeError):
        returned = None
    if typing.get_origin(returned) in (Awaitable, Coroutine):
        returned = typing.get_args(returned)[-1]
    if returned in (None, str, Answer, Any, object, types.NoneType):
        raise UsageError(
            f"{qualified_name(fn)} does not say which proposal type it returns. "
            "Annotate its return type, or pass `proposes=`."
        )
    return cast("type[Any]", returned)
