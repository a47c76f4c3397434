"""The transactions that end a crossing. Plain functions over a transaction; see `Transaction`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from signoff.boundary._boundary import Boundary
from signoff.boundary._commit import External, Transactional
from signoff.boundary._effect import Carried, DidNotHappen, Happened
from signoff.boundary._ports import PendingEffect, Recorded, Row, Transaction
from signoff.boundary._standing import Standing
from signoff.boundary._subject import adapter_of
from signoff.boundary._verdict import Reject, Rejection
from signoff.clock import stamp
from signoff.errors import UsageError
from signoff.ledger import (
    Committed,
    Intended,
    Opened,
    Reconciled,
    Record,
    Rejected,
    Unknown,
    canonical,
)

S = TypeVar("S")

#: Until an effect that was just intended is looked at by a recovery of the same process.
GRACE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Stale:
    """The row moved, or is held, since the crossing looked at it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Where the crossing stands now, and where its row went, if this transaction moved it."""

    recorded: Recorded
    row: Row | None = None


class Writing(Generic[S]):
    """The `Write` that a transactional commit is given."""

    def __init__(
        self, tx: Transaction, recorded: Recorded, subject: S, subject_type: Any, due: str
    ) -> None:
        self._tx = tx
        self._recorded = recorded
        self._subject = subject
        self._subject_adapter = adapter_of(subject_type)
        self._due = due
        self._effects: list[tuple[External[Any, Any, Any], str, object]] = []
        self.replaced: S | None = None

    @property
    def key(self) -> str:
        return self._recorded.key

    def replace(self, subject: S) -> None:
        self.replaced = subject

    def enqueue(self, effect: External[Any, S, Any], payload: object) -> str:
        key = f"{self.key}/{effect.name}"
        if any(key == taken for _, taken, _ in self._effects):
            raise UsageError(
                f"effect {effect.name} is enqueued twice in one commit; give it a name"
            )
        self._effects.append((effect, key, payload))
        return key

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._tx.execute(sql, parameters)

    def flush(self, declared: tuple[External[Any, Any, Any], ...]) -> list[Record]:
        """Write the outbox, and return what the ledger keeps of it."""
        if not self._effects:
            return []
        subject = self._subject if self.replaced is None else self.replaced
        dumped = self._subject_adapter.dump_python(subject, mode="json")
        for effect, key, payload in self._effects:
            if effect not in declared:
                raise UsageError(
                    f"effect {effect.name} is not declared: Transactional(..., effects=[...]) "
                    "must name it, so that it is found again after a restart"
                )
            first = adapter_of(Any).dump_python(payload, mode="json")
            self._tx.enqueue(
                PendingEffect(
                    kind="outbox",
                    crossing=self._recorded.id,
                    subject=self._recorded.subject,
                    name=effect.name,
                    key=key,
                    payload=canonical({"proposal": first, "subject": dumped}),
                    due=self._due,
                )
            )
        return [Intended(effect=effect.name, key=key) for effect, key, _ in self._effects]


def commit_here(
    tx: Transaction,
    boundary: Boundary[Any, Any, Any],
    commit: Transactional[Any, Any, Any],
    recorded: Recorded,
    proposal: object,
    subject: object,
    standing: Standing[Any] | None,
    unwritten: Sequence[Record],
    now: datetime,
) -> Settled | Stale:
    """Accept and commit in one transaction: records, row, timers, outbox, the user's own writes."""
    at = stamp(now)
    existing = tx.crossing(recorded.id)
    if existing is not None and existing.status != "open":
        return Settled(existing)
    row: Row | None = None
    writing: Writing[Any] = Writing(tx, recorded, subject, boundary.subject_type, at)
    records = _news(unwritten, existing)
    if standing is not None:
        row = tx.row(recorded.subject)
        if row is None or row.version != standing.version or row.pending:
            return Stale()
    said = commit.apply(proposal, subject, writing)
    try:
        receipt = _in_json(boundary.receipt_adapter, said)
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(
            f"the commit of {boundary.name} returned a receipt that JSON cannot say "
            f"({type(error).__name__}: {error}); nothing was written"
        ) from error
    records.extend(writing.flush(commit.effects))
    records.append(Committed(receipt=receipt, attempts=recorded.attempts))
    if standing is not None:
        swap = standing.swap(writing.replaced, now)
        row = tx.swap(swap)
        if row is None:
            return Stale()
        records.extend(standing.records(swap, row, boundary.name))
    elif writing.replaced is not None:
        raise UsageError(
            f"the commit of {boundary.name} replaces its subject, but the subject has no spine"
        )
    settled = replace(recorded, status="committed", state={"receipt": receipt})
    tx.append(recorded.subject, recorded.id, at, records)
    tx.save_crossing(settled)
    return Settled(settled, row)


def intend(
    tx: Transaction,
    recorded: Recorded,
    effect: PendingEffect,
    name: str,
    standing: Standing[Any] | None,
    unwritten: Sequence[Record],
    at: str,
) -> tuple[Settled | Stale, int]:
    """Write the intent of an external commit, and hold the row for it."""
    existing = tx.crossing(recorded.id)
    if existing is not None and existing.status != "open":
        return Settled(existing), 0
    if standing is not None:
        row = tx.row(recorded.subject)
        if row is None or row.version != standing.version or row.pending:
            return Stale(), 0
        tx.hold(recorded.subject, recorded.id)
    records = [*_news(unwritten, existing), Intended(effect=name, key=recorded.key)]
    tx.append(recorded.subject, recorded.id, at, records)
    intended = replace(recorded, status="intended")
    tx.save_crossing(intended)
    return Settled(intended), tx.enqueue(effect)


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
        settled = replace(recorded, status="committed", state={"receipt": receipt})
    elif isinstance(carried, DidNotHappen):
        tx.settle(effect.id)
        if standing is not None:
            tx.hold(recorded.subject, "")
        if carried.by:
            records.append(_reconciled(name, effect, carried, happened=False))
        reject = Reject(carried.code, carried.because, then="stop")
        rejection = Rejection.of(reject, by=name, attempt=recorded.attempts)
        records.append(Rejected(code=rejection.code, ended="effect", attempts=recorded.attempts))
        rejections = [*recorded.state.get("rejections", ()), rejection.body()]
        state = {"rejections": rejections, "ended": "effect"}
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


def _reconciled(
    name: str, effect: PendingEffect, carried: Happened | DidNotHappen, *, happened: bool
) -> Reconciled:
    return Reconciled(
        effect=name, key=effect.key, happened=happened, by=carried.by, because=carried.because
    )


def _news(unwritten: Sequence[Record], existing: Recorded | None) -> list[Record]:
    """What is still to be written. Another process under the same key may have opened it first."""
    if existing is None:
        return list(unwritten)
    return [record for record in unwritten if not isinstance(record, Opened)]


def _in_json(adapter: TypeAdapter[Any], receipt: object) -> Any:
    body = adapter.dump_python(receipt, mode="json", warnings=False)
    canonical(body)
    return body


def receipt_body(adapter: TypeAdapter[Any], receipt: object) -> Any:
    """A receipt, JSON-ready. The effect has happened: whatever it returned must not stop us."""
    try:
        return _in_json(adapter, receipt)
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
            "proposal": boundary.proposal_adapter.dump_python(proposal, mode="json"),
            "subject": boundary.subject_adapter.dump_python(subject, mode="json"),
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
