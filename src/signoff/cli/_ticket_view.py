"""One ticket as whoever answers it has to see it: exactly what will be committed, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from signoff.boundary import KILLS, Kill, Recorded, Row, TicketRow, digest_of, read_kills
from signoff.cli._account import body_of
from signoff.cli._edited import exact_json
from signoff.cli._output import (
    compact,
    count,
    moment,
    plain,
    put,
    show_fields,
    show_table,
    styled,
    took,
)
from signoff.cli._tickets import STATUSES, as_json, countdown, is_overdue
from signoff.clock import from_stamp
from signoff.control import POLICIES, Principals
from signoff.storage import Storage

#: Similar tickets that are shown one by one.
_SIMILAR = 5


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


async def see(storage: Storage, ticket: TicketRow, now: datetime) -> Seen:
    """Everything that bears on a ticket's answer."""
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
    similar = [t async for t in storage.tickets(*STATUSES[1:]) if _is_similar(t, ticket)]
    return Seen(
        ticket=ticket,
        crossing=crossing,
        subject=waiting.get("subject"),
        principal=waiting.get("principal"),
        row=await storage.row(ticket.subject),
        in_force=in_force,
        kills=tuple(kills),
        similar=tuple(reversed(similar)),
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


# For people


def show_ticket(seen: Seen, principals: Principals | None) -> None:
    """Print a ticket."""
    ticket = seen.ticket
    put(styled(f"ticket {ticket.id}", "bold"))
    for warning in seen.warnings():
        put(styled(f"NOTE: {warning}", "bold red", most=0))
    show_fields(_fields(seen, principals), most=0)
    if ticket.kind == "crossing":
        said = ticket.body["proposal"]
        _show_json("What will be committed:", said, "Nothing was proposed: write it with edit.")
        _show_json("The subject:", seen.subject, "")
    _show_rejections(seen.rejections)
    _show_similar(seen)
    print()
    print(_how_to_answer(ticket))


def _fields(seen: Seen, principals: Principals | None) -> list[tuple[str, object]]:
    ticket, body, terms = seen.ticket, seen.ticket.body, seen.terms
    listed = ", ".join(principals.who(ticket.ask)) if principals is not None else ""
    fields: list[tuple[str, object]] = [
        ("status", _status(ticket)),
        ("asks", f"{ticket.ask} ({listed})" if listed else ticket.ask),
        ("because", ticket.because),
        ("asked by", seen.asked_by),
        ("boundary", ticket.boundary),
        ("subject", ticket.subject),
        ("crossing", ticket.crossing),
        ("opened", f"{moment(ticket.opened)} UTC"),
        ("deadline", _deadline(seen)),
        ("passed on by", ", ".join(ask for ask, _ in body.get("late", ()))),
    ]
    if ticket.kind == "crossing":
        fields += [
            ("on behalf of", "" if seen.principal is None else compact(seen.principal)),
            ("requested by", body["requester"]),
            ("four eyes", "whoever requested it may not approve it" if terms["four_eyes"] else ""),
            ("tenant", body["tenant"]),
            ("version", "" if body["version"] is None else f"{body['version']} of the spine"),
            ("policies", ", ".join(body["policies"])),
            ("digest", body["digest"]),
        ]
    return [(name, value) for name, value in fields if value not in ("", None)]


def _status(ticket: TicketRow) -> str:
    if ticket.status == "open":
        return "open"
    by = f" by {ticket.by}" if ticket.by else ""
    because = f": {ticket.reason}" if ticket.reason else ""
    return f"{ticket.status}{by} at {moment(ticket.closed)}{because}"


def _deadline(seen: Seen) -> str:
    due, terms = seen.ticket.due, seen.terms
    if not due:
        return "none: it waits until somebody answers"
    chain = [
        ask if within is None else f"{ask} for {took(within)}"
        for ask, within in terms.get("chain", ())
    ]
    otherwise = "it is committed, if nothing else objects"
    then = otherwise if terms.get("otherwise") == "approve" else "it is rejected"
    if chain:
        then = f"it goes to {', then to '.join(chain)}"
    left = f" ({countdown(due, seen.now)})" if seen.ticket.status == "open" else ""
    return f"{moment(due)} UTC{left}; then {then}"


def _show_json(title: str, value: object, nothing: str) -> None:
    if value is None:
        if nothing:
            print(f"\n{nothing}")
        return
    print(f"\n{title}")
    print(exact_json(value))


def _show_rejections(rejections: list[dict[str, Any]]) -> None:
    if not rejections:
        return
    print("\nWhat was said of earlier attempts:")
    rows = [[r["attempt"], r["code"], r["message"], r["by"], r["then"]] for r in rejections]
    show_table(("attempt", "code", "message", "by", "then"), rows, numbers=("attempt",), most=0)


def _show_similar(seen: Seen) -> None:
    if not seen.similar:
        return
    history = history_of(seen.similar)
    answers = ", ".join(f"{number:,} {status}" for status, number in history["answers"].items())
    half = history["median_seconds"]
    quick = "" if half is None else f"; half of them within {took(half)}"
    print(f"\n{count(len(seen.similar), 'similar ticket')} before: {answers}{quick}")
    rows = [
        [moment(t.closed), t.subject, t.status, t.by, t.reason] for t in seen.similar[:_SIMILAR]
    ]
    show_table(("closed", "subject", "answer", "by", "because"), rows)


def history_of(tickets: tuple[TicketRow, ...]) -> dict[str, Any]:
    """How tickets were answered: numbers by status, and in how many seconds half of them were."""
    statuses = [ticket.status for ticket in tickets]
    seconds = [
        (from_stamp(ticket.closed) - from_stamp(ticket.opened)).total_seconds()
        for ticket in tickets
        if ticket.by and ticket.status != "void"
    ]
    answers = {status: statuses.count(status) for status in STATUSES if status in statuses}
    return {"answers": answers, "median_seconds": median(seconds) if seconds else None}


def _how_to_answer(ticket: TicketRow) -> str:
    if ticket.status != "open":
        return "It is closed, and cannot be answered again."
    verbs = ["retry", "drop"] if ticket.kind == "work" else ["approve", "edit", "deny"]
    if ticket.kind == "crossing" and ticket.body["proposal"] is None:
        verbs.remove("approve")
    return "\n".join(
        plain(
            f'signoff approvals {verb} {ticket.id} --because "..."'
            + (f" --saw {ticket.body['digest'][:12]}" if verb == "approve" else "")
        )
        for verb in verbs
    )


# For programs


def seen_as_json(seen: Seen) -> dict[str, Any]:
    """The same, with nothing shortened."""
    ticket = seen.ticket
    return {
        **as_json(ticket, seen.now),
        "asked_by": seen.asked_by,
        "warnings": seen.warnings(),
        **dict(ticket.body),
        "subject_body": seen.subject,
        "principal": seen.principal,
        "rejections": seen.rejections,
        "similar": {
            **history_of(seen.similar),
            "tickets": [as_json(similar, seen.now) for similar in seen.similar[:_SIMILAR]],
        },
    }
