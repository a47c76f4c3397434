"""The embedded runner: fires due timers, delivers the outbox, finishes what a crash interrupted."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from signoff.boundary import (
    KILLS,
    Carried,
    DidNotHappen,
    Happened,
    InDoubt,
    Outcome,
    PendingEffect,
    Rejected,
    Timer,
    adapter_of,
    carry_out,
    perform,
    read_kills,
    read_payload,
    receipt_body,
    signature_types,
)
from signoff.clock import Clock, from_stamp, stamp
from signoff.errors import NotNow, SignoffError, UsageError
from signoff.ledger import Delivered, Reconciled, Record, TimerFired, Unknown
from signoff.runtime._registry import Registry
from signoff.state import Handle, Move, SpineStore, SpineTransaction, moving

_log = logging.getLogger("signoff.runtime")

#: What a process was doing when it died is in doubt.
CRASHED = "the process stopped before the outcome was recorded"

#: One claimed piece of work, not begun.
Piece: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

#: How long work that a control halted rests before it is tried again.
HALTED_FOR = timedelta(seconds=30)

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
        max_restarts: How often a piece of work that fails is tried again before it is given up.
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
        max_restarts: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._registry = registry
        self._handle_of = handle_of
        self._runtime = runtime
        self._resume = resume
        self._max_restarts = max_restarts
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
        while True:
            pieces, careful = await self._claim()
            if not pieces and not careful:
                return done
            done += len(pieces) + len(careful)
            # Let every piece come to its end before one piece's mistake is told: an effect that
            # is cut off half-way is an effect in doubt.
            ended = await asyncio.gather(*map(self._slotted, pieces), return_exceptions=True)
            for timer in careful:
                ended.append(await self._fire_carefully(timer))
            for error in ended:
                if error is not None:
                    raise error

    async def _slotted(self, piece: Piece) -> None:
        async with self._slots:
            await piece()

    async def _fire_carefully(self, timer: Timer) -> BaseException | None:
        """Fire a timer that the process before may have died over: alone, and counted first."""
        try:
            if timer.tries >= self._max_restarts:
                await self._give_up(timer, RuntimeError("its process died every time"))
            else:
                await self._store.transact(lambda tx: tx.begin_timer(timer))
                await self._fire(replace(timer, tries=timer.tries + 1))
        except Exception as error:
            return error
        finally:
            self._busy_timers.discard((timer.subject, timer.name))
        return None

    async def _claim(self) -> tuple[list[Piece], list[Timer]]:
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
                self._registry.effect_names, now=now, limit=BATCH, busy=busy
            )
            timers = await self._store.claim_timers(
                self._registry.machines, now=now, limit=BATCH, busy=busy_timers
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
            *(partial(self._settle_all, theirs) for theirs in by_crossing.values()),
            *(partial(self._fire, timer) for timer in timers if not timer.adopted),
        ]
        return pieces, sorted((t for t in timers if t.adopted), key=lambda timer: timer.tries)

    # Effects

    async def _settle_all(self, effects: Sequence[PendingEffect]) -> None:
        """One crossing's effects, in order; the first that fails keeps the later ones waiting."""
        try:
            for effect in effects:
                if not await self._settle_or_postpone(effect):
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
            await self._settle_commit(effect, said)
        finally:
            self._let_go([effect])
        return True

    def _let_go(self, effects: Sequence[PendingEffect]) -> None:
        for effect in effects:
            self._busy_effects.pop(effect.id, None)

    async def _settle_or_postpone(self, effect: PendingEffect) -> bool:
        """Finish one effect; False if it has to wait."""
        try:
            match effect.kind:
                case "commit":
                    return await self._settle_commit(effect)
                case "outbox":
                    return await self._deliver(effect)
                case "resume":
                    return await self._go_on(effect)
                case "deadline":
                    return await self._see_to_deadline(effect)
        except (SignoffError, UsageError):
            raise
        except Exception as error:
            # One piece of work that cannot be read must not stop all the others.
            if effect.tries >= self._max_restarts and effect.kind != "commit":
                await self._give_up(effect, error)
                return False
            _log.exception(
                "effect %s of %s failed; it will be tried again", effect.key, effect.subject
            )
            due = stamp(self._clock.now() + _backoff(effect.tries))
            await self._store.transact(
                lambda tx: tx.postpone(effect.id, due=due, doubt=effect.doubt)
            )
            return False

    async def _give_up(self, piece: PendingEffect | Timer, error: Exception) -> None:
        from signoff.control import Work, described, give_up

        because = described(error)
        _log.error(
            "%s of %s failed %s times and rests now; an operator is asked: %s",
            piece.name,
            piece.subject,
            piece.tries + 1,
            because,
        )
        now = self._clock.now()
        await self._store.transact(lambda tx: give_up(tx, Work(piece), because, now))

    # People's answers

    async def _go_on(self, effect: PendingEffect) -> bool:
        """Go on with a crossing whose ticket was answered."""
        outcome = await self._resume(effect.crossing)
        if isinstance(outcome, Rejected) and outcome.ended == "halted":
            due = stamp(self._clock.now() + HALTED_FOR)
            await self._store.transact(
                lambda tx: tx.postpone(effect.id, due=due, doubt=False, counts=False)
            )
            return False
        await self._store.transact(lambda tx: tx.settle(effect.id))
        return True

    async def _see_to_deadline(self, effect: PendingEffect) -> bool:
        from signoff.control import see_to_deadline

        id, now = json.loads(effect.payload)["ticket"], self._clock.now()
        await self._store.transact(lambda tx: see_to_deadline(tx, id, effect.id, now))
        return True

    async def _settle_commit(self, effect: PendingEffect, said: Carried | None = None) -> bool:
        boundary = self._registry.boundary(effect.name)
        proposal, subject, move = read_payload(boundary, effect.payload)
        standing = await self._standing(effect, move) if move else None
        settled = await perform(
            boundary,
            effect,
            proposal,
            subject,
            standing,
            store=self._store,
            clock=self._clock,
            doubt=CRASHED,
            said=said,
        )
        if standing is not None:
            await standing.refresh()
        return settled.recorded.status not in ("intended", "unknown")

    async def _standing(self, effect: PendingEffect, move: Any) -> Move[Any, Any]:
        machine = self._registry.machine(move["machine"])
        row = await self._store.row(effect.subject)
        assert row is not None, "an effect holds a row that is gone"
        return Move(self._store, self._handle_of(machine, row), move["to"])

    async def _deliver(self, pending: PendingEffect) -> bool:
        if await self._is_killed(pending):
            due = stamp(self._clock.now() + HALTED_FOR)
            await self._store.transact(
                lambda tx: tx.postpone(pending.id, due=due, doubt=pending.doubt, counts=False)
            )
            return False
        effect = self._registry.effect(pending.name)
        first, second, _ = signature_types(effect.perform)
        fields = json.loads(pending.payload)
        payload = adapter_of(first).validate_python(fields["proposal"])
        subject = adapter_of(second or Any).validate_python(fields["subject"])
        repeatable = effect.idempotent or effect.reconcile is not None
        if not pending.doubt and not repeatable:
            # Nobody could tell later whether it had begun, so that must be on record first.
            await self._store.transact(
                lambda tx: tx.postpone(pending.id, due=pending.due, doubt=True)
            )
        carried = await carry_out(
            effect,
            payload,
            subject,
            pending.key,
            clock=self._clock,
            doubt=CRASHED if pending.doubt or (pending.adopted and repeatable) else "",
        )
        now = self._clock.now()

        def write(tx: SpineTransaction) -> bool:
            name, key = effect.name, pending.key
            records: list[Record] = []
            done = isinstance(carried, Happened)
            if isinstance(carried, Happened):
                if carried.by == "probe":
                    records.append(Reconciled(effect=name, key=key, happened=True, by="probe"))
                receipt = receipt_body(adapter_of(Any), carried.receipt)
                records.append(Delivered(effect=name, key=key, receipt=receipt))
            elif isinstance(carried, DidNotHappen):
                done = carried.code != "effect_failed"  # the other system's own no is final
                because = f"{carried.code}: {carried.because}"
                records.append(
                    Reconciled(effect=name, key=key, happened=False, by="call", because=because)
                )
            else:
                records.append(Unknown(effect=name, key=key, because=carried.because))
            if done and not tx.settle(pending.id):
                return True
            if not done:
                wait = _backoff(pending.tries)
                doubt = isinstance(carried, InDoubt)
                tx.postpone(pending.id, due=stamp(now + wait), doubt=doubt)
                # That it waits is on the ledger once. Noting its beginning counted as a try, too.
                if pending.tries > (0 if repeatable else 1):
                    return False
            # A notice is about a ticket, whose name begins with its crossing's id.
            crossing = pending.crossing.partition("-")[0]
            tx.append(pending.subject, crossing, stamp(now), records)
            return done

        return await self._store.transact(write)

    async def _is_killed(self, pending: PendingEffect) -> bool:
        """Whether a kill holds back an effect that was enqueued before; notices go out always."""
        if "/" in pending.crossing:
            return False
        recorded, text = await self._store.opening(pending.crossing, KILLS)
        kills = read_kills(text)
        if not kills or recorded is None:
            return False
        subject = json.loads(pending.payload)["subject"]
        tenant = subject.get("tenant", "") if isinstance(subject, dict) else ""
        switches = self._registry.switches_of(recorded.boundary)
        return any(
            kill.reaches(
                boundary=recorded.boundary,
                subject=pending.subject,
                tenant=tenant,
                switches=switches,
            )
            for kill in kills
        )

    # Timers

    async def _fire(self, timer: Timer) -> None:
        try:
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
        finally:
            self._busy_timers.discard((timer.subject, timer.name))

    async def _go(self, timer: Timer, to: str) -> None:
        machine = self._registry.machine(timer.machine)
        now = self._clock.now()

        def write(tx: SpineTransaction) -> Any:
            row = tx.row(timer.subject)
            if row is None or row.version != timer.version:
                return None  # the move has taken it along, or it now stands at a newer version
            if row.pending:
                tx.postpone_timer(timer, due=stamp(now + _backoff(timer.tries)))
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
                await self._give_up(timer, error)
                return
            _log.exception("timer %s of %s failed; it will be tried again", timer.name, row.subject)
            due = stamp(self._clock.now() + _backoff(timer.tries))
            await self._store.transact(lambda tx: tx.postpone_timer(timer, due=due))
            return
        if await self._store.timer_is_set(timer):
            await self._store.transact(lambda tx: tx.drop_timer(timer))


def _backoff(tries: int) -> timedelta:
    return timedelta(seconds=min(2 ** min(tries, 12), 3600))
