"""A step of a saga: what it does, and how that is taken back."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from signoff.boundary import (
    Answer,
    Boundary,
    Budget,
    External,
    Question,
    Subject,
    Transactional,
    Write,
    adapter_of,
    signature_types,
    source_version,
)
from signoff.coordination._coordinated import Coordinated, boundary_of
from signoff.errors import UsageError
from signoff.ledger import Fingerprint

if TYPE_CHECKING:
    from signoff.coordination._saga import Saga

S = TypeVar("S", bound=Subject)


class Given(BaseModel):
    """What a step is handed: nothing to do it, its receipt to take it back."""

    model_config = ConfigDict(frozen=True)

    receipt: Any = None


class Handing:
    """A proposer that hands a step what it needs; nobody is asked."""

    proposes = Given

    def __init__(self, given: Given, version: str) -> None:
        self._given = given
        self.fingerprint = Fingerprint(model="saga", version=version)

    async def __call__(self, question: Question[Any], /) -> Answer:
        return Answer(content=self._given)


class Step(Generic[S]):
    """One step of a saga.

    Args:
        do: An async function of (subject, key), which acts outside; a plain function of (subject,
            write), which writes in our database; or a boundary, a delegation, a gather, a saga.
        undo: Takes it back: an async function of (receipt, subject, key), or a plain one of
            (receipt, subject, write). It may be called again after a failure, always with the same
            key of its own for one try, so it must bear that. A saga takes back its own steps.
        name: The function's by default.
        pivot: The point of no return: it has no undo, and nothing before it is undone after it.
        idempotent: The other system does nothing twice under one key.
        reconcile: Asks the other system what became of a key.

    Raises:
        UsageError: If `do` or `undo` is none of these, or a pivot has an undo.
    """

    def __init__(
        self,
        do: Callable[[S, str], Awaitable[Any]]
        | Callable[[S, Write[S]], Any]
        | Boundary[S, Any, Any]
        | Coordinated[S, Any, Any],
        *,
        undo: Callable[..., Any] | None = None,
        name: str = "",
        pivot: bool = False,
        idempotent: bool = False,
        reconcile: Callable[[str], Awaitable[Any]] | None = None,
    ) -> None:
        if pivot and undo is not None:
            raise UsageError("a pivot is the point of no return: it has no undo=")
        self.do, self.undo, self.pivot = do, undo, pivot
        #: What is crossed to do it, if it is not a function.
        self.crossed = _crossed(do)
        self.name = name or (_name_of(do) if self.crossed is None else self.crossed.name)
        self.undo_name = "" if undo is None else _name_of(undo)
        self._idempotent, self._reconcile = idempotent, reconcile
        if self.crossed is None and not callable(do):
            raise UsageError(f"{do!r} is no step: give a function, or something to cross")
        if undo is not None and not callable(undo):
            raise UsageError(f"{undo!r} takes nothing back: undo= is a function")
        for function in (None if self.crossed else do, undo):
            if _is_async_object(function):
                raise UsageError(f"{function!r} is called asynchronously: give its async method")
        if (idempotent or reconcile) and not inspect.iscoroutinefunction(do):
            raise UsageError(
                f"idempotent= and reconcile= are about another system, but step {self.name} is "
                "not an async function"
            )

    def forward(self, saga: str, subject: Any) -> Boundary[Any, Any, Any]:
        """What is crossed to do it."""
        if self.crossed is not None:
            return self.crossed
        do: Any = self.do
        if inspect.iscoroutinefunction(do):

            async def perform(given: Given, subject: Any, key: str) -> Any:
                return await do(subject, key)

            commit: Any = External(
                perform,
                reconcile=self._reconcile,
                idempotent=self._idempotent,
                name=f"{saga}.{self.name}",
            )
        else:

            def apply(given: Given, subject: Any, write: Write[Any]) -> Any:
                return do(subject, write)

            commit = Transactional(apply)
        return _hidden(f"{saga}.{self.name}", do, commit, subject)

    def backward(self, saga: str, subject: Any) -> Boundary[Any, Any, Any] | None:
        """What is crossed to take it back; None if it cannot be."""
        undo: Any = self.undo
        if undo is None:
            return None
        name = f"{saga}.{self.name}.undo"
        receipt = adapter_of(signature_types(undo)[0])
        if inspect.iscoroutinefunction(undo):

            async def perform(given: Given, subject: Any, key: str) -> Any:
                return await undo(receipt.validate_python(given.receipt), subject, key)

            commit: Any = External(perform, idempotent=True, name=name)
        else:

            def apply(given: Given, subject: Any, write: Write[Any]) -> Any:
                return undo(receipt.validate_python(given.receipt), subject, write)

            commit = Transactional(apply)
        return _hidden(name, undo, commit, subject)

    @property
    def saga(self) -> Saga[Any] | None:
        """The saga that it is, if it is one."""
        from signoff.coordination._saga import Saga

        do: Any = self.do
        return do if isinstance(do, Saga) else None  # pyright: ignore[reportUnknownVariableType]

    @property
    def subject_type(self) -> Any:
        """The type of the subject, as its function says."""
        if self.crossed is not None:
            return self.crossed.subject_type
        first = signature_types(cast("Any", self.do))[0]  # its first parameter is the subject
        return None if first is Any else first


def _crossed(do: Any) -> Boundary[Any, Any, Any] | None:
    if isinstance(do, Boundary) or hasattr(do, "boundary"):
        return boundary_of(cast("Boundary[Any, Any, Any]", do))
    return None


def _is_async_object(function: Any) -> bool:
    called = getattr(cast("Any", type(function)), "__call__", None)  # noqa: B004  # it need not have one
    return inspect.iscoroutinefunction(called)


def _hidden(name: str, function: Any, commit: Any, subject: Any) -> Boundary[Any, Any, Any]:
    return Boundary(
        name,
        proposer=Handing(Given(), source_version(function)),
        verifiers=(),
        commit=commit,
        budget=Budget(attempts=1, seconds=None),
        subject=subject,
    )


def handed(boundary: Boundary[Any, Any, Any], receipt: Any) -> Boundary[Any, Any, Any]:
    """The same, with a receipt in its hands."""
    version = boundary.proposer.fingerprint.version
    return boundary.proposed_by(Handing(Given(receipt=receipt), version))


def _name_of(function: Any) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return str(name)
