"""Tickets as a table on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from signoff.boundary import TicketRow
from signoff.cli._output import show_table
from signoff.reading import countdown, is_overdue, short_ids
from signoff.words import moment


def show_tickets(tickets: Sequence[TicketRow], now: datetime, *, closed: bool) -> None:
    """Print a table of tickets."""
    short = short_ids(tickets)
    columns = ["ticket", "ask", "boundary", "subject", "because", "opened", "due"]
    rows: list[list[object]] = []
    for ticket in tickets:
        due = countdown(ticket.due, now) if ticket.status == "open" else ""
        if is_overdue(ticket, now):
            due = f"{due}, overdue"
        elif due and ticket.due:
            due = f"{moment(ticket.due)}, {due}"
        row: list[object] = [
            short[ticket.id],
            ticket.ask,
            ticket.boundary,
            ticket.subject,
            ticket.because,
            moment(ticket.opened),
            due,
        ]
        if closed:
            row.append(f"{ticket.status} by {ticket.by}" if ticket.by else ticket.status)
        rows.append(row)
    show_table([*columns, "status"] if closed else columns, rows)
