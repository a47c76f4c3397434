"""The index: a file that follows a ledger, and what pages ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from signoff.console.index import _asking, _searching
from signoff.console.index._folding import Fold
from signoff.console.index._following import follow
from signoff.console.index._rows import (
    CrossingFilter,
    CrossingRow,
    Facets,
    Found,
    InFlight,
    Overview,
    Progress,
    SubjectRow,
)
from signoff.console.index._tables import FORM, TABLES
from signoff.errors import StorageUnavailable
from signoff.ledger import Entry
from signoff.storage import Storage

#: Positions before the last one that may still become visible, and how many are kept in mind.
_LATE, _MISSING = 50_000, 1000


class Index:
    """A file derived from a ledger, for what would take too long to look up there.

    Made by `open`. One console at a time keeps it up to date.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # A thread that folds is not stopped by whoever no longer waits for it.
        self._folding = threading.Lock()
        self._closed = False
        self._write = _connected(path)
        try:
            self._prepare()
            self._read = _connected(path)
        except sqlite3.Error as error:
            self._write.close()
            raise StorageUnavailable(f"the console's index at {path}: {error}") from error
        #: Digest of the ledger's first record: of which ledger it is.
        self.about = self._meta("about")
        position = int(self._meta("position") or 0)
        self.progress = Progress(position=position, last=position)
        #: Positions that were passed over, and how often they were looked for.
        self.missing = {int(at): 0 for at in json.loads(self._meta("missing") or "[]")}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path) -> AsyncGenerator[Index]:
        """Open, or make, an index.

        Raises:
            StorageUnavailable: If it can be neither read nor made anew.
        """
        index = cls(path)
        try:
            yield index
        finally:
            index.close()

    def close(self) -> None:
        """Close it, once nobody writes to it any more."""
        with self._folding:
            self._closed = True
            self._read.close()
            self._write.close()

    @contextlib.asynccontextmanager
    async def following(self, storage: Storage) -> AsyncGenerator[None]:
        """Keep it up to date with a ledger meanwhile."""
        task = asyncio.create_task(follow(self, storage))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    # Keeping up

    def _prepare(self) -> None:
        try:
            found = self._write.execute("SELECT value FROM meta WHERE key = 'form'").fetchone()
        except sqlite3.Error:
            found = None
        if found is None or found[0] != FORM:
            self.empty()

    def empty(self) -> None:
        """Throw everything away."""
        with self._folding:
            if not self._closed:
                self._empty()

    def _empty(self) -> None:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        names = self._write.execute(tables).fetchall()
        script = "".join(f"DROP TABLE {name};" for (name,) in names)
        self._write.executescript(
            f"BEGIN; {script} {TABLES} INSERT INTO meta VALUES ('form', '{FORM}'); COMMIT;"
        )
        self.about, self.missing, self.progress = "", {}, Progress()

    def fold(self, entries: Sequence[Entry]) -> None:
        """Take records in, all or none of them.

        Args:
            entries: Some that were missing before, and some that come next. Those of one subject
                are in their order.
        """
        with self._folding:
            if not self._closed:
                self._fold(entries)

    def _fold(self, entries: Sequence[Entry]) -> None:
        last = max(self.progress.position, *(entry.position for entry in entries))
        missing = self._missing_after(entries, last)
        with self._write:
            self._write.execute("BEGIN")
            fold = Fold(self._write)
            fold.take(entries)
            fold.write()
            self._write.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [
                    ("position", str(last)),
                    ("about", self.about),
                    ("missing", json.dumps([*missing])),
                ],
            )
        self.missing = missing
        self.progress = self.progress.reached(last)

    def _missing_after(self, entries: Sequence[Entry], last: int) -> dict[int, int]:
        position = self.progress.position
        taken = {entry.position for entry in entries}
        passed = range(max(position + 1, last - _LATE), last)
        gaps = sorted(set(passed) - taken)[-_MISSING:]
        known = {at: looks for at, looks in self.missing.items() if at not in taken}
        return known | dict.fromkeys(gaps, 0)

    def _meta(self, key: str) -> str:
        row = self._write.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return "" if row is None else row[0]

    # Asking

    def crossings(
        self, wanted: CrossingFilter, *, cursor: str = "", limit: int = 50
    ) -> Found[CrossingRow]:
        """Crossings, newest first.

        Raises:
            BadInput: If the cursor is none of ours.
        """
        return _searching.crossings(self._read, wanted, cursor, limit)

    def first_record(self, crossing: str) -> int:
        """The ledger position of a crossing's first record; 0 if it has not been read yet."""
        return _asking.first_record(self._read, crossing)

    def subjects(
        self, *, text: str = "", state: str = "", cursor: str = "", limit: int = 50
    ) -> Found[SubjectRow]:
        """Subjects, those that something happened to last first.

        Args:
            text: How the id begins.
            state: `machine/state`.
            cursor: Where the last page ended.
            limit: At most so many.

        Raises:
            BadInput: If the cursor is none of ours.
        """
        return _searching.subjects(self._read, text, state, cursor, limit)

    def facets(self) -> Facets:
        """What a search can choose from."""
        return _asking.facets(self._read)

    def in_flight(self, scope: str) -> InFlight:
        """What a kill would stand before.

        Args:
            scope: `everything`, `tenant:…`, `subject:…`, the name of a boundary or a kill switch.
        """
        return _asking.in_flight(self._read, scope)

    def numbers_in_flight(self, scopes: Sequence[str]) -> list[int]:
        """How many crossings each of some scopes holds that have not ended."""
        return _asking.numbers_in_flight(self._read, scopes)

    def knows(self, boundary: str) -> bool:
        """Whether something was ever asked of a boundary."""
        return _asking.knows(self._read, boundary)

    def hours(self) -> tuple[str, str]:
        """The first and the last hour in which something happened, as `2026-03-01T12`; or empty."""
        return _asking.hours(self._read)

    def under_way(self) -> dict[str, dict[str, int]]:
        """How many crossings of each boundary have not ended, by where they stand."""
        return _asking.under_way(self._read)

    def overview(self, buckets: Sequence[str], until: str) -> Overview:
        """What happened at every boundary.

        Args:
            buckets: When each stretch of time begins, in order: hours as `2026-03-01T12`, or days
                as `2026-03-01`.
            until: When the last one ends, in the same way.
        """
        return _asking.overview(self._read, buckets, until)


def _connected(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageUnavailable(
            f"the console keeps an index at {path}, and cannot: {error.strerror}. "
            "Name another place with --index"
        ) from error
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    # It can be made anew, so nothing has to wait for the disk.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection
