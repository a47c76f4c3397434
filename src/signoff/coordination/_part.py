"""Asking many at once, and what became of each."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, Literal, TypeAlias

from signoff.boundary import (
    Answer,
    Boundary,
    Committed,
    Crossed,
    Outcome,
    Question,
    Refused,
    Rejected,
    Suspended,
    Unfinished,
    Unknown,
)
from signoff.errors import SignoffError, UsageError
from signoff.ledger import Usage

#: What became of one who was asked. Only `answered` has a value.
PartState: TypeAlias = Literal["answered", "rejected", "late", "waiting", "unknown", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What became of one who was asked.

    Attributes:
        name: Who.
        state: `answered`; `rejected` by its own boundary; `late`: the deadline came first;
            `waiting` for a person; `unknown`: its effect is in doubt; `failed`: it raised.
        value: What its boundary committed; None without an answer.
        code: Why there is no answer.
        crossing: Where it is on the ledger; empty if it never got there.
        usage: What it cost.
        weight: What its owner declared.
        substituted: The value is the declared substitute.
    """

    name: str
    state: PartState
    value: Any = None
    code: str = ""
    crossing: str = ""
    usage: Usage = field(default_factory=Usage)
    weight: float = 1.0
    substituted: bool = False

    def body(self) -> dict[str, Any]:
        """JSON-ready fields for the ledger and the outcome; the value is on its own crossing."""
        fields: dict[str, Any] = {"state": self.state}
        for name in ("code", "crossing", "substituted"):
            if value := getattr(self, name):
                fields[name] = value
        if self.weight != 1.0:
            fields["weight"] = self.weight
        return fields


async def ask_all(
    question: Question[Any],
    asked: Sequence[tuple[str, Boundary[Any, Any, Any]]],
    *,
    deadline: timedelta | None,
) -> dict[str, Part]:
    """Cross every boundary at the same time, about the subject of a question.

    Those who have not answered at the deadline are stopped, and what they say later is not heard.

    Args:
        question: Crosses each, durably: a part that has been answered is not asked again.
        asked: Names and boundaries.
        deadline: How long they have; never longer than the question's budget.

    Returns:
        What became of each, in the order in which they were given.

    Raises:
        SignoffError: The store failed; what was answered is kept, and the same can be run again.
        UsageError: One of them is wrongly used, or there is no runtime.
    """
    cross, subject = question.cross, question.subject
    if cross is None:
        raise UsageError("others are asked by a runtime: await runtime.run(...)")
    tasks = {
        name: asyncio.ensure_future(cross(boundary, subject, name=name)) for name, boundary in asked
    }
    try:
        await asyncio.wait(tasks.values(), timeout=_seconds(deadline, question.seconds))
    finally:
        late = {name for name, task in tasks.items() if not task.done()}
        for name in late:
            tasks[name].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    return {name: _part(name, task, late=name in late) for name, task in tasks.items()}


def _seconds(deadline: timedelta | None, left: float | None) -> float | None:
    """How long they have: so that there is time to combine before the budget's end, too."""
    bounds = [] if deadline is None else [deadline.total_seconds()]
    if left is not None:
        bounds.append(left - min(0.05 * left, 1.0))
    return min(bounds, default=None)


def _part(name: str, task: asyncio.Future[Crossed], *, late: bool) -> Part:
    if late and not task.cancelled() and isinstance(task.exception(), Unfinished):
        return Part(name=name, state="unknown", code="late")  # its effect is under way
    if late:
        return Part(name=name, state="late", code="late")
    if task.cancelled():  # by itself: whoever cancels us cancels the asking, too
        return Part(name=name, state="failed", code="CancelledError")
    error = task.exception()
    if isinstance(error, SignoffError | UsageError):
        raise error
    if error is not None:
        return Part(name=name, state="failed", code=type(error).__name__)
    crossed = task.result()
    outcome: Outcome[Any] = crossed.outcome
    usage, crossing = crossed.usage, crossed.crossing
    match outcome:
        case Committed():
            return Part(
                name=name, state="answered", value=outcome.receipt, crossing=crossing, usage=usage
            )
        case Rejected():
            return Part(
                name=name, state="rejected", code=outcome.code, crossing=crossing, usage=usage
            )
        case Suspended():
            return Part(name=name, state="waiting", code="waiting", crossing=crossing, usage=usage)
        case Unknown():
            return Part(name=name, state="unknown", code="unknown", crossing=crossing, usage=usage)


def combined(
    function: Callable[[Mapping[str, Part], Any], object],
    seen: Mapping[str, Part],
    subject: Any,
    *,
    told: Mapping[str, Part],
) -> Answer:
    """What a plain function makes of the parts that it sees, with all that is told of them.

    Raises:
        Refused: If the function raises, or returns None.
        UsageError: If what it returns would have to be awaited.
    """
    name = getattr(function, "__name__", type(function).__name__)
    try:
        content = function(seen, subject)
    except UsageError:
        raise
    except Exception as error:
        said = f"{name} raised {type(error).__name__}: {error}"
        raise Refused(said, code="merge_failed", parts=bodies(told), usage=cost(told)) from error
    if inspect.isawaitable(content):
        if inspect.iscoroutine(content):
            content.close()
        raise UsageError(f"{name} has to be awaited: what merges must be a plain function")
    if content is None:
        said = f"{name} returned nothing"
        raise Refused(said, code="malformed", parts=bodies(told), usage=cost(told))
    if isinstance(content, str) and not isinstance(content, Enum):
        content = json.dumps(content)  # a value, and no text in which one is looked for
    return Answer(content=content, usage=cost(told), parts=bodies(told))


def check_plain(function: Callable[..., object]) -> None:
    """Refuse a function that would have to be awaited."""
    called: object = getattr(function, "__call__", None)  # noqa: B004  # an object may be one, too
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called):
        name = getattr(function, "__name__", repr(function))
        raise UsageError(f"{name} is async: what merges must be a plain function, never a model")


def check_deadline(deadline: timedelta | None) -> None:
    """Refuse a deadline by which nobody can answer."""
    if deadline is not None and deadline <= timedelta():
        raise UsageError(f"a deadline of {deadline} leaves no time to answer")


def bodies(parts: Mapping[str, Part]) -> dict[str, Any]:
    """The parts as the ledger keeps them."""
    return {name: part.body() for name, part in parts.items()}


def cost(parts: Mapping[str, Part]) -> Usage:
    """What all of them cost together."""
    total = Usage()
    for part in parts.values():
        total = total + part.usage
    return total
