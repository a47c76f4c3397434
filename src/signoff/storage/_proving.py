"""Recomputing what a store's ledger and event logs prove."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from signoff.ledger import Appended, Cut, Entry, Sealed, Verification, Verifying, digest
from signoff.storage._columns import read_entry, read_event
from signoff.storage._connection import CHUNK, Connection
from signoff.storage._transaction import MARK


def _pages(connection: Connection, name: str, key: int, start: Any) -> Iterator[tuple[Any, ...]]:
    after = start
    while rows := connection.run(name, {"after": after, "limit": CHUNK}):
        yield from rows
        after = rows[-1][key]


def heads(connection: Connection) -> Iterator[tuple[str, int, str]]:
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
        if len(self._waiting) >= CHUNK:
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


def proof(connection: Connection) -> Verification:
    verifying = Verifying()
    events = _Events(connection, verifying)
    for values in _pages(connection, "records", 0, 0):
        entry = read_entry(values)
        event = entry.type == Appended.type
        telling = event or entry.type in (Sealed.type, Cut.type) or MARK in entry.body
        fields = _fields(entry.body) if telling else {}
        verifying.feed(entry, fields)
        if event:
            events.feed(entry, fields)
    events.finish()
    for mark, body in _pages(connection, "payloads", 0, ""):
        verifying.payload(mark, digest(body))
    return verifying.finish(heads(connection))
