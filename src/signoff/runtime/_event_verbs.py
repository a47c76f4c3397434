"""What a runtime does with event logs: append, read, fork, consume, read again, ask again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, TypeVar

from signoff.boundary import (
    Adding,
    PendingEffect,
    Transaction,
    add_events,
    checked_stream,
)
from signoff.clock import Clock, stamp
from signoff.errors import UsageError
from signoff.runtime._consumers import Consumers
from signoff.runtime._handing_over import HandingOver
from signoff.runtime._registry import Registry
from signoff.runtime._rereading import Progress, Rereading
from signoff.state import Appended, Compared, Consumer, Event, EventLog, Stale
from signoff.storage import Storage

E = TypeVar("E")


class EventVerbs:
    """The event logs' part of a runtime."""

    _storage: Storage
    _clock: Clock
    _registry: Registry
    _consumers: Consumers
    _handing_over: HandingOver
    _rereading: Rereading

    _check_open: Callable[[], None]
    _drive_consumers: Callable[[], Any]

    async def append(
        self,
        log: EventLog[E],
        stream: str,
        *events: E,
        expected: int | None = None,
        key: str | None = None,
        happened: datetime | None = None,
    ) -> Appended | Stale:
        """Add events to a stream, all of them or none, by decision of code, not of a model.

        Args:
            log: The log.
            stream: Name of the stream: the id of the subject that it is about.
            events: What happened, in this order.
            expected: Version that the stream must have; 0 for a stream that has not begun, None
                for any.
            key: Names this addition to the stream for ever: the same key again adds nothing.
            happened: When they happened; by default now.

        Returns:
            `Stale` if the stream is not at the expected version: nothing was added.

        Raises:
            BadInput: If the stream's name cannot name one.
            UsageError: If the log was not declared with the type of an event.
        """
        self._check_open()
        if not events:
            raise UsageError("append at least one event")
        now = self._clock.now()
        adding = Adding(
            log=log.name,
            stream=checked_stream(stream),
            events=[log.dump(event) for event in events],
            now=now,
            expected=expected,
            key=key,
            happened=happened,
        )

        def write(tx: Transaction) -> Appended | Stale:
            added = add_events(tx, adding)
            if not added.added:
                return Stale(stream=stream, expected=expected or 0, version=added.version)
            if added.records:
                tx.append(stream, "", stamp(now), added.records)
            return Appended(stream=stream, version=added.version, again=added.again)

        return await self._storage.transact(write)

    async def events(
        self, log: EventLog[E], stream: str, *, after: int = 0, until: int | None = None
    ) -> AsyncIterator[Event[E]]:
        """A stream's history, oldest first: a fork's begins with that of its source.

        Args:
            log: The log.
            stream: Name of the stream.
            after: Only later versions.
            until: Only versions up to this one.

        Raises:
            BadInput: If an event cannot be read as what the log is declared with.
        """
        rows = self._storage.events_of_stream(log.name, stream, after=after, until=until)
        async for row in rows:
            yield log.read(row, stream)

    async def asked_again(self, log: EventLog[E], stream: str) -> AsyncIterator[Event[E]]:
        """What was said about a stream when questions were asked again, beside its history."""
        async for row in self._storage.events_beside(log.name, stream):
            yield log.read(row)

    async def tail(self, log: EventLog[E], *, after: int = 0) -> AsyncIterator[Event[E]]:
        """Every event of a log with a position greater than `after`, as far as it goes now.

        What was said when a question was asked again is among them, with `asked_again` set.
        """
        while rows := await self._storage.events_of_log(log.name, after=after, limit=1000):
            for row in rows:
                yield log.read(row)
            after = rows[-1].position

    async def standing(self, log: EventLog[Any], stream: str, *, until: int | None = None) -> Any:
        """Where a stream stands, by the log's `fold`; None if it has not begun.

        Raises:
            UsageError: If the log has no `fold`.
        """
        return log.folded([event async for event in self.events(log, stream, until=until)])

    async def version(self, log: EventLog[Any], stream: str) -> int:
        """The version of a stream's last event; 0 if it has none."""
        return (await self._storage.stream(log.name, stream)).version

    async def fork(self, log: EventLog[Any], stream: str, *, at: int, to: str) -> None:
        """Begin a new stream whose history is another one's up to a version.

        Nothing is copied, and no consumer is handed that history again: it handles what is added
        to the new stream.

        Args:
            log: The log.
            stream: Whose history it is.
            at: Up to which version, from 1.
            to: Name of the new stream.

        Raises:
            BadInput: If there is no such version, or the new stream has begun already.
        """
        self._check_open()
        await self._storage.fork(log.name, stream, at=at, to=to)

    async def consume(self, consumer: Consumer[Any]) -> None:
        """Have this runtime hand the events of a log to a consumer, from now on.

        The same as naming it in `Runtime(knows=...)`.
        """
        self._check_open()
        self._registry.add([consumer])
        await self._drive_consumers()
        self._consumers.woken.set()

    async def reread(
        self,
        consumer: Consumer[Any],
        *,
        from_: int = 0,
        stream: str = "",
        examples: int = 20,
        progress: Progress | None = None,
    ) -> Compared:
        """Read a consumer's events again with the proposals that are on record.

        Nobody is asked and nothing is written: every proposal is judged and committed anew in a
        transaction that is undone, and what comes of it is compared with what did. A difference
        means that the code is no longer what it was.

        Args:
            consumer: Whose events.
            from_: Only events after this position of the log.
            stream: Only events of this stream.
            examples: How many differences to show.
            progress: Told how many events were looked at.
        """
        self._check_open()
        return await self._rereading.compare(
            consumer, asking=False, from_=from_, stream=stream, examples=examples, progress=progress
        )

    async def ask_again(
        self,
        consumer: Consumer[Any],
        *,
        from_: int = 0,
        stream: str = "",
        concurrency: int = 8,
        examples: int = 20,
        progress: Progress | None = None,
    ) -> Compared:
        """Ask the proposer of a consumer every question again, and compare.

        Nothing that follows from an answer happens. That it was asked, and what came out, is put
        on the stream beside its history, marked: see `Event.asked_again`.

        Args:
            consumer: Whose questions; with the proposer that shall be asked.
            from_: Only about events after this position of the log.
            stream: Only about events of this stream.
            concurrency: Questions asked at the same time.
            examples: How many differences to show.
            progress: Told how many events were looked at.

        Raises:
            UsageError: If the boundary's proposer asks other boundaries.
        """
        self._check_open()
        return await self._rereading.compare(
            consumer,
            asking=True,
            from_=from_,
            stream=stream,
            concurrency=concurrency,
            examples=examples,
            progress=progress,
        )

    async def _take_up_event(self, effect: PendingEffect) -> bool:
        """Hand over an event that had been set aside; see `Effects`."""
        consumer = self._registry.consumer(effect.name.partition(":")[2])
        place = json.loads(effect.payload)
        rows = self._storage.events_of_stream(
            place["log"], place["stream"], after=place["version"] - 1, until=place["version"]
        )
        async for row in rows:
            await self._handing_over.take_up(consumer, row, effect)
        return True
