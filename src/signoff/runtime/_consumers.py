"""Handing events over to their consumers: in order within a stream, side by side otherwise."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from signoff.boundary import EventRow
from signoff.clock import Clock
from signoff.errors import NotNow, StorageUnavailable, UsageError
from signoff.runtime._registry import Registry
from signoff.runtime._resting import HALTED_FOR, backoff
from signoff.runtime._telemetry import Telemetry
from signoff.state import Consumer, EventStore

_log = logging.getLogger("signoff.runtime")

#: Events that are read at once.
BATCH = 256

#: Events that wait in memory at most, behind those that rest, before no more are read.
MOST_WAITING = 10_000

#: Positions that a consumer may have come further than what is on record, where each event has
#: moved an offset of its own: so many are looked at again after a crash.
BEHIND = 256

#: Seconds without an event after which that is put on record as well.
IDLE = 5.0

_handing_over: ContextVar[bool] = ContextVar("handing_over", default=False)

#: Handles one event of a consumer.
HandOver: TypeAlias = Callable[[Consumer[Any], EventRow], Awaitable[None]]

#: Lets an event rest that failed every time.
SetAside: TypeAlias = Callable[[Consumer[Any], EventRow, Exception, int], Awaitable[None]]


class _Reader:
    """How far this process has come with one consumer."""

    def __init__(self, consumer: Consumer[Any]) -> None:
        self.consumer = consumer
        self.mine: bool | None = None  # unknown until it was claimed for the first time
        self.read = self.kept = -1
        self.waiting: dict[str, deque[EventRow]] = {}
        self.rests: dict[str, tuple[datetime, int]] = {}
        self.busy = 0.0

    def begin(self, position: int) -> None:
        """Begin, or begin anew after another process had it."""
        self.read = self.kept = position
        self.waiting.clear()
        self.rests.clear()

    @property
    def handled(self) -> int:
        """Everything up to this position is handled."""
        first = min((queue[0].position for queue in self.waiting.values()), default=0)
        return first - 1 if first else self.read

    @property
    def held(self) -> int:
        return sum(map(len, self.waiting.values()))

    def ready(self, now: datetime) -> list[str]:
        """Streams whose next event may be handed over."""
        return [
            stream
            for stream in self.waiting
            if stream not in self.rests or self.rests[stream][0] <= now
        ]


class Consumers:
    """Drives the consumers that this process knows. See `signoff.clock.Driven`.

    Args:
        store: Where logs and offsets are kept.
        clock: Says when an event that failed is tried again.
        registry: The consumers.
        hand_over: Handles one event.
        set_aside: Lets an event rest that failed too often.
        concurrency: Events that are handled at the same time.
        max_restarts: How often an event is tried again before it is set aside.
        telemetry: Is told of what is done.
    """

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        registry: Registry,
        *,
        hand_over: HandOver,
        set_aside: SetAside,
        concurrency: int,
        max_restarts: int,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._clock = clock
        self._registry = registry
        self._hand_over = hand_over
        self._set_aside = set_aside
        self._max_restarts = max_restarts
        self._telemetry = telemetry
        self._slots = asyncio.Semaphore(concurrency)
        self._turns = asyncio.Lock()
        self._readers: dict[str, _Reader] = {}
        self.woken = asyncio.Event()

    async def next_due(self) -> datetime | None:
        """When there is an event to be handed over; now, if one waits."""
        now = self._clock.now()
        dues: list[datetime] = []
        for reader in self._known():
            if reader.mine is None:
                dues.append(now)
            elif reader.mine:
                dues.extend(due for due, _ in reader.rests.values())
                if reader.held < MOST_WAITING:
                    last = await self._store.log_position(reader.consumer.log.name)
                    dues.extend([now] if last > reader.read else [])
        return min(dues, default=None)

    async def run_due(self) -> int:
        """Hand over every event that waits; how many were.

        Raises:
            UsageError: From a handler: a mistake in the code is not work to retry.
        """
        if _handing_over.get():
            return 0  # a handler that drains the runtime must not wait for itself
        done = 0
        async with self._turns:  # a caller of `drain` and the clock must not do the same
            while True:
                turns = [self._turn(reader) for reader in self._known()]
                ended = await asyncio.gather(*turns, return_exceptions=True)
                handled = 0
                for end in ended:
                    if isinstance(end, BaseException):
                        raise end
                    handled += end
                if not handled:
                    return done
                done += handled

    async def close(self) -> None:
        """Put on record how far they have come, so that the next process need not look again."""
        for reader in self._readers.values():
            if reader.mine:
                await self._keep(reader)

    def _known(self) -> list[_Reader]:
        for name, consumer in self._registry.consumers.items():
            if name not in self._readers:
                self._readers[name] = _Reader(consumer)
        return list(self._readers.values())

    async def _turn(self, reader: _Reader) -> int:
        """Read on, and hand over what may be; how much was done."""
        consumer = reader.consumer
        if reader.mine is None:
            log, from_now = consumer.log.name, consumer.begins == "next"
            await self._store.add_consumer(consumer.name, log, from_now=from_now)
        position = await self._store.claim_consumer(consumer.name)
        if position is None or not reader.mine or reader.kept < position:
            reader.mine = position is not None
            reader.begin(-1 if position is None else position)
        if not reader.mine:
            return 0
        rows: Sequence[EventRow] = ()
        if reader.held < MOST_WAITING:
            rows = await self._store.events_of_log(
                consumer.log.name, after=reader.read, limit=BATCH
            )
        if rows:
            await self._take(reader, rows)
        streams = [self._see_to(reader, name) for name in reader.ready(self._clock.now())]
        ended = await asyncio.gather(*streams, return_exceptions=True)
        for end in ended:
            if isinstance(end, BaseException):
                raise end
        done = len(rows) + len(ended)
        if done:
            reader.busy = self._clock.elapsed()
        # Once in a while, or when nothing else has been done for long: it costs a flush.
        idle = self._clock.elapsed() - reader.busy >= IDLE
        if reader.handled - reader.kept >= BEHIND or idle:
            await self._keep(reader)
        return done

    async def _take(self, reader: _Reader, rows: Sequence[EventRow]) -> None:
        """Put events in line, without those that were handled or are none of its business."""
        consumer = reader.consumer
        wanted = [row for row in rows if row.about is None and consumer.wants(row.type)]
        offsets = await self._store.offsets(consumer.name, {row.stream for row in wanted})
        for row in wanted:
            offset = offsets.get(row.stream)
            if offset is None or offset.version < (row.version or 0):
                reader.waiting.setdefault(row.stream, deque()).append(row)
        reader.read = rows[-1].position

    async def _keep(self, reader: _Reader) -> None:
        if reader.handled > reader.kept:
            await self._store.save_position(reader.consumer.name, reader.handled)
            reader.kept = reader.handled

    async def _see_to(self, reader: _Reader, stream: str) -> None:
        """Hand over a stream's events, one after the other, until one has to rest."""
        queue = reader.waiting[stream]
        while queue:
            async with self._slots:
                rest = await self._tried(reader, stream, queue[0])
            if rest is not None:
                reader.rests[stream] = rest
                return
            queue.popleft()
            reader.rests.pop(stream, None)
        del reader.waiting[stream]

    async def _tried(
        self, reader: _Reader, stream: str, row: EventRow
    ) -> tuple[datetime, int] | None:
        """Hand one event over; until when it rests and how often it failed, if it has to."""
        consumer = reader.consumer
        _handing_over.set(True)  # in the task of this stream, and those that it begins
        _, tries = reader.rests.get(stream, (None, 0))
        try:
            with self._telemetry.work("consume", consumer.name, crossing="", trace=""):
                await self._hand_over(consumer, row)
        except (UsageError, StorageUnavailable):
            raise
        except NotNow:
            return self._clock.now() + HALTED_FOR, tries
        except Exception as error:
            if tries >= self._max_restarts:
                await self._set_aside(consumer, row, error, tries + 1)
                return None
            _log.exception(
                "event %s of %s failed in consumer %s; it will be tried again",
                row.version,
                stream,
                consumer.name,
            )
            pause: timedelta = backoff(tries)
            return self._clock.now() + pause, tries + 1
        return None
