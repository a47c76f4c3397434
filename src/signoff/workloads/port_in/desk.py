"""The people who answer about ports: a desk that is careful and often absent, and its lead."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signoff.boundary import TicketRow
from signoff.clock import from_stamp
from signoff.control import Principal
from signoff.errors import NotAllowed
from signoff.runtime import Runtime
from signoff.workloads.port_in.boundary import Port
from signoff.workloads.port_in.proposers import right_answer
from signoff.workloads.port_in.world import World

if TYPE_CHECKING:
    from signoff.workloads.port_in.lifecycle import PortAgent

#: Who may answer, and who may stop everything.
PRINCIPALS: Final = {
    "desk": Principal(roles=frozenset({"port-desk"})),
    "lead": Principal(roles=frozenset({"port-lead"}), may_kill=frozenset({"porting"})),
}

#: How long somebody lets a ticket lie.
_LETS_LIE: Final = timedelta(hours=12)

#: Share of the ports with which the desk is absent.
_ABSENT: Final = 0.25


class Desk:
    """Looks at open tickets, and answers those whose time has come.

    Where the desk is absent the ticket is passed on, and the lead answers.

    Args:
        runtime: Through which it answers.
        agent: Told when a person said no.
        world: Who signed, and the desk's own list.
    """

    def __init__(self, runtime: Runtime, agent: PortAgent, world: World) -> None:
        self._runtime, self._agent, self._world = runtime, agent, world

    async def look(self) -> None:
        """One look at the inbox."""
        now = self._runtime.clock.now()
        tickets = [ticket async for ticket in self._runtime.ledger.tickets("open")]
        for ticket in tickets:
            late = ticket.body.get("late")
            since = from_stamp(late[-1][1] if late else ticket.opened)
            if ticket.kind == "crossing" and now - since >= _LETS_LIE:
                with contextlib.suppress(NotAllowed):  # the world moved: it asks anew
                    await self._answer(ticket)

    async def _answer(self, ticket: TicketRow) -> None:
        by = "lead" if ticket.ask == "role:port-lead" else "desk"
        if by == "desk" and self._world.draws(ticket.subject, "absent") < _ABSENT:
            return
        port = await self._runtime.find(self._agent.lifecycle, ticket.subject, Port)
        assert port is not None, "a ticket about a port that was never requested"
        if ticket.body["terms"]["control"] != "holder":
            right = right_answer(port.subject)
            await self._runtime.edit(ticket.id, right, by=by, because="written by hand")
        elif self._world.case[port.id] == "denied":
            await self._runtime.deny(ticket.id, by=by, because="the partner did not sign")
            await self._agent.escalate(self._runtime, port)
        else:
            told = {"subject": port.id, "about": port.id}
            await self._world.books["desk"].perform("approve", told, key=f"approve/{port.id}")
            await self._runtime.approve(ticket.id, by=by, because="the partner signed")
