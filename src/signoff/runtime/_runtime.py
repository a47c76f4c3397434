"""The one object with a lifetime: open it, use it, close it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from signoff.boundary import (
    Subject,
)
from signoff.clock import Clock, Driven, SystemClock
from signoff.errors import StorageUnavailable, UsageError
from signoff.ledger import Redact
from signoff.runtime._consumers import Consumers
from signoff.runtime._crossing_verbs import CrossingVerbs
from signoff.runtime._event_verbs import EventVerbs
from signoff.runtime._flights import Flights
from signoff.runtime._handing_over import HandingOver
from signoff.runtime._heartbeats import Unhurried
from signoff.runtime._people_verbs import PeopleVerbs
from signoff.runtime._registry import Known, Registry
from signoff.runtime._rereading import Rereading
from signoff.runtime._runner import Runner
from signoff.runtime._spine_verbs import SpineVerbs
from signoff.runtime._telemetry import Telemetry, Untold
from signoff.state import Handle
from signoff.storage import Storage, storage_at

if TYPE_CHECKING:
    from signoff.control import Escalated, Listed

St = TypeVar("St", bound=str)
S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")


_log = logging.getLogger("signoff.runtime")


class Runtime(CrossingVerbs, SpineVerbs, PeopleVerbs, EventVerbs):
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
        code_version: Of your code, where two of them are alive during an upgrade: a crossing that
            newer code has opened is left to it.
        telemetry: Who is told what happens while it does, such as
            `signoff.telemetry.OpenTelemetry()`; by default nobody.

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
        code_version: int = 0,
        telemetry: Telemetry | None = None,
    ) -> None:
        # Inside, here and elsewhere in this room: `import signoff` has no need of it.
        from signoff.control import Principals

        if not isinstance(store, str) and redact is not None:
            raise UsageError("give redact= to the storage that you built")
        self._storage = storage_at(store, redact=redact) if isinstance(store, str) else store
        self._clock = clock or SystemClock()
        self._storage.clock = self._clock
        self._storage.code = code_version
        self._registry = Registry()
        self._registry.add(knows)
        self._handles: WeakValueDictionary[str, Handle[Any, Any]] = WeakValueDictionary()
        self._flights = Flights()
        self._telemetry: Telemetry = telemetry or Untold()
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
            telemetry=self._telemetry,
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
            telemetry=self._telemetry,
        )
        self._principals = Principals.of(principals)
        self._announced: dict[str, tuple[str, ...]] = {}
        self._gave_up: BaseException | None = None
        self._storage.on_due = self._runner.expect
        self._storage.on_append = self._consumers.woken.set
        self._storage.on_written = self._telemetry.wrote if telemetry is not None else None
        self._is_open = False
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
        await self._telemetry.opened(self._storage, self._clock)
        self._is_open = True  # before anything is driven: what is due crosses boundaries
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
        self._is_open = False
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
        await self._telemetry.closed()
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

    # Work that is due

    async def run_due_of(self, subject: str) -> int:
        """Do everything that is due now of one subject; how many pieces were done.

        Raises:
            UsageError: From a timer's handler: a mistake in the code is not work to retry.
        """
        self._check_open()
        return await self._runner.run_once(subject)

    @property
    def queues(self) -> tuple[str, ...]:
        """Names of the machines, boundaries and effects whose work this process can do."""
        return (*self._registry.machines, *self._registry.effect_names)

    async def drain(self) -> int:
        """Do everything that is due now; how many pieces were done."""
        self._check_open()
        done = 0
        while more := await self._runner.run_due() + await self._consumers.run_due():
            done += more
        return done

    def _check_open(self) -> None:
        if not self._is_open:
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
