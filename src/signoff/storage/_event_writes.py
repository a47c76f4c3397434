"""What a transaction writes and reads for event logs: streams, events, offsets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from signoff.boundary import EventRow, OffsetRow, StreamRow
from signoff.storage._columns import read_event, read_stream
from signoff.storage._connection import Connection, Params


class EventWrites:
    """The event logs' part of a transaction; see `StoredTransaction`."""

    _connection: Connection
    _lock: str
    _streams: dict[tuple[str, str], StreamRow]
    _events: dict[str, list[EventRow]]
    _offsets: dict[tuple[str, str], OffsetRow | None]
    _subject: Callable[[str], Any]

    def stream(self, log: str, stream: str) -> StreamRow:
        known = self._streams.get((log, stream))
        if known is None:
            self._subject(stream)  # its lock guards the stream, too
            rows = self._connection.run("stream", {"log": log, "stream": stream})
            known = read_stream(log, stream, rows)
            self._streams[log, stream] = known
        return known

    def fork_stream(self, stream: StreamRow) -> None:
        self._save_stream(stream)

    def _save_stream(self, stream: StreamRow) -> None:
        self._streams[stream.log, stream.stream] = stream
        params = {name: getattr(stream, name) for name in StreamRow.__slots__}
        self._connection.run("save_stream", params)

    def add_events(self, rows: Sequence[EventRow]) -> None:
        for row in rows:
            self._events.setdefault(row.log, []).append(row)
        version = max((row.version or 0 for row in rows), default=0)
        if rows and version:
            stream = self.stream(rows[0].log, rows[0].stream)
            self._save_stream(replace(stream, version=version))

    def event(self, log: str, stream: str, version: int) -> EventRow | None:
        params = {"log": log, "stream": stream, "version": version}
        return self._one_event("event", params)

    def event_by_key(self, log: str, stream: str, key: str) -> EventRow | None:
        return self._one_event("event_by_key", {"log": log, "stream": stream, "key": key})

    def _one_event(self, statement: str, params: Params) -> EventRow | None:
        # What this transaction adds is not there yet.
        for row in self._events.get(params["log"], ()):
            if all(getattr(row, name) == value for name, value in params.items()):
                return row
        rows = self._connection.run(statement, params)
        return read_event(rows[0]) if rows else None

    def offset(self, consumer: str, stream: str) -> OffsetRow:
        params = {"consumer": consumer, "stream": stream}
        rows = self._connection.run(f"{self._lock}offset", params)
        known = OffsetRow(*rows[0]) if rows else None
        self._offsets[consumer, stream] = known
        return known or OffsetRow()

    def save_offset(self, consumer: str, stream: str, offset: OffsetRow) -> None:
        # One that is not there cannot be locked: inserting it fails if another was faster, and
        # the script runs again.
        known = self._offsets[consumer, stream]
        self._connection.run(
            "add_offset" if known is None else "move_offset",
            {
                "consumer": consumer,
                "stream": stream,
                "version": offset.version,
                "seen": offset.seen,
            },
        )
        self._offsets[consumer, stream] = offset

    def _write_events(self, log: str, rows: Sequence[EventRow]) -> None:
        params = {"log": log, "number": len(rows)}
        last = int(self._connection.run("extend_log", params)[0][0])
        first = last - len(rows) + 1
        self._connection.run_many(
            "add_event",
            [
                {name: getattr(row, name) for name in EventRow.__slots__} | {"position": position}
                for position, row in enumerate(rows, first)
            ],
        )
