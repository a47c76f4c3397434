"""The supervisor: what fails is started again alone, and given up rather than looped for ever."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import random
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, cast

from signoff.clock import Clock, SystemClock
from signoff.control._heartbeat import Heartbeats
from signoff.control._letting_go import described, let_go, raise_if_stopped, told_to_stop
from signoff.control._pulse import Pulse
from signoff.errors import UsageError

_log = logging.getLogger("signoff.control")


@dataclass(frozen=True, slots=True)
class Child:
    """One worker: an async function that is called again when it failed.

    Attributes:
        name: What heartbeats, logs and escalations call it.
        run: Begins from the start every time; what it must remember is on the spine.
        restart: Whether returning ends it (`on_failure`), or it is then started again (`always`).
    """

    name: str
    run: Callable[[], Awaitable[None]]
    restart: Literal["always", "on_failure"] = "on_failure"

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable() or len(self.name) > 100:
            raise UsageError(f"{self.name!r} cannot name a child: 1 to 100 printable characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait after a failure: anything up to `first`, then up to twice that, and so on.

    Attributes:
        first: The longest wait after the first failure in the window.
        most: No wait is longer.
    """

    first: timedelta = timedelta(milliseconds=100)
    most: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if not timedelta(0) < self.first <= self.most:
            raise UsageError(f"a backoff from {self.first} to {self.most}: say 0 < first <= most")

    def longest(self, failures: int) -> float:
        """Seconds to wait at most after so many failures."""
        doubled = self.first.total_seconds() * 2.0 ** min(failures - 1, 60)
        return min(doubled, self.most.total_seconds())


def after_failure(
    failures: Sequence[datetime],
    *,
    max_restarts: int,
    within: timedelta,
    backoff: Backoff,
    chance: float,
) -> float | None:
    """Seconds until a child that failed just now is started again; None to give it up. Pure.

    Args:
        failures: When it failed, the latest last.
        max_restarts: Failures within the window that are forgiven.
        within: How long before the latest failure the window begins; an earlier one is forgotten.
        backoff: How long to wait.
        chance: From 0 to 1: how much of the longest wait to wait ("full jitter").
    """
    # A wall clock can be set back: failures in its future are as far away as those in its past.
    recent = sum(abs(failures[-1] - at) < within for at in failures)
    return None if recent > max_restarts else backoff.longest(recent) * chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """A child was given up.

    Attributes:
        child: Its name.
        restarts: How often it had been started again after a failure, in and before the window.
        error: The last failure.
        at: When.
    """

    child: str
    restarts: int
    error: BaseException
    at: datetime


