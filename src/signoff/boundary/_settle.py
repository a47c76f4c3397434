"""The transactions that end a crossing. Plain functions over a transaction; see `Transaction`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter

from signoff.boundary._attempt import Attempt, Settled, Stale, news
from signoff.boundary._commit import EffectRefused, External, Transactional
from signoff.boundary._events import Adding, Log, add_events, checked_stream
from signoff.boundary._ports import PendingEffect, Recorded, Row, Transaction
from signoff.boundary._subject import adapter_of, in_json
from signoff.clock import stamp
from signoff.errors import UsageError
from signoff.ledger import (
    Committed,
    Intended,
    Record,
    canonical,
)

S = TypeVar("S")
E = TypeVar("E")


class Writing(Generic[S]):
    """The `Write` that a transactional commit is given."""

    def __init__(self, tx: Transaction, recorded: Recorded, subject: S, attempt: Attempt) -> None:
        self._tx = tx
        self._recorded = recorded
        self._subject = subject
        self._subject_adapter = adapter_of(attempt.boundary.subject_type)
        self._now = attempt.passing.now
        self._due = stamp(self._now)
        self._fingerprint = attempt.fingerprint
        self._appended: list[Record] = []
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

    def append(
        self,
        log: Log[E],
        event: E,
        *,
        stream: str = "",
        expected: int | None = None,
        happened: datetime | None = None,
    ) -> int:
        subject, crossing = self._recorded.subject, self._recorded.id
        stream = checked_stream(stream or subject)
        adding = Adding(
            log=log.name,
            stream=stream,
            events=[log.dump(event)],
            now=self._now,
            expected=expected,
            happened=happened,
            caused_by=crossing,
            fingerprint=self._fingerprint,
        )
        added = add_events(self._tx, adding)
        if not added.added:
            raise EffectRefused(
                "stale_version",
                f"stream {stream} is at version {added.version}, not {expected} as expected",
            )
        if stream == subject:
            self._appended.extend(added.records)
        else:
            self._tx.append(stream, crossing, self._due, added.records)
        return added.version

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._tx.execute(sql, parameters)

    def flush(self, declared: tuple[External[Any, Any, Any], ...]) -> list[Record]:
        """Write the outbox, and return what the ledger keeps of it and of the events."""
        if not self._effects:
            return self._appended
        subject = self._subject if self.replaced is None else self.replaced
        dumped = in_json(self._subject_adapter, subject)
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
        intended = [Intended(effect=effect.name, key=key) for effect, key, _ in self._effects]
        return [*self._appended, *intended]


def commit_here(tx: Transaction, existing: Recorded | None, attempt: Attempt) -> Settled | Stale:
    """Accept and commit in one transaction: records, row, timers, outbox, the user's own writes."""
    boundary, recorded, standing = attempt.boundary, attempt.recorded, attempt.standing
    now = attempt.passing.now
    at = stamp(now)
    commit = cast("Transactional[Any, Any, Any]", boundary.commit)
    row: Row | None = None
    writing: Writing[Any] = Writing(tx, recorded, attempt.subject, attempt)
    records = news(attempt.unwritten, existing)
    said = commit.apply(attempt.proposal, attempt.subject, writing)
    try:
        receipt = receipt_in_json(boundary.receipt_adapter, said)
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
    settled = replace(recorded, status="committed", state={"receipt": receipt, **attempt.kept})
    tx.append(recorded.subject, recorded.id, at, records)
    tx.save_crossing(settled)
    return Settled(settled, row)


def receipt_in_json(adapter: TypeAdapter[Any], receipt: object) -> Any:
    body = adapter.dump_python(receipt, mode="json", warnings=False)
    canonical(body)
    return body
