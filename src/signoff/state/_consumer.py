"""Consumers: who handles the events of a log, each of them once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, overload
from urllib.parse import quote

from signoff.boundary import Boundary, Outcome, Subject
from signoff.errors import UsageError
from signoff.state._event_log import Event, EventLog

E = TypeVar("E")
X = TypeVar("X")
R = TypeVar("R")
S = TypeVar("S", bound=Subject)

#: What is done with an event that comes too late.
LatePolicy: TypeAlias = Literal["drop", "reprocess", "escalate"]


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far behind the latest event of its stream an event may have happened.

    Attributes:
        lateness: How far; an event that happened longer before is late.
        policy: `drop` passes over it; `reprocess` handles it at its place in the order in which
            things happened, and those that happened after it again; `escalate` asks the operator
            whether it shall be handled. All of them leave a `Late` record on the ledger.
    """

    lateness: timedelta
    policy: LatePolicy

    def __post_init__(self) -> None:
        if self.lateness < timedelta():
            raise UsageError("a watermark's lateness is a duration, zero or more")
        if self.policy not in ("drop", "reprocess", "escalate"):
            raise UsageError(f"{self.policy!r} is no policy: drop, reprocess or escalate")


class Delivery(Protocol):
    """One event in a consumer's hands. It may be handed over again after a crash.

    Whatever is done through it is done once: crossings and events have keys made from the
    consumer and the event.
    """

    @property
    def key(self) -> str:
        """Names this event in this consumer for ever; hand it to other systems."""
        ...

    @property
    def state(self) -> Any:
        """Where the stream stood after the event; None if the log has no `fold`."""
        ...

    async def run(self, boundary: Boundary[S, Any, R], subject: S, *, name: str = "") -> Outcome[R]:
        """Cross a boundary, under a key made from this delivery's.

        Args:
            boundary: What to cross.
            subject: What it is about.
            name: Tells several crossings of one boundary apart.
        """
        ...

    def append(
        self, log: EventLog[X], event: X, *, stream: str = "", happened: datetime | None = None
    ) -> None:
        """Add an event once the handler returns, in the transaction that moves the offset.

        Args:
            log: Which log.
            event: What to add.
            stream: Which stream; by default that of the event at hand.
            happened: When it happened; by default now.
        """
        ...


#: An async function of (delivery, event).
Handle: TypeAlias = Callable[[Delivery, Event[Any]], Awaitable[object]]


class Consumer(Generic[E]):
    """Handles every event of a log, in order within each stream.

    A value: how far it has come is in the database, under its name. One process at a time drives
    a consumer; another takes over when that one is gone.

    Guarantees: every event is handed over at least once, and what the delivery does counts once:
    the offset moves in the transaction of the crossing that `through` makes, or of the events that
    the handler adds; a repeat finds what was recorded and asks no model. Does not guarantee: an
    order between streams; that anything else a handler does is done once.

    Args:
        name: Names the consumer for ever.
        log: What it reads.
        through: A boundary that every event crosses; or
        handle: an async function of (delivery, event).
        about: With `through`: the boundary's subject for an event, or None to pass over it. By
            default where the stream stood after the event if the log has a `fold`, else the event
            itself.
        on: Types of the events that it handles; by default all.
        late: When an event is late, and what is done then; by default none ever is.
        begins: `first` begins with the log's first event, `next` with the next one that is added.

    Raises:
        UsageError: If it has not exactly one of `through` and `handle`.
    """

    @overload
    def __init__(
        self,
        name: str,
        log: EventLog[E],
        *,
        through: Boundary[Any, Any, Any] | None = None,
        handle: Callable[[Delivery, Event[E]], Awaitable[object]] | None = None,
        about: Callable[[Event[E]], Subject | None] | None = None,
        late: Watermark | None = None,
        begins: Literal["first", "next"] = "first",
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        log: EventLog[E],
        *,
        through: Boundary[Any, Any, Any] | None = None,
        handle: Callable[[Delivery, Event[X]], Awaitable[object]] | None = None,
        about: Callable[[Event[X]], Subject | None] | None = None,
        on: type[X] | Sequence[type[X]],
        late: Watermark | None = None,
        begins: Literal["first", "next"] = "first",
    ) -> None: ...
    def __init__(
        self,
        name: str,
        log: EventLog[E],
        *,
        through: Boundary[Any, Any, Any] | None = None,
        handle: Callable[[Delivery, Event[Any]], Awaitable[object]] | None = None,
        about: Callable[[Event[Any]], Subject | None] | None = None,
        on: type[Any] | Sequence[type[Any]] = (),
        late: Watermark | None = None,
        begins: Literal["first", "next"] = "first",
    ) -> None:
        if not name or not name.isprintable() or len(name) > 100:
            raise UsageError(f"{name!r} cannot name a consumer: 1 to 100 printable characters")
        if (through is None) == (handle is None):
            raise UsageError(f"consumer {name} needs through= or handle=, one of the two")
        if about is not None and through is None:
            raise UsageError(f"consumer {name} has about=, which only goes with through=")
        self.name = name
        self.log = log
        self.through = through
        self.handle: Handle | None = handle
        self.about = about
        self.late = late
        self.begins: Literal["first", "next"] = begins
        wanted = (on,) if isinstance(on, type) else tuple(on)
        if foreign := [type_ for type_ in wanted if log.types.get(type_.__name__) is not type_]:
            raise UsageError(f"consumer {name} is on {foreign[0].__name__}, which {log!r} is not")
        self.on = frozenset(type_.__name__ for type_ in wanted)

    def __repr__(self) -> str:
        return f"<Consumer {self.name} of {self.log.name}>"

    def wants(self, type_: str) -> bool:
        """Whether it handles events of a type."""
        return not self.on or type_ in self.on

    def key(self, stream: str, version: int) -> str:
        """The idempotency key of an event in this consumer: safe in a header."""
        return f"{quote(self.name, safe='')}/{quote(stream, safe='')}/{version}"

    def subject(self, event: Event[E], state: Any) -> Any:
        """What the boundary is asked about; None to pass over the event."""
        if self.about is not None:
            return self.about(event)
        return event.data if self.log.fold is None else state
