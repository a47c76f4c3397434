"""External commits: intent first, then the effect, then its outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic import TypeAdapter

from signoff.boundary._attempt import KEPT, Attempt, Settled, Stale, news
from signoff.boundary._boundary import Boundary
from signoff.boundary._commit import External
from signoff.boundary._control import Passing
from signoff.boundary._doorway import Heard, release
from signoff.boundary._effect import Carried, DidNotHappen, Happened, carry_out
from signoff.boundary._passage import pass_controls
from signoff.boundary._ports import CrossingStore, PendingEffect, Recorded, Row, Transaction
from signoff.boundary._settle import receipt_in_json
from signoff.boundary._standing import Standing
from signoff.boundary._subject import in_json
from signoff.boundary._verdict import Reject, Rejection
from signoff.boundary._watch import NOT_WATCHED, Watch
from signoff.clock import Clock, stamp
from signoff.ledger import Committed, Intended, Reconciled, Record, Rejected, Unknown, canonical

#: Until an effect that was just intended is looked at by a recovery of the same process.
GRACE = timedelta(minutes=5)


async def commit_outside(
    attempt: Attempt, *, store: CrossingStore, clock: Clock
) -> Settled | Stale | Heard:
    """Write the intent, perform the effect, write its outcome: two transactions."""
    boundary, recorded = attempt.boundary, attempt.recorded
    effect = PendingEffect(
        kind="commit",
        crossing=recorded.id,
        subject=recorded.subject,
        name=boundary.name,
        key=recorded.key,
        payload=commit_payload(boundary, attempt.proposal, attempt.subject, attempt.standing),
        due=stamp(attempt.passing.now + GRACE),
        doubt=True,
    )
    intended = await store.transact(
        lambda tx: pass_controls(
            tx, attempt, lambda tx, existing, told: intend(tx, existing, told, effect)
        )
    )
    if not isinstance(intended, PendingEffect):
        return intended
    return await perform(
        boundary,
        intended,
        attempt.proposal,
        attempt.subject,
        attempt.standing,
        store=store,
        clock=clock,
        watch=attempt.watch,
    )


async def perform(
    boundary: Boundary[Any, Any, Any],
    effect: PendingEffect,
    proposal: object,
    subject: object,
    standing: Standing[Any] | None,
    *,
    store: CrossingStore,
    clock: Clock,
    doubt: str = "",
    said: Carried | None = None,
    watch: Watch = NOT_WATCHED,
) -> Settled:
    """Carry out an intended external commit, and write what came of it.

    Args:
        boundary: Whose commit it is.
        effect: The intent, as it waits in the outbox.
        proposal: What was accepted.
        subject: What it is about.
        standing: The row that the commit moves.
        store: Where the crossing is kept.
        clock: Time.
        doubt: Why it may have happened already.
        said: What a person says became of it; the other system is then not asked again.
        watch: Who watches it.
    """
    commit = cast("External[Any, Any, Any]", boundary.commit)
    carried = said or await carry_out(
        commit, proposal, subject, effect.key, clock=clock, doubt=doubt, watch=watch
    )
    now = clock.now()
    return await store.transact(
        lambda tx: settle_effect(tx, boundary, effect, carried, standing, now)
    )


def intend(
    tx: Transaction, existing: Recorded | None, attempt: Attempt, effect: PendingEffect
) -> PendingEffect:
    """Write the intent of an external commit, and hold the row for it."""
    recorded = attempt.recorded
    name = cast("External[Any, Any, Any]", attempt.boundary.commit).name
    if attempt.standing is not None:
        tx.hold(recorded.subject, recorded.id)
    records = [*news(attempt.unwritten, existing), Intended(effect=name, key=recorded.key)]
    tx.append(recorded.subject, recorded.id, stamp(attempt.passing.now), records)
    tx.save_crossing(replace(recorded, status="intended", state={**recorded.state, **attempt.kept}))
    release(attempt.boundary, tx, attempt.passing, committed=True)
    return replace(effect, id=tx.enqueue(effect))


def settle_effect(
    tx: Transaction,
    boundary: Boundary[Any, Any, Any],
    effect: PendingEffect,
    carried: Carried,
    standing: Standing[Any] | None,
    now: datetime,
) -> Settled:
    """Write what came of an external commit: committed, rejected, or unknown."""
    at = stamp(now)
    recorded = tx.crossing(effect.crossing)
    assert recorded is not None, "an effect without its crossing"
    if recorded.status not in ("intended", "unknown"):
        return Settled(recorded)
    if not isinstance(carried, Happened) and not tx.has(effect.id):
        # We were taken for dead, and another process asks again: that it did not happen here, or
        # that nobody can say, is not the last word.
        return Settled(recorded)
    kept = {name: recorded.state[name] for name in KEPT if name in recorded.state}
    row: Row | None = None
    assert isinstance(boundary.commit, External)
    name = boundary.commit.name
    records: list[Record] = []
    if isinstance(carried, Happened):
        tx.settle(effect.id)
        if carried.by:
            records.append(_reconciled(name, effect, carried, happened=True))
        receipt = receipt_body(boundary.receipt_adapter, carried.receipt)
        committed = Committed(receipt=receipt, attempts=recorded.attempts, effect=name)
        records.append(committed)
        if standing is not None:
            swap = standing.swap(None, now)
            row = tx.swap(swap, crossing=recorded.id)
            assert row is not None, "the row that this effect held was moved by another"
            records.extend(standing.records(swap, row, boundary.name))
        settled = replace(recorded, status="committed", state={"receipt": receipt, **kept})
    elif isinstance(carried, DidNotHappen):
        tx.settle(effect.id)
        if standing is not None:
            tx.hold(recorded.subject, "")
        if carried.by:
            records.append(_reconciled(name, effect, carried, happened=False))
        reject = Reject(carried.code, carried.because, then="stop")
        rejection = Rejection.of(reject, by=name, attempt=recorded.attempts)
        records.append(Rejected(code=rejection.code, ended="effect", attempts=recorded.attempts))
        release(boundary, tx, _passing(boundary, effect, now))
        rejections = [*recorded.state.get("rejections", ()), rejection.body()]
        state = {"rejections": rejections, "ended": "effect", **kept}
        settled = replace(recorded, status="rejected", state=state)
    else:
        wait = timedelta(seconds=min(60 * 2**effect.tries, 3600))
        tx.postpone(effect.id, due=stamp(now + wait), doubt=True)
        if recorded.status == "unknown":
            return Settled(recorded)
        records.append(Unknown(effect=name, key=effect.key, because=carried.because))
        state = {**recorded.state, "because": carried.because}
        settled = replace(recorded, status="unknown", state=state)
    tx.append(recorded.subject, recorded.id, at, records)
    tx.save_crossing(settled)
    return Settled(settled, row)


def _passing(boundary: Boundary[Any, Any, Any], effect: PendingEffect, now: datetime) -> Passing:
    """As much as a control needs in order to take something back."""
    return Passing(
        boundary=boundary.name,
        crossing=effect.crossing,
        subject=None,
        subject_id=effect.subject,
        tenant="",
        version=None,
        now=now,
    )


def _reconciled(
    name: str, effect: PendingEffect, carried: Happened | DidNotHappen, *, happened: bool
) -> Reconciled:
    return Reconciled(
        effect=name, key=effect.key, happened=happened, by=carried.by, because=carried.because
    )


def receipt_body(adapter: TypeAdapter[Any], receipt: object) -> Any:
    """A receipt, JSON-ready. The effect has happened: whatever it returned must not stop us."""
    try:
        return receipt_in_json(adapter, receipt)
    except (ValueError, TypeError, RecursionError):
        pass
    try:
        return repr(receipt)[:1000]
    except Exception:
        return f"a {type(receipt).__name__} that cannot be shown"


def commit_payload(
    boundary: Boundary[Any, Any, Any],
    proposal: object,
    subject: object,
    standing: Standing[Any] | None,
) -> str:
    """What recovery needs to finish an external commit without asking the proposer again."""
    return canonical(
        {
            "proposal": in_json(boundary.proposal_adapter, proposal),
            "subject": in_json(boundary.subject_adapter, subject),
            "move": None if standing is None else dict(standing.intent),
        }
    )


def read_payload(boundary: Boundary[Any, Any, Any], payload: str) -> tuple[Any, Any, Any]:
    """The proposal, subject and move that `commit_payload` wrote."""
    fields = json.loads(payload)
    return (
        boundary.proposal_adapter.validate_python(fields["proposal"]),
        boundary.subject_adapter.validate_python(fields["subject"]),
        fields["move"],
    )
