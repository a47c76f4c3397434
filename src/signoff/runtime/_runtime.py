"""The one object with a lifetime: open it, use it, close it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload
from weakref import WeakValueDictionary

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
from signoff.clock import Clock, Driven, SystemClock
from signoff.coordination import Compensated, Coordinated, Saga, boundary_of
from signoff.errors import StorageUnavailable, UsageError
from signoff.ledger import Redact, Usage
from signoff.runtime._consumers import Consumers
from signoff.runtime._event_verbs import EventVerbs
from signoff.runtime._flights import Flights
from signoff.runtime._handing_over import HandingOver
from signoff.runtime._heartbeats import Unhurried
from signoff.runtime._people_verbs import PeopleVerbs
from signoff.runtime._registry import Known, Registry
from signoff.runtime._rereading import Rereading
from signoff.runtime._runner import Runner
from signoff.runtime._spine_verbs import SpineVerbs
from signoff.state import Consumer, Event, Handle, Move
from signoff.storage import Storage, storage_at

if TYPE_CHECKING:
    from signoff.control import Escalated, Listed

_log = logging.getLogger("signoff.runtime")

St = TypeVar("St", bound=str)
S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")


_log = logging.getLogger("signoff.runtime")


class Runtime(SpineVerbs, PeopleVerbs, EventVerbs):
    """Runs boundaries and spines over one database; fires timers, performs effects, recovers.

    Use it as an asynchronous context manager. On opening it takes up what an earlier process left
    unfinished, as far as it knows the boundaries and machines concerned.

    Args:
        store: URL of the database (see `signoff.storage.storage_at`), or a storage.
        clock: Time; the real one by default.
        knows: Boundaries, those who coordinate them, state machines, whose unfinished work is
            taken up, and consumers, which are handed events. Whatever is used through this runtime
            is known from then on.
        redact: Runs over every record (its type and its fields) before it is hashed and written.
        concurrency: Timers and effects worked on at the same time.
        principals: Who may answer tickets and who may kill: a TOML file, or names with their roles.
            Whoever is not listed may not kill, nor answer for a role.
        max_restarts: A timer's work that fails more often than this is given up: it
            rests, a ticket asks the operator, and everything else goes on. The pauses between the
            tries double, so that twelve take a little over an hour.

    Raises:
        StorageUnavailable: On opening, if the database cannot be used; the message says why.
    """

    def __init__(
        self,
        store: str | Storage = "sqlite:///signoff.db",
        *,
        clock: Clock | None = None,
        knows: Iterable[Known] = (),
        redact: Redact | None = None,
        concurrency: int = 64,
        principals: Listed = None,
        max_restarts: int = 12,
    ) -> None:
        # Inside, here and elsewhere in this room: `import signoff` has no need of it.
        from signoff.control import Principals

        if not isinstance(store, str) and redact is not None:
            raise UsageError("give redact= to the storage that you built")
        self._storage = storage_at(store, redact=redact) if isinstance(store, str) else store
        self._clock = clock or SystemClock()
        self._storage.clock = self._clock
        self._registry = Registry()
        self._registry.add(knows)
        self._handles: WeakValueDictionary[str, Handle[Any, Any]] = WeakValueDictionary()
        self._flights = Flights()
        self._runner = Runner(
            self._storage,
            self._clock,
            self._registry,
            handle_of=self._handle_of,
            runtime=self,
            in_flight=self._flights,
            concurrency=concurrency,
            resume=self._resume,
            take_up=self._take_up_event,
            max_restarts=max_restarts,
        )
        self._handing_over = HandingOver(
            self._storage,
            self._clock,
            cross=self._cross_in,
            reread=self._count_otherwise,
        )
        self._rereading = Rereading(self._storage, self._clock, self._handing_over)
        self._consumers = Consumers(
            self._storage,
            self._clock,
            self._registry,
            hand_over=self._handing_over.hand_over,
            set_aside=self._handing_over.set_aside,
            concurrency=concurrency,
            max_restarts=max_restarts,
        )
        self._principals = Principals.of(principals)
        self._announced: dict[str, tuple[str, ...]] = {}
        self._gave_up: BaseException | None = None
        self._storage.on_due = self._runner.expect
        self._storage.on_append = self._consumers.woken.set
        self._driver: asyncio.Task[None] | None = None
        self._consuming: asyncio.Task[None] | None = None

    @property
    def ledger(self) -> Storage:
        """The account of everything, for reading; see `signoff.ledger.Ledger`."""
        return self._storage

    @property
    def clock(self) -> Clock:
        """The clock that this runtime asks."""
        return self._clock

    async def __aenter__(self) -> Runtime:
        await self._storage.open(exclusive=True)
        self._driver = await self._supervised("due work", self._runner)
        if self._registry.consumers:
            await self._drive_consumers()
        return self

    async def _drive_consumers(self) -> None:
        if self._consuming is None:
            self._consuming = await self._supervised("events", self._consumers)

    async def _supervised(self, name: str, work: Driven) -> asyncio.Task[None]:
        """Have work driven by the clock, and started again if that fails."""
        from signoff.control import Supervisor

        driving = asyncio.Event()
        supervisor = Supervisor(
            {name: lambda: self._drive(work, driving)},
            clock=self._clock,
            heartbeats=Unhurried(self._storage),
            on_escalation=self._escalated,
        )
        driver = asyncio.create_task(supervisor.run(), name=f"signoff-{name}")
        # The driver takes its place before anybody moves the clock.
        started = asyncio.create_task(driving.wait())
        await asyncio.wait({driver, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        return driver

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        drivers = (self._driver, self._consuming)
        self._driver = self._consuming = None
        failure: BaseException | None = None
        for driver in drivers:
            if driver is None:
                continue
            driver.cancel()
            try:
                await driver
            except asyncio.CancelledError:
                pass
            except Exception as stopped:
                failure = failure or stopped
        await self._flights.cancel()
        with contextlib.suppress(StorageUnavailable):
            await self._consumers.close()
        await self._storage.close()
        if failure is not None and error is None:
            raise failure

    def know(self, *things: Known) -> None:
        """Take up the unfinished work of these, too."""
        self._registry.add(things)
        self._runner.woken.set()
        if self._registry.consumers and self._driver is not None and self._consuming is None:
            raise UsageError("hand a consumer to an open runtime with: await runtime.consume(...)")
        self._consumers.woken.set()

    async def _drive(self, work: Driven, driving: asyncio.Event) -> None:
        while True:
            driving.set()
            try:
                await self._clock.drive(work)
            except StorageUnavailable as error:
                # What is due stays due; callers hear of it from their own calls.
                _log.warning("due work has to wait: %s", error)
                await self._clock.pause(1.0)

    async def _escalated(self, escalated: Escalated) -> None:
        self._gave_up = escalated.error

    # Crossings

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
            return await self._see_through(crossing, id)

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

    # Work that is due

    async def drain(self) -> int:
        """Do everything that is due now; how many pieces were done."""
        self._check_open()
        done = 0
        while more := await self._runner.run_due() + await self._consumers.run_due():
            done += more
        return done

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

    def _check_open(self) -> None:
        if self._driver is None:
            raise UsageError("this runtime is not open: async with Runtime(...) as runtime")
        if self._gave_up is not None:
            raise self._gave_up
        for driver in (self._driver, self._consuming):
            if driver is not None and driver.done() and not driver.cancelled():
                error = driver.exception()
                if error is not None:
                    raise error


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """The one bridge for scripts: `run_sync(main())`."""
    return asyncio.run(coroutine)
