"""The index: what pages ask of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from signoff.clock import Clock
from signoff.console.index._folding import Fold, span_middle
from signoff.console.index._following import follow
from signoff.console.index._tables import FORM, TABLES
from signoff.errors import BadInput, StorageUnavailable
from signoff.ledger import Entry
from signoff.storage import Storage

#: Values of one kind that a search offers.
_CHOICES = 200

#: Where a crossing stands that has not ended.
UNDER_WAY = ("open", "intended", "suspended", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the index has come: a ledger position, of the last one that there is."""

    position: int = 0
    last: int = 0
    error: str = ""

    @property
    def caught_up(self) -> bool:
        """Whether nothing is left to read."""
        return self.position >= self.last

    def towards(self, last: int) -> Progress:
        """With another end."""
        return replace(self, last=max(last, self.position), error="")

    def reached(self, position: int) -> Progress:
        """At another place."""
        return replace(self, position=position, last=max(self.last, position))

    def failed(self, error: str) -> Progress:
        """The store could not be read."""
        return replace(self, error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingFilter:
    """Which crossings are looked for; what is empty does not matter.

    Attributes:
        text: How the id or the key begins.
        subject: How the subject's id begins.
        since: Opened at or after this time; the beginning of a stamp is enough.
        until: Opened before this time.
    """

    text: str = ""
    boundary: str = ""
    subject: str = ""
    outcome: str = ""
    code: str = ""
    model: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class CrossingRow:
    """A crossing as a list shows it; `usd` in dollars, `seconds` of waiting for models."""

    number: int
    id: str
    key: str
    boundary: str
    subject: str
    outcome: str
    code: str
    model: str
    attempts: int
    opened: str
    ended: str
    usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """A subject as a list shows it."""

    id: str
    machine: str
    state: str
    version: int | None
    at: str
    last: int


@dataclass(frozen=True, slots=True)
class Found:
    """Rows, and where to go on; an empty cursor if there are no more."""

    rows: Sequence[Any]
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """The values that a search can choose from."""

    boundaries: Sequence[str]
    outcomes: Sequence[str]
    codes: Sequence[str]
    models: Sequence[str]
    states: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryFacts:
    """What happened at a boundary in a stretch of time.

    Attributes:
        counts: Of opened, attempts, committed, rejected, suspended, unknown.
        series: The same over time, one number for each of `buckets`.
        codes: (rejection code, how often), the most frequent first.
        usd: Cost, dollars.
        p50: Seconds that half of the crossings took from opening to end, to 15 %; None without any.
        p99: The same for 99 of 100.
    """

    name: str
    counts: Mapping[str, int]
    buckets: Sequence[str]
    series: Mapping[str, Sequence[float]]
    codes: Sequence[tuple[str, int]]
    usd: float
    p50: float | None
    p99: float | None
    verifiers: Sequence[str] = ()
    controls: Sequence[str] = ()
    commits: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """What a kill would stand before: crossings by status, and how many subjects."""

    crossings: Mapping[str, int] = field(default_factory=dict[str, int])
    subjects: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.crossings.values())


