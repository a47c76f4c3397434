"""Records of the ledger, folded into the rows of the index."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, cast

from signoff.console.index._rows import CrossingRow
from signoff.diagnosis import fingerprint_label
from signoff.ledger import Entry

COLUMNS = tuple(field.name for field in fields(CrossingRow))

#: Characters of a text that the index keeps: what it is searched by, not what it says.
_KEPT = 300

#: Where a record of a type leaves its crossing.
_BECAME = {
    "intended": "intended",
    "committed": "committed",
    "rejected": "rejected",
    "suspended": "suspended",
    "resumed": "open",
    "unknown": "unknown",
}


class Fold:
    """One batch of records. Nothing is written before `write`.

    Args:
        connection: To the index, in a transaction of its own.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._crossings: dict[str, dict[str, Any]] = {}
        self._facets: set[tuple[str, str]] = set()

    def take(self, entries: Iterable[Entry]) -> None:
        """Fold records in; one that cannot be understood changes nothing."""
        for entry in entries:
            try:
                body = json.loads(entry.body)
                if entry.crossing and isinstance(body, dict):
                    self._one(entry, cast("dict[str, Any]", body))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue

    def _one(self, entry: Entry, body: dict[str, Any]) -> None:
        if entry.type == "opened":
            self._opened(entry, body)
            return
        row = self._row(entry.crossing)
        if row is None:
            return
        if entry.type == "proposed":
            self._proposed(row, body)
        elif entry.type in _BECAME:
            row["outcome"] = _BECAME[entry.type]
            if entry.type == "rejected":
                row["code"] = _text(body.get("code", ""))
                self._facets.add(("code", row["code"]))

    def _opened(self, entry: Entry, body: dict[str, Any]) -> None:
        boundary = _text(body["boundary"])
        self._crossings[entry.crossing] = {
            "number": entry.position,
            "id": entry.crossing,
            "key": _text(body["key"]),
            "boundary": boundary,
            "subject": entry.subject,
            "outcome": "open",
            "code": "",
            "model": "",
            "attempts": 0,
            "opened": entry.at,
            "usd": 0.0,
        }
        self._facets.add(("boundary", boundary))

    def _proposed(self, row: dict[str, Any], body: dict[str, Any]) -> None:
        attempt = body.get("attempt")
        row["attempts"] = max(row["attempts"], attempt if isinstance(attempt, int) else 0)
        usage = cast("dict[str, Any]", body.get("usage") or {})
        row["usd"] += float(usage.get("usd") or 0.0)
        row["model"] = _text(fingerprint_label(body["fingerprint"]))
        self._facets.add(("model", row["model"]))

    def _row(self, id: str) -> dict[str, Any] | None:
        row = self._crossings.get(id)
        if row is None:
            sql = f"SELECT {', '.join(COLUMNS)} FROM crossings WHERE id = ?"
            found = self._connection.execute(sql, (id,)).fetchone()
            if found is None:
                return None
            row = self._crossings[id] = dict(zip(COLUMNS, found, strict=True))
        return row

    def write(self) -> None:
        """Write everything that was folded."""
        run = self._connection.executemany
        names, marks = ", ".join(COLUMNS), ", ".join(f":{name}" for name in COLUMNS)
        run(
            f"INSERT OR REPLACE INTO crossings ({names}) VALUES ({marks})",
            [*self._crossings.values()],
        )
        run("INSERT OR IGNORE INTO facets VALUES (?, ?)", [*self._facets])


def _text(value: object) -> str:
    return str(value)[:_KEPT]
