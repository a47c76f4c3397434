"""One ticket as whoever answers it has to see it: exactly what will be committed, and why."""

from __future__ import annotations

from statistics import median
from typing import Any

from signoff.boundary import TicketRow
from signoff.cli._output import put, show_fields, show_table, styled
from signoff.clock import from_stamp
from signoff.control import Principals
from signoff.reading import STATUSES, Seen, countdown, exact_json
from signoff.reading import ticket_as_json as as_json
from signoff.words import compact, count, moment, plain, took

#: Similar tickets that are shown one by one.
_SIMILAR = 5


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
    due = seen.ticket.due
    if not due:
        return "none: it waits until somebody answers"
    left = f" ({countdown(due, seen.now)})" if seen.ticket.status == "open" else ""
    return f"{moment(due)} UTC{left}; then {seen.without_an_answer()}"


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
