"""P3, the event log: streams of typed events that are only ever added to."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from signoff.boundary import EventRow, Subject, adapter_of
from signoff.clock import from_stamp
from signoff.errors import BadInput, UsageError
from signoff.state._move import in_text

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Generic[E_co]):
    """One event, with its place.

    Attributes:
        log: Name of the log.
        stream: Name of the stream that it is read from.
        version: Place in the stream, from 1, without gaps; 0 if it is beside the history.
        position: Place in the log, from 1, without gaps.
        type: Name of its type.
        data: What happened.
        at: When it was added.
        happened: When it happened; by default the same.
        caused_by: Id of the crossing, or of the delivery to a consumer, that added it; empty if
            code did.
        fingerprint: Who proposed it, as `signoff.ledger.Fingerprint.body` tells; empty if no
            proposer did.
        about: Set on what was said when a question was asked again: the version of the event that
            the question was about. Such an event is beside the history.
        key: Under which it was added once; empty without one.
        origin: Name of the stream that it was added to: another one in the history of a fork.
    """

    log: str
    stream: str
    version: int
    position: int
    type: str
    data: E_co
    at: datetime
    happened: datetime
    caused_by: str = ""
    fingerprint: Mapping[str, Any] | None = None
    about: int | None = None
    key: str = ""
    origin: str = ""

    @property
    def asked_again(self) -> bool:
        """Whether it is beside the history: said when a question was asked again."""
        return self.about is not None


class EventLog(Generic[E]):
    """A log of typed events, in as many streams as there are subjects.

    A value: the events live in the database. A stream is named like the subject that it is about,
    and that subject's chain on the ledger vouches for every event.

    Guarantees: events that are added together are in one stream, or none of them is; a stream's
    versions and the log's positions are numbered from 1 without gaps; whoever has read a position
    has seen everything before it; an event is never changed, and `signoff ledger verify` finds one
    that was. Does not guarantee: that the order of positions is the order in which things happened
    outside.

    Args:
        name: Names the log.
        events: The types of its events: pydantic models or dataclasses, told apart by their names.
            A type that is renamed is a new type.
        fold: Where a stream stands after an event: a plain function of (where it stood, or None at
            first; the event) that returns a new value and changes nothing.

    Raises:
        UsageError: If two types have the same name.
    """

    def __init__(
        self,
        name: str,
        *,
        events: type[E] | Sequence[type[E]],
        fold: Callable[[Any, Event[Any]], Any] | None = None,
    ) -> None:
        if not name or not name.isprintable() or len(name) > 100:
            raise UsageError(f"{name!r} cannot name an event log: 1 to 100 printable characters")
        self._name = name
        self.fold = fold
        self.types: dict[str, type[E]] = {}
        for type_ in _members(events):
            if self.types.setdefault(type_.__name__, type_) is not type_:
                raise UsageError(f"log {name} has two types of events named {type_.__name__}")

    def __repr__(self) -> str:
        return f"<EventLog {self.name}: {', '.join(self.types)}>"

    @property
    def name(self) -> str:
        """Names the log."""
        return self._name

    def dump(self, event: E, /) -> tuple[str, str]:
        """An event as the name of its type and its JSON text.

        Raises:
            UsageError: If the log was not declared with its type.
        """
        name = type(event).__name__
        if self.types.get(name) is not type(event):
            raise UsageError(
                f"log {self.name} has no events of type {name}; it has {', '.join(self.types)}"
            )
        return name, in_text(adapter_of(cast("Any", type(event))), cast("Subject", event))

    def read(self, row: EventRow, stream: str = "") -> Event[E]:
        """An event as the database keeps it, read into its type.

        Args:
            row: The event.
            stream: Whose history it is read from; by default the stream that it was added to.

        Raises:
            BadInput: If the log was not declared with its type, or the type has changed since.
        """
        import json

        type_ = self.types.get(row.type)
        if type_ is None:
            raise BadInput(
                f"event {row.version} of stream {row.stream} is a {row.type[:60]!r}, which log "
                f"{self.name} is not declared with; add the type to EventLog(events=...)"
            )
        try:
            data: E = adapter_of(cast("Any", type_)).validate_json(row.data)
        except ValueError as error:
            raise BadInput(
                f"event {row.version} of stream {row.stream} can no longer be read as a "
                f"{row.type}: {error}"
            ) from error
        return Event(
            log=row.log,
            stream=stream or row.stream,
            version=row.version or 0,
            position=row.position,
            type=row.type,
            data=data,
            at=from_stamp(row.at),
            happened=from_stamp(row.happened),
            caused_by=row.caused_by,
            fingerprint=json.loads(row.fingerprint) if row.fingerprint else None,
            about=row.about,
            key=row.key or "",
            origin=row.stream,
        )

    def folded(self, events: Iterable[Event[Any]], start: Any = None) -> Any:
        """Where a stream stands after these events.

        Raises:
            UsageError: If the log has no `fold`.
        """
        if self.fold is None:
            raise UsageError(f"log {self.name} cannot say where a stream stands: give it fold=")
        for event in events:
            start = self.fold(start, event)
        return start


def _members(events: Any) -> Iterable[type[Any]]:
    """The types that were given: one, several, or a union of them."""
    if isinstance(events, Sequence):
        for member in cast("Iterable[Any]", events):
            yield from _members(member)
    elif typing.get_origin(events) in (types.UnionType, typing.Union):
        yield from typing.get_args(events)
    elif isinstance(events, type):
        yield events
    else:
        raise UsageError(f"{events!r} is no type of events: give models or dataclasses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Events were added.

    Attributes:
        stream: Name of the stream.
        version: Of the last of them.
        again: Nothing was written: they had been added under this key before.
    """

    stream: str
    version: int
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Nothing was added: the stream is not at the version that was expected.

    Attributes:
        stream: Name of the stream.
        expected: Version that it should have had.
        version: Version that it has.
    """

    stream: str
    expected: int
    version: int
