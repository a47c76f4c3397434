"""What a service received and what became of it, in its own SQLite file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, TypeAlias

from signoff.errors import BadInput
from signoff.storage import use_wal

Became: TypeAlias = Literal["applied", "replayed", "refused", "lost"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS effect (
  seq     INTEGER PRIMARY KEY,
  key     TEXT UNIQUE,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  payload TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS request (
  seq     INTEGER PRIMARY KEY,
  key     TEXT,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  payload TEXT, -- NULL: as in the effect
  became  TEXT NOT NULL CHECK (became IN ('applied', 'replayed', 'refused', 'lost')),
  effect  INTEGER REFERENCES effect (seq),
  fault   TEXT
);
"""
_COUNTING_TRIES: Final = "CREATE INDEX IF NOT EXISTS request_by_key ON request (key);"
_ADD_EFFECT: Final = """
INSERT INTO effect (key, action, subject, payload) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING RETURNING seq
"""
_ADD_REQUEST: Final = """
INSERT INTO request (key, action, subject, payload, became, effect, fault)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_REQUESTS: Final = """
SELECT this.seq, this.key, this.action, this.subject,
  coalesce(this.payload, effect.payload), became, effect, fault
FROM request AS this LEFT JOIN effect ON effect.seq = this.effect
"""
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that really happened."""

    seq: int
    key: str | None
    action: str
    subject: str
    payload: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived.

    Attributes:
        seq: Its place in the order of arrival, from 1.
        key: Its idempotency key, if it had one.
        action: What was asked for.
        subject: Whom it was about.
        payload: Canonical JSON.
        became: Whether it took effect, repeated an earlier answer, was refused, or got lost.
        effect: The effect that it made or repeated.
        fault: What went wrong with it on purpose.
    """

    seq: int
    key: str | None
    action: str
    subject: str
    payload: str
    became: Became
    effect: int | None
    fault: str | None


class Account:
    """A service's own memory, shared by every process that opens the same file.

    Guarantees: what was acknowledged survives `kill -9` of the process; one key has at most one
    effect, whoever asks at the same time.
    Does not guarantee: that the last moments survive a power cut (WAL, synchronous=NORMAL).
    """

    def __init__(self, path: Path, fault_for: Callable[[str], str | None] | None = None) -> None:
        """Open the file, or make it.

        Args:
            path: The SQLite file.
            fault_for: Asked with a name of each request (its key and try), in the request's own
                transaction; answers what goes wrong with it.

        Raises:
            BadInput: The path is not a SQLite file, or cannot be opened.
        """
        self.path = path
        self._fault_for = fault_for
        self._turn = Lock()
        try:
            self._db = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False
            )
            try:
                use_wal(self._db)
                self._db.execute("PRAGMA synchronous = NORMAL")
                counting = _COUNTING_TRIES if fault_for else ""
                self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {counting} COMMIT;")
            except BaseException:
                self._db.close()
                raise
        except sqlite3.Error as error:
            raise BadInput(
                f"cannot open the service's file {path}: {error}. Pass a directory that exists and "
                "may be written to, and keep other files out of it."
            ) from error

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._db.close()

    def receive(
        self,
        action: str,
        subject: str,
        payload: str,
        key: str | None,
    ) -> tuple[Became, int | None, str | None]:
        """Take one request in, in one transaction: what became of it, its effect and its fault."""
        with self._turn:
            execute = self._db.execute
            execute("BEGIN IMMEDIATE")
            try:
                fault = self._fault_for(self._name(key)) if self._fault_for else None
                became: Became = "lost"
                effect: int | None = None
                if fault == "locked" and self._made(key) is None:
                    became = "refused"
                elif fault != "timeout_before":
                    became, effect = self._apply(action, subject, payload, key)
                kept = payload if became in ("lost", "refused") else None
                execute(_ADD_REQUEST, (key, action, subject, kept, became, effect, fault))
                execute("COMMIT")
            except BaseException:
                self._db.rollback()
                raise
        return became, effect, fault

    def find(self, key: str) -> int | None:
        """The effect that the key made, if it made one."""
        with self._turn:
            return self._made(key)

    def _made(self, key: str | None) -> int | None:
        row = self._db.execute("SELECT seq FROM effect WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def effects(self) -> Iterator[Effect]:
        """Everything that happened, oldest first."""
        for row in self._rows("SELECT seq, key, action, subject, payload FROM effect AS this"):
            yield Effect(*row)

    def requests(self, *, after: int = 0) -> Iterator[Request]:
        """Everything that arrived, oldest first, from beyond `after`."""
        for row in self._rows(_REQUESTS, after):
            yield Request(*row)

    def counts(self) -> Counter[tuple[str, str]]:
        """How often each action took effect for each subject."""
        sql = "SELECT action, subject, count(*) FROM effect GROUP BY action, subject"
        with self._turn, closing(self._db.execute(sql)) as rows:
            return Counter({(action, subject): count for action, subject, count in rows})

    def _name(self, key: str | None) -> str:
        if key is None:
            number = self._db.execute("SELECT coalesce(max(seq), 0) + 1 FROM request")
        else:
            number = self._db.execute("SELECT count(*) + 1 FROM request WHERE key = ?", (key,))
        return f"{key or ''}#{number.fetchone()[0]}"

    def _apply(
        self, action: str, subject: str, payload: str, key: str | None
    ) -> tuple[Became, int | None]:
        added = self._db.execute(_ADD_EFFECT, (key, action, subject, payload)).fetchall()
        if added:
            return "applied", int(added[0][0])
        seq, *before = self._db.execute(
            "SELECT seq, action, payload FROM effect WHERE key = ?", (key,)
        ).fetchone()
        return ("replayed" if before == [action, payload] else "refused"), int(seq)

    def _rows(self, select: str, after: int = 0) -> Iterator[tuple[Any, ...]]:
        # A page at a time: an open cursor would hold the file while the caller thinks.
        while True:
            with self._turn:
                page = self._db.execute(
                    f"{select} WHERE this.seq > ? ORDER BY this.seq LIMIT {_PAGE}", (after,)
                ).fetchall()
            if not page:
                return
            yield from page
            after = int(page[-1][0])