class Index:
    """A file derived from a ledger, for what would take too long to look up there.

    Made by `open`. One console at a time keeps it up to date.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.progress = Progress()
        #: Positions that were passed over, and how often they were looked for.
        self.missing: dict[int, int] = {}
        self._write = _connected(path)
        try:
            self._prepare()
            # In memory there is one connection only, which folding in a thread has to share.
            self._read = self._write if path is None else _connected(path)
        except sqlite3.Error as error:
            self._write.close()
            raise StorageUnavailable(f"the console's index at {path}: {error}") from error
        self.about = self._meta("about")
        self.position = int(self._meta("position") or 0)
        self.progress = Progress(position=self.position, last=self.position)
        self.missing = {int(at): 0 for at in json.loads(self._meta("missing") or "[]")}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path | None) -> AsyncGenerator[Index]:
        """Open, or make, an index.

        Args:
            path: Where; None for one in memory.

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
        if self._read is not self._write:
            self._read.close()
        self._write.close()

    @contextlib.asynccontextmanager
    async def following(self, storage: Storage, clock: Clock) -> AsyncGenerator[None]:
        """Keep it up to date with a ledger meanwhile."""
        task = asyncio.create_task(follow(self, storage, clock))
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
        self.about, self.position, self.missing = "", 0, {}
        self.progress = Progress()

    def fold(self, entries: Sequence[Entry], folding: type[Fold]) -> None:
        """Take records in, all or none of them."""
        if not entries:
            return
        with self._write:
            self._write.execute("BEGIN")
            fold = folding(self._write)
            fold.take(entries)
            fold.write()
            last = max(self.position, entries[-1].position)
            missing = dict(self.missing)
            if entries[-1].position > self.position:
                seen = {entry.position for entry in entries}
                first = max(self.position + 1, last - 50_000)
                gaps = set(range(first, last)) - seen
                missing |= dict.fromkeys(sorted(gaps)[-1000:], 0)
            else:
                for entry in entries:
                    missing.pop(entry.position, None)
            self._write.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [
                    ("position", str(last)),
                    ("about", self.about),
                    ("missing", json.dumps([*missing])),
                ],
            )
        self.position, self.missing = last, missing
        self.progress = self.progress.reached(last)

    def _meta(self, key: str) -> str:
        row = self._write.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return "" if row is None else row[0]

    # Asking

    def overview(self, since: str, until: str, width: int = 13) -> list[BoundaryFacts]:
        """What happened at every boundary between two times.

        Args:
            since: The first hour, as a stamp or its beginning.
            until: The hour after the last.
            width: Characters of a stamp that make one bucket: 13 for hours, 10 for days.
        """
        rows = self._read.execute(
            "SELECT boundary, substr(hour, 1, ?), what, sum(number) FROM hours "
            "WHERE hour >= ? AND hour < ? GROUP BY 1, 2, 3",
            (width, since[:13], until[:13] or "~"),
        ).fetchall()
        told: dict[str, dict[str, dict[str, float]]] = {}
        for boundary, bucket, what, number in rows:
            told.setdefault(boundary, {}).setdefault(what, {})[bucket] = number
        buckets = sorted({bucket for _, bucket, _, _ in rows})
        known = {row[0]: row[1:] for row in self._read.execute("SELECT * FROM boundaries")}
        return [_facts(name, told.get(name, {}), buckets, known[name]) for name in sorted(known)]

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
        for limit_, sign in ((wanted.since, ">="), (wanted.until, "<")):
            if limit_:
                where.append(f"opened {sign} ?")
                values.append(limit_)
        rows = self._read.execute(
            "SELECT number, id, key, boundary, subject, outcome, code, model, attempts, opened, "
            f"ended, usd, seconds FROM crossings WHERE {' AND '.join(where)} "
            "ORDER BY number DESC LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        found = [CrossingRow(*row) for row in rows[:limit]]
        return Found(found, _cursor(found[-1].number) if len(rows) > limit else "")

    def subjects(
        self, *, text: str = "", state: str = "", cursor: str = "", limit: int = 50
    ) -> Found:
        """Subjects, those that something happened to last first.

        Args:
            text: How the id begins.
            state: `machine/state`.
            cursor: Where the last page ended.
            limit: At most so many.

        Raises:
            BadInput: If the cursor is none of ours.
        """
        where, values = ["last < ?"], list[Any]([_position(cursor)])
        if text:
            where.append("id >= ? AND id < ?")
            values += [text, _after(text)]
        if state:
            machine, _, name = state.partition("/")
            where.append("machine = ? AND state = ?")
            values += [machine, name]
        rows = self._read.execute(
            "SELECT id, machine, state, version, at, last FROM subjects "
            f"WHERE {' AND '.join(where)} ORDER BY last DESC LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        found = [SubjectRow(*row) for row in rows[:limit]]
        return Found(found, _cursor(found[-1].last) if len(rows) > limit else "")

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
            states=values.get("state", []),
        )

    def in_flight(self, scope: str) -> InFlight:
        """What a kill of a scope would stand before.

        Args:
            scope: `everything`, `tenant:…`, `subject:…`, a boundary or a kill switch.
        """
        where, values = _reaches(scope)
        rows = self._read.execute(
            "SELECT outcome, count(*) FROM crossings WHERE outcome IN "
            f"('open', 'intended', 'suspended', 'unknown') AND {where} GROUP BY outcome",
            values,
        ).fetchall()
        subjects = self._read.execute(
            "SELECT count(DISTINCT subject) FROM crossings WHERE outcome IN "
            f"('open', 'intended', 'suspended', 'unknown') AND {where}",
            values,
        ).fetchone()[0]
        return InFlight(crossings=dict(rows), subjects=subjects)

    def boundaries(self) -> list[str]:
        """The names of all that were crossed."""
        return [name for (name,) in self._read.execute("SELECT name FROM boundaries ORDER BY 1")]


def _facts(
    name: str,
    told: Mapping[str, Mapping[str, float]],
    buckets: Sequence[str],
    known: tuple[str, str, str, str],
) -> BoundaryFacts:
    plain = ("opened", "attempts", "committed", "rejected", "suspended", "unknown")
    verifiers, controls, commits, model = known
    spans = {
        int(what.removeprefix("span:")): sum(numbers.values())
        for what, numbers in told.items()
        if what.startswith("span:")
    }
    codes = [
        (what.removeprefix("code:"), int(sum(numbers.values())))
        for what, numbers in told.items()
        if what.startswith("code:")
    ]
    return BoundaryFacts(
        name=name,
        counts={what: int(sum(told.get(what, {}).values())) for what in plain},
        buckets=buckets,
        series={what: [told.get(what, {}).get(b, 0.0) for b in buckets] for what in plain},
        codes=sorted(codes, key=lambda pair: (-pair[1], pair[0])),
        usd=sum(told.get("usd", {}).values()),
        p50=_quantile(spans, 0.5),
        p99=_quantile(spans, 0.99),
        verifiers=json.loads(verifiers or "[]"),
        controls=json.loads(controls or "[]"),
        commits=commits or "transactional",
        model=model,
    )


def _quantile(spans: Mapping[int, float], share: float) -> float | None:
    total, before = sum(spans.values()), 0.0
    for number in sorted(spans):
        before += spans[number]
        if before >= share * total:
            return span_middle(number)
    return None


def _reaches(scope: str) -> tuple[str, tuple[str, ...]]:
    if scope == "everything":
        return "1", ()
    kind, _, name = scope.partition(":")
    if kind == "tenant":
        return "tenant = ?", (name,)
    if kind == "subject":
        return "subject >= ? AND subject < ?", (name, _after(name))
    return "(boundary = ? OR instr(switches, ?))", (scope, f"\n{scope}\n")


def _after(prefix: str) -> str:
    """What comes after every text that begins so."""
    return prefix + "\U0010ffff"


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(8, "big")).decode().rstrip("=")


def _position(cursor: str) -> int:
    if not cursor:
        return 1 << 62
    try:
        raw = base64.b64decode(f"{cursor}=", altchars=b"-_", validate=True)
        return min(int.from_bytes(raw[:8], "big"), 1 << 62)
    except ValueError as error:
        raise BadInput("this link leads nowhere: search again") from error


def _connected(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StorageUnavailable(
                f"the console keeps an index at {path}, and cannot: {error.strerror}. "
                "Name another place with --index"
            ) from error
    connection = sqlite3.connect(
        ":memory:" if path is None else path, check_same_thread=False, isolation_level=None
    )
    # It can be made anew, so nothing has to wait for the disk.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection
