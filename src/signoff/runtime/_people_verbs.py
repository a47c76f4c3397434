"""What people do through a runtime: approve, edit, deny, kill, lift."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakValueDictionary

from signoff.boundary import (
    KILLS,
    Boundary,
    InFlight,
    Kill,
    Outcome,
    Recorded,
    Rejected,
    Ticket,
    TicketRow,
    adapter_of,
    answer_again,
    in_json,
    read_kills,
)
from signoff.clock import Clock
from signoff.errors import NotAllowed, UsageError
from signoff.ledger import canonical
from signoff.runtime._registry import Registry
from signoff.state import Handle, Move, SpineTransaction
from signoff.storage import Storage

if TYPE_CHECKING:
    from signoff.control import Answer, Principals

T = TypeVar("T")

_Switching = Callable[..., bool]


class PeopleVerbs:
    """The people's part of a runtime."""

    _storage: Storage
    _clock: Clock
    _registry: Registry
    _principals: Principals
    _announced: dict[str, tuple[str, ...]]
    _handles: WeakValueDictionary[str, Handle[Any, Any]]

    _check_open: Callable[[], None]
    _handle_of: Callable[[Any, Any], Handle[Any, Any]]
    _cross: Callable[..., Coroutine[Any, Any, Outcome[Any]]]

    # Tickets

    async def approve(self, ticket: Ticket | str, *, by: str, because: str) -> Outcome[Any]:
        """Say yes to what a ticket shows; every other control is asked again.

        Args:
            ticket: The ticket of a `Suspended` outcome, or its id.
            by: Who says so.
            because: Why; kept on the ledger.

        Returns:
            What came of the crossing. `Suspended` if another person has to decide as well, or if
            the yes did not get through; its new ticket says why.

        Raises:
            NotAllowed: If the answer does not count; `code` says why, and it is on the ledger.
        """
        return await self._answer(ticket, _answer("approve", by, because))

    async def edit(
        self, ticket: Ticket | str, proposal: object, *, by: str, because: str
    ) -> Outcome[Any]:
        """Answer with another proposal, which is judged like any other.

        Raises:
            NotAllowed: If the answer does not count; `code` says why, and it is on the ledger.
        """
        body = in_json(adapter_of(cast("Any", type(proposal))), proposal)
        return await self._answer(ticket, _answer("edit", by, because, body))

    async def deny(self, ticket: Ticket | str, *, by: str, because: str) -> Outcome[Any]:
        """Say no: the crossing ends, and the same key answers `Rejected` from now on.

        Raises:
            NotAllowed: If the answer does not count; `code` says why, and it is on the ledger.
        """
        return await self._answer(ticket, _answer("deny", by, because))

    async def _answer(self, ticket: Ticket | str, said: Answer) -> Outcome[Any]:
        self._check_open()
        if isinstance(ticket, Ticket):
            id, said = ticket.id, replace(said, saw=ticket.digest)
        else:
            id = ticket
        asked = await self._storage.ticket(id)
        if asked is not None and asked.kind == "work":
            raise UsageError(f"ticket {id} is about work that failed: retry it, or drop it")
        if asked is not None:
            # An answer is bound to the policies in force, as this process has read them.
            await self._announce(self._registry.boundary(asked.boundary))
        row = await self._said(id, said)
        outcome = await self._resume(row.crossing)
        resume = row.body.get("resume", 0)
        if resume and not is_halted(outcome):
            await self._storage.transact(lambda tx: tx.settle(resume))
        return outcome

    async def retry(self, ticket: str, *, by: str, because: str) -> None:
        """Have work that was given up tried again, as if it had never failed.

        Raises:
            NotAllowed: If the answer does not count; `code` says why, and it is on the ledger.
        """
        await self._about_work(ticket, _answer("approve", by, because))

    async def drop(self, ticket: str, *, by: str, because: str) -> None:
        """Forget work that was given up.

        Raises:
            NotAllowed: If the answer does not count; `code` says why, and it is on the ledger.
        """
        await self._about_work(ticket, _answer("deny", by, because))

    async def _about_work(self, ticket: str, said: Answer) -> None:
        self._check_open()
        asked = await self._storage.ticket(ticket)
        if asked is not None and asked.kind != "work":
            raise UsageError(f"ticket {ticket} waits for approve, edit or deny")
        await self._said(ticket, said)

    async def _said(self, id: str, said: Answer) -> TicketRow:
        from signoff.control import Refusal, answer

        row = await self._write(lambda tx, now: answer(tx, id, said, self._principals, now))
        if isinstance(row, Refusal):
            raise NotAllowed(row.code, row.message)
        return row

    async def _resume(self, id: str) -> Outcome[Any]:
        """Go on with a crossing whose ticket was answered."""
        recorded = await self._storage.crossing(id)
        assert recorded is not None, "a ticket without its crossing"
        boundary = self._registry.boundary(recorded.boundary)
        outcome = answer_again(boundary, recorded)
        if recorded.status != "open" and not isinstance(outcome, InFlight):
            return outcome
        # Open, or a worker was faster and its effect is under way: join it.
        subject, move = await self._waiting(boundary, recorded)
        return await self._cross(boundary, subject, recorded.key, move)

    async def _waiting(
        self, boundary: Boundary[Any, Any, Any], recorded: Recorded
    ) -> tuple[Any, Move[Any, Any] | None]:
        """What a crossing that waited is about, and the row that it moves."""
        waiting = recorded.state["waiting"]
        subject = boundary.subject_adapter.validate_json(canonical(waiting["subject"]))
        intent = waiting["move"]
        if intent is None:
            return subject, None
        machine = self._registry.machine(intent["machine"])
        row = await self._storage.row(recorded.subject)
        assert row is not None, "a crossing that moves a row that is gone"
        handle = self._handle_of(machine, row)
        move: Move[Any, Any] = Move(
            self._storage, handle, intent["to"], waits_in=intent.get("waits_in")
        )
        return handle.subject, move

    # Kills

    async def kill(self, scope: str, *, by: str, because: str) -> None:
        """Stop everything in a scope: once this returns, nothing in it commits.

        An effect outside the database that had been intended before is under way, and ends.

        Args:
            scope: `everything`, the name of a boundary or of a `KillSwitch`, `tenant:NAME`, or
                `subject:PREFIX`.
            by: Who says so.
            because: Why.

        Raises:
            NotAllowed: If `by` is not listed as one who may; it is on the ledger.
        """
        from signoff.control import throw

        await self._switch(throw, scope, by, because)

    async def lift(self, scope: str, *, by: str, because: str) -> None:
        """Let a scope that was killed go on.

        Raises:
            BadInput: If it is not killed.
            NotAllowed: If `by` is not listed as one who may; it is on the ledger.
        """
        from signoff.control import lift

        await self._switch(lift, scope, by, because)

    async def kills(self) -> tuple[Kill, ...]:
        """The kills that hold."""
        return read_kills(await self._storage.switch(KILLS))

    async def _switch(self, switch: _Switching, scope: str, by: str, because: str) -> None:
        self._check_open()
        allowed = await self._write(
            lambda tx, now: switch(tx, self._principals, scope, by=by, because=because, now=now)
        )
        if not allowed:
            raise NotAllowed("may_not_kill", f"{by} is not listed as one who may kill {scope}")

    # Policies

    async def _announce(self, boundary: Boundary[Any, Any, Any]) -> None:
        """Put on record by which policies a boundary is judged from now on."""
        from signoff.control import POLICIES, announce

        policies = boundary.policies
        if policies == self._announced.get(boundary.name):
            return
        in_force = json.loads(await self._storage.switch(POLICIES) or "{}")
        if not policies and not in_force.get(boundary.name):
            self._announced[boundary.name] = policies
            return
        texts = dict(control.policy_text for control in boundary.controls if control.policy)
        await self._write(lambda tx, now: announce(tx, boundary.name, policies, texts, now))
        self._announced[boundary.name] = policies

    async def _write(self, script: Callable[[SpineTransaction, datetime], T]) -> T:
        now = self._clock.now()
        return await self._storage.transact(lambda tx: script(tx, now))


def _answer(kind: Any, by: str, because: str, proposal: object = None) -> Answer:
    from signoff.control import Answer

    return Answer(kind=kind, by=by, because=because, proposal=proposal)


def is_halted(outcome: Outcome[Any]) -> bool:
    """Whether a control stopped a crossing only for now."""
    return isinstance(outcome, Rejected) and outcome.ended == "halted"
