"""Questions rebuilt from the ledger, which is only read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from signoff.boundary import Rejection, wire_shape
from signoff.ledger import Entry, Judged, Ledger, Opened, Proposed, canonical, digest
from signoff.replay._questions import JSON, Misfit, Questions, RecordedQuestion

S = TypeVar("S")

_APART = {"$payload", "characters"}
_SUBJECT_BEARING = frozenset({"started", "moved", "changed"})

#: Texts that a redaction hook is likely to have put in the place of another.
_REDACTED = re.compile(r"\W*(redacted|removed|masked|hidden|secret|erased)\W*|\*{3,}|x{4,}", re.I)


@dataclass(slots=True)
class _Attempt:
    proposed: Entry
    judged: list[Entry] = field(default_factory=list[Entry])


@dataclass(slots=True)
class _Crossing:
    opened: Entry
    attempts: dict[int, _Attempt] = field(default_factory=dict[int, _Attempt])


async def questions_of(
    ledger: Ledger,
    boundary: str,
    subject: TypeAdapter[S],
    *,
    since: str = "",
    until: str = "",
    revisions: bool = False,
    needs_evidence: bool = False,
    most: int | None = None,
    seed: int = 0,
) -> Questions[S]:
    """Read a boundary's questions from the ledger, which is only read.

    Args:
        ledger: The account.
        boundary: Name of the boundary.
        subject: Reads its subjects.
        since: Only crossings opened at this time or later; see `signoff.clock.stamp`.
        until: Only those opened before this time.
        revisions: Also the attempts after a crossing's first, with what had been objected.
        needs_evidence: Leave out questions without evidence on record.
        most: Take a sample of this size.
        seed: Another seed is another sample, in another order.
    """
    crossings, others, last = await _crossings(ledger, boundary, since, until)
    asked: list[RecordedQuestion[S]] = []
    misfits: list[Misfit] = []
    redacted: dict[str, str] = {}
    without_evidence = by_person = 0
    for crossing in crossings:
        try:
            attempts = await _attempts(ledger, crossing, revisions=revisions)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # The record has another form: somebody wrote into it, or another version wrote it.
            misfits.append(Misfit(crossing=crossing.opened.crossing, problem=_first(error)))
            continue
        for raw in attempts:
            if str(raw.fingerprint.get("model", "")).startswith(("person:", "waiting")):
                by_person += 1
            elif needs_evidence and raw.evidence is None:
                without_evidence += 1
            else:
                try:
                    typed = _typed(raw, subject)
                except Exception as error:  # a validator of the type's own may raise anything
                    misfits.append(Misfit(crossing=raw.crossing, problem=_first(error)))
                    continue
                asked.append(typed)
                if where := _redacted_at(raw):
                    redacted[raw.key] = where
    asked.sort(key=lambda question: digest(f"{seed}/{question.key}"))
    chosen = tuple(asked if most is None else asked[:most])
    keys = {question.key for question in chosen}
    return Questions(
        boundary=boundary,
        asked=chosen,
        found=len(asked),
        misfits=tuple(misfits),
        without_evidence=without_evidence,
        by_person=by_person,
        redacted={key: where for key, where in redacted.items() if key in keys},
        others=tuple(sorted(others)),
        last=last,
    )


async def _crossings(
    ledger: Ledger, boundary: str, since: str, until: str
) -> tuple[list[_Crossing], set[str], str]:
    """The boundary's crossings in the window, unparsed; other boundaries; when the last opened."""
    found: dict[str, _Crossing] = {}
    others: set[str] = set()
    last = ""
    async for entry in ledger.entries():
        if entry.type == Opened.type:
            if (named := _boundary_in(entry.body)) != boundary:
                others.add(named)
                continue
            last = max(last, entry.at)
            if since <= entry.at and not (until and entry.at >= until):
                found[entry.crossing] = _Crossing(entry)
        elif (known := found.get(entry.crossing)) is not None:
            if entry.type == Proposed.type:
                known.attempts[_attempt_in(entry)] = _Attempt(entry)
            elif entry.type == Judged.type:
                attempt = known.attempts.get(_attempt_in(entry))
                if attempt is not None:
                    attempt.judged.append(entry)
    return list(found.values()), others - {"", boundary}, last