class Supervisor:
    """Runs children side by side; one that fails is started again alone, and the others go on.

    A child that fails more than `max_restarts` times within the window is given up: it is not
    started again, and `on_escalation` is told. Unlike the retries of an effect, restarts are not
    durable; they are counted anew in a new process.

    A `UsageError` is a mistake in the code and not retried, nor is anything that is no `Exception`,
    such as `SystemExit`: it cancels the others, and is raised when they have let go.

    Args:
        children: Names and their async functions, or `Child` values.
        max_restarts: Failures within the window that are forgiven.
        within: How long a failure counts.
        clock: Time; the real one by default.
        heartbeats: Where to tell how the children are doing. One that cannot be written is lost.
        on_escalation: Told once about each child that is given up. If it fails, that is logged.
        backoff: How long to wait before a restart.
        chance: Numbers from 0 to 1, for the jitter: `random.Random(7).random` can be repeated.
        beat_every: How often a child that runs has a heartbeat.
        process: What heartbeats call this process; host and process id by default.

    Raises:
        UsageError: If there is nothing to supervise, or a number makes no sense.
    """

    def __init__(
        self,
        children: Mapping[str, Callable[[], Awaitable[None]]] | Sequence[Child],
        *,
        max_restarts: int = 5,
        within: timedelta = timedelta(minutes=1),
        clock: Clock | None = None,
        heartbeats: Heartbeats | None = None,
        on_escalation: Callable[[Escalated], Awaitable[None]] | None = None,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
        beat_every: timedelta = timedelta(seconds=10),
        process: str = "",
    ) -> None:
        if isinstance(children, Mapping):
            children = [Child(name, run) for name, run in children.items()]
        self._children = list(children)
        names = [child.name for child in self._children]
        if not names:
            raise UsageError("a supervisor without children: give it at least one Child(name, run)")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"two children are called {twice[0]}: heartbeats need distinct names")
        if max_restarts < 0:
            raise UsageError(f"max_restarts={max_restarts}: say 0 to give up at the first failure")
        for name, span in (("within", within), ("beat_every", beat_every)):
            if span <= timedelta(0):
                raise UsageError(f"{name}={span!r} is no time at all: say how long, above zero")
        self._max_restarts, self._within = max_restarts, within
        self._backoff, self._chance = backoff or Backoff(), chance
        self._clock = clock or SystemClock()
        self._heartbeats, self._beat_every, self._process = heartbeats, beat_every, process
        self._on_escalation = on_escalation
        self._given_up: dict[str, Escalated] = {}
        self._fatal: list[BaseException] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def given_up(self) -> Mapping[str, Escalated]:
        """The children that were given up in this run, or in the last one."""
        return MappingProxyType(self._given_up)

    async def run(self) -> None:
        """Run the children until all of them have ended or were given up.

        Cancelled, it cancels them, waits for as long as they need to let go, and has them beat
        `stopped`; cancelled again meanwhile, it cancels them again.

        Raises:
            UsageError: What a child raised; or if this supervisor is running already.
        """
        if not all(task.done() for task in self._tasks):
            raise UsageError("this supervisor is running already; make one for each run()")
        self._given_up, self._fatal = {}, []
        process = self._process or f"{socket.gethostname()}:{os.getpid()}"
        async with Pulse(self._heartbeats, self._clock, self._beat_every, process) as pulse:
            guards = [self._guard(child, pulse) for child in self._children]
            self._tasks = [asyncio.create_task(guard) for guard in guards]
            left = set(self._tasks)
            try:
                while left and not self._fatal:
                    _, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await let_go(self._tasks)
        if self._fatal:
            raise self._fatal[0]

    async def _guard(self, child: Child, pulse: Pulse) -> None:
        """One child, from its first start to its end."""
        restarts, said, end = 0, "", "stopped"
        failures = deque[datetime](maxlen=self._max_restarts + 1)
        try:
            while True:
                pulse.note(child.name, "running", restarts, said)
                error = await _failure_of(child)
                stopping = told_to_stop()
                if error is None:
                    if stopping or child.restart == "on_failure":
                        return
                    # A child that returns at once must not turn this into a busy loop.
                    await self._clock.pause(self._backoff.first.total_seconds())
                    continue
                if stopping and isinstance(error, asyncio.CancelledError):
                    return
                said = described(error)
                if _is_fatal(error):
                    raise error
                if stopping:
                    _log.warning("%s failed as it stopped: %s", child.name, said, exc_info=error)
                    return
                failures.append(self._clock.now())
                wait = after_failure(
                    failures,
                    max_restarts=self._max_restarts,
                    within=self._within,
                    backoff=self._backoff,
                    chance=self._chance(),
                )
                if wait is None:
                    end = "given_up"
                    pulse.note(child.name, "given_up", restarts, said)
                    await self._escalate(child.name, restarts, error, failures[-1])
                    return
                pulse.note(child.name, "restarting", restarts, said)
                again = "%s failed: %s; it is started again in %.2f seconds"
                _log.warning(again, child.name, said, wait, exc_info=error)
                await self._clock.pause(wait)
                restarts += 1
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            # Kept, so that even after a SystemExit the others are stopped in good order; and
            # logged, as `run` raises only the first, and none if it was cancelled.
            self._fatal.append(error)
            _log.error("%s ends the supervisor: %s", child.name, described(error))
        finally:
            if end == "stopped":
                pulse.note(child.name, "stopped", restarts, said)

    async def _escalate(self, name: str, restarts: int, error: BaseException, at: datetime) -> None:
        escalated = Escalated(child=name, restarts=restarts, error=error, at=at)
        self._given_up[name] = escalated
        text = "%s is given up, having failed more than %d times within %s: %s"
        _log.error(text, name, self._max_restarts, self._within, described(error), exc_info=error)
        try:
            if self._on_escalation is not None:
                await self._on_escalation(escalated)
        except (Exception, asyncio.CancelledError) as failed:
            raise_if_stopped(failed)
            _log.exception("the escalation of %s failed: %s", name, described(failed))


async def _failure_of(child: Child) -> BaseException | None:
    """Run a child once, in a task of its own, so that it can cancel nobody but itself."""
    attempt = asyncio.create_task(_attempt(child), name=f"signoff-{child.name}")
    with suppress(asyncio.CancelledError):
        await asyncio.wait([attempt])
    with suppress(asyncio.CancelledError):
        await let_go([attempt])
    return asyncio.CancelledError() if attempt.cancelled() else attempt.result()


async def _attempt(child: Child) -> BaseException | None:
    try:
        running = cast("Any", child.run())
        if not inspect.isawaitable(running):
            raise UsageError(f"child {child.name} is not async: it returned {running!r:.60}")
        await running
    except BaseException as error:
        return error
    return None


def _is_fatal(error: BaseException) -> bool:
    """Whether it is no work to retry. A cancellation that nobody asked for is a failure."""
    if isinstance(error, ExceptionGroup):
        return cast("ExceptionGroup[Exception]", error).subgroup(UsageError) is not None
    return isinstance(error, UsageError) or not isinstance(
        error, Exception | asyncio.CancelledError
    )
