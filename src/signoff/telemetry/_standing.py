"""Gauges over what waits in a store, read when somebody looks."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol, TypeAlias

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from signoff.boundary import EVERYTHING, KILLS, read_kills
from signoff.clock import Clock, from_stamp, stamp
from signoff.control import Heartbeat
from signoff.telemetry._conventions import METRICS

#: What is read is good for so many seconds: one look reads several gauges.
FRESH = 1.0

#: Seconds that somebody who looks waits at most for a store; the gauges are then left out.
PATIENCE = 2.0

#: A child that runs has a heartbeat every ten seconds.
_ALIVE = timedelta(seconds=30)

#: Values of every gauge, by name.
Standing: TypeAlias = Mapping[str, Sequence[Observation]]


class _Listed(Protocol):
    @property
    def due(self) -> str: ...


class Standings(Protocol):
    """What is asked of a store; `signoff.storage.Storage` answers it."""

    async def pending(self) -> list[tuple[str, str, int, str]]:
        """(`effect` or `timer`, name, how many, earliest due)."""
        ...

    async def in_doubt(self) -> list[tuple[str, int]]:
        """(effect, how many)."""
        ...

    async def asks(self, now: str) -> list[tuple[str, int, int]]:
        """(who is asked, open tickets, those that are overdue)."""
        ...

    async def inbox(self, *, limit: int) -> Sequence[_Listed]:
        """Open tickets, the most urgent first."""
        ...

    async def heartbeats(self) -> list[Heartbeat]:
        """The last signs of life."""
        ...

    async def switch(self, name: str) -> str:
        """What a switch is set to."""
        ...


async def look(store: Standings, now: datetime) -> Standing:
    """Read every gauge."""
    depth: list[Observation] = []
    lag: list[Observation] = []
    for kind, name, number, due in await store.pending():
        told = {"signoff.work": kind, "signoff.work_name": name}
        late = (now - from_stamp(due)).total_seconds()
        depth.append(Observation(number, told))
        lag.append(Observation(max(late, 0.0), told))
    asks = await store.asks(stamp(now))
    urgent = [ticket.due for ticket in await store.inbox(limit=1) if ticket.due]
    alive = {
        beat.process
        for beat in await store.heartbeats()
        if beat.state in ("running", "restarting") and now - from_stamp(beat.at) <= _ALIVE
    }
    scopes = Counter(_reach(kill.scope) for kill in read_kills(await store.switch(KILLS)))
    return {
        "signoff.queue.depth": depth,
        "signoff.queue.lag": lag,
        "signoff.effects.in_doubt": [
            Observation(number, {"signoff.effect": name}) for name, number in await store.in_doubt()
        ],
        "signoff.tickets.waiting": [Observation(n, {"signoff.ask": ask}) for ask, n, _ in asks],
        "signoff.tickets.overdue": [Observation(n, {"signoff.ask": ask}) for ask, _, n in asks],
        "signoff.tickets.deadline": [
            Observation((from_stamp(due) - now).total_seconds()) for due in urgent
        ],
        "signoff.workers.alive": [Observation(len(alive))],
        "signoff.kills": [
            Observation(scopes[scope], {"signoff.scope": scope})
            for scope in (EVERYTHING, "boundary", "tenant", "subject")
        ],
    }


def _reach(scope: str) -> str:
    """How far a kill reaches, without naming whom."""
    if scope == EVERYTHING:
        return scope
    before, colon, _ = scope.partition(":")
    return before if colon and before in ("tenant", "subject") else "boundary"


class Gauges:
    """The gauges of a meter, over one store at a time.

    Args:
        meter: Makes them.
    """

    def __init__(self, meter: Meter) -> None:
        self._store: Standings | None = None
        self._clock: Clock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._lock = threading.Lock()
        self._seen: Standing = {}
        self._at = float("-inf")
        for metric in METRICS:
            if metric.kind == "gauge":
                meter.create_observable_gauge(
                    metric.name, [self._callback(metric.name)], metric.unit, metric.about
                )

    def follow(self, store: Standings, clock: Clock) -> None:
        """Look at this store, from the event loop that runs here."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._store, self._clock = store, clock
        self._at = float("-inf")

    def leave(self) -> None:
        """Look no more."""
        self._store = None
        self._seen = {}

    def _callback(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(options: CallbackOptions) -> Iterator[Observation]:
            yield from self._standing().get(name, ())

        return observe

    def _standing(self) -> Standing:
        # Whoever looks from the event loop itself would wait for ever.
        if self._store is None or threading.get_ident() == self._thread:
            return self._seen
        with self._lock:
            if monotonic() - self._at >= FRESH:
                self._seen = self._read()
                self._at = monotonic()
            return self._seen

    def _read(self) -> Standing:
        store, clock, loop = self._store, self._clock, self._loop
        if store is None or clock is None or loop is None or loop.is_closed():
            return {}
        looking = look(store, clock.now())
        try:
            found = asyncio.run_coroutine_threadsafe(looking, loop)
        except RuntimeError:  # closed meanwhile
            looking.close()
            return {}
        try:
            return found.result(PATIENCE)
        except Exception:
            # A store that is away, or busy: a gap tells more than an old value.
            found.cancel()
            return {}