async def _attempts(
    ledger: Ledger, crossing: _Crossing, *, revisions: bool
) -> list[RecordedQuestion[Any]]:
    opened = await _fields(ledger, crossing.opened)
    found: list[RecordedQuestion[Any]] = []
    feedback: list[JSON] = []
    seen: JSON = {}
    for number in sorted(crossing.attempts):
        if number != 1 and not revisions:
            break
        entry = crossing.attempts[number]
        proposed = await _fields(ledger, entry.proposed)
        judgements = [await _fields(ledger, each) for each in entry.judged] or [{}]
        # It is judged again when its row moved, or a person answered. The first time was about
        # what the proposer had seen; what was said last is what the next attempt was told.
        judged, seen = judgements[0], seen or judgements[0]
        rejections, told = tuple(_rejections(judged)), tuple(_rejections(judgements[-1]))
        id = crossing.opened.crossing
        evidence: Any = judged.get("evidence")
        found.append(
            RecordedQuestion(
                key=id if number == 1 else f"{id}/{number}",
                crossing=id,
                attempt=number,
                at=entry.proposed.at,
                subject=await _subject(ledger, crossing, opened, seen),
                feedback=tuple(feedback),
                evidence=cast("JSON", evidence) if isinstance(evidence, dict) else None,
                principal=opened.get("principal"),
                fingerprint=proposed.get("fingerprint") or {},
                proposal=proposed.get("proposal"),
                raw=str(proposed.get("raw", "")),
                verdict=_verdict(judged, rejections),
                why=_why(rejections),
            )
        )
        seen = judgements[-1]
        if told:
            feedback.append(wire_shape(told))
    return found


async def _subject(ledger: Ledger, crossing: _Crossing, opened: JSON, seen: JSON) -> Any:
    """The subject on the version that was seen: as it opened, unless its row had moved by then."""
    version = seen.get("version")
    if version is None or version == opened.get("version"):
        return opened.get("subject")
    subject = opened.get("subject")
    # A crossing is written when it first has to be, which may be after its row moved: its subject
    # may stand before it in the chain.
    async for entry in ledger.of_subject(crossing.opened.subject):
        if entry.type in _SUBJECT_BEARING:
            moved = await _fields(ledger, entry)
            if moved.get("version", 0) <= version and moved.get("subject") is not None:
                subject = moved["subject"]
    return subject


def _typed(raw: RecordedQuestion[Any], subject: TypeAdapter[S]) -> RecordedQuestion[S]:
    if raw.subject is None:
        raise ValueError("no subject is on record")
    # As JSON, so that times and enums are read even where a model is strict about Python's.
    return replace(cast("Any", raw), subject=subject.validate_json(canonical(raw.subject)))


def _rejections(judged: JSON) -> Iterator[Rejection]:
    bodies: Any = judged.get("rejections") or ()
    for body in bodies:
        yield Rejection.from_body(body)


def _verdict(judged: JSON, rejections: Sequence[Rejection]) -> str:
    if judged.get("accepted") is True:
        return "accepted"
    return rejections[0].code if rejections else ""


def _why(rejections: Sequence[Rejection]) -> str:
    silent = bool(rejections) and rejections[0].by == "proposer"
    return str(rejections[0].details.get("why", "")) if silent else ""


def _redacted_at(raw: RecordedQuestion[Any]) -> str:
    parts = {"subject": raw.subject, "evidence": raw.evidence, "feedback": list(raw.feedback)}
    return next((where for name, part in parts.items() if (where := _mark(part, name))), "")


def _mark(value: Any, path: str) -> str:
    if isinstance(value, str):
        return path if _REDACTED.fullmatch(value) else ""
    children: Iterable[tuple[object, Any]] = ()
    if isinstance(value, Mapping):
        children = cast("JSON", value).items()
    elif isinstance(value, list):
        children = enumerate(cast("Iterable[Any]", value))
    return next((found for key, each in children if (found := _mark(each, f"{path}.{key}"))), "")


async def _fields(ledger: Ledger, entry: Entry) -> dict[str, Any]:
    """A record's fields, those that were stored apart included."""
    body = _parsed(entry.body)
    for name, value in body.items():
        if isinstance(value, dict) and set(cast("JSON", value)) == _APART:
            kept = await ledger.payload(str(cast("JSON", value)["$payload"]))
            body[name] = None if kept is None else json.loads(kept)
    return body


def _parsed(body: str) -> dict[str, Any]:
    try:
        fields: object = json.loads(body)
    except ValueError:  # somebody wrote into it: `signoff ledger verify` tells
        return {}
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}


def _attempt_in(entry: Entry) -> int:
    attempt = _parsed(entry.body).get("attempt", 0)
    return attempt if isinstance(attempt, int) else 0


def _boundary_in(body: str) -> str:
    return str(_parsed(body).get("boundary", ""))


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"[:200]
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{error.title}: {where}: {first['msg']}" if where else f"{error.title}: {first['msg']}"
