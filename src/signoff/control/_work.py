"""Work that failed every time it was tried: it rests, and a person is asked. P4, for one subject.

A worker that crashes on the same subject again and again must not keep the others waiting, and
must not try for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from signoff.boundary import PendingEffect, TicketRow, Timer, digest_of
from signoff.clock import stamp
from signoff.ledger import GaveUp, Resumed
from signoff.state import SpineTransaction

#: When parked work is due: never.
NEVER = stamp(datetime(9999, 1, 1, tzinfo=UTC))

#: Who is asked about it.
OPERATOR = "role:operator"


@dataclass(frozen=True, slots=True)
class Work:
    """A timer's or an effect's work, by what names it."""

    piece: Timer | PendingEffect

    @property
    def name(self) -> str:
        """What people call it."""
        piece = self.piece
        kind = "timer" if isinstance(piece, Timer) else "effect"
        return f"{kind} {piece.name}"

    @property
    def body(self) -> dict[str, Any]:
        """JSON-ready fields that find it again."""
        piece = self.piece
        if isinstance(piece, Timer):
            return {"timer": {name: getattr(piece, name) for name in Timer.__slots__}}
        return {"effect": piece.id}

    @property
    def crossing(self) -> str:
        piece = self.piece
        return "" if isinstance(piece, Timer) else piece.crossing.partition("-")[0]


def give_up(tx: SpineTransaction, work: Work, because: str, now: datetime) -> None:
    """Let it rest, and ask the operator whether to try again or to drop it."""
    piece, at = work.piece, stamp(now)
    number = digest_of({"work": work.body, "at": at})[:20]
    ticket = TicketRow(
        id=f"work-{number}",
        kind="work",
        crossing=work.crossing,
        subject=piece.subject,
        boundary=work.name,
        ask=OPERATOR,
        because=because,
        opened=at,
        body=work.body,
    )
    tx.save_ticket(ticket)
    if isinstance(piece, Timer):
        tx.reset_timer(piece, due=NEVER)
    else:
        tx.reset_effect(piece.id, due=NEVER)
    gave_up = GaveUp(work=work.name, tries=piece.tries + 1, because=because, ticket=ticket.id)
    tx.append(piece.subject, work.crossing, at, [gave_up])


def settle_work(
    tx: SpineTransaction, ticket: TicketRow, *, again: bool, by: str, because: str, at: str
) -> TicketRow:
    """Do what the operator says: try it again now, or drop it."""
    body = ticket.body
    if "timer" in body:
        timer = Timer(**body["timer"])
        if again:
            tx.reset_timer(timer, due=at)
        else:
            tx.drop_timer(timer)
    elif again:
        tx.reset_effect(body["effect"], due=at)
    else:
        tx.settle(body["effect"])
    answered: Literal["retried", "dropped"] = "retried" if again else "dropped"
    resumed = Resumed(ticket=ticket.id, answer=answered, by=by, because=because)
    tx.append(ticket.subject, ticket.crossing, at, [resumed])
    closed = replace(ticket, status=answered, closed=at, by=by, reason=because)
    tx.save_ticket(closed)
    return closed
