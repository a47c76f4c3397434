"""Records of the ledger, folded into the rows of the index."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, cast

from signoff.console.index._tallies import DAY, Tallies
from signoff.diagnosis import fingerprint_label
from signoff.ledger import Entry

_COLUMNS = (
    "number", "id", "key", "boundary", "subject", "outcome", "code", "model", "attempts",
    "opened", "usd", "tenant", "switches",
)  # fmt: skip

#: Characters of a text that the index keeps: what it is searched by, not what it says.
_KEPT = 300

#: Verifiers or controls of a boundary that are kept.
_NAMES = 100

#: How a kill switch of one's own begins among the controls of a boundary.
_SWITCH = "kill_switch:"

#: Where a record of a type leaves its crossing.
_BECAME = {
    "intended": "intended",
    "committed": "committed",
    "rejected": "rejected",
    "suspended": "suspended",
    "resumed": "open",
    "unknown": "unknown",
}

#: What moves a subject's row.
_MOVES = ("started", "moved", "changed", "cut")


def _assigned(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in names)


#: Records whose fields matter here; of the others their type is enough.
_READ = frozenset({"opened", "proposed", "rejected", *_MOVES})

#: Fingerprints whose labels are kept at hand.
_LABELS = 1000

#: Columns of a crossing that change after it was opened.
_CHANGING = ("outcome", "code", "model", "attempts", "usd")


_MARKED = ", ".join(f":{name}" for name in _COLUMNS)

#: A crossing's first record is where it stands; only of a ledger that was bent do two have one id.
_SAVE_CROSSING = (
    f"INSERT INTO crossings ({', '.join(_COLUMNS)}) VALUES ({_MARKED}) "
    f"ON CONFLICT (number) DO UPDATE SET {_assigned(_CHANGING)} "
    f"ON CONFLICT (id) DO UPDATE SET {_assigned(_COLUMNS)}"
)


class Fold:
    """One batch of records. Nothing is written before `write`.

    Args:
        connection: To the index, in a transaction of its own.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._crossings: dict[str, dict[str, Any]] = {}
        self._boundaries: dict[str, dict[str, Any]] = {}
        self._models: dict[str, tuple[int, str]] = {}
        self._facets: set[tuple[str, str]] = set()
        self._subjects: dict[str, dict[str, Any]] = {}
        self._opened_on: dict[str, tuple[int, int]] = {}
        self._tallies = Tallies()
        self._cuts: list[tuple[str, int]] = []

    def take(self, entries: Iterable[Entry]) -> None:
        """Fold records in; one that cannot be understood changes nothing."""
        for entry in entries:
            try:
                self._one(entry, _fields(entry))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue

    def _one(self, entry: Entry, body: dict[str, Any]) -> None:
        if entry.type == "cut":
            self._cut(entry.subject, int(body["position"]))
        self._happened(entry, body)
        if not entry.crossing:
            return
        if entry.type == "opened":
            self._opened(entry, body)
            return
        row = self._row(entry.crossing)
        if row is None:
            return
        if entry.type == "proposed":
            self._proposed(row, entry, body)
        elif entry.type == "judged":
            for rejection in body.get("rejections", ()):
                code = _text(rejection["code"])
                self._tallies.objected(row["boundary"], entry.at, code)
                self._objected(row, code)
        elif entry.type in _BECAME:
            row["outcome"] = _BECAME[entry.type]
            self._tallies.became(row["boundary"], entry.at, entry.type, row["opened"])
            if entry.type == "rejected":
                self._objected(row, _text(body.get("code", "")))

    def _objected(self, row: dict[str, Any], code: str) -> None:
        row["code"] = code
        self._facets.add(("code", code))

    def _happened(self, entry: Entry, body: dict[str, Any]) -> None:
        """A subject's last record, and what moved it."""
        known = self._subjects.setdefault(
            entry.subject,
            {"id": entry.subject, "machine": "", "state": "", "version": 0, "at": "", "last": 0},
        )
        if entry.position > known["last"]:
            known["at"], known["last"] = entry.at, entry.position
        if entry.type in _MOVES and int(body["version"]) >= known["version"]:
            known["machine"], known["state"] = _text(body["machine"]), _text(body["state"])
            known["version"] = int(body["version"])
            self._facets.add(("state", f"{known['machine']}/{known['state']}"))

    def _cut(self, subject: str, position: int) -> None:
        """Forget the crossings whose records were removed; what they came to stays counted."""
        self._cuts.append((subject, position))
        for id, row in [*self._crossings.items()]:
            if row["subject"] == subject and row["number"] <= position:
                del self._crossings[id]

    def _opened(self, entry: Entry, body: dict[str, Any]) -> None:
        boundary = _text(body["boundary"])
        controls = [_text(control) for control in body.get("controls", ())][:_NAMES]
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
            "usd": 0.0,
            "tenant": tenant[:_KEPT] if isinstance(tenant, str) else "",
            "switches": "\n".join(["", *switches, ""]) if switches else "",
        }
        self._tallies.opened(boundary, entry.at)
        self._facets.add(("boundary", boundary))
        self._days(entry)
        if self._boundaries.get(boundary, {"position": 0})["position"] > entry.position:
            return
        self._boundaries[boundary] = {
            "name": boundary,
            "position": entry.position,
            "strength": [_text(word) for word in body.get("strength", ())][:2],
            "verifiers": [_text(name) for name in body.get("verifiers", ())][:_NAMES],
            "controls": controls,
        }

    def _days(self, entry: Entry) -> None:
        low, high = self._opened_on.get(entry.at[:DAY], (entry.position, entry.position))
        self._opened_on[entry.at[:DAY]] = (min(low, entry.position), max(high, entry.position))

    def _proposed(self, row: dict[str, Any], entry: Entry, body: dict[str, Any]) -> None:
        attempt = body.get("attempt")
        row["attempts"] = max(row["attempts"], attempt if isinstance(attempt, int) else 0)
        usage = cast("dict[str, Any]", body.get("usage") or {})
        usd = float(usage.get("usd") or 0.0)
        row["usd"] += usd
        row["model"] = _label(body["fingerprint"])
        self._facets.add(("model", row["model"]))
        self._tallies.proposed(row["boundary"], entry.at, usd)
        asked = (entry.position, row["model"])
        self._models[row["boundary"]] = max(self._models.get(row["boundary"], asked), asked)

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
        crossings = [*self._crossings.values()]
        run(_SAVE_CROSSING, crossings)
        run("DELETE FROM crossings WHERE subject = ? AND number <= ?", self._cuts)
        alike = {(c["boundary"], c["outcome"], c["code"], c["model"]) for c in crossings}
        run("INSERT OR IGNORE INTO alike VALUES (?, ?, ?, ?)", [*alike])
        run(
            "INSERT INTO opened VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
            "low = min(low, excluded.low), high = max(high, excluded.high)",
            [(day, *span) for day, span in self._opened_on.items()],
        )
        run("INSERT OR IGNORE INTO facets VALUES (?, ?)", [*self._facets])
        run(
            "INSERT INTO boundaries VALUES "
            "(:name, :position, :strength, :verifiers, :controls, '', 0) "
            "ON CONFLICT DO UPDATE SET position = excluded.position, strength = excluded.strength, "
            "verifiers = excluded.verifiers, controls = excluded.controls "
            "WHERE excluded.position >= position",
            [
                {
                    key: json.dumps(what) if isinstance(what, list) else what
                    for key, what in b.items()
                }
                for b in self._boundaries.values()
            ],
        )
        run(
            "UPDATE boundaries SET asked = ?1, model = ?2 WHERE name = ?3 AND asked < ?1",
            [(*asked, name) for name, asked in self._models.items()],
        )
        # What comes late, of an earlier position or version, takes nothing back.
        run(
            "INSERT INTO subjects VALUES (:id, :machine, :state, :version, :at, :last) "
            "ON CONFLICT DO UPDATE SET "
            "at = CASE WHEN excluded.last > last THEN excluded.at ELSE at END, "
            "last = max(last, excluded.last), "
            "machine = CASE WHEN excluded.version >= version AND excluded.machine <> '' "
            "THEN excluded.machine ELSE machine END, "
            "state = CASE WHEN excluded.version >= version AND excluded.machine <> '' "
            "THEN excluded.state ELSE state END, "
            "version = max(version, excluded.version)",
            [*self._subjects.values()],
        )
        self._tallies.write(self._connection)


def _fields(entry: Entry) -> dict[str, Any]:
    """What a record says, as far as it matters here."""
    # Most verdicts have no objections, and parsing them would be half of the work.
    if entry.type in _READ or (entry.type == "judged" and '"rejections"' in entry.body):
        body = json.loads(entry.body)
        if not isinstance(body, dict):
            raise TypeError("a record's body is an object")
        return cast("dict[str, Any]", body)
    return {}


def _label(fingerprint: dict[str, Any]) -> str:
    key = repr(fingerprint)
    label = _labels.get(key)
    if label is None:
        if len(_labels) >= _LABELS:
            _labels.clear()
        label = _labels[key] = _text(fingerprint_label(fingerprint))
    return label


_labels: dict[str, str] = {}


def _text(value: object) -> str:
    return str(value)[:_KEPT]
