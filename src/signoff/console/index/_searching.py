"""Searches of an index: whatever is asked for, they look at no more than they have to."""

from __future__ import annotations

import base64
import heapq
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from signoff.console.index._rows import CrossingFilter, CrossingRow, Found, SubjectRow
from signoff.console.index._tallies import DAY
from signoff.errors import BadInput

#: Crossings that begin as asked for which are looked up one by one; more are looked for in passing.
_FEW = 1000

#: Records of the ledger in whose crossings a page is looked for in passing.
_NEAR = 20_000

#: Kinds of crossings that are looked up one by one, and how many crossings of these are read.
_KINDS, _READ = 400, 30_000

#: Before every position that there is.
_END = 1 << 62

_CROSSING = ", ".join(each.name for each in fields(CrossingRow))
_SUBJECT = ", ".join(each.name for each in fields(SubjectRow))


@dataclass(slots=True)
class _Where:
    """Conditions that all have to hold."""

    conditions: list[str] = field(default_factory=list[str])
    values: list[Any] = field(default_factory=list[Any])

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition)
        self.values += values

    def __str__(self) -> str:
        return " AND ".join(self.conditions) or "1"


def crossings(
    connection: sqlite3.Connection, wanted: CrossingFilter, cursor: str, limit: int
) -> Found[CrossingRow]:
    """Crossings, newest first."""
    kind, begins, within = _kind(wanted), _begins(wanted), _within(connection, wanted, cursor)
    few = _few(connection, wanted)
    rows = list[tuple[Any, ...]]()
    if few is None and kind.conditions and begins.conditions:
        # Where many are like that, the next ones are soon met on the way.
        near = _within(connection, wanted, cursor, _newest(connection, cursor) - _NEAR)
        rows = _rows(connection, [kind, begins, near], None, limit + 1)
    if len(rows) <= limit:
        if few is None and kind.conditions:
            few = _alike(connection, kind, begins, within, limit + 1)
        rows = _rows(connection, [kind, begins, within], few, limit + 1)
    found = [CrossingRow(*row) for row in rows[:limit]]
    return Found(found, _cursor(found[-1].number) if len(rows) > limit else "")


def _newest(connection: sqlite3.Connection, cursor: str) -> int:
    sql = "SELECT max(number) FROM crossings WHERE number < ?"
    return connection.execute(sql, (position(cursor),)).fetchone()[0] or 0


def _rows(
    connection: sqlite3.Connection, wheres: Sequence[_Where], few: list[int] | None, most: int
) -> list[tuple[Any, ...]]:
    """The newest of some crossings, or, without these, of all."""
    source, among, values = "crossings NOT INDEXED", "1", list[Any]()
    if few is not None:
        source, among = "crossings", "number IN (SELECT value FROM json_each(?))"
        values = [json.dumps(few)]
    return connection.execute(
        f"SELECT {_CROSSING} FROM {source} WHERE {among} AND {' AND '.join(map(str, wheres))} "
        "ORDER BY number DESC LIMIT ?",
        (*values, *(value for where in wheres for value in where.values), most),
    ).fetchall()


def _kind(wanted: CrossingFilter) -> _Where:
    """What crossings have in common with many others."""
    where = _Where()
    for column in ("boundary", "outcome", "code", "model"):
        if value := getattr(wanted, column):
            where.add(f"{column} = ?", value)
    return where


def _begins(wanted: CrossingFilter) -> _Where:
    """What their names begin with."""
    where = _Where()
    if wanted.subject:
        where.add("subject >= ? AND subject < ?", wanted.subject, after(wanted.subject))
    if wanted.text:
        bounds = (wanted.text, after(wanted.text))
        where.add("(id >= ? AND id < ? OR key >= ? AND key < ?)", *bounds, *bounds)
    return where


