"""The pulse of a supervisor: heartbeats, written beside the children."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Literal, TypeAlias

from signoff.clock import Clock, stamp
from signoff.control._heartbeat import Heartbeat, Heartbeats
from signoff.control._letting_go import described, let_go, raise_if_stopped

_log = logging.getLogger("signoff.control")

State: TypeAlias = Literal["running", "restarting", "given_up", "stopped"]
_ALIVE = ("running", "restarting")

#: Seconds that one heartbeat may take to be written, and the last ones of a run together.
BEAT_PATIENCE = 5.0


class Pulse:
    """Writes heartbeats beside the children, so that a store that hangs holds up none of them."""

    def __init__(
        self, heartbeats: Heartbeats | None, clock: Clock, every: timedelta, process: str
    ) -> None:
        self._heartbeats, self._clock = heartbeats, clock
        self._every, self._process = every, process
        self._latest: dict[str, Heartbeat] = {}
        self._unwritten = deque[Heartbeat](maxlen=1000)
        self._woken = asyncio.Event()
        self._losing = self._ending = False
        self._tasks: list[asyncio.Task[None]] = []

    def note(self, child: str, state: State, restarts: int, error: str) -> None:
        self._latest[child] = Heartbeat(
            process=self._process,
            child=child,
            at=stamp(self._clock.now()),
            state=state,
            restarts=restarts,
            error=error,
        )
        self._unwritten.append(self._latest[child])
        self._woken.set()

    async def __aenter__(self) -> Pulse:
        if self._heartbeats is not None:
            write, tick = self._write(self._heartbeats), self._tick()
            self._tasks = [asyncio.create_task(write), asyncio.create_task(tick)]
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._ending = True
        self._woken.set()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks[:1], timeout=BEAT_PATIENCE)
        finally:
            await let_go(self._tasks)

    async def _tick(self) -> None:
        # Beats follow the clock and not its pauses: while it stands still, there are none.
        beaten, step = self._clock.now(), min(self._every.total_seconds() / 4, 1.0)
        while True:
            await self._clock.pause(step)
            now = self._clock.now()
            if abs(now - beaten) >= self._every and not self._unwritten:
                beaten = now
                alive = [beat for beat in self._latest.values() if beat.state in _ALIVE]
                self._unwritten.extend(replace(beat, at=stamp(now)) for beat in alive)
                self._woken.set()

    async def _write(self, heartbeats: Heartbeats) -> None:
        while True:
            while self._unwritten:
                await self._beat(heartbeats, self._unwritten.popleft())
            if self._ending:
                return
            self._woken.clear()
            await self._woken.wait()

    async def _beat(self, heartbeats: Heartbeats, heartbeat: Heartbeat) -> None:
        try:
            async with asyncio.timeout(BEAT_PATIENCE):
                await heartbeats.beat(heartbeat)
            self._losing = False
        except (Exception, asyncio.CancelledError) as error:
            raise_if_stopped(error)
            if not self._losing:  # one warning for an outage, however long
                _log.warning("heartbeats are lost: %s", described(error))
            self._losing = True
