"""The one pass over the ledger: every record is parsed once, and told with its crossing so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from signoff.clock import from_stamp
from signoff.ledger import Entry

#: Parts whose parent is not on record yet are kept for so many parents; the oldest are forgotten.
MOST_AWAITED = 10_000

#: Records that say where a crossing stands.
_STATUSES = {
    "suspended": "suspended",
    "resumed": "open",
    "halted": "halted",
    "unknown": "unknown",
    "committed": "committed",
    "rejected": "rejected",
}

_ENDS = frozenset({"committed", "rejected"})

_scan: Callable[[str, int], tuple[object, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]

#: Records of a crossing that every pass reads, whatever the detectors ask for.
FACTS = frozenset({"opened", "proposed", "judged", "intended", *_STATUSES})


class Trail:
    """What is known of one crossing while it is open, and until its parent ends.

    Attributes:
        id: Of the crossing.
        boundary: Its name.
        subject: What it is about.
        key: Its idempotency key.
        opened: The fields of its first record.
        at: When it was opened, as text.
        position: Of its first record.
        parent: Id of the crossing that it is a part of; empty if it is none.
        parts: Crossings that are parts of it, by id.
        asked: How often something was proposed.
        attempt: The number of the last attempt.
        fingerprint: Of whoever proposed last.
        proposal: What was proposed last.
        accepted: What the verifiers said last; None before they spoke.
        codes: Codes of all objections so far.
        usd: What its proposals cost together.
        effects: External effects that were intended.
        intended: When the first of them was, as text.
        status: `open`, `suspended`, `halted`, `unknown`, `committed` or `rejected`.
        receipt: What it committed.
        code: Why it was rejected.
        ended: How that ended it; `effect` if another system refused.
        last: When its last record was written, as text.
        memory: What detectors remember about it, each under a key of its own.
    """

    __slots__ = (
        "accepted", "asked", "at", "attempt", "boundary", "code", "codes", "effects", "ended",
        "fingerprint", "id", "intended", "key", "last", "memory", "opened", "parent", "parts",
        "position", "proposal", "receipt", "status", "subject", "usd",
    )  # fmt: skip

    def __init__(self, entry: Entry, opened: dict[str, Any]) -> None:
        self.id, self.subject, self.at = entry.crossing, entry.subject, entry.at
        self.position, self.last = entry.position, entry.at
        self.opened = opened
        self.boundary = str(opened.get("boundary", ""))
        self.key, self.parent = str(opened.get("key", "")), str(opened.get("parent", ""))
        self.parts: dict[str, Trail] = {}
        self.asked = self.attempt = 0
        self.fingerprint: Mapping[str, Any] = {}
        self.proposal: Any = None
        self.accepted: bool | None = None
        self.codes: set[str] = set()
        self.usd = 0.0
        self.effects = 0
        self.intended = ""
        self.status = "open"
        self.receipt: Any = None
        self.code = self.ended = ""
        self.memory: dict[object, Any] = {}

    @property
    def model(self) -> str:
        """Who proposed last; `saga` and the like if nobody was asked."""
        return str(self.fingerprint.get("model", ""))

    @property
    def place(self) -> str:
        """Its name among the parts of its parent, such as `debit` or `debit/undo/1`."""
        return self.key.split("/", 2)[2] if self.key.count("/") >= 2 else self.key

    @property
    def seconds(self) -> float:
        """How long its effect took: from the intent, or from its opening, to its last record."""
        return between(self.intended or self.at, self.last)

    def note(self, type: str, at: str, body: dict[str, Any]) -> None:
        """Take note of the next record."""
        self.last = at
        if type == "proposed":
            self.asked += 1
            self.attempt = number(body.get("attempt"))
            self.fingerprint = fields(body.get("fingerprint"))
            self.proposal = body.get("proposal")
            usage = body.get("usage")
            if usage:
                self.usd += float(fields(usage).get("usd") or 0.0)
        elif type == "judged":
            self.accepted = body.get("accepted") is True
            for rejection in body.get("rejections", ()):
                self.codes.add(str(rejection.get("code", "")))
        elif type == "intended":
            self.effects += 1
            self.intended = self.intended or at
        elif type in _STATUSES:
            self.status = _STATUSES[type]
            if type == "committed":
                self.receipt = body.get("receipt")
            elif type == "rejected":
                self.code = str(body.get("code", ""))
                self.ended = str(body.get("ended", ""))


class Reading:
    """One record, as detectors are shown it.

    Attributes:
        entry: Its place on the ledger.
        type: Its type; see `signoff.ledger`.
        body: Its fields.
        trail: Its crossing, this record included; None for a record of no crossing, or of one whose
            beginning was not read.
    """

    __slots__ = ("body", "entry", "trail", "type")

    def __init__(self, entry: Entry, body: dict[str, Any], trail: Trail | None) -> None:
        self.entry, self.type, self.body, self.trail = entry, entry.type, body, trail

    @property
    def where(self) -> str:
        """The name of its boundary; empty if it is not known."""
        return "" if self.trail is None else self.trail.boundary


#: What is shown a record.
Feed = Callable[[Reading], None]

#: Told that something could not be read: the record's position, and why.
Unreadable = Callable[[int, str], None]


class Pass:
    """Feeds detectors, and keeps the crossings that have not ended.

    Args:
        feeds: For each type of record, who is shown it.
        unreadable: Told about records that cannot be read.
    """

    def __init__(self, feeds: Mapping[str, Iterable[Feed]], unreadable: Unreadable) -> None:
        self._feeds = {type: tuple(each) for type, each in feeds.items()}
        self._read = FACTS | self._feeds.keys()
        self._unreadable = unreadable
        self._awaited: dict[str, dict[str, Trail]] = {}
        self.open: dict[str, Trail] = {}
        self.crossings = 0

    def take(self, entry: Entry, *, quietly: bool = False) -> None:
        """Read the next record.

        Args:
            entry: It.
            quietly: Only take note of it; detectors are not shown it.
        """
        type = entry.type
        if type not in self._read:
            return
        # A million times a minute: what could be functions of its own is written out here.
        text = entry.body
        try:
            # Canonical JSON has no blanks around it; looking for them would cost as much again.
            body, end = _scan(text, 0)
        except (ValueError, StopIteration, RecursionError):
            body, end = None, -1
        if end != len(text) or not isinstance(body, dict):
            self._unreadable(entry.position, f"the {type} record is no JSON object")
            return
        body = cast("dict[str, Any]", body)
        trail: Trail | None = None
        if type == "opened":
            trail = self._opened(entry, body)
        elif entry.crossing:
            trail = self.open.get(entry.crossing)
            if trail is not None:
                try:
                    trail.note(type, entry.at, body)
                except (TypeError, ValueError, AttributeError) as error:
                    self._unreadable(entry.position, f"the {type} record: {error}")
        feeds = self._feeds.get(type)
        if feeds is not None and not quietly:
            reading = Reading(entry, body, trail)
            for feed in feeds:
                try:
                    feed(reading)
                except Exception as error:
                    # One record that somebody bent must not end the reading of all the others.
                    told = f"{getattr(feed, '__qualname__', feed)}: {error!r}"
                    self._unreadable(entry.position, told)
        if type in _ENDS:
            self.open.pop(entry.crossing, None)

    def _opened(self, entry: Entry, body: dict[str, Any]) -> Trail:
        self.crossings += 1
        trail = Trail(entry, body)
        trail.parts.update(self._awaited.pop(trail.id, {}))
        self.open[trail.id] = trail
        if trail.parent:
            parent = self.open.get(trail.parent)
            if parent is not None:
                parent.parts[trail.id] = trail
            else:
                # An owner that is not durable is first written after those whom it asks.
                self._awaited.setdefault(trail.parent, {})[trail.id] = trail
                if len(self._awaited) > MOST_AWAITED:
                    del self._awaited[next(iter(self._awaited))]
        return trail


def fields(value: object) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def number(value: object) -> int:
    """A whole number; 0 for anything else."""
    return value if isinstance(value, int) else 0


def between(start: str, end: str) -> float:
    """Seconds from one stamp to another; 0 if one cannot be read."""
    try:
        return (from_stamp(end) - from_stamp(start)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
