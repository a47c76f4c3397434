"""One crossing per key at a time: the first caller runs it, the others wait for its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

from signoff.errors import UsageError

T = TypeVar("T")

#: What followers are told when the leader was cancelled: one of them takes over.
_ABANDONED = object()


class _Flight:
    """A crossing under way, led by one caller's task."""

    __slots__ = ("about", "ended", "leader")

    def __init__(self, about: tuple[str, str], leader: asyncio.Task[Any] | None) -> None:
        self.about = about
        self.leader = leader
        self.ended: asyncio.Future[tuple[object, Exception | None]] | None = None

    def wait(self) -> asyncio.Future[tuple[object, Exception | None]]:
        if self.ended is None:
            self.ended = asyncio.get_running_loop().create_future()
        return self.ended

    def tell(self, result: object, error: Exception | None = None) -> None:
        if self.ended is not None:
            self.ended.set_result((result, error))


class Flights:
    """The crossings that this process is running, by id."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._flights)

    async def join(self, id: str, about: tuple[str, str], run: Callable[[], Awaitable[T]]) -> T:
        """Run a crossing, or wait for the caller that is running it.

        If that caller is cancelled, one that waits takes over; the crossing goes on from what is
        recorded under its key.

        Args:
            id: Of the crossing.
            about: Boundary and subject, which must be the same for everybody under one key.
            run: Runs it.

        Raises:
            UsageError: If the key names another crossing that is under way.
        """
        while (flight := self._flights.get(id)) is not None:
            if flight.about != about:
                raise UsageError(
                    f"this key names a crossing of {flight.about[0]} about {flight.about[1]}, "
                    f"under way just now; it cannot name one of {about[0]} about {about[1]}"
                )
            result, error = await asyncio.shield(flight.wait())
            if error is not None:
                raise error
            if result is not _ABANDONED:
                return cast("T", result)
        flight = self._flights[id] = _Flight(about, asyncio.current_task())
        result = _ABANDONED
        failure: Exception | None = None
        try:
            result = await run()
            return result
        except Exception as error:
            failure = error
            raise
        finally:
            del self._flights[id]
            flight.tell(result, failure)

    async def cancel(self) -> None:
        """Cancel every crossing under way, and wait until they have let go."""
        flights = list(self._flights.values())
        for flight in flights:
            if flight.leader is not None:
                flight.leader.cancel()
        await asyncio.gather(*(flight.wait() for flight in flights))
