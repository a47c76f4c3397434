"""The people who answer tickets, scripted: fast, slow, absent, careless, and the team lead."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from signoff.boundary import Question, TicketRow
from signoff.clock import from_stamp
from signoff.control import Principal
from signoff.errors import NotAllowed
from signoff.ledger import canonical
from signoff.runtime import Runtime
from signoff.workloads.contract_renewal import proposers
from signoff.workloads.contract_renewal.subject import Closing, Offer, Renewal, Score

Habit: TypeAlias = Literal["fast", "slow", "absent", "careless"]

#: How long somebody lets a ticket lie; an absent one never looks.
_LETS_LIE: Final[dict[Habit, timedelta]] = {
    "fast": timedelta(hours=1),
    "careless": timedelta(hours=2),
    "slow": timedelta(hours=30),
    "absent": timedelta.max,
}

_LEAD_LETS_LIE: Final = timedelta(hours=3)

#: How many of a hundred tickets each of them gets.
_SHARE: Final[dict[Habit, int]] = {"fast": 50, "slow": 25, "absent": 10, "careless": 15}

#: Reviewers look at their inbox this often.
LOOKS_EVERY: Final = timedelta(hours=4)

_ROLES = frozenset({"renewal-desk", "sales-lead", "retention"})

#: Everybody who may answer. The team lead gets what the others let lie too long.
PRINCIPALS: Final[dict[str, Principal]] = {
    **{habit: Principal(roles=_ROLES) for habit in _SHARE},
    "lead": Principal(roles=frozenset({"team-lead"}), may_kill=frozenset({"renewals"})),
}


@dataclass(frozen=True, slots=True)
class Reviewers:
    """Looks at every open ticket, and answers those whose time has come.

    What each of them does depends on the ticket alone, so that a run that was interrupted goes on
    just as it would have.

    Args:
        runtime: Through which they answer.
    """

    runtime: Runtime

    async def look(self) -> None:
        """One look at the inbox."""
        now = self.runtime.clock.now()
        tickets = [ticket async for ticket in self.runtime.ledger.tickets("open")]
        for first in range(0, len(tickets), 64):
            await asyncio.gather(*(self._see(t, now) for t in tickets[first : first + 64]))

    async def _see(self, ticket: TicketRow, now: datetime) -> None:
        if ticket.kind != "crossing":
            return
        habit = habit_of(ticket)
        lead = ticket.ask == "role:team-lead"
        late = ticket.body.get("late")
        since = from_stamp(late[-1][1] if late else ticket.opened)
        if now - since < (_LEAD_LETS_LIE if lead else _LETS_LIE[habit]):
            return
        # If somebody else was faster, or the world moved, what asks anew is seen the next time.
        with contextlib.suppress(NotAllowed):
            await self._answer(ticket, "lead" if lead else habit, careless=habit == "careless")

    async def _answer(self, ticket: TicketRow, by: str, *, careless: bool) -> None:
        if careless and await self._answered_carelessly(ticket, by):
            return
        if ticket.body["terms"]["control"] in ("surprise", "deep discount"):
            await self.runtime.approve(ticket.id, by=by, because="looked at, and right")
        else:
            await self.runtime.edit(
                ticket.id, await self._right(ticket), by=by, because="written by hand"
            )

    async def _answered_carelessly(self, ticket: TicketRow, by: str) -> bool:
        """Approve without reading, then write nonsense; the third time, look."""
        asked = int(ticket.id.rpartition("-")[2])
        if asked == 1 and ticket.body["proposal"] is not None:
            await self.runtime.approve(ticket.id, by=by, because="looks good")
            return True
        if asked <= 2:
            await self.runtime.edit(
                ticket.id, _nonsense(await self._right(ticket)), by=by, because="quickly"
            )
            return True
        return False

    async def _right(self, ticket: TicketRow) -> Score | Offer | Closing:
        row = await self.runtime.ledger.row(ticket.subject)
        assert row is not None, "a ticket about a renewal that never started"
        renewal = Renewal.model_validate_json(row.data)
        question = Question(subject=renewal, crossing=ticket.crossing)
        by_boundary: dict[str, Any] = {
            "renewal.score": proposers.score,
            "renewal.offer": proposers.offer,
            "renewal.close": proposers.closing,
        }
        proposal: Score | Offer | Closing = by_boundary[ticket.boundary](question)
        return proposal


def habit_of(ticket: TicketRow) -> Habit:
    """Who gets a ticket: the same one for every ticket about one renewal and boundary."""
    mark = canonical([ticket.subject, ticket.boundary]).encode()
    draw = hashlib.sha256(mark).digest()[0] * 100 // 256
    for habit, share in _SHARE.items():
        if draw < share:
            return habit
        draw -= share
    raise AssertionError("the shares are of a hundred")


def _nonsense(proposal: Score | Offer | Closing) -> Score | Offer | Closing:
    """A proposal that somebody wrote without looking: about the wrong customer."""
    return proposal.model_copy(update={"customer_id": "0000-OTHER"})
