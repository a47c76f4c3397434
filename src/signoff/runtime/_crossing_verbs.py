"""What a runtime does with boundaries: run, advance, resolve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast, overload

from signoff.boundary import (
    Boundary,
    Carried,
    Crossed,
    Crossing,
    CrossingStore,
    DidNotHappen,
    Happened,
    InFlight,
    Outcome,
    Parent,
    Subject,
    Unfinished,
    Unknown,
    answer_again,
    crossing_id,
    crossing_key,
    subject_id,
)
from signoff.clock import Clock
from signoff.coordination import Compensated, Coordinated, Saga, boundary_of
from signoff.errors import UsageError
from signoff.ledger import Usage
from signoff.runtime._flights import Flights
from signoff.runtime._handing_over import HandingOver
from signoff.runtime._registry import Registry
from signoff.runtime._rereading import Rereading
from signoff.runtime._runner import Runner
from signoff.runtime._telemetry import Telemetry
from signoff.state import Consumer, Event, Handle, Move
from signoff.storage import Storage

St = TypeVar("St", bound=str)
S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")


class CrossingVerbs:
    """The boundaries' part of a runtime."""

    _storage: Storage
    _clock: Clock
    _registry: Registry
    _flights: Flights
    _runner: Runner
    _handing_over: HandingOver
    _rereading: Rereading
    _telemetry: Telemetry

    _check_open: Callable[[], None]
    _announce: Callable[[Boundary[Any, Any, Any]], Any]

    @overload
    async def run(
        self, boundary: Saga[S], subject: S, *, key: str | None = None, principal: object = None
    ) -> Outcome[dict[str, Any]] | Compensated: ...

    @overload
    async def run(
        self,
        boundary: Boundary[S, P, R] | Coordinated[S, P, R],
        subject: S,
        *,
        key: str | None = None,
        principal: object = None,
    ) -> Outcome[R]: ...

    async def run(
        self,
        boundary: Boundary[S, P, R] | Coordinated[S, P, R] | Saga[S],
        subject: S,
        *,
        key: str | None = None,
        principal: object = None,
    ) -> Outcome[Any] | Compensated:
        """Cross a boundary once; the same key again returns what was recorded.

        Args:
            boundary: What to cross, or who coordinates several.
            subject: What it is about.
            key: Names this crossing for ever. By default boundary + subject, and the subject's
                spine version if it has a spine.
            principal: On whose behalf: a name, or anything with an `id`. Policies may read it, and
                under four eyes it may not approve what it asked for.

        Raises:
            StorageUnavailable: The database cannot be written; run the same again.
        """
        saga = boundary if isinstance(boundary, Saga) else None
        boundary = boundary_of(cast("Boundary[S, Any, Any]", boundary))
        id = subject_id(subject)
        if key is None:
            row = await self._storage.row(id)
            key = crossing_key(boundary.name, id, None if row is None else row.version)
        outcome = await self._cross(boundary, subject, key, None, principal)
        return outcome if saga is None else saga.told(outcome)

    async def advance(
        self,
        handle: Handle[St, S],
        to: St,
        *,
        through: Boundary[S, P, R] | Coordinated[S, P, R],
        key: str | None = None,
        waits_in: St | None = None,
        principal: object = None,
    ) -> Outcome[R]:
        """Move a row through a boundary: it moves if, and only if, the crossing commits.

        Args:
            handle: The row.
            to: Where it goes.
            through: What it has to cross.
            key: Names this crossing for ever; by default boundary + subject + version.
            waits_in: Where the row waits while a person decides; by default where it stands.
                The ticket is bound to the row's version there.
            principal: On whose behalf; see `run`.

        Raises:
            UnknownTransition: If the machine does not allow the move from where the row stands.
        """
        through = boundary_of(through)
        row = await self._storage.row(handle.id)
        if row is not None:
            handle.see(row)
        if key is None:
            key = crossing_key(through.name, handle.id, handle.version)
        if (
            not handle.machine.allows(handle.state, to)
            and await self._storage.crossing(crossing_id(key)) is None
        ):
            handle.machine.check_move(handle.state, to, what=handle.id)
            if waits_in is not None and waits_in != handle.state:
                handle.machine.check_move(handle.state, waits_in, what=handle.id)
                handle.machine.check_move(waits_in, to, what=f"{handle.id}, having waited,")
        self._registry.add_machine(handle.machine)
        move = Move(self._storage, handle, to, waits_in=waits_in)
        return await self._cross(through, handle.subject, key, move, principal)

    async def _cross(
        self,
        boundary: Boundary[S, P, R],
        subject: S,
        key: str,
        move: Move[Any, S] | None,
        principal: object = None,
    ) -> Outcome[R]:
        crossing = self._crossing_of(boundary, subject, key, move, principal, None)
        return await self._run(crossing, boundary, subject, key)

    def _crossing_of(
        self,
        boundary: Boundary[S, P, R],
        subject: S,
        key: str,
        move: Move[Any, S] | None,
        principal: object,
        parent: Parent | None,
    ) -> Crossing[S, P, R]:
        return Crossing(
            boundary,
            subject,
            key=key,
            store=self._storage,
            clock=self._clock,
            standing=move,
            principal=principal,
            parent=parent,
            children=self._cross_part,
        )

    async def _run(
        self, crossing: Crossing[S, P, R], boundary: Boundary[S, P, R], subject: S, key: str
    ) -> Outcome[R]:
        self._check_open()
        self._registry.add_boundary(boundary)
        await self._announce(boundary)
        id = crossing_id(key)
        about = (boundary.name, subject_id(subject))

        async def run() -> Outcome[R]:
            with self._telemetry.crossing(boundary, id, about[1]) as crossing.watch:
                outcome = await self._see_through(crossing, id)
                crossing.watch.tell(outcome)
                return outcome

        outcome = await self._flights.join(id, about, run)
        # A policy that was read while it was under way may have judged it.
        await self._announce(boundary)
        return outcome

    async def _cross_in(
        self, boundary: Any, subject: Any, key: str, store: CrossingStore
    ) -> Outcome[Any]:
        """Cross a boundary in a store that does more in the same transactions."""
        boundary = boundary_of(boundary)
        crossing: Crossing[Any, Any, Any] = Crossing(
            boundary,
            subject,
            key=key,
            store=store,
            clock=self._clock,
            children=self._cross_part,
        )
        return await self._run(crossing, boundary, subject, key)

    async def _count_otherwise(
        self, consumer: Consumer[Any], events: Sequence[Event[Any]], versions: frozenset[int]
    ) -> int:
        return await self._rereading.count_otherwise(consumer, events, versions)

    async def _cross_part(
        self,
        boundary: Boundary[Any, Any, Any],
        subject: Any,
        key: str,
        parent: Parent,
    ) -> Crossed:
        """Cross a part of another crossing."""
        id = crossing_id(key)
        crossing = self._crossing_of(boundary, subject, key, None, parent.principal, parent)
        try:
            outcome = await self._run(crossing, boundary, subject, key)
        except asyncio.CancelledError:
            cut = await self._storage.crossing(id)
            if cut is not None and cut.status in ("intended", "unknown"):
                because = "it was cut off while its effect was under way"
                raise Unfinished(Unknown(boundary.name, key, because, id)) from None
            raise
        usage = crossing.usage
        if not crossing.found:  # somebody else was running it
            recorded = await self._storage.crossing(id)
            spent: dict[str, Any] = {} if recorded is None else recorded.state.get("usage", {})
            usage = Usage(**spent)
        fresh = crossing.found in ("", "nothing", "open", "intended")
        return Crossed(outcome=outcome, usage=usage, crossing=id, fresh=fresh)

    async def _see_through(self, crossing: Crossing[Any, Any, R], id: str) -> Outcome[R]:
        while True:
            outcome = await crossing.run()
            if not isinstance(outcome, InFlight):
                return outcome
            await self._settle_or_wait(id)

    async def _settle_or_wait(self, id: str) -> None:
        """An effect under this key was begun by a process that died, or by one that lives."""
        if not await self._runner.finish_commit(id):
            await asyncio.sleep(0.05)

    async def resolve(
        self,
        boundary: Boundary[Any, Any, R],
        key: str,
        *,
        happened: bool,
        by: str,
        because: str,
        receipt: R | None = None,
    ) -> Outcome[R]:
        """A person says what became of an effect that nobody could tell: `Unknown` ends here.

        Args:
            boundary: The boundary whose commit is in doubt.
            key: The crossing's key, as the `Unknown` outcome names it.
            happened: What the person found in the other system.
            by: Who says so; kept on the ledger.
            because: How they know; kept on the ledger.
            receipt: What the other system shows for it.

        Raises:
            UsageError: If no effect under this key is in doubt, or nobody says who and why.
        """
        self._check_open()
        if not by or not because:
            raise UsageError("say by whom an effect is resolved, and because of what")
        self._registry.add_boundary(boundary)
        id = crossing_id(key)
        said: Carried = (
            Happened(receipt, by=by, because=because)
            if happened
            else DidNotHappen("did_not_happen", because, by=by)
        )
        recorded = await self._storage.crossing(id)
        in_doubt = recorded is not None and recorded.status == "unknown"
        if not in_doubt or not await self._runner.finish_commit(id, said):
            raise UsageError(f"no effect of {boundary.name} under the key {key!r} is in doubt")
        outcome = await self.outcome(boundary, key)
        assert outcome is not None
        return outcome

    async def outcome(self, boundary: Boundary[S, P, R], key: str) -> Outcome[R] | None:
        """What was recorded under a key; None if nothing is, or it is still under way."""
        recorded = await self._storage.crossing(crossing_id(key))
        if recorded is None:
            return None
        outcome = answer_again(boundary, recorded)
        return None if isinstance(outcome, InFlight) else outcome