def _within(
    connection: sqlite3.Connection, wanted: CrossingFilter, cursor: str, low: int = 0
) -> _Where:
    """Where in the ledger, and when."""
    where, high = _Where(), position(cursor) - 1
    if wanted.since:
        where.add("opened >= ?", wanted.since)
        sql = "SELECT min(low) FROM opened WHERE day >= ?"
        [(first,)] = connection.execute(sql, (wanted.since[:DAY],))
        low = max(low, _END if first is None else first)
    if wanted.until:
        where.add("opened < ?", wanted.until)
        sql = "SELECT max(high) FROM opened WHERE day <= ?"
        [(last,)] = connection.execute(sql, (wanted.until[:DAY],))
        high = min(high, 0 if last is None else last)
    # One bound on each side: with two SQLite would take the wider one.
    where.add("number BETWEEN ? AND ?", low, high)
    return where


def _few(connection: sqlite3.Connection, wanted: CrossingFilter) -> list[int] | None:
    """Those whose names begin as asked for; None if there are many, or any name will do."""
    for columns, begins in ((("id", "key"), wanted.text), (("subject",), wanted.subject)):
        found: set[int] = set()
        for column in columns if begins else ():
            found.update(
                number
                for (number,) in connection.execute(
                    f"SELECT number FROM crossings WHERE {column} >= ? AND {column} < ? LIMIT ?",
                    (begins, after(begins), _FEW + 1),
                )
            )
        if begins and len(found) <= _FEW:
            return [*found]
    return None


def _alike(
    connection: sqlite3.Connection, kind: _Where, begins: _Where, within: _Where, most: int
) -> list[int] | None:
    """The newest of some kinds; None if it takes less time to meet them on the way."""
    kinds = connection.execute(
        f"SELECT boundary, outcome, code, model FROM alike WHERE {kind} LIMIT ?",
        (*kind.values, _KINDS + 1),
    ).fetchall()
    of = (
        "FROM crossings INDEXED BY crossings_alike "
        "WHERE boundary = ? AND outcome = ? AND code = ? AND model = ?"
    )
    if len(kinds) > _KINDS:
        return None
    if begins.conditions:
        sql, left = f"SELECT count(*) FROM (SELECT 1 {of} LIMIT ?)", _READ
        for each in kinds:
            left -= connection.execute(sql, (*each, left)).fetchone()[0]
            if left <= 0:
                return None
    sql = f"SELECT number {of} AND {begins} AND {within} ORDER BY number DESC LIMIT ?"
    numbers = (
        number
        for each in kinds
        for (number,) in connection.execute(sql, (*each, *begins.values, *within.values, most))
    )
    return heapq.nlargest(most, numbers)


def subjects(
    connection: sqlite3.Connection, text: str, state: str, cursor: str, limit: int
) -> Found[SubjectRow]:
    """Subjects, those that something happened to last first."""
    where = _Where()
    where.add("last < ?", position(cursor))
    # By these the ids are at hand as well, and the order is right.
    index = "subjects_last"
    if text:
        where.add("id >= ? AND id < ?", text, after(text))
        index = "subjects_last" if _many(connection, text) else ""
    if state:
        machine, _, name = state.rpartition("/")
        where.add("machine = ? AND state = ?", machine, name)
        index = index and "subjects_state"
    rows = connection.execute(
        f"SELECT {_SUBJECT} FROM subjects {f'INDEXED BY {index}' if index else 'NOT INDEXED'} "
        f"WHERE {where} ORDER BY last DESC LIMIT ?",
        (*where.values, limit + 1),
    ).fetchall()
    found = [SubjectRow(*row) for row in rows[:limit]]
    return Found(found, _cursor(found[-1].last) if len(rows) > limit else "")


def _many(connection: sqlite3.Connection, text: str) -> bool:
    rows: Sequence[object] = connection.execute(
        "SELECT 1 FROM subjects WHERE id >= ? AND id < ? LIMIT ?", (text, after(text), _FEW + 1)
    ).fetchall()
    return len(rows) > _FEW


def after(prefix: str) -> str:
    """What comes after every text that begins so."""
    return prefix + "\U0010ffff"


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(8, "big")).decode().rstrip("=")


def position(cursor: str) -> int:
    """Where a page ended; after everything without one.

    Raises:
        BadInput: If the cursor is none of ours.
    """
    if not cursor:
        return _END
    try:
        raw = base64.b64decode(f"{cursor}=", altchars=b"-_", validate=True)
    except ValueError as error:
        raise BadInput("this link leads nowhere: search again") from error
    return min(int.from_bytes(raw[:8], "big"), _END)
