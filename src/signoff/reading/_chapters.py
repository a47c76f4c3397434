"""What happened to one subject: its records, grouped by crossing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from signoff.boundary import Recorded, Row
from signoff.ledger import Entry
from signoff.reading._telling import Body, told
from signoff.words import moment, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the story: what happened, in a word, and the rest."""

    at: str
    attempt: str = ""
    what: str
    text: str


@dataclass(slots=True)
class Chapter:
    """One crossing's records; or, without an id, what the spine did by itself meanwhile."""

    crossing: str
    records: list[tuple[Entry, Body]] = field(default_factory=list[tuple[Entry, Body]])

    def as_json(self) -> list[dict[str, Any]]:
        """The records, with nothing shortened."""
        return [
            {"position": e.position, "seq": e.seq, "at": e.at, "type": e.type, "body": body}
            for e, body in self.records
        ]

    def lines(self) -> Iterable[Line]:
        """The chapter as lines."""
        asked = [
            entry.seq
            for entry, body in self.records
            if entry.type == "proposed" and not _by_person(body)
        ]
        for entry, body in self.records:
            numbered = entry.type in ("proposed", "judged")
            attempt = plain(str(body.get("attempt", ""))) if numbered else ""
            lines = [*told(entry.type, body)]
            rejected = entry.type == "judged" and not body.get("accepted")
            if rejected and entry.seq < max(asked, default=0):
                lines.append(("feedback", "the proposer was told, and asked again"))
            for what, text in lines:
                yield Line(at=moment(entry.at), attempt=attempt, what=what, text=text)


def _by_person(body: Body) -> bool:
    """Whether somebody wrote a proposal over what the proposer had said."""
    fingerprint = body.get("fingerprint")
    if not isinstance(fingerprint, Mapping):
        return False
    return str(cast("Body", fingerprint).get("model", "")).startswith("person:")


def chapters(records: Iterable[tuple[Entry, Body]]) -> list[Chapter]:
    """The records of one subject, grouped by crossing, in the order in which they began."""
    found: list[Chapter] = []
    crossings: dict[str, Chapter] = {}
    for entry, body in records:
        chapter = crossings.get(entry.crossing) if entry.crossing else None
        if not entry.crossing and found and not found[-1].crossing:
            chapter = found[-1]
        if chapter is None:
            chapter = Chapter(entry.crossing)
            found.append(chapter)
            if entry.crossing:
                crossings[entry.crossing] = chapter
        chapter.records.append((entry, body))
    return found


def story_as_json(
    subject: str,
    row: Row | None,
    told: Iterable[Chapter],
    crossings: Mapping[str, Recorded | None],
) -> dict[str, Any]:
    """The same story for programs, with nothing shortened."""
    return {
        "subject": subject,
        "stands": standing(row),
        "crossings": [
            {
                "crossing": chapter.crossing,
                **_identity(crossings.get(chapter.crossing)),
                "records": chapter.as_json(),
            }
            for chapter in told
            if chapter.crossing
        ],
        "spine": [record for c in told if not c.crossing for record in c.as_json()],
    }


def standing(row: Row | None) -> dict[str, Any] | None:
    """Where a row stands, for programs."""
    if row is None:
        return None
    return {"machine": row.machine, "state": row.state, "version": row.version}


def _identity(recorded: Recorded | None) -> dict[str, Any]:
    if recorded is None:
        return {}
    names = ("boundary", "key", "status", "attempts", "opened")
    return {name: getattr(recorded, name) for name in names}
