"""Commits: the durable write or side effect that follows acceptance, under the crossing's key."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from signoff.boundary._events import Log
from signoff.errors import UsageError

P = TypeVar("P")
S = TypeVar("S")
R = TypeVar("R")
P_contra = TypeVar("P_contra", contravariant=True)
S_contra = TypeVar("S_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
E = TypeVar("E")
F = TypeVar("F", bound="External[Any, Any, Any]")

#: Performs a side effect for (proposal, subject) under a key, and returns a JSON-ready receipt.
Effect: TypeAlias = Callable[[P, S, str], Awaitable[R]]

#: Asks the other system what became of a key: the receipt, or None when it never happened.
Probe: TypeAlias = Callable[[str], Awaitable[R | None]]


class EffectRefused(Exception):
    """The other system said no, and certainly did nothing. Not retried.

    Args:
        code: For programs; becomes the rejection's code.
        message: For people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class External(Generic[P_contra, S_contra, R_co]):
    """A commit outside our database: intent first, then the effect, then its outcome.

    After a failure or a crash in between: the probe is asked if there is one; else the effect is
    repeated if it is declared idempotent; else the outcome is `Unknown`.

    Attributes:
        perform: The side effect. It is given the crossing's key; hand it to the other system.
        reconcile: Asks the other system what became of a key.
        idempotent: The other system does nothing twice under one key.
        tries: How often one run attempts it before it gives up.
        timeout: Seconds that one attempt may take; after that it is in doubt.
        name: What the ledger calls it; the function's name by default.
    """

    perform: Callable[[P_contra, S_contra, str], Awaitable[R_co]]
    reconcile: Callable[[str], Awaitable[Any]] | None = None
    idempotent: bool = False
    tries: int = 4
    timeout: float | None = 60.0
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            name = getattr(self.perform, "__name__", type(self.perform).__name__)
            object.__setattr__(self, "name", name)
        if self.tries < 1:
            raise UsageError(f"effect {self.name} has {self.tries} tries; give at least 1")


class Write(Protocol[S]):
    """What a transactional commit may do, all of it in the crossing's own transaction."""

    @property
    def key(self) -> str:
        """The crossing's idempotency key."""
        ...

    def replace(self, subject: S) -> None:
        """Give the spine's row new data; it takes effect with the move, or not at all."""
        ...

    def enqueue(self, effect: External[Any, S, Any], payload: object) -> str:
        """Put an effect in the outbox: performed after the transaction, in order.

        Args:
            effect: What to perform; the commit must have declared it.
            payload: Its first argument, JSON-ready or a pydantic model.

        Returns:
            The key under which it will be performed.
        """
        ...

    def append(
        self,
        log: Log[E],
        event: E,
        *,
        stream: str = "",
        expected: int | None = None,
        happened: datetime | None = None,
    ) -> int:
        """Add an event to a stream; it carries the crossing and the proposer's fingerprint.

        Args:
            log: The event log; see `signoff.state.EventLog`.
            event: One of its events.
            stream: Which stream; by default that of the subject.
            expected: Version that the stream must have; otherwise the crossing is rejected with
                `stale_version`.
            happened: When it happened; by default now.

        Returns:
            The event's version.
        """
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement on your own tables in the same database."""
        ...


@dataclass(frozen=True, slots=True)
class Transactional(Generic[P_contra, S, R_co]):
    """A commit inside our database: it happens in the transaction that records the acceptance.

    Attributes:
        apply: Plain function on (proposal, subject, write); returns a JSON-ready receipt. It may
            run more than once before one run of it takes effect: it must do nothing but write.
            What it raises undoes what it wrote; `EffectRefused` also rejects the crossing.
        effects: What it may enqueue; named here so that they are found again after a restart.
    """

    apply: Callable[[P_contra, S, Write[S]], R_co]
    effects: tuple[External[Any, S, Any], ...] = ()

    def __post_init__(self) -> None:
        if inspect.iscoroutinefunction(self.apply):
            raise UsageError(
                f"{getattr(self.apply, '__name__', self.apply)} is async, but a transaction waits "
                "for nobody: make it a plain function, or an external effect"
            )


Commit: TypeAlias = Effect[P, S, R] | External[P, S, R] | Transactional[P, S, R]


@cache
def signature_types(function: Callable[..., Any]) -> tuple[Any, Any, Any]:
    """Annotated types of a commit's proposal, subject and receipt.

    Returns:
        `Any` for a proposal or receipt that is not annotated, None for such a subject.
    """
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        hints = typing.get_type_hints(target)
    except (NameError, TypeError):
        hints = {}
    names = list(inspect.signature(function).parameters)
    types = [hints.get(name) for name in names[:2]] + [None, None]
    proposal, subject = (None if isinstance(hint, TypeVar) else hint for hint in types[:2])
    return Any if proposal is None else proposal, subject, hints.get("return", Any)
