"""One ticket with all that bears on its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from signoff.boundary import KILLS, Kill, Recorded, Row, TicketRow, digest_of, read_kills
from signoff.control import POLICIES
from signoff.reading._account import body_of
from signoff.reading._tickets import is_overdue
from signoff.storage import Storage
from signoff.words import took

#: More tickets than there are.
_ALL = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A ticket with all that bears on its answer.

    Attributes:
        crossing: The one that waits; None for work that belongs to none.
        subject: What it is about, JSON-ready.
        principal: On whose behalf it runs, JSON-ready.
        row: The subject's row now.
        in_force: The policies of its boundary now; None if they were never put on record.
        kills: The kills that hold it up.
        similar: Tickets of the same boundary and control that were closed before, newest first.
        now: The time.
    """

    ticket: TicketRow
    crossing: Recorded | None
    subject: Any
    principal: Any
    row: Row | None
    in_force: list[str] | None
    kills: tuple[Kill, ...]
    similar: tuple[TicketRow, ...]
    now: datetime

    @property
    def terms(self) -> Mapping[str, Any]:
        """How people are asked."""
        terms: Mapping[str, Any] = self.ticket.body.get("terms", {})
        return terms

    @property
    def rejections(self) -> list[dict[str, Any]]:
        """What was said of the attempts so far."""
        return [] if self.crossing is None else list(self.crossing.state.get("rejections", ()))

    @property
    def asked_by(self) -> str:
        """The control, or the verifiers with their codes, that asked for a person."""
        said = ", ".join(map(str, self.ticket.body.get("waives", ())))
        return " for ".join(filter(None, (str(self.terms.get("control", "")), said)))

    def without_an_answer(self) -> str:
        """What comes of it if nobody answers in time; empty if it has no deadline."""
        if not self.ticket.due:
            return ""
        chain = [
            ask if within is None else f"{ask} for {took(within)}"
            for ask, within in self.terms.get("chain", ())
        ]
        if chain:
            return f"it goes to {', then to '.join(chain)}"
        approved = self.terms.get("otherwise") == "approve"
        return "it is committed, if nothing else objects" if approved else "it is rejected"

    def warnings(self) -> list[str]:
        """Why a yes would not count as things stand."""
        ticket, found = self.ticket, list[str]()
        if ticket.status != "open" or ticket.kind == "work":
            return found
        body = ticket.body
        if digest_of(body["proposal"]) != body["digest"]:
            found.append("the proposal is not the one that was recorded: deny it")
        if is_overdue(ticket, self.now):
            found.append("its deadline has passed: a worker is about to see to it")
        if self.row is not None and body["version"] not in (None, self.row.version):
            found.append(f"the subject went on to version {self.row.version}: a yes is void")
        if self.in_force is not None and self.in_force != body["policies"]:
            found.append("the policy has changed: a yes is void")
        found.extend(f"{kill.scope} is killed: {kill.because}" for kill in self.kills)
        return found


async def see(storage: Storage, ticket: TicketRow, now: datetime, *, most: int = _ALL) -> Seen:
    """Everything that bears on a ticket's answer.

    Args:
        storage: Where it is.
        ticket: As last recorded.
        now: The time.
        most: Closed tickets of the same boundary that are looked through for similar ones.
    """
    crossing = await storage.crossing(ticket.crossing) if ticket.crossing else None
    waiting: dict[str, Any] = {} if crossing is None else crossing.state.get("waiting", {})
    if not waiting:
        waiting = await _opened(storage, ticket)
    body = ticket.body
    kills = [
        kill
        for kill in read_kills(await storage.switch(KILLS))
        if kill.reaches(
            boundary=ticket.boundary,
            subject=ticket.subject,
            tenant=body.get("tenant", ""),
            switches=body.get("switches", ()),
        )
    ]
    in_force = json.loads(await storage.switch(POLICIES) or "{}").get(ticket.boundary)
    closed = await storage.closed_tickets(ticket.boundary, ticket.kind, most)
    similar = [other for other in closed if _is_similar(other, ticket)]
    similar.sort(key=lambda other: other.closed, reverse=True)
    return Seen(
        ticket=ticket,
        crossing=crossing,
        subject=waiting.get("subject"),
        principal=waiting.get("principal"),
        row=await storage.row(ticket.subject),
        in_force=in_force,
        kills=tuple(kills),
        similar=tuple(similar),
        now=now,
    )


async def _opened(storage: Storage, ticket: TicketRow) -> dict[str, Any]:
    """What the crossing was about when it began; once it has ended it keeps no more."""
    async for entry in storage.of_subject(ticket.subject):
        if ticket.crossing and entry.crossing == ticket.crossing and entry.type == "opened":
            return await body_of(storage, entry)
    return {}


def _is_similar(other: TicketRow, ticket: TicketRow) -> bool:
    same = (other.kind, other.boundary) == (ticket.kind, ticket.boundary)
    return same and other.id != ticket.id and _control(other) == _control(ticket)


def _control(ticket: TicketRow) -> object:
    return ticket.body.get("terms", {}).get("control")
