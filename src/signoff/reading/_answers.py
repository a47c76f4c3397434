"""Writing an answer to a ticket, and waiting for what comes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from signoff.boundary import Recorded, TicketRow
from signoff.clock import Clock, SystemClock
from signoff.control import Answer, Principals, Refusal, answer
from signoff.errors import NotAllowed
from signoff.storage import Storage
from signoff.words import compact, plain

#: Seconds between two looks at a crossing that a worker has to take up.
_LOOK_EVERY = 0.2

#: Where a crossing stands while a worker has still to do something with it.
_GOING = ("open", "intended")


@dataclass(frozen=True, slots=True)
class Followed:
    """An answer that was written, and what came of it.

    Attributes:
        ticket: As it stands now.
        crossing: As it stands now.
        ended: Whether nothing is left for a worker to do.
    """

    ticket: TicketRow
    crossing: Recorded | None
    ended: bool

    def outcome(self) -> str:
        """What came of the crossing, in words."""
        crossing = self.crossing
        if crossing is not None and not self.ended and "halted" in crossing.state:
            halt = crossing.state["halted"]
            return plain(f"halted for now: {halt['code']}: {halt['message']}; it is tried again")
        if crossing is None or not self.ended:
            return "a worker acts on it: a runtime that knows the boundary, within a second or so"
        state, status = crossing.state, crossing.status
        match status:
            case "committed":
                return f"committed, receipt {compact(state.get('receipt'), 300)}"
            case "rejected":
                last: dict[str, Any] = state["rejections"][-1]
                return plain(f"rejected: {last['code']}: {last['message']}")
            case "suspended":
                asked = state.get("ticket", {})
                text = f"ticket {asked.get('id')} asks {asked.get('ask')}: {asked.get('because')}"
                return plain(f"suspended again: {text}")
            case _:
                return plain(f"{status}: {state.get('because', '')}")

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        crossing = self.crossing
        told = None
        if crossing is not None:
            told = {
                "id": crossing.id,
                "status": crossing.status,
                "attempts": crossing.attempts,
                "receipt": crossing.state.get("receipt"),
                "rejections": list(crossing.state.get("rejections", ())),
                "ticket": crossing.state.get("ticket") if crossing.status == "suspended" else None,
            }
        return {
            "ticket": self.ticket.id,
            "status": self.ticket.status,
            "by": self.ticket.by,
            "because": self.ticket.reason,
            "ended": self.ended,
            "crossing": told,
        }


async def give(storage: Storage, id: str, said: Answer, principals: Principals) -> TicketRow:
    """Write an answer.

    Raises:
        NotAllowed: If it does not count. That it was given is on the ledger.
    """
    now = SystemClock().now()
    row = await storage.transact(lambda tx: answer(tx, id, said, principals, now))
    if isinstance(row, Refusal):
        text = f"{row.code}: {row.message}. That {said.by} answered is on the ledger."
        raise NotAllowed(row.code, text)
    return row


async def follow(storage: Storage, ticket: TicketRow, seconds: float) -> Followed:
    """Look after an answer until its crossing has ended or waits again, or the time is over."""
    clock: Clock = SystemClock()
    until = clock.elapsed() + seconds
    while True:
        crossing = await storage.crossing(ticket.crossing) if ticket.crossing else None
        done = ticket.kind == "work" or crossing is None or crossing.status not in _GOING
        if done or clock.elapsed() >= until:
            return Followed(ticket, crossing, done)
        await asyncio.sleep(min(_LOOK_EVERY, max(until - clock.elapsed(), 0.0)))
