"""Tickets: found by the beginning of their ids, put in order, counted down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, get_args

from signoff.boundary import TicketRow, TicketStatus
from signoff.clock import from_stamp
from signoff.errors import BadInput
from signoff.storage import Storage
from signoff.words import took

#: Where a ticket may stand; `open` comes first.
STATUSES: tuple[TicketStatus, ...] = get_args(TicketStatus)

#: Characters of a crossing's id that a list shows, unless more are needed to tell two apart.
_SHORT = 10

_NUMBERED = re.compile(r"(.+)-(\d+)")


async def find_ticket(storage: Storage, given: str) -> TicketRow | None:
    """The ticket that somebody means: its id, the beginning of it, or such a beginning and `-2`.

    Raises:
        BadInput: If several begin like that. None is chosen for them.
    """
    exact = await storage.ticket(given)
    if exact is not None or not given:
        return exact
    found = await _numbered(storage, given) or await storage.find_tickets(given)
    if len(found) > 1 and len({id.rpartition("-")[0] for id in found}) == 1:
        # One crossing that asked again: only its last ticket can be open.
        first = await storage.ticket(found[0])
        assert first is not None, "it was just found"
        theirs = await storage.tickets_of(first.subject)
        for row in theirs:
            if row.crossing == first.crossing and row.status == "open":
                return row
    if len(found) > 1:
        names = ", ".join(found)
        raise BadInput(f"{given} begins the ids of several tickets: {names}; give more of it")
    return await storage.ticket(found[0]) if found else None


async def _numbered(storage: Storage, given: str) -> list[str]:
    """Tickets that a shortened crossing and a number name."""
    match = _NUMBERED.fullmatch(given)
    if match is None:
        return []
    ids = [f"{id}-{match[2]}" for id, _ in await storage.find_crossings(match[1])]
    return [id for id in ids if await storage.ticket(id) is not None]


async def known_ticket(storage: Storage, given: str) -> TicketRow:
    """The same, where it has to be there.

    Raises:
        BadInput: If there is none, or there are several.
    """
    ticket = await find_ticket(storage, given)
    if ticket is None:
        raise BadInput(
            f"the store at {storage.url} has no ticket {given!r}; `signoff approvals list` shows "
            "what waits"
        )
    return ticket


def short_ids(tickets: Sequence[TicketRow]) -> dict[str, str]:
    """For every id what is enough to tell it from the others that are listed."""
    length = _SHORT
    while True:
        short = {ticket.id: _short(ticket, length) for ticket in tickets}
        if length >= 24 or len(set(short.values())) == len(short):
            return short
        length += 2


def _short(ticket: TicketRow, length: int) -> str:
    if ticket.kind == "work":
        return ticket.id[: len("work-") + length]
    crossing, _, number = ticket.id.rpartition("-")
    return f"{crossing[:length]}-{number}"


def by_deadline(tickets: Iterable[TicketRow]) -> list[TicketRow]:
    """The most urgent first; then those without a deadline, the oldest first; closed ones last."""
    return sorted(
        tickets, key=lambda t: (t.status != "open", not t.due, t.due or t.closed, t.opened, t.id)
    )


def countdown(due: str, now: datetime) -> str:
    """`in 3 h`, `5 min ago`; `never` without a deadline."""
    if not due:
        return "never"
    left = (from_stamp(due) - now).total_seconds()
    return f"in {took(left)}" if left >= 0 else f"{took(-left)} ago"


def is_overdue(ticket: TicketRow, now: datetime) -> bool:
    """Whether it is open and its deadline has passed."""
    return ticket.status == "open" and bool(ticket.due) and from_stamp(ticket.due) <= now


def ticket_as_json(ticket: TicketRow, now: datetime) -> dict[str, Any]:
    """A ticket for programs, without what it is bound to."""
    fields = {name: getattr(ticket, name) for name in TicketRow.__slots__ if name != "body"}
    due = (from_stamp(ticket.due) - now).total_seconds() if ticket.due else None
    return {**fields, "due_in_seconds": due, "overdue": is_overdue(ticket, now)}
