"""Doing the outbox's work: effects, external commits, answers of people, deadlines."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from signoff.boundary import (
    KILLS,
    NOT_WATCHED,
    Carried,
    DidNotHappen,
    Happened,
    InDoubt,
    Outcome,
    PendingEffect,
    Rejected,
    Suspended,
    Unknown,
    Watch,
    adapter_of,
    carry_out,
    perform,
    read_kills,
    read_payload,
    receipt_body,
    signature_types,
)
from signoff.clock import Clock, stamp
from signoff.coordination import UNDOING
from signoff.errors import NotNow, SignoffError, UsageError
from signoff.ledger import Delivered, Reconciled, Record
from signoff.ledger import Unknown as InDoubtRecord
from signoff.runtime._registry import Registry
from signoff.runtime._resting import HALTED_FOR, backoff, give_up_on
from signoff.runtime._telemetry import Telemetry
from signoff.state import Handle, Move, SpineStore, SpineTransaction

_log = logging.getLogger("signoff.runtime")

#: What a process was doing when it died is in doubt.
CRASHED = "the process stopped before the outcome was recorded"


class Effects:
    """Settles one pending effect at a time.

    Args:
        store: Where the work is kept.
        clock: Time.
        registry: The boundaries and effects that the work may name.
        handle_of: Gives a live handle for a row.
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
        resume: Callable[[str], Awaitable[Outcome[Any]]],
        take_up: Callable[[PendingEffect], Awaitable[bool]],
        max_restarts: int,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._clock = clock
        self._registry = registry
        self._handle_of = handle_of
        self._resume = resume
        self._take_up = take_up
        self._max_restarts = max_restarts
        self._telemetry = telemetry

    async def settle_or_postpone(self, effect: PendingEffect) -> bool:
        """Finish one effect; False if it has to wait."""
        # A notice is about a ticket, whose name begins with its crossing's id.
        crossing, trace = effect.crossing.partition("-")[0], ""
        if self._telemetry.watches:
            recorded = await self._store.crossing(crossing)
            trace = "" if recorded is None else recorded.state.get("trace", "")
        with self._telemetry.work(
            effect.kind, effect.name, crossing=crossing, trace=trace
        ) as watch:
            return await self._settle_or_postpone(effect, watch)

    async def _settle_or_postpone(self, effect: PendingEffect, watch: Watch) -> bool:
        try:
            match effect.kind:
                case "commit":
                    return await self.settle_commit(effect, watch=watch)
                case "outbox":
                    return await self._deliver(effect, watch)
                case "resume" | "durable":
                    return await self._go_on(effect)
                case "deadline":
                    return await self._see_to_deadline(effect)
                case "event":
                    return await self._take_up(effect)
        except NotNow:
            return await self._rest(effect)
        except (SignoffError, UsageError):
            raise
        except Exception as error:
            # One piece of work that cannot be read must not stop all the others.
            if effect.tries >= self._max_restarts and effect.kind != "commit":
                await give_up_on(effect, error, store=self._store, clock=self._clock)
                return False
            _log.exception(
                "effect %s of %s failed; it will be tried again", effect.key, effect.subject
            )
            due = stamp(self._clock.now() + backoff(effect.tries))
            await self._store.transact(
                lambda tx: tx.postpone(effect.id, due=due, doubt=effect.doubt)
            )
            return False

    # People's answers

    async def _go_on(self, effect: PendingEffect) -> bool:
        """Go on with a crossing whose ticket was answered, or that its process did not end."""
        recorded = await self._store.crossing(effect.crossing)
        if recorded is None or recorded.status != "open":
            # It has ended, or its effect is under way: that one comes after this, and must not be
            # waited for here.
            await self._store.transact(lambda tx: tx.settle(effect.id))
            return True
        outcome = await self._resume(effect.crossing)
        if effect.kind == "durable" and isinstance(outcome, Suspended | Unknown):
            if isinstance(outcome, Suspended) and outcome.ticket.ask == UNDOING:
                raise RuntimeError(outcome.ticket.because)  # tried again, then given up
            return await self._rest(effect)
        if isinstance(outcome, Rejected) and outcome.ended == "halted":
            return await self._rest(effect)
        await self._store.transact(lambda tx: tx.settle(effect.id))
        return True

    async def _rest(self, effect: PendingEffect) -> bool:
        due = stamp(self._clock.now() + HALTED_FOR)
        await self._store.transact(
            lambda tx: tx.postpone(effect.id, due=due, doubt=False, counts=False)
        )
        return False

    async def _see_to_deadline(self, effect: PendingEffect) -> bool:
        from signoff.control import see_to_deadline

        id, now = json.loads(effect.payload)["ticket"], self._clock.now()
        await self._store.transact(lambda tx: see_to_deadline(tx, id, effect.id, now))
        return True

    async def settle_commit(
        self, effect: PendingEffect, said: Carried | None = None, *, watch: Watch = NOT_WATCHED
    ) -> bool:
        """Finish an external commit that was intended; False if it stays in doubt."""
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
            watch=watch,
        )
        if standing is not None:
            await standing.refresh()
        return settled.recorded.status not in ("intended", "unknown")

    async def _standing(self, effect: PendingEffect, move: Any) -> Move[Any, Any]:
        machine = self._registry.machine(move["machine"])
        row = await self._store.row(effect.subject)
        assert row is not None, "an effect holds a row that is gone"
        return Move(self._store, self._handle_of(machine, row), move["to"])

    async def _deliver(self, pending: PendingEffect, watch: Watch) -> bool:
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
            watch=watch,
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
                records.append(InDoubtRecord(effect=name, key=key, because=carried.because))
            if done and not tx.settle(pending.id):
                return True
            if not done and not tx.has(pending.id):
                return False  # we were taken for dead, and another process has it in hand
            if not done:
                wait = backoff(pending.tries)
                doubt = isinstance(carried, InDoubt)
                tx.postpone(pending.id, due=stamp(now + wait), doubt=doubt)
                # That it waits is on the ledger once. Noting its beginning counted as a try, too.
                if pending.tries > (0 if repeatable else 1):
                    return False
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
        tenant, switches = self._registry.reach_of(
            recorded.boundary, json.loads(pending.payload)["subject"]
        )
        return any(
            kill.reaches(
                boundary=recorded.boundary,
                subject=pending.subject,
                tenant=tenant,
                switches=switches,
            )
            for kill in kills
        )
