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

from signoff.console._asked import asked
from signoff.console._desk import desk_of
from signoff.console._rendering import render
from signoff.console.access import Role, needs
from signoff.console.index import CrossingFilter
from signoff.errors import BadInput
from signoff.ledger import Entry
from signoff.reading import Body, body_of, exact_json, subject_of, told

_PAGE = 50

#: Lines of a difference that a page shows, and characters of a value that is compared.
_LINES, _COMPARED = 200, 40_000


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
    desk, (id, records) = desk_of(request), await _records(request)
    bodies = [(entry, await body_of(desk.storage, entry)) for entry in records]
    recorded = await desk.storage.crossing(id)
    assert recorded is not None, "it was just found"
    return render(
        request,
        "crossings/crossing.html",
        crossing=recorded,
        life=life_of(bodies),
        records=len(records),
        tickets=[t for t in await desk.storage.tickets_of(recorded.subject) if t.crossing == id],
    )


@needs(Role.viewer)
async def record(request: Request) -> Response:
    """One record of a crossing, whole, as a file."""
    seq = cast("int", request.path_params["seq"])
    _, records = await _records(request)
    for entry in records:
        if entry.seq == seq:
            return Response(
                exact_json(await body_of(desk_of(request).storage, entry)),
                media_type="application/json",
                headers={"Content-Disposition": 'attachment; filename="record.json"'},
            )
    raise HTTPException(404, "There is no such record.")


async def _records(request: Request) -> tuple[str, list[Entry]]:
    """The crossing that an address names, by its full id, with its records."""
    storage = desk_of(request).storage
    try:
        subject, id = await subject_of(storage, cast("str", request.path_params["id"])[:200])
    except BadInput as error:
        told = "There is no such crossing, or more than one begins like that."
        raise HTTPException(404, told) from error
    return id, [entry async for entry in storage.of_subject(subject) if entry.crossing == id]


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
