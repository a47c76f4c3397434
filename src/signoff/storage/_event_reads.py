"""What a store answers about event logs: streams, events, consumers, offsets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any

from signoff.boundary import EventRow, OffsetRow, StreamRow, checked_stream
from signoff.clock import Clock, stamp
from signoff.errors import BadInput, UsageError
from signoff.ledger import Forked
from signoff.storage._columns import read_event, read_stream
from signoff.storage._connection import CHUNK, Rows
from signoff.storage._transaction import StoredTransaction


class EventReads:
    """The event logs' part of a store; see `Storage`."""

    clock: Clock
    _rows: Callable[..., Awaitable[Rows]]
    transact: Callable[..., Any]

    async def stream(self, log: str, stream: str) -> StreamRow:
        """A stream as last recorded; version 0 if there is none."""
        return read_stream(log, stream, await self._rows("stream", log=log, stream=stream))

    async def streams(self, log: str, *, after: str = "") -> AsyncIterator[StreamRow]:
        """The streams of a log, by name."""
        while rows := await self._rows("streams", log=log, after=after, limit=CHUNK):
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
                    limit=CHUNK,
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
            "events_beside", log=log, stream=stream, after=after, limit=CHUNK
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
