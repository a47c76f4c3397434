"""Crossings: found by what they were about and what became of them, and told attempt by attempt."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from signoff.boundary import Recorded
from signoff.console._asked import asked
from signoff.console._desk import Desk, desk_of
from signoff.console._rendering import render
from signoff.console.access import Role, needs
from signoff.console.index import CrossingFilter
from signoff.errors import BadInput
from signoff.ledger import Entry
from signoff.reading import Body, body_of, exact_json, prove_stretch, subject_of, told

_PAGE = 50

#: Lines of a difference that a page shows, and characters of a value that is compared.
_LINES, _COMPARED = 200, 40_000

#: Records of a chain that a page reads, and those whose digests it shows.
_LONGEST, _PROVED = 3000, 100


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One answer of the proposer, and what was said to it.

    Attributes:
        proposed: The record of the answer; None if only the verdict is there.
        judged: The verdict's record; None while there is none.
        difference: Lines against the attempt before: (` `, `+` or `-`, text).
        feedback: Whether the proposer was told the objections, and asked again.
    """

    number: int
    proposed: Body | None = None
    judged: Body | None = None
    seq: int = 0
    difference: Sequence[tuple[str, str]] = ()
    feedback: bool = False


@dataclass(slots=True, kw_only=True)
class Life:
    """A crossing's life: how it began, its attempts, and everything else in order."""

    opened: Body
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    rest: list[tuple[Entry, list[tuple[str, str]]]] = field(
        default_factory=list[tuple[Entry, list[tuple[str, str]]]]
    )


@needs(Role.viewer)
async def search(request: Request) -> Response:
    """Crossings, newest first."""
    desk = desk_of(request)
    given = {name: asked(request, name) for name in _FIELDS}
    found = desk.index.crossings(
        CrossingFilter(**{name: value for name, value in given.items() if value}),
        cursor=asked(request, "after"),
        limit=_PAGE,
    )
    return render(
        request,
        "crossings/search.html",
        given=given,
        found=found,
        facets=desk.index.facets(),
        after=asked(request, "after"),
    )


_FIELDS = ("text", "boundary", "subject", "outcome", "code", "model", "since", "until")


@needs(Role.viewer)
async def crossing(request: Request) -> Response:
    """One crossing's life."""
    desk = desk_of(request)
    recorded = await _known(request)
    chain = await _stretch(desk, recorded)
    own = [entry for entry in chain.records if entry.crossing == recorded.id]
    bodies = [(entry, await body_of(desk.storage, entry)) for entry in own]
    cut = None
    if chain.records and not chain.before and chain.records[0].seq > 1:
        cut = await desk.storage.cut_of(recorded.subject)
    return render(
        request,
        "crossings/crossing.html",
        crossing=recorded,
        life=life_of(bodies),
        records=own[:_PROVED],
        number=len(own),
        proof=prove_stretch(chain.before, chain.records, cut) if chain.records else None,
        whole=chain.whole,
        removed=recorded.attempts > 0 and chain.whole and not own,
        tickets=[
            t for t in await desk.storage.tickets_of(recorded.subject) if t.crossing == recorded.id
        ],
    )


@needs(Role.viewer)
async def record(request: Request) -> Response:
    """One record of a crossing, whole, as a file."""
    seq = cast("int", request.path_params["seq"])
    storage, recorded = desk_of(request).storage, await _known(request)
    async for entry in storage.of_subject(recorded.subject, after=seq - 1):
        if entry.seq != seq or entry.crossing != recorded.id:
            break
        return Response(
            exact_json(await body_of(storage, entry)),
            media_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="record.json"'},
        )
    raise HTTPException(404, "There is no such record.")


async def _known(request: Request) -> Recorded:
    """The crossing whose id begins as an address says."""
    storage = desk_of(request).storage
    try:
        _, id = await subject_of(storage, cast("str", request.path_params["id"])[:200])
    except BadInput as error:
        told = "There is no such crossing, or more than one begins like that."
        raise HTTPException(404, told) from error
    recorded = await storage.crossing(id)
    assert recorded is not None, "it was just found"
    return recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive records of a subject's chain in which a crossing lives.

    Attributes:
        before: The one before them; None if they begin the chain.
        whole: Whether everything of the crossing is among them.
    """

    before: Entry | None
    records: Sequence[Entry]
    whole: bool


async def _stretch(desk: Desk, crossing: Recorded) -> Stretch:
    """From a crossing's first record to its last, however long its subject's chain is."""
    first = desk.index.first_record(crossing.id)
    begins = 1
    if first:
        async for entry in desk.storage.entries(after=first - 1):
            begins = entry.seq if entry.crossing == crossing.id else 1
            break
    before: Entry | None = None
    records: list[Entry] = []
    async for entry in desk.storage.of_subject(crossing.subject, after=max(begins - 2, 0)):
        if entry.seq < begins:
            before = entry
            continue
        if len(records) >= _LONGEST:
            return Stretch(before=before, records=records, whole=False)
        records.append(entry)
        if entry.crossing == crossing.id and entry.type in ("committed", "rejected"):
            break
    return Stretch(before=before, records=records, whole=True)


def life_of(records: Sequence[tuple[Entry, Body]]) -> Life:
    """A crossing's records as its life."""
    life = Life(opened={})
    for entry, body in records:
        _lived(life, entry, body)
    before: Any = None
    for attempt in life.attempts:
        said = None if attempt.proposed is None else attempt.proposed.get("proposal")
        if before is not None and said is not None:
            attempt.difference = difference(before, said)
        before = said if said is not None else before
        later = any(other.number > attempt.number for other in life.attempts)
        attempt.feedback = later and bool((attempt.judged or {}).get("rejections"))
    return life


def _lived(life: Life, entry: Entry, body: Body) -> None:
    number = body.get("attempt")
    if entry.type == "opened":
        life.opened = body
    elif entry.type in ("proposed", "judged") and isinstance(number, int):
        last = life.attempts[-1] if life.attempts else None
        again = entry.type == "proposed" or last is None or last.judged is not None
        if again or last is None or last.number != number:
            last = Attempt(number=number, seq=entry.seq)
            life.attempts.append(last)
        if entry.type == "proposed":
            last.proposed = body
        else:
            last.judged = body
    else:
        life.rest.append((entry, [*told(entry.type, body)]))


def difference(before: Any, after: Any) -> Sequence[tuple[str, str]]:
    """What changed between two proposals, line by line; nothing if they are too long to compare."""
    texts = [exact_json(value) for value in (before, after)]
    if before == after or any(len(text) > _COMPARED for text in texts):
        return ()
    was, now = (text.split("\n") for text in texts)
    lines = difflib.unified_diff(was, now, lineterm="", n=2)
    shown = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return [(line[:1], line[1:]) for line in shown[:_LINES]]


routes = [
    Route("/crossings", search),
    Route("/crossings/{id}", crossing),
    Route("/crossings/{id}/records/{seq:int}.json", record),
]
