"""Subjects: found by id and state, and told along their time, with what is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from signoff.boundary import TicketRow, Timer
from signoff.clock import from_stamp, stamp
from signoff.console._asked import asked, whole_number
from signoff.console._charts import HUES
from signoff.console._desk import Desk, desk_of
from signoff.console._rendering import render
from signoff.console.access import Role, needs
from signoff.ledger import Entry
from signoff.reading import Body, body_of, chapters, prove_stretch, standing
from signoff.words import plain

_PAGE = 50

#: Records of a subject that one page tells.
_TOLD = 150

#: Records in which the states of its life are looked for.
_LIFE = 1500

#: Timers and tickets that one page shows.
_SHOWN = 30

#: What moves the row of a subject.
_MOVES = ("started", "moved", "changed")


@needs(Role.viewer)
async def search(request: Request) -> Response:
    """Subjects, those that something happened to last first."""
    desk = desk_of(request)
    given = {name: asked(request, name) for name in ("text", "state")}
    after = asked(request, "after")
    return render(
        request,
        "subjects/search.html",
        given=given,
        after=after,
        found=desk.index.subjects(**given, cursor=after, limit=_PAGE),
        facets=desk.index.facets(),
    )


@needs(Role.viewer)
async def story(request: Request) -> Response:
    """One subject: where it stands, its life, what is to come, what people decided."""
    desk, id = desk_of(request), asked(request, "id")
    length = await desk.storage.length_of(id)
    if not length:
        raise HTTPException(404, "The ledger has no such subject.")
    last = min(whole_number(request, "before", length + 1) - 1, length)
    before, records = await _records(desk, id, max(last - _TOLD, 0), last)
    cut = await desk.storage.cut_of(id) if records and not before and records[0].seq > 1 else None
    told = [(entry, await body_of(desk.storage, entry)) for entry in records]
    timers = await desk.storage.timers_of(id)
    tickets = await desk.storage.tickets_of(id)
    now = stamp(desk.clock.now())
    row = await desk.storage.row(id)
    return render(
        request,
        "subjects/story.html",
        id=id,
        row=standing(row),
        data=row.data if row is not None else "",
        length=length,
        chapters=chapters(told),
        first=records[0].seq if records else 0,
        last=last,
        proof=prove_stretch(before, records, cut) if records else None,
        life=_life(await _moves(desk, id, length), timers, tickets, now),
        timers=timers[:_SHOWN],
        more_timers=max(len(timers) - _SHOWN, 0),
        tickets=tickets[::-1][:_SHOWN],
        more_tickets=max(len(tickets) - _SHOWN, 0),
        hues=HUES,
    )


async def _records(desk: Desk, id: str, after: int, last: int) -> tuple[Entry | None, list[Entry]]:
    """Records of a chain after a place, up to another; and the one before them."""
    before: Entry | None = None
    records: list[Entry] = []
    async for entry in desk.storage.of_subject(id, after=max(after - 1, 0)):
        if entry.seq > last:
            break
        if entry.seq <= after:
            before = entry
        else:
            records.append(entry)
    return before, records


async def _moves(desk: Desk, id: str, length: int) -> list[tuple[str, Body]]:
    """(when, what) moved the subject's row, of its last records."""
    _, records = await _records(desk, id, max(length - _LIFE, 0), length)
    return [
        (entry.at, await body_of(desk.storage, entry))
        for entry in records
        if entry.type in _MOVES or entry.seq == max(length - _LIFE, 0) + 1
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A subject's life along its time, as a picture.

    Attributes:
        first: When it begins, as a stamp.
        last: When it ends: the last thing that happened or is to come.
        spans: (state, from, to), as shares of the time between.
        marks: (class, what is said of it, place).
        states: Each state with the number of its colour.
    """

    first: str
    last: str
    spans: Sequence[tuple[str, float, float]]
    marks: Sequence[tuple[str, str, float]]
    states: Mapping[str, int]


def _life(
    moves: Sequence[tuple[str, Body]],
    timers: Sequence[Timer],
    tickets: Sequence[TicketRow],
    now: str,
) -> Life | None:
    at = [(when, plain(str(body["state"]), 60)) for when, body in moves if "state" in body]
    if not at:
        return None
    decided = [t for t in tickets if t.closed]
    # A store that was written under a simulated time ends when its last record was written.
    known = [moves[-1][0], *(t.due for t in timers), *(t.closed for t in decided)]
    first, last = moves[0][0], max([*known, now] if timers else known)
    begun = from_stamp(first)
    whole = max((from_stamp(last) - begun).total_seconds(), 1.0)

    def place(when: str) -> float:
        return min(max((from_stamp(when) - begun).total_seconds() / whole, 0.0), 1.0)

    ends = [*(when for when, _ in at[1:]), min(now, last) if timers else last]
    spans = [(state, place(when), place(end)) for (when, state), end in zip(at, ends, strict=True)]
    marks = [
        ("due", f"timer {plain(t.name, 60)}, due {plain(t.due[:16])}", place(t.due)) for t in timers
    ]
    marks += [
        ("said", f"{t.status} by {plain(t.by, 60)}, {plain(t.closed[:16])}", place(t.closed))
        for t in decided
    ]
    if timers and first <= now <= last:
        marks.append(("now", "now", place(now)))
    states: dict[str, int] = {}
    for state, _, _ in spans:
        states.setdefault(state, len(states) % HUES)
    return Life(first=first, last=last, spans=spans, marks=marks[:200], states=states)


routes = [
    Route("/subjects", search),
    Route("/subjects/story", story),
]
