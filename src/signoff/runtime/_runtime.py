"""The one object with a lifetime: open it, use it, close it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from signoff.boundary import (
    Boundary,
    Carried,
    Crossing,
    DidNotHappen,
    Happened,
    InFlight,
    Outcome,
    Row,
    Subject,
    adapter_of,
    answer_again,
    crossing_id,
    crossing_key,
    subject_id,
)
from signoff.clock import Clock, SystemClock, stamp
from signoff.errors import Held, StorageUnavailable, UsageError
from signoff.ledger import Redact
from signoff.runtime._flights import Flights
from signoff.runtime._registry import Registry
from signoff.runtime._runner import Runner
from signoff.state import (
    Handle,
    Move,
    SpineTransaction,
    StateMachine,
    changing,
    moving,
    starting,
)
from signoff.storage import Storage, storage_at

_log = logging.getLogger("signoff.runtime")

St = TypeVar("St", bound=str)
S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")


_log = logging.getLogger("signoff.runtime")

#: How often, and after how many seconds, a change tries a row that an effect holds.
HELD_TRIES, HELD_PAUSE = 500, 0.02


class Runtime:
    """Runs boundaries and spines over one database; fires timers, performs effects, recovers.

    Use it as an asynchronous context manager. On opening it takes up what an earlier process left
    unfinished, as far as it knows the boundaries and machines concerned.

    Args:
        store: URL of the database (see `signoff.storage.storage_at`), or a storage.
        clock: Time; the real one by default.
        knows: Boundaries and state machines whose unfinished work is taken up. Whatever is used
            through this runtime is known from then on.
        redact: Runs over every record (its type and its fields) before it is hashed and written.
        concurrency: Timers and effects worked on at the same time.

    Raises:
        StorageUnavailable: On opening, if the database cannot be used; the message says why.
    """

    def __init__(
        self,
        store: str | Storage = "sqlite:///signoff.db",
        *,
        clock: Clock | None = None,
        knows: Iterable[Boundary[Any, Any, Any] | StateMachine[Any]] = (),
        redact: Redact | None = None,
        concurrency: int = 64,
    ) -> None:
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
        )
        self._storage.on_due = self._runner.expect
        self._driver: asyncio.Task[None] | None = None

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
        self._driver = asyncio.create_task(self._drive(), name="signoff-runner")
        await asyncio.sleep(0)  # let the driver take its place before anybody moves the clock
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        driver, self._driver = self._driver, None
        failure: BaseException | None = None
        if driver is not None:
            driver.cancel()
            try:
                await driver
            except asyncio.CancelledError:
                pass
            except Exception as stopped:
                failure = stopped
        await self._flights.cancel()
        await self._storage.close()
        if failure is not None and error is None:
            raise failure

    def know(self, *things: Boundary[Any, Any, Any] | StateMachine[Any]) -> None:
        """Take up the unfinished work of these, too."""
        self._registry.add(things)
        self._runner.woken.set()

    async def _drive(self) -> None:
        while True:
            try:
                await self._clock.drive(self._runner)
            except StorageUnavailable as error:
                # What is due stays due; callers hear of it from their own calls.
                _log.warning("due work has to wait: %s", error)
                await self._clock.pause(1.0)

    # Crossings

    async def run(
        self, boundary: Boundary[S, P, R], subject: S, *, key: str | None = None
    ) -> Outcome[R]:
        """Cross a boundary once; the same key again returns what was recorded.

        Args:
            boundary: What to cross.
            subject: What it is about.
            key: Names this crossing for ever. By default boundary + subject, and the subject's
                spine version if it has a spine.

        Raises:
            StorageUnavailable: The database cannot be written; run the same again.
        """
        id = subject_id(subject)
        if key is None:
            row = await self._storage.row(id)
            key = crossing_key(boundary.name, id, None if row is None else row.version)
        return await self._cross(boundary, subject, key, None)

    async def advance(
        self,
        handle: Handle[St, S],
        to: St,
        *,
        through: Boundary[S, P, R],
        key: str | None = None,
    ) -> Outcome[R]:
        """Move a row through a boundary: it moves if, and only if, the crossing commits.

        Raises:
            UnknownTransition: If the machine does not allow the move from where the row stands.
        """
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
        self._registry.add_machine(handle.machine)
        move = Move(self._storage, handle, to)
        return await self._cross(through, handle.subject, key, move)

    async def _cross(
        self, boundary: Boundary[S, P, R], subject: S, key: str, move: Move[Any, S] | None
    ) -> Outcome[R]:
        self._check_open()
        self._registry.add_boundary(boundary)
        id = crossing_id(key)
        about = (boundary.name, subject_id(subject))
        crossing = Crossing(
            boundary, subject, key=key, store=self._storage, clock=self._clock, standing=move
        )

        async def run() -> Outcome[R]:
            return await self._see_through(crossing, id)

        return await self._flights.join(id, about, run)

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

    # The spine

    async def start(self, machine: StateMachine[St], subject: S) -> Handle[St, S]:
        """Begin a row for the subject, or find the one that it has.

        Raises:
            UsageError: If the subject already stands on another machine.
        """
        self._check_open()
        self._registry.add_machine(machine)
        self._registry.learn_subject(machine, type(subject))
        id = subject_id(subject)
        now = self._clock.now()

        def write(tx: SpineTransaction) -> Row:
            row = tx.row(id)
            if row is not None:
                return row
            planned = starting(machine, subject, now)
            started = tx.swap(planned.swap)
            assert started is not None
            tx.append(id, "", stamp(now), planned.records)
            return started

        row = await self._storage.row(id)
        if row is None:
            row = await self._storage.transact(write)
        if row.machine != machine.name:
            raise UsageError(f"{id} already stands on machine {row.machine}, not {machine.name}")
        return self._handle_of(machine, row)

    async def find(
        self, machine: StateMachine[St], id: str, subject: type[S]
    ) -> Handle[St, S] | None:
        """The row of a subject; None if it never started."""
        self._registry.add_machine(machine)
        self._registry.learn_subject(machine, subject)
        row = await self._storage.row(id)
        return None if row is None else self._handle_of(machine, row)

    async def refresh(self, handle: Handle[Any, Any]) -> None:
        """Bring a handle up to date with moves that other processes made."""
        row = await self._storage.row(handle.id)
        if row is not None:
            handle.see(row)

    async def move(
        self, handle: Handle[St, S], to: St, *, because: str, subject: S | None = None
    ) -> bool:
        """Move a row by decision of code, not of a model.

        Returns:
            False if the row had gone on, or is held by an effect; the handle is then up to date.

        Raises:
            UnknownTransition: If the machine does not allow the move.
        """
        machine, now = handle.machine, self._clock.now()
        machine.check_move(handle.state, to, what=handle.id)
        planned = moving(
            machine,
            handle.row,
            handle.subject if subject is None else subject,
            to,
            now=now,
            because=because,
            replaced=subject is not None,
        )

        def write(tx: SpineTransaction) -> Row | None:
            row = tx.swap(planned.swap)
            if row is not None:
                tx.append(handle.id, "", stamp(now), planned.records)
            return row

        row = await self._storage.transact(write)
        if row is None:
            await self.refresh(handle)
            return False
        handle.see(row)
        return True

    async def change(
        self, handle: Handle[St, S], update: Callable[[S], S], *, because: str
    ) -> None:
        """Change a row's data where it stands: the world moved. Its timers stay set.

        Args:
            handle: The row.
            update: Pure function of the subject; asked again if the row moved meanwhile.
            because: For the ledger.

        Raises:
            Held: If an effect holds the row and does not settle.
        """
        machine = handle.machine
        adapter = adapter_of(type(handle.subject))
        at = stamp(self._clock.now())

        def write(tx: SpineTransaction) -> Row | None:
            row = tx.row(handle.id)
            if row is None or row.pending:
                return None
            updated = update(adapter.validate_json(row.data))
            planned = changing(machine, row, updated, because=because)
            changed = tx.swap(planned.swap)
            tx.append(handle.id, "", at, planned.records)
            return changed

        for _ in range(HELD_TRIES):
            row = await self._storage.transact(write)
            if row is not None:
                handle.see(row)
                return
            await self._clock.pause(HELD_PAUSE)
        await self.refresh(handle)
        raise Held(
            f"{handle.id} cannot change: the effect of crossing {handle.pending} holds it and has "
            "not settled. Settle or resolve that crossing first."
        )

    # Work that is due

    async def drain(self) -> int:
        """Do everything that is due now; how many pieces were done."""
        self._check_open()
        return await self._runner.run_due()

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
        """What was recorded under a key; None if nothing is, or it has not ended."""
        recorded = await self._storage.crossing(crossing_id(key))
        if recorded is None:
            return None
        outcome = answer_again(boundary, recorded)
        return None if isinstance(outcome, InFlight) else outcome

    def _handle_of(self, machine: StateMachine[Any], row: Row) -> Handle[Any, Any]:
        handle = self._handles.get(row.subject)
        if handle is None:
            type_ = self._registry.subject_type(machine)
            handle = Handle(machine, row, adapter_of(type_).validate_json(row.data))
            self._handles[row.subject] = handle
        else:
            handle.see(row)
        return handle

    def _check_open(self) -> None:
        if self._driver is None:
            raise UsageError("this runtime is not open: async with Runtime(...) as runtime")
        if self._driver.done() and not self._driver.cancelled():
            error = self._driver.exception()
            if error is not None:
                raise error


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """The one bridge for scripts: `run_sync(main())`."""
    return asyncio.run(coroutine)
