"""Records of the ledger, folded into the rows of the index."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

from signoff.clock import from_stamp
from signoff.diagnosis import fingerprint_label
from signoff.ledger import Entry

#: Classes of how long a crossing took, per doubling: each is 15 % wide.
PER_DOUBLING = 5

_COLUMNS = (
    "number", "id", "key", "boundary", "subject", "outcome", "code", "model", "attempts",
    "opened", "ended", "usd", "seconds", "tenant", "switches",
)  # fmt: skip

_SWITCH = "kill_switch:"

#: Characters of a text that the index keeps: what it is searched by, not what it says.
_KEPT = 300

_ENDED = frozenset({"committed", "rejected"})
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
        self._hours: defaultdict[tuple[str, str, str], float] = defaultdict(float)
        self._boundaries: dict[str, dict[str, str]] = {}
        self._facets: set[tuple[str, str]] = set()
        self._subjects: dict[str, tuple[str, int]] = {}
        self._spines: dict[str, tuple[str, str, int | None]] = {}
        #: Records that could not be understood.
        self.unread = 0

    def take(self, entries: Iterable[Entry]) -> None:
        """Fold records in."""
        for entry in entries:
            try:
                body = json.loads(entry.body)
                if isinstance(body, dict):
                    self._one(entry, cast("dict[str, Any]", body))
                    continue
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                pass
            self.unread += 1

    def _one(self, entry: Entry, body: dict[str, Any]) -> None:
        self._subjects[entry.subject] = (entry.at, entry.position)
        kind = entry.type
        if kind in ("started", "moved", "changed"):
            state, machine = _text(body["state"]), _text(body["machine"])
            self._spines[entry.subject] = (machine, state, _whole(body.get("version")))
            self._facets.add(("state", f"{machine}/{state}"))
        if not entry.crossing:
            return
        if kind == "opened":
            self._opened(entry, body)
            return
        row = self._row(entry.crossing)
        if row is None:
            return
        boundary, hour = row["boundary"], entry.at[:13]
        if kind == "proposed":
            self._proposed(row, body, hour)
        elif kind == "judged" and not body.get("accepted"):
            for rejection in body.get("rejections", ()):
                self._hours[boundary, hour, f"code:{_text(rejection['code'])}"] += 1
        elif kind in _BECAME:
            row["outcome"] = _BECAME[kind]
            if kind == "intended":
                self._boundaries.setdefault(boundary, {})["commits"] = "external"
            elif kind != "resumed":
                self._hours[boundary, hour, kind] += 1
            if kind == "rejected":
                row["code"] = _text(body.get("code", ""))
                self._facets.add(("code", row["code"]))
            if kind in _ENDED:
                self._ended(row, entry.at, hour)

    def _opened(self, entry: Entry, body: dict[str, Any]) -> None:
        boundary = _text(body["boundary"])
        controls = [str(control) for control in body.get("controls", ())]
        about = body.get("subject")
        tenant = cast("dict[str, Any]", about).get("tenant") if isinstance(about, dict) else ""
        switches = [c.removeprefix(_SWITCH) for c in controls if c.startswith(_SWITCH)]
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
            "ended": "",
            "usd": 0.0,
            "seconds": 0.0,
            "tenant": tenant if isinstance(tenant, str) else "",
            "switches": "\n".join(["", *switches, ""]) if switches else "",
        }
        self._hours[boundary, entry.at[:13], "opened"] += 1
        self._facets.add(("boundary", boundary))
        known = self._boundaries.setdefault(boundary, {})
        known["verifiers"] = json.dumps([str(v) for v in body.get("verifiers", ())][:100])
        known["controls"] = json.dumps(controls[:100])

    def _proposed(self, row: dict[str, Any], body: dict[str, Any], hour: str) -> None:
        usage = cast("dict[str, Any]", body.get("usage") or {})
        usd = float(usage.get("usd") or 0.0)
        row["attempts"] = max(row["attempts"], _whole(body.get("attempt")) or 0)
        row["usd"] += usd
        row["seconds"] += float(body.get("seconds") or 0.0)
        row["model"] = _text(fingerprint_label(body["fingerprint"]))
        self._facets.add(("model", row["model"]))
        self._boundaries.setdefault(row["boundary"], {})["model"] = row["model"]
        self._hours[row["boundary"], hour, "attempts"] += 1
        if usd:
            self._hours[row["boundary"], hour, "usd"] += usd

    def _ended(self, row: dict[str, Any], at: str, hour: str) -> None:
        row["ended"] = at
        took = (from_stamp(at) - from_stamp(row["opened"])).total_seconds()
        self._hours[row["boundary"], hour, f"span:{span_class(took)}"] += 1

    def _row(self, id: str) -> dict[str, Any] | None:
        row = self._crossings.get(id)
        if row is None:
            sql = f"SELECT {', '.join(_COLUMNS)} FROM crossings WHERE id = ?"
            found = self._connection.execute(sql, (id,)).fetchone()
            if found is None:
                return None
            row = self._crossings[id] = dict(zip(_COLUMNS, found, strict=True))
        return row

    def write(self) -> None:
        """Write everything that was folded."""
        run = self._connection.executemany
        marks = ", ".join(f":{name}" for name in _COLUMNS)
        run(f"INSERT OR REPLACE INTO crossings VALUES ({marks})", [*self._crossings.values()])
        run(
            "INSERT INTO hours VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
            "SET number = number + excluded.number",
            [(*key, number) for key, number in self._hours.items()],
        )
        run("INSERT OR IGNORE INTO facets VALUES (?, ?)", [*self._facets])
        run(
            "INSERT INTO boundaries VALUES (:name, :verifiers, :controls, :commits, :model) "
            "ON CONFLICT DO UPDATE SET "
            "verifiers = CASE excluded.verifiers WHEN '' THEN verifiers "
            "ELSE excluded.verifiers END, "
            "controls = CASE excluded.controls WHEN '' THEN controls ELSE excluded.controls END, "
            "commits = CASE excluded.commits WHEN '' THEN commits ELSE excluded.commits END, "
            "model = CASE excluded.model WHEN '' THEN model ELSE excluded.model END",
            [
                {"verifiers": "", "controls": "", "commits": "", "model": "", **known, "name": name}
                for name, known in self._boundaries.items()
            ],
        )
        run(
            "INSERT INTO subjects VALUES (?, '', '', NULL, ?, ?) ON CONFLICT DO UPDATE "
            "SET at = excluded.at, last = excluded.last WHERE excluded.last > last",
            [(id, at, last) for id, (at, last) in self._subjects.items()],
        )
        run(
            "UPDATE subjects SET machine = ?, state = ?, version = ? WHERE id = ?",
            [(*spine, id) for id, spine in self._spines.items()],
        )


def span_class(seconds: float) -> int:
    """The class of a duration; its middle is `span_middle`."""
    return round(PER_DOUBLING * math.log2(max(seconds, 1e-4)))


def span_middle(number: int) -> float:
    """Seconds in the middle of a class."""
    return math.exp2(number / PER_DOUBLING)


def _text(value: object) -> str:
    return str(value)[:_KEPT]


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
