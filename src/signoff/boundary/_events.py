"""Adding to event logs, in the transaction of whoever adds. Declared here: a commit may do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from signoff.clock import stamp
from signoff.errors import BadInput
from signoff.ledger import Appended, canonical, digest

if TYPE_CHECKING:
    from signoff.boundary._ports import Transaction

E_contra = TypeVar("E_contra", contravariant=True)


class Log(Protocol[E_contra]):
    """An event log, as far as a commit needs one; see `signoff.state.EventLog`."""

    @property
    def name(self) -> str:
        """Names the log."""
        ...

    def dump(self, event: E_contra, /) -> tuple[str, str]:
        """An event as the name of its type and its JSON text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event as the database keeps it.

    Attributes:
        log: Name of the log.
        stream: Name of the stream; also the subject whose chain vouches for it.
        version: Place in the stream, from 1; None for what was said when a question was asked
            again, which is beside the history.
        type: Name of the event's type.
        data: The event, as JSON text.
        at: When it was added, as text.
        happened: When it happened, as text.
        key: Under which it was added once; None without one.
        caused_by: Crossing, or delivery to a consumer, that added it; empty for code.
        fingerprint: Whose proposal caused it, as JSON text; empty if no proposer did.
        about: Version of the event that the question was about, if it was asked again.
        position: Place in the log, from 1 without gaps; 0 until it is written.
    """

    log: str
    stream: str
    version: int | None
    type: str
    data: str
    at: str
    happened: str
    key: str | None = None
    caused_by: str = ""
    fingerprint: str = ""
    about: int | None = None
    position: int = 0

    @property
    def digest(self) -> str:
        """Over every column but the position: what the ledger keeps of the event."""
        names = (name for name in self.__slots__ if name != "position")
        return digest(canonical([getattr(self, name) for name in names]))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRow:
    """A stream as the database keeps it.

    Attributes:
        version: Of its last event; 0 while it has none.
        source: Stream that it was forked from; empty if it was not.
        forked: Up to which version its history is that of `source`.
    """

    log: str
    stream: str
    version: int = 0
    source: str = ""
    forked: int = 0


@dataclass(frozen=True, slots=True)
class OffsetRow:
    """How far a consumer has come in a stream, and the latest event time that it has seen."""

    version: int = 0
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """Events that are to be added to one stream, together or not at all.

    Attributes:
        events: (type, JSON text) of each.
        expected: Version that the stream must have; None for any.
        key: Adds them once; the second and later ones under a key made from it.
        happened: When they happened; None for now.
        about: They are what was said when a question about this version was asked again.
    """

    log: str
    stream: str
    events: Sequence[tuple[str, str]]
    now: datetime
    expected: int | None = None
    key: str | None = None
    happened: datetime | None = None
    caused_by: str = ""
    fingerprint: Mapping[str, Any] | None = None
    about: int | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What came of it.

    Attributes:
        version: Of the stream, as it is now.
        added: Whether anything was added; if not, another version was expected.
        again: The key had been used: version is that of the event that it added.
        records: For the chain of the stream's subject.
    """

    version: int
    added: bool
    again: bool = False
    records: tuple[Appended, ...] = ()


def add_events(tx: Transaction, adding: Adding) -> Added:
    """Add events to a stream, if it has the expected version. The caller writes the records."""
    stream = tx.stream(adding.log, adding.stream)
    if adding.key is not None:
        last = numbered(adding.key, len(adding.events) - 1)
        known = tx.event_by_key(adding.log, adding.stream, last)
        if known is not None:
            return Added(known.version or 0, added=True, again=True)
    if adding.expected is not None and adding.expected != stream.version:
        return Added(stream.version, added=False)
    at = stamp(adding.now)
    happened = at if adding.happened is None else stamp(adding.happened)
    rows: list[EventRow] = []
    for number, (type, data) in enumerate(adding.events):
        rows.append(
            EventRow(
                log=adding.log,
                stream=adding.stream,
                version=stream.version + number + 1 if adding.about is None else None,
                type=type,
                data=data,
                at=at,
                happened=happened,
                key=None if adding.key is None else numbered(adding.key, number),
                caused_by=adding.caused_by,
                fingerprint=canonical(dict(adding.fingerprint)) if adding.fingerprint else "",
                about=adding.about,
            )
        )
    tx.add_events(rows)
    records = tuple(
        Appended(
            log=row.log,
            version=row.version,
            event=row.type,
            digest=row.digest,
            about=row.about,
        )
        for row in rows
    )
    version = stream.version + (len(rows) if adding.about is None else 0)
    return Added(version, added=True, records=records)


def numbered(key: str, number: int) -> str:
    """The key of the first, second, ... event that one key adds."""
    return key if number == 0 else f"{key}/{number + 1}"


def checked_stream(name: str) -> str:
    """A stream's name, which is also a subject's id.

    Raises:
        BadInput: If it cannot name one.
    """
    if not 0 < len(name) <= 200 or not name.isprintable() or name.startswith("signoff:"):
        raise BadInput(
            f"{name[:40]!r} cannot name a stream: 1 to 200 printable characters that do not "
            "begin with `signoff:`"
        )
    return name
