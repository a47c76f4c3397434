"""Everything that a store answers, over two primitives: a transaction and a read."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from signoff.boundary import (
    EventRow,
    OffsetRow,
    PendingEffect,
    Recorded,
    Row,
    StreamRow,
    TicketRow,
    TicketStatus,
    Timer,
    checked_stream,
)
from signoff.clock import Clock, SystemClock, from_stamp, stamp
from signoff.errors import BadInput, UsageError
from signoff.ledger import (
    SEALS,
    Appended,
    Entry,
    Forked,
    Redact,
    Sealed,
    Verification,
    Verifying,
    digest,
    merkle_root,
)
from signoff.storage._connection import Connection, FaultPoint, Rows
from signoff.storage._transaction import (
    MARK,
    StoredTransaction,
    read_crossing,
    read_event,
    read_row,
    read_stream,
    read_ticket,
)

if TYPE_CHECKING:
    from signoff.control import Heartbeat

T = TypeVar("T")

_CHUNK = 1000

#: How long the last heartbeat of a process is kept.
_REMEMBERED = timedelta(days=7)


class Storage(ABC):
    """One database, one transaction at a time per subject.

    It fulfils `signoff.ledger.Ledger`, `signoff.boundary.CrossingStore` and
    `signoff.state.SpineStore`.

    Args:
        redact: Runs over every record before it is hashed and written.
        fault_point: Called before every statement; for tests that break things on purpose.
    """

    #: How a person would name this store again.
    url: str

    def __init__(self, *, redact: Redact | None, fault_point: FaultPoint | None) -> None:
        self._redact = redact
        self._fault_point = fault_point
        self._owner = 0
        #: Times the seals; the runtime puts its own here.
        self.clock: Clock = SystemClock()
        #: Told when work that was just written is due; the runtime puts its runner here.
        self.on_due: Callable[[str], None] = lambda due: None
        #: Told when events were added to a log; the runtime puts its consumers here.
        self.on_append: Callable[[], None] = lambda: None

    # What a dialect provides

    @abstractmethod
    async def open(self, *, exclusive: bool) -> None:
        """Connect, and build or migrate the tables.

        Args:
            exclusive: Open as a runtime, which claims and recovers work; otherwise as a reader or
                as somebody who leaves an answer.
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish what was accepted, and disconnect."""

    @abstractmethod
    async def transact(self, script: Callable[[StoredTransaction], T]) -> T:
        """Run a script in one transaction; durable when this returns."""

    @abstractmethod
    async def read(self, look: Callable[[Connection], T]) -> T:
        """Run a short read."""

    @abstractmethod
    async def survey(self, look: Callable[[Connection], T]) -> T:
        """Run a long read on one snapshot, without keeping anybody waiting."""

    @abstractmethod
    async def claim_timers(
        self, machines: Collection[str], *, now: str, limit: int, busy: Collection[tuple[str, str]]
    ) -> list[Timer]:
        """See `SpineStore.claim_timers`."""

    @abstractmethod
    async def claim_effects(
        self, names: Collection[str], *, now: str, limit: int, busy: Collection[int]
    ) -> list[PendingEffect]:
        """See `SpineStore.claim_effects`."""

    @abstractmethod
    async def claim_commit(self, crossing: str, *, busy: Collection[int]) -> PendingEffect | None:
        """See `SpineStore.claim_commit`."""

    @abstractmethod
    def _keep_writers_out(self, tx: StoredTransaction, connection: Connection) -> None:
        """Wait for every other transaction, so that the next read sees a clean cut."""

    async def claim_consumer(self, name: str) -> int | None:
        """See `EventStore.claim_consumer`."""
        rows = await self._rows("consumer", name=name)
        return int(rows[0][1]) if rows else None

    # What all dialects answer alike

    async def crossing(self, id: str) -> Recorded | None:
        rows = await self._rows("crossing", id=id)
        return read_crossing(rows[0]) if rows else None

    async def opening(self, id: str, switch: str) -> tuple[Recorded | None, str]:
        # One statement for both: this is asked before every crossing.
        ((state, *values),) = await self._rows("opening", id=id, switch=switch) or [("",)]
        return read_crossing(tuple(values)) if values and values[0] else None, state

    async def row(self, subject: str) -> Row | None:
        rows = await self._rows("subject", id=subject)
        return read_row(subject, rows[0]) if rows else None

    async def timer_is_set(self, timer: Timer) -> bool:
        rows = await self._rows("timer", subject=timer.subject, name=timer.name, armed=timer.armed)
        return bool(rows)

    async def next_due(self, machines: Collection[str], names: Collection[str]) -> str | None:
        timers = await self._rows("next_timer", machines=json.dumps(list(machines)))
        effects = await self._rows("next_effect", names=json.dumps(list(names)))
        dues = [rows[0][0] for rows in (timers, effects) if rows[0][0] is not None]
        return min(dues, default=None)

    async def of_subject(self, subject: str) -> AsyncIterator[Entry]:
        after = 0
        while rows := await self._rows(
            "records_of_subject", subject=subject, after=after, limit=_CHUNK
        ):
            for values in rows:
                yield _entry(values)
            after = rows[-1][2]

    async def of_crossing(self, crossing: str) -> AsyncIterator[Entry]:
        found = await self.find_crossings(crossing)
        if len(found) > 1:
            raise BadInput(f"{crossing} begins the ids of several crossings; give more of it")
        for id, subject in found:
            async for entry in self.of_subject(subject):
                if entry.crossing == id:
                    yield entry

    async def find_crossings(self, prefix: str) -> list[tuple[str, str]]:
        """(id, subject) of at most three crossings whose id begins with `prefix`."""
        rows = await self._rows("crossings_like", low=prefix, high=prefix + "~")
        return [(id, subject) for id, subject in rows]

    async def entries(self, *, after: int = 0) -> AsyncIterator[Entry]:
        while rows := await self._rows("records", after=after, limit=_CHUNK):
            for values in rows:
                yield _entry(values)
            after = rows[-1][0]

    async def payload(self, digest: str) -> str | None:
        rows = await self._rows("payload", digest=digest)
        return rows[0][0] if rows else None

    async def rows_by_state(self, machine: str) -> dict[str, int]:
        """How many rows of a machine stand in each state."""
        return dict(await self._rows("rows_by_state", machine=machine))

    async def rows_of(self, machine: str) -> AsyncIterator[Row]:
        """Every row of a machine, by subject id."""
        after = ""
        while rows := await self._rows("rows", machine=machine, after=after, limit=_CHUNK):
            for id, name, state, version, data, pending in rows:
                yield Row(
                    subject=id,
                    machine=name,
                    state=state,
                    version=version,
                    data=data,
                    pending=pending or "",
                )
            after = rows[-1][0]

    async def crossings_by_status(self) -> list[tuple[str, str, int, int]]:
        """(boundary, status, crossings, attempts), sorted."""
        return [tuple(row) for row in await self._rows("crossings_by_status")]

    async def under_way(self) -> AsyncIterator[Recorded]:
        """The crossings that have not ended, by id."""
        after = ""
        while rows := await self._rows("crossings_under_way", after=after, limit=_CHUNK):
            for values in rows:
                yield read_crossing(values)
            after = rows[-1][0]

    async def pending(self) -> list[tuple[str, str, int, str]]:
        """(`effect` or `timer`, name, how many, earliest due) of what waits."""
        return [tuple(row) for row in await self._rows("pending")]

    # Controls

    async def switch(self, name: str) -> str:
        """What a switch is set to, for showing; a decision reads it in its transaction."""
        rows = await self._rows("switch", name=name)
        return rows[0][0] if rows else ""

    async def ticket(self, id: str) -> TicketRow | None:
        """A ticket as last recorded."""
        rows = await self._rows("ticket", id=id)
        return read_ticket(rows[0]) if rows else None

    async def find_tickets(self, prefix: str) -> list[str]:
        """At most three tickets whose id begins with `prefix`."""
        rows = await self._rows("tickets_like", low=prefix, high=prefix + "~")
        return [id for (id,) in rows]

    async def tickets(self, *statuses: TicketStatus) -> AsyncIterator[TicketRow]:
        """Tickets of these statuses, oldest first."""
        wanted, opened, after = json.dumps(statuses), "", ""
        while rows := await self._rows(
            "tickets", statuses=wanted, opened=opened, after=after, limit=_CHUNK
        ):
            for values in rows:
                yield read_ticket(values)
            last = read_ticket(rows[-1])
            opened, after = last.opened, last.id

    async def tickets_of(self, subject: str) -> list[TicketRow]:
        """Every ticket about a subject, oldest first."""
        return [read_ticket(row) for row in await self._rows("tickets_of_subject", subject=subject)]

    async def throttles(self) -> list[tuple[str, str, str, int, float, float, str, str]]:
        """(throttle, tenant, state, crossings, dollars held, dollars spent, first, last)."""
        return [tuple(row) for row in await self._rows("throttles")]

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Put a sign of life on record."""
        params = asdict(heartbeat)

        def write(tx: StoredTransaction) -> None:
            tx.connection.run("beat", params)
            # Processes that are long gone would otherwise stay listed for ever.
            gone = from_stamp(heartbeat.at) - _REMEMBERED
            tx.connection.run("forget_heartbeats", {"before": stamp(gone)})

        await self.transact(write)

    async def heartbeats(self) -> list[Heartbeat]:
        """The last sign of life of everything that a supervisor watched."""
        from signoff.control import Heartbeat  # inside: `import signoff` has no need of it

        rows = await self._rows("heartbeats")
        return [Heartbeat(**dict(zip(Heartbeat.__slots__, row, strict=True))) for row in rows]

    # Event logs

    async def stream(self, log: str, stream: str) -> StreamRow:
        """A stream as last recorded; version 0 if there is none."""
        return read_stream(log, stream, await self._rows("stream", log=log, stream=stream))

    async def streams(self, log: str, *, after: str = "") -> AsyncIterator[StreamRow]:
        """The streams of a log, by name."""
        while rows := await self._rows("streams", log=log, after=after, limit=_CHUNK):
            for stream, *values in rows:
                yield read_stream(log, stream, [tuple(values)])
            after = rows[-1][0]

    async def events_of_log(self, log: str, *, after: int, limit: int) -> list[EventRow]:
        """Events with a position greater than `after`, in order."""
        rows = await self._rows("events_of_log", log=log, after=after, limit=limit)
        return [read_event(values) for values in rows]

    async def events_of_stream(
        self, log: str, stream: str, *, after: int = 0, until: int | None = None
    ) -> AsyncIterator[EventRow]:
        """A stream's history in versions greater than `after`, through its forks."""
        row = await self.stream(log, stream)
        until = row.version if until is None else min(until, row.version)
        lineage = [(stream, row.forked, until)]
        while row.source and after < row.forked:
            until = min(until, row.forked)
            row = await self.stream(log, row.source)
            lineage.append((row.stream, row.forked, until))
        for name, forked, last in reversed(lineage):
            version = max(after, forked)
            while version < last:
                rows = await self._rows(
                    "events_of_stream",
                    log=log,
                    stream=name,
                    after=version,
                    until=last,
                    limit=_CHUNK,
                )
                if not rows:
                    break
                for values in rows:
                    yield read_event(values)
                version = rows[-1][2]

    async def events_beside(self, log: str, stream: str) -> AsyncIterator[EventRow]:
        """What was said about a stream when questions were asked again."""
        after = 0
        while rows := await self._rows(
            "events_beside", log=log, stream=stream, after=after, limit=_CHUNK
        ):
            for values in rows:
                yield read_event(values)
            after = rows[-1][-1]

    async def events_caused_by(self, cause: str) -> list[EventRow]:
        """The events that a crossing, or a delivery, added."""
        rows = await self._rows("events_caused_by", caused_by=cause)
        return [read_event(values) for values in rows]

    async def log_position(self, log: str) -> int:
        """Position of a log's last event; 0 without any."""
        rows = await self._rows("log_position", log=log)
        return int(rows[0][0]) if rows else 0

    async def fork(self, log: str, stream: str, *, at: int, to: str) -> None:
        """Begin a new stream whose history is another one's up to a version.

        Raises:
            BadInput: If there is no such version, or the new stream has begun already.
        """
        checked_stream(to)
        version = (await self.stream(log, stream)).version
        if not 1 <= at <= version:
            raise BadInput(f"stream {stream} of log {log} has no version {at}; it has {version}")
        last = [row async for row in self.events_of_stream(log, stream, after=at - 1, until=at)]
        digest = last[0].digest if last else ""
        new = StreamRow(log=log, stream=to, version=at, source=stream, forked=at)
        now = stamp(self.clock.now())

        def write(tx: StoredTransaction) -> None:
            known = tx.stream(log, to)
            if known.version or known.source:
                raise BadInput(f"stream {to} of log {log} has begun already; give another name")
            tx.fork_stream(new)
            forked = Forked(log=log, source=stream, version=at, digest=digest)
            tx.append(to, "", now, [forked])

        await self.transact(write)

    async def logs(self) -> list[tuple[str, int, int]]:
        """(log, its last position, how many streams)."""
        return [tuple(row) for row in await self._rows("logs")]

    async def consumers(self) -> list[tuple[str, str, int]]:
        """(consumer, its log, everything up to which position is handled)."""
        return [tuple(row) for row in await self._rows("consumers")]

    async def offsets(self, consumer: str, streams: Collection[str]) -> dict[str, OffsetRow]:
        """How far a consumer has come in some streams."""
        listed = json.dumps(list(streams))
        rows = await self._rows("offsets", consumer=consumer, streams=listed)
        return {stream: OffsetRow(version, seen) for stream, version, seen in rows}

    async def add_consumer(self, name: str, log: str, *, from_now: bool) -> None:
        """Begin a consumer at the log's first event, or at its next one, if it has not begun."""

        def write(tx: StoredTransaction) -> None:
            rows = tx.connection.run("log_position", {"log": log}) if from_now else []
            position = rows[0][0] if rows else 0
            params = {"name": name, "log": log, "position": position}
            tx.connection.run("add_consumer", params)

        rows = await self._rows("consumer", name=name)
        if not rows:
            await self.transact(write)
            rows = await self._rows("consumer", name=name)
        if rows[0][0] != log:
            raise UsageError(
                f"consumer {name} reads log {rows[0][0]}, not {log}; give this one another name"
            )

    async def save_position(self, consumer: str, position: int) -> None:
        """Everything up to a position is handled."""
        params = {"name": consumer, "position": position}

        def write(tx: StoredTransaction) -> None:
            tx.connection.run("save_position", params)

        await self.transact(write)

    async def last_at(self) -> str | None:
        """When the last record was written."""
        rows = await self._rows("last_at")
        return rows[0][0] if rows else None

    async def seal(self) -> Entry:
        at = stamp(self.clock.now())

        def write(tx: StoredTransaction) -> None:
            connection = tx.connection
            self._keep_writers_out(tx, connection)
            heads = [head for head in _heads(connection) if head[0] != SEALS]
            position = connection.run("last", {})[0][0] or 0
            sealed = Sealed(
                root=merkle_root(heads),
                subjects=len(heads),
                records=sum(length for _, length, _ in heads),
                position=position,
            )
            tx.append(SEALS, "", at, [sealed])

        await self.transact(write)
        last: Entry | None = None
        async for entry in self.of_subject(SEALS):
            last = entry
        assert last is not None
        return last

    async def verify(self) -> Verification:
        return await self.survey(_verify)

    async def _rows(self, statement: str, /, **params: Any) -> Rows:
        return await self.read(lambda connection: connection.run(statement, params))


