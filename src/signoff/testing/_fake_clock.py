"""A clock that is moved, not waited for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from signoff.clock import Driven
from signoff.errors import UsageError


class FakeClock:
    """Time stands still until it is advanced; whatever falls due on the way is done in order.

    Args:
        start: The first instant; an aware time.
    """

    #: Where a clock begins if nobody says otherwise.
    epoch = datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self, start: datetime = epoch) -> None:
        if start.tzinfo is None:
            raise UsageError(f"{start!r} has no time zone; use aware UTC times")
        self._now = start.astimezone(UTC)
        self._driven: list[Driven] = []

    def now(self) -> datetime:
        return self._now

    def elapsed(self) -> float:
        """Real seconds: a fake calendar does not make an answer faster."""
        return asyncio.get_running_loop().time()

    async def pause(self, seconds: float) -> None:
        """Let others run; a pause between two tries decides nothing, so it may be short."""
        await asyncio.sleep(min(seconds, 0.001))

    async def drive(self, work: Driven) -> None:
        self._driven.append(work)
        try:
            await asyncio.Event().wait()
        finally:
            self._driven.remove(work)

    async def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Move forward, stopping wherever something is due."""
        by = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        await self.advance_to(self._now + by)

    async def advance_to(self, until: datetime) -> None:
        """Move forward to an instant, stopping wherever something is due.

        Raises:
            UsageError: If the instant has passed.
        """
        if until < self._now:
            raise UsageError(f"{until} has passed; it is {self._now}")
        while True:
            done = [await work.run_due() for work in self._driven]
            if len(done) > 1 and any(done):
                continue  # what one has done may have given the other something to do
            dues = [due for work in self._driven if (due := await work.next_due()) is not None]
            due = min(dues, default=until)
            if due <= self._now and dues:
                # Another process has it in hand. Time must not pass it by.
                await asyncio.sleep(0.02)
            elif due < until or (due == until and dues):
                self._now = due
            else:
                break
        self._now = until
