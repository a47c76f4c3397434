"""The embedded runner: fires due timers, delivers the outbox, finishes what a crash interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from signoff.boundary import (
    Carried,
    Outcome,
    PendingEffect,
    Timer,
)
from signoff.clock import Clock, from_stamp, stamp
from signoff.runtime._effects import Effects
from signoff.runtime._registry import Registry
from signoff.runtime._telemetry import Telemetry
from signoff.runtime._timers import Timers
from signoff.state import Handle, SpineStore

#: One claimed piece of work, not begun.
Piece: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

#: Timers or effects that are fetched at once.
BATCH = 256


class Runner:
    """Does what is due. Driven by the clock; see `signoff.clock.Driven`.

    Args:
        store: Where the work is kept.
        clock: Says what is due.
        registry: The boundaries, effects and machines that the work may name.
        handle_of: Gives a live handle for a row, for timers that start work.
        runtime: Passed to timer handlers.
        in_flight: Crossings that callers of this process are running right now.
        concurrency: Pieces of work at the same time.
        resume: Goes on with a crossing whose ticket was answered.
        take_up: Hands over an event that a consumer had set aside.
        max_restarts: How often a piece of work that fails is tried again before it is given up.
        telemetry: Is told of what is done.
    """

    def __init__(
        self,
        store: SpineStore,
        clock: Clock,
        registry: Registry,
        *,
        handle_of: Callable[[Any, Any], Handle[Any, Any]],
        runtime: object,
        in_flight: Iterable[str],
        concurrency: int,
        resume: Callable[[str], Awaitable[Outcome[Any]]],
        take_up: Callable[[PendingEffect], Awaitable[bool]],
        max_restarts: int,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._clock = clock
        self._registry = registry
        self._effects = Effects(
            store,
            clock,
            registry,
            handle_of=handle_of,
            resume=resume,
            take_up=take_up,
            max_restarts=max_restarts,
            telemetry=telemetry,
        )
        self._timers = Timers(
            store,
            clock,
            registry,
            handle_of=handle_of,
            runtime=runtime,
            max_restarts=max_restarts,
        )
        self._telemetry = telemetry
        self._slots = asyncio.Semaphore(concurrency)
        self._claiming = asyncio.Lock()
        self._busy_timers: set[tuple[str, str]] = set()
        self._busy_effects: dict[int, str] = {}
        self._in_flight = in_flight
        self._woken = asyncio.Event()
        self._next_due = ""

    @property
    def woken(self) -> asyncio.Event:
        return self._woken

    def expect(self, due: str) -> None:
        """Work was written that is due at `due`: wake up if that is before what is waited for."""
        if not self._next_due or due < self._next_due:
            self._woken.set()

    async def next_due(self) -> datetime | None:
        due = await self._store.next_due(self._registry.machines, self._registry.effect_names)
        self._next_due = due or ""
        return None if due is None else from_stamp(due)

    async def run_due(self) -> int:
        """Do everything that is due now, and what becomes due meanwhile; how much was done.

        Raises:
            UsageError: From a timer's handler: a mistake in the code is not work to retry.
        """
        done = 0
        while some := await self.run_once():
            done += some
        return done

    async def run_once(self, subject: str = "") -> int:
        """Do what is due now; how much that was.

        Args:
            subject: Only this one's, if it is named.

        Raises:
            UsageError: From a timer's handler: a mistake in the code is not work to retry.
        """
        pieces, careful = await self._claim(subject)
        if not pieces and not careful:
            return 0
        # Let every piece come to its end before one piece's mistake is told: an effect that
        # is cut off half-way is an effect in doubt.
        ended = await asyncio.gather(*map(self._slotted, pieces), return_exceptions=True)
        for timer in careful:
            ended.append(await self._fire_carefully(timer))
        for error in ended:
            if error is not None:
                raise error
        return len(pieces) + len(careful)

    async def _slotted(self, piece: Piece) -> None:
        async with self._slots:
            await piece()

    async def _fire(self, timer: Timer) -> None:
        try:
            with self._telemetry.work("timer", timer.name, crossing="", trace=""):
                await self._timers.fire(timer)
        finally:
            self._busy_timers.discard((timer.subject, timer.name))

    async def _fire_carefully(self, timer: Timer) -> BaseException | None:
        try:
            with self._telemetry.work("timer", timer.name, crossing="", trace=""):
                return await self._timers.fire_carefully(timer)
        finally:
            self._busy_timers.discard((timer.subject, timer.name))

    async def _claim(self, subject: str) -> tuple[list[Piece], list[Timer]]:
        """What is due and nobody has in hand. It is busy from here on, before it is begun.

        Returns:
            Pieces that may be done side by side, and timers to be fired one after the other, those
            that were tried least first.
        """
        now = stamp(self._clock.now())
        async with self._claiming:
            # As they are before the claim: what ends during it may still be among the rows.
            busy, busy_timers = dict(self._busy_effects), set(self._busy_timers)
            in_flight = set(self._in_flight)
            effects = await self._store.claim_effects(
                self._registry.effect_names, now=now, limit=BATCH, busy=busy, subject=subject
            )
            timers = await self._store.claim_timers(
                self._registry.machines, now=now, limit=BATCH, busy=busy_timers, subject=subject
            )
            in_flight |= set(self._in_flight)
            begun = set(busy.values())
            by_crossing: dict[str, list[PendingEffect]] = {}
            for effect in effects:
                if effect.crossing in begun:
                    continue  # an earlier effect of the same crossing comes first
                if effect.kind == "outbox" or effect.crossing not in in_flight:
                    by_crossing.setdefault(effect.crossing, []).append(effect)
            for theirs in by_crossing.values():
                self._busy_effects.update({effect.id: effect.crossing for effect in theirs})
            self._busy_timers.update((timer.subject, timer.name) for timer in timers)
        pieces: list[Piece] = [
            # A saga waits for its steps, which must not wait behind it for a slot.
            *(
                partial(self._settle_all, theirs)
                for theirs in sorted(
                    by_crossing.values(), key=lambda theirs: theirs[0].kind == "durable"
                )
            ),
            *(partial(self._fire, timer) for timer in timers if not timer.adopted),
        ]
        return pieces, sorted((t for t in timers if t.adopted), key=lambda timer: timer.tries)

    # Effects

    async def _settle_all(self, effects: Sequence[PendingEffect]) -> None:
        """One crossing's effects, in order; the first that fails keeps the later ones waiting."""
        try:
            for effect in effects:
                if not await self._effects.settle_or_postpone(effect):
                    return
        finally:
            self._let_go(effects)

    async def finish_commit(self, crossing: str, said: Carried | None = None) -> bool:
        """Settle the external commit of a crossing, by what a person says of it if somebody does.

        Returns:
            False if there is none, or another has it in hand.
        """
        async with self._claiming:
            busy = dict(self._busy_effects)
            effect = await self._store.claim_commit(crossing, busy=busy)
            if effect is None:
                return False
            self._busy_effects[effect.id] = crossing
        try:
            await self._effects.settle_commit(effect, said)
        finally:
            self._let_go([effect])
        return True

    def _let_go(self, effects: Sequence[PendingEffect]) -> None:
        for effect in effects:
            self._busy_effects.pop(effect.id, None)
