"""Firing timers: moves that are due, and work that is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from signoff.boundary import Timer, adapter_of
from signoff.clock import Clock, stamp
from signoff.errors import NotNow, UsageError
from signoff.ledger import TimerFired
from signoff.runtime._registry import Registry
from signoff.runtime._resting import HALTED_FOR, backoff, give_up_on
from signoff.state import Handle, SpineStore, SpineTransaction, moving

_log = logging.getLogger("signoff.runtime")


class Timers:
    """Fires one timer at a time.

    Args:
        store: Where the timers are kept.
        clock: Time.
        registry: The machines that they may name.
        handle_of: Gives a live handle for a row, for timers that start work.
        runtime: Passed to timer handlers.
        max_restarts: How often work that fails is tried again before it is given up.
    """

    def __init__(
        self,
        store: SpineStore,
        clock: Clock,
        registry: Registry,
        *,
        handle_of: Callable[[Any, Any], Handle[Any, Any]],
        runtime: object,
        max_restarts: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._registry = registry
        self._handle_of = handle_of
        self._runtime = runtime
        self._max_restarts = max_restarts

    async def fire(self, timer: Timer) -> None:
        """Make the move, or start the work."""
        machine = self._registry.machine(timer.machine)
        definition = machine.by_name.get(timer.name)
        if definition is None:
            raise UsageError(
                f"a timer {timer.name!r} of {timer.subject} is due, but machine "
                f"{machine.name} no longer has it; keep it until no row waits on it"
            )
        if definition.go is not None:
            await self._go(timer, definition.go)
        else:
            await self._do(timer, definition.do)

    async def fire_carefully(self, timer: Timer) -> BaseException | None:
        """Fire a timer that the process before may have died over: counted before it is begun."""
        try:
            definition = self._registry.machine(timer.machine).by_name.get(timer.name)
            if definition is not None and definition.go is not None:
                await self.fire(timer)  # a move is nobody's work: it waits, and is never given up
            elif timer.tries >= self._max_restarts:
                died = RuntimeError("its process died every time")
                await give_up_on(timer, died, store=self._store, clock=self._clock)
            else:
                await self._store.transact(lambda tx: tx.begin_timer(timer))
                await self.fire(replace(timer, tries=timer.tries + 1))
        except Exception as error:
            return error
        return None

    async def _go(self, timer: Timer, to: str) -> None:
        machine = self._registry.machine(timer.machine)
        now = self._clock.now()

        def write(tx: SpineTransaction) -> Any:
            row = tx.row(timer.subject)
            if row is None or row.version != timer.version:
                return None  # the move has taken it along, or it now stands at a newer version
            if row.pending:
                due = stamp(now + backoff(timer.tries))
                tx.postpone_timer(timer, due=due)
                return None
            subject = adapter_of(self._registry.subject_type(machine)).validate_json(row.data)
            planned = moving(
                machine, row, subject, to, now=now, because=f"timer {timer.name}", replaced=False
            )
            moved = tx.swap(planned.swap)
            fired = TimerFired(name=timer.name, version=timer.version)
            tx.append(timer.subject, "", stamp(now), [fired, *planned.records])
            return moved

        moved = await self._store.transact(write)
        if moved is not None:
            self._handle_of(machine, moved)

    async def _do(self, timer: Timer, handler: Any) -> None:
        machine = self._registry.machine(timer.machine)
        row = await self._store.row(timer.subject)
        if row is None or row.version != timer.version:
            return  # the move has taken it along, or it now stands at a newer version
        try:
            await handler(self._runtime, self._handle_of(machine, row))
        except UsageError:
            raise
        except NotNow:
            due = stamp(self._clock.now() + HALTED_FOR)
            await self._store.transact(lambda tx: tx.postpone_timer(timer, due=due, counts=False))
            return
        except Exception as error:
            if timer.tries >= self._max_restarts:
                await give_up_on(timer, error, store=self._store, clock=self._clock)
                return
            _log.exception("timer %s of %s failed; it will be tried again", timer.name, row.subject)
            due = stamp(self._clock.now() + backoff(timer.tries))
            await self._store.transact(lambda tx: tx.postpone_timer(timer, due=due))
            return
        if await self._store.timer_is_set(timer):
            await self._store.transact(lambda tx: tx.drop_timer(timer))
