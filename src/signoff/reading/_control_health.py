"""Who is alive, what is stopped, and what waits for a person."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime, timedelta

from signoff.boundary import KILLS, Kill, TicketRow, read_kills
from signoff.clock import SystemClock, from_stamp
from signoff.control import Heartbeat
from signoff.reading._finding import Finding
from signoff.reading._tickets import countdown, is_overdue, short_ids
from signoff.storage import Storage
from signoff.words import count, moment, plain, took

#: A child that runs has a heartbeat every ten seconds.
STALE = timedelta(seconds=30)

#: Heartbeats that are older are counted, not told one by one.
FORGOTTEN = timedelta(days=1)

#: Pieces of work that are told one by one.
_TOLD = 5

#: Characters of a reason or an error.
_SHOWN = 200


async def examine_controls(storage: Storage) -> AsyncIterator[Finding]:
    """Heartbeats, kills that hold, tickets that wait, work that was given up."""
    now = SystemClock().now()
    for finding in beating(await storage.heartbeats(), now):
        yield finding
    for finding in killed(read_kills(await storage.switch(KILLS))):
        yield finding
    tickets = [ticket async for ticket in storage.tickets("open")]
    for finding in asking(tickets, now):
        yield finding


def beating(heartbeats: Iterable[Heartbeat], now: datetime) -> Iterator[Finding]:
    """One finding for every child that a supervisor watches, or has watched lately."""
    long_ago = 0
    for beat in heartbeats:
        age = now - from_stamp(beat.at)
        if age > FORGOTTEN:
            long_ago += 1
            continue
        restarts = f", restarted {count(beat.restarts, 'time')}" if beat.restarts else ""
        error = f"; last error {plain(beat.error, _SHOWN)}" if beat.error else ""
        heard = f"heard of {took(max(age.total_seconds(), 0.0))} ago"
        found = f"{beat.child} in {beat.process}: {beat.state}{restarts}, {heard}{error}"
        alive = beat.state in ("running", "restarting")
        if beat.state == "given_up":
            remedy = "It was given up: mend what the error names, and start the process again."
            yield Finding("heartbeat", "--", found, remedy)
        elif alive and age > STALE:
            remedy = "It hangs, or its process is gone: look after it, and start it again."
            yield Finding("heartbeat", "--", f"{found}, which is too long", remedy)
        else:
            yield Finding("heartbeat", "OK", found)
    if long_ago:
        found = f"{count(long_ago, 'more child', 'more children')} last heard of over a day ago"
        yield Finding("heartbeat", "OK", found)


def killed(kills: Iterable[Kill]) -> Iterator[Finding]:
    """One finding for every kill that holds."""
    for kill in kills:
        found = f"{kill.scope}, by {kill.by} since {moment(kill.at)}: {kill.because}"
        remedy = f'When it is mended: signoff kill {shlex.quote(kill.scope)} --lift --because "..."'
        yield Finding("kill", "--", plain(found, 2 * _SHOWN), plain(remedy))


def asking(tickets: list[TicketRow], now: datetime) -> Iterator[Finding]:
    """What waits for people: proposals together, work that was given up one by one."""
    waiting = [ticket for ticket in tickets if ticket.kind == "crossing"]
    if waiting:
        overdue = sum(is_overdue(ticket, now) for ticket in waiting)
        dues = [ticket.due for ticket in waiting if ticket.due]
        found = f"{count(len(waiting), 'waits', 'wait')} for a person, {overdue:,} overdue"
        if dues:
            found += f"; the earliest deadline is {countdown(min(dues), now)}"
        yield Finding("tickets", "--", found, "To see them: signoff approvals list")
    work = [ticket for ticket in tickets if ticket.kind == "work"]
    short = short_ids(work)
    for ticket in work[:_TOLD]:
        found = f"{ticket.boundary} of {ticket.subject}: {ticket.because}"
        remedy = f'signoff approvals retry {short[ticket.id]} --because "...", or drop'
        yield Finding("given up", "--", plain(found, 2 * _SHOWN), remedy)
    if len(work) > _TOLD:
        yield Finding("given up", "--", f"{len(work) - _TOLD:,} more pieces of work")
