"""The index: a file that follows a ledger, and what pages ask of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from signoff.console.index._folding import COLUMNS, Fold
from signoff.console.index._following import follow
from signoff.console.index._rows import CrossingFilter, CrossingRow, Facets, Found, Progress
from signoff.console.index._tables import FORM, TABLES
from signoff.errors import BadInput, StorageUnavailable
from signoff.ledger import Entry
from signoff.storage import Storage

#: Values of one kind that a search offers.
_CHOICES = 200

#: Before every position that there is.
_END = 1 << 62

#: Positions before the last one that may still become visible, and how many are kept in mind.
_LATE, _MISSING = 50_000, 1000


class Index:
    """A file derived from a ledger, for what would take too long to look up there.

    Made by `open`. One console at a time keeps it up to date.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
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
        """Close it."""
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
            entries: Some that come next, or some that were missing before; by position.
        """
        missing = self._missing_after(entries)
        last = max(self.progress.position, entries[-1].position)
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

    def _missing_after(self, entries: Sequence[Entry]) -> dict[int, int]:
        position, last = self.progress.position, entries[-1].position
        taken = {entry.position for entry in entries}
        passed = range(max(position + 1, last - _LATE), last)
        gaps = sorted(set(passed) - taken)[-_MISSING:]
        known = {at: looks for at, looks in self.missing.items() if at not in taken}
        return known | dict.fromkeys(gaps, 0)

    def _meta(self, key: str) -> str:
        row = self._write.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return "" if row is None else row[0]

    # Asking

    def crossings(self, wanted: CrossingFilter, *, cursor: str = "", limit: int = 50) -> Found:
        """Crossings, newest first.

        Raises:
            BadInput: If the cursor is none of ours.
        """
        where, values = ["number < ?"], list[Any]([_position(cursor)])
        for column in ("boundary", "outcome", "code", "model"):
            if value := getattr(wanted, column):
                where.append(f"{column} = ?")
                values.append(value)
        if wanted.subject:
            where.append("subject >= ? AND subject < ?")
            values += [wanted.subject, _after(wanted.subject)]
        if wanted.text:
            where.append("(id >= ? AND id < ? OR key >= ? AND key < ?)")
            values += [wanted.text, _after(wanted.text)] * 2
        for moment, sign in ((wanted.since, ">="), (wanted.until, "<")):
            if moment:
                where.append(f"opened {sign} ?")
                values.append(moment)
        rows = self._read.execute(
            f"SELECT {', '.join(COLUMNS)} FROM crossings WHERE {' AND '.join(where)} "
            "ORDER BY number DESC LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        found = [CrossingRow(*row) for row in rows[:limit]]
        return Found(found, _cursor(found[-1].number) if len(rows) > limit else "")

    def facets(self) -> Facets:
        """What a search can choose from."""
        values: dict[str, list[str]] = {}
        for kind, value in self._read.execute("SELECT kind, value FROM facets ORDER BY 1, 2"):
            if len(values.setdefault(kind, [])) < _CHOICES:
                values[kind].append(value)
        return Facets(
            boundaries=values.get("boundary", []),
            outcomes=("committed", "rejected", "suspended", "unknown", "intended", "open"),
            codes=values.get("code", []),
            models=values.get("model", []),
        )


def _after(prefix: str) -> str:
    """What comes after every text that begins so."""
    return prefix + "\U0010ffff"


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(8, "big")).decode().rstrip("=")


def _position(cursor: str) -> int:
    if not cursor:
        return _END
    try:
        raw = base64.b64decode(f"{cursor}=", altchars=b"-_", validate=True)
    except ValueError as error:
        raise BadInput("this link leads nowhere: search again") from error
    return min(int.from_bytes(raw[:8], "big"), _END)


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