def _entry(values: tuple[Any, ...]) -> Entry:
    position, subject, seq, at, crossing, type, body, hash = values
    return Entry(
        position=position,
        subject=subject,
        seq=seq,
        at=at,
        crossing=crossing,
        type=type,
        body=body,
        hash=hash,
    )


def _pages(connection: Connection, name: str, key: int, start: Any) -> Iterator[tuple[Any, ...]]:
    after = start
    while rows := connection.run(name, {"after": after, "limit": _CHUNK}):
        yield from rows
        after = rows[-1][key]


def _heads(connection: Connection) -> Iterator[tuple[str, int, str]]:
    for id, length, head in _pages(connection, "heads", 0, ""):  # noqa: UP028  # typed
        yield id, length, head


def _fields(body: str) -> dict[str, Any]:
    try:
        fields: object = json.loads(body)
    except ValueError:
        return {}  # somebody wrote into it; the hash tells
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}


class _Events:
    """Compares events with the digests that the ledger keeps of them, many at a time."""

    def __init__(self, connection: Connection, verifying: Verifying) -> None:
        self._connection = connection
        self._verifying = verifying
        self._waiting: list[tuple[Entry, dict[str, Any]]] = []
        self._vouched = 0

    def feed(self, entry: Entry, fields: dict[str, Any]) -> None:
        """Take the record of an event."""
        self._vouched += 1
        self._waiting.append((entry, fields))
        if len(self._waiting) >= _CHUNK:
            self._check()

    def finish(self) -> None:
        """Compare the last ones, and find those that no record vouches for."""
        self._check()
        events = int(self._connection.run("count_events", {})[0][0])
        if events > self._vouched:
            self._verifying.fault("events", 0, f"{events - self._vouched} that no record is about")

    def _check(self) -> None:
        waiting, self._waiting = self._waiting, []
        places = [
            [fields.get("log"), entry.subject, fields["version"]]
            for entry, fields in waiting
            if isinstance(fields.get("version"), int)
        ]
        rows = self._connection.run("events_named", {"places": json.dumps(places)})
        found = {read_event(values).digest for values in rows}
        for entry, fields in waiting:
            wanted = fields.get("digest")
            if wanted not in found and not self._beside(entry, fields):
                log = fields.get("log")
                what = f"its event in log {log} was altered, or is gone"
                self._verifying.fault(entry.subject, entry.seq, what)

    def _beside(self, entry: Entry, fields: dict[str, Any]) -> bool:
        if "about" not in fields:
            return False
        rows = self._connection.run("events_caused_by", {"caused_by": entry.crossing})
        return any(read_event(values).digest == fields.get("digest") for values in rows)


def _verify(connection: Connection) -> Verification:
    verifying = Verifying()
    events = _Events(connection, verifying)
    for values in _pages(connection, "records", 0, 0):
        entry = _entry(values)
        event = entry.type == Appended.type
        telling = event or entry.type == Sealed.type or MARK in entry.body
        fields = _fields(entry.body) if telling else {}
        verifying.feed(entry, fields)
        if event:
            events.feed(entry, fields)
    events.finish()
    for mark, body in _pages(connection, "payloads", 0, ""):
        verifying.payload(mark, digest(body))
    return verifying.finish(_heads(connection))
