"""Time, by the front door: the one place that asks the real clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "Driven", "SystemClock", "from_stamp", "stamp"]


class Driven(Protocol):
    """Work that becomes due: durable timers, pending effects."""

    @property
    def woken(self) -> asyncio.Event:
        """Set when something new may have become due."""
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest piece of work is due; None when nothing waits."""
        ...

    async def run_due(self) -> int:
        """Do what is due now; how many pieces were done."""
        ...


class Clock(Protocol):
    """What the runtime knows of time. All times are aware UTC."""

    def now(self) -> datetime:
        """The current instant."""
        ...

    def elapsed(self) -> float:
        """Seconds on a monotonic scale, for measuring durations."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait between two tries of the same call. Never decides anything; not durable."""
        ...

    async def drive(self, work: Driven) -> None:
        """Run `work` whenever it is due, until cancelled."""
        ...


class SystemClock:
    """The real time."""

    #: Work that another process added is noticed within this many seconds.
    poll = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return time.perf_counter()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def drive(self, work: Driven) -> None:
        while True:
            work.woken.clear()
            done = await work.run_due()
            due = await work.next_due()
            wait = self.poll if due is None else min(self.poll, (due - self.now()).total_seconds())
            if done and wait <= 0:
                continue
            try:
                # Work that is due but could not be done must not turn this into a busy loop.
                async with asyncio.timeout(max(wait, 0.02)):
                    await work.woken.wait()
            except TimeoutError:
                pass


def stamp(at: datetime) -> str:
    """An instant as text that sorts like the instant: `2026-03-01T12:00:00.000000Z`.

    Raises:
        ValueError: For a time without a zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; use aware UTC times")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def from_stamp(text: str) -> datetime:
    """The instant that `stamp` wrote."""
    return datetime.fromisoformat(text)
