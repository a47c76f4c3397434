"""What a store answers about the controls: switches, tickets, shares, signs of life."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from signoff.boundary import TicketRow, TicketStatus, Timer
from signoff.clock import from_stamp, stamp
from signoff.storage._columns import read_ticket
from signoff.storage._connection import CHUNK, Rows
from signoff.storage._transaction import StoredTransaction

if TYPE_CHECKING:
    from signoff.control import Heartbeat

#: How long the last heartbeat of a process is kept.
_REMEMBERED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An open ticket, as much of it as a list shows. Fields as in `TicketRow`."""

    id: str
    kind: str
    subject: str
    boundary: str
    ask: str
    because: str
    opened: str
    due: str


class ControlReads:
    """The controls' part of a store; see `Storage`."""

    _rows: Callable[..., Awaitable[Rows]]
    transact: Callable[..., Any]

    async def switch(self, name: str) -> str:
        """What a switch is set to, for showing; a decision reads it in its transaction."""
        rows = await self._rows("switch", name=name)
        return rows[0][0] if rows else ""

    async def ticket(self, id: str) -> TicketRow | None:
        """A ticket as last recorded."""
        rows = await self._rows("ticket", id=id)
        return read_ticket(rows[0]) if rows else None

    async def find_tickets(self, prefix: str) -> list[str]:
        """At most three tickets whose id begins with `prefix`."""
        rows = await self._rows("tickets_like", low=prefix, high=prefix + "~")
        return [id for (id,) in rows]

    async def tickets(self, *statuses: TicketStatus) -> AsyncIterator[TicketRow]:
        """Tickets of these statuses, oldest first."""
        wanted, opened, after = json.dumps(statuses), "", ""
        while rows := await self._rows(
            "tickets", statuses=wanted, opened=opened, after=after, limit=CHUNK
        ):
            for values in rows:
                yield read_ticket(values)
            last = read_ticket(rows[-1])
            opened, after = last.opened, last.id

    async def tickets_of(self, subject: str) -> list[TicketRow]:
        """Every ticket about a subject, oldest first."""
        return [read_ticket(row) for row in await self._rows("tickets_of_subject", subject=subject)]

    async def timers_of(self, subject: str) -> list[Timer]:
        """The timers that are set for a subject, the next one first."""
        return [
            Timer(
                subject=subject,
                machine=machine,
                name=name,
                version=version,
                due=due,
                armed=armed,
                tries=tries,
            )
            for name, machine, version, due, armed, tries in await self._rows(
                "timers_of_subject", subject=subject
            )
        ]

    async def inbox(self, *, ask: str = "", limit: int = 50, offset: int = 0) -> list[InboxRow]:
        """Open tickets without what they are bound to, the most urgent first.

        Args:
            ask: Only those that ask this role or person; empty for all.
            limit: At most so many,
            offset: after so many.
        """
        rows = await self._rows("inbox", ask=ask, limit=limit, offset=offset)
        return [InboxRow(*row) for row in rows]

    async def asks(self, now: str) -> list[tuple[str, int, int]]:
        """(who is asked, open tickets, those of them whose deadline has passed)."""
        return [tuple(row) for row in await self._rows("asks", now=now)]

    async def closed_tickets(self, boundary: str, kind: str, limit: int) -> list[TicketRow]:
        """Closed tickets of a boundary, the last that was opened first."""
        rows = await self._rows("closed_tickets", boundary=boundary, kind=kind, limit=limit)
        return [read_ticket(row) for row in rows]

    async def throttle_names(self) -> list[str]:
        """The names of the switches of all throttles."""
        return [name for name, _ in await self._rows("switches") if name.startswith("throttle:")]

    async def uses(
        self, throttle: str, *, minute: str, hour: str, held: str, day: str
    ) -> list[tuple[str, int, str, int, str, int, float]]:
        """What is held and used of a throttle now, by tenant, the one with the most first.

        Args:
            throttle: Its name.
            minute: A minute ago, as a stamp,
            hour: an hour ago,
            held: when commits that are held no longer count,
            day: and when dollars that are held no longer count, which is no later.

        Returns:
            (tenant, used in the minute, the first of those, used in the hour, the first of those,
            held, dollars held); empty texts where there is none.
        """
        values = {"throttle": throttle, "minute": minute, "hour": hour, "held": held, "day": day}
        return [tuple(row) for row in await self._rows("uses", **values)]

    async def throttles(self) -> list[tuple[str, str, str, int, float, float, str, str]]:
        """(throttle, tenant, state, crossings, dollars held, dollars spent, first, last)."""
        return [tuple(row) for row in await self._rows("throttles")]

    async def held(self) -> list[tuple[str, int, float]]:
        """(throttle, crossings that hold a part of it, dollars they hold)."""
        return [tuple(row) for row in await self._rows("held")]

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Put a sign of life on record."""
        params = asdict(heartbeat)

        def write(tx: StoredTransaction) -> None:
            tx.connection.run("beat", params)
            # Processes that are long gone would otherwise stay listed for ever.
            gone = from_stamp(heartbeat.at) - _REMEMBERED
            tx.connection.run("forget_heartbeats", {"before": stamp(gone)})

        await self.transact(write)

    async def heartbeats(self) -> list[Heartbeat]:
        """The last sign of life of everything that a supervisor watched."""
        from signoff.control import Heartbeat  # inside: `import signoff` has no need of it

        rows = await self._rows("heartbeats")
        return [Heartbeat(**dict(zip(Heartbeat.__slots__, row, strict=True))) for row in rows]
