"""A crossing whose every transaction is undone: what would come of it, without its happening."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from signoff.boundary import (
    Answer,
    Boundary,
    Crossing,
    EventRow,
    Outcome,
    Proposer,
    Question,
    Recorded,
    Refused,
    StreamRow,
    Transaction,
    Transactional,
    Write,
    crossing_id,
)
from signoff.clock import Clock
from signoff.ledger import Fingerprint, Usage, canonical
from signoff.state import EventStore

T = TypeVar("T")

#: Ends a rehearsal that would ask for more than is on record.
_EXHAUSTED = "nothing_on_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a crossing's proposer said, attempt by attempt, and what had been looked up.

    Attributes:
        answers: Attempt -> the proposal as JSON, or the text that was none.
        evidence: Attempt -> the facts.
    """

    answers: Mapping[int, Any] = field(default_factory=dict[int, Any])
    evidence: Mapping[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])


class _Reading:
    """A proposer that says what was recorded, and nothing else."""

    def __init__(self, proposes: type[Any], said: Said) -> None:
        self.proposes = proposes
        self.fingerprint = Fingerprint(model="recorded")
        self._said = said
        self.attempt = 0

    async def __call__(self, question: Question[Any], /) -> Answer:
        self.attempt = question.attempt
        if question.attempt not in self._said.answers:
            raise Refused("no further answer is on record", code=_EXHAUSTED, then="stop")
        answer = self._said.answers[question.attempt]
        if answer is None:
            raise Refused("no answer is on record")
        return Answer(content=answer if isinstance(answer, str) else canonical(answer))

    def facts(self, lookup: Any) -> Any:
        """A lookup that finds what was recorded."""

        async def recorded(proposal: Any, subject: Any) -> Any:
            return self._said.evidence[self.attempt][name]

        name = recorded.__name__ = getattr(lookup, "__name__", type(lookup).__name__)
        return recorded


def _nothing(proposal: Any, subject: Any, write: Write[Any]) -> None:
    """Stands in for an effect outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameOut:
    """What would come of a crossing.

    Attributes:
        verdict: `committed`, or the status and the codes of the last objections.
        proposal: The last proposal, JSON-ready.
        events: (log, stream, type, data) of the events that it would add.
        rows: The same, as they would be kept.
        fingerprint: Who proposed.
        usage: What it cost.
        outcome: What the caller would be told.
    """

    verdict: str
    proposal: Any
    events: Sequence[tuple[str, str, str, Any]]
    rows: Sequence[EventRow]
    fingerprint: Mapping[str, Any]
    usage: Usage
    outcome: Outcome[Any]


async def rehearse(
    boundary: Boundary[Any, Any, Any],
    subject: Any,
    *,
    key: str,
    store: EventStore,
    clock: Clock,
    said: Said | None,
    before: Mapping[tuple[str, str], int],
) -> CameOut:
    """Run a crossing to its end, and undo all of it.

    No control is asked, no ticket is opened, no effect outside is performed or enqueued. What a
    commit executes in the database is undone with the rest.

    Args:
        boundary: What is crossed.
        subject: What it is about.
        key: The key of the crossing that is compared with.
        store: Whose transactions are undone.
        clock: Time.
        said: Read these answers; None asks the boundary's proposer.
        before: (log, stream) -> version at which a commit shall find a stream.
    """
    rehearsed = _Undoing(store, before)
    crossing: Crossing[Any, Any, Any] = Crossing(
        _bare(boundary, said), subject, key=key, store=rehearsed, clock=clock
    )
    outcome = cast("Outcome[Any]", await crossing.run())
    id = crossing_id(key)
    recorded = rehearsed.crossings.get(id)
    assert recorded is not None, "a crossing that came to its end is on record"
    rows = rehearsed.events
    return CameOut(
        verdict=verdict_of(recorded),
        proposal=rehearsed.proposal,
        events=[told(row) for row in rows],
        rows=rows,
        fingerprint=rehearsed.fingerprint,
        usage=Usage(**recorded.state.get("usage", {})),
        outcome=outcome,
    )


def told(row: EventRow) -> tuple[str, str, str, Any]:
    """What of an event counts when two are compared."""
    import json

    return row.log, row.stream, row.type, json.loads(row.data)


def verdict_of(recorded: Recorded) -> str:
    """`committed`, or the status and the codes of the last attempt's objections."""
    if recorded.status == "committed":
        return "committed"
    told = [body for body in recorded.state.get("rejections", ()) if body["code"] != _EXHAUSTED]
    last = max((body["attempt"] for body in told), default=0)
    codes = sorted(body["code"] for body in told if body["attempt"] == last)
    return f"{recorded.status}: {', '.join(codes)}" if codes else recorded.status


def _bare(boundary: Boundary[Any, Any, Any], said: Said | None) -> Boundary[Any, Any, Any]:
    """The boundary without controls and effects; with recorded answers, if there are some."""
    proposer: Proposer[Any, Any] = boundary.proposer
    evidence = boundary.evidence
    if said is not None:
        reading = _Reading(boundary.proposer.proposes, said)
        proposer = reading
        evidence = tuple(reading.facts(lookup) for lookup in boundary.evidence)
    inside = isinstance(boundary.commit, Transactional)
    commit: Any = boundary.commit if inside else Transactional(_nothing)
    return Boundary(
        boundary.name,
        proposer=proposer,
        verifiers=boundary.verifiers,
        commit=commit,
        budget=boundary.budget,
        evidence=evidence,
        subject=boundary.subject_type,
        level=boundary.level,
    )


class _Undone(Exception):
    """Carries a script's result out of the transaction that it undoes."""

    def __init__(self, result: Any, tx: _Rehearsed) -> None:
        super().__init__("undone on purpose")
        self.result = result
        self.tx = tx


class _Undoing:
    """A store that runs every script, remembers what it did, and undoes it."""

    def __init__(self, store: EventStore, before: Mapping[tuple[str, str], int]) -> None:
        self._store = store
        self.before = before
        self.crossings: dict[str, Recorded] = {}
        self.events: list[EventRow] = []
        self.proposal: Any = None
        self.fingerprint: Mapping[str, Any] = {}

    async def transact(self, script: Callable[[Transaction], T]) -> T:
        def run(tx: Transaction) -> None:
            rehearsed = _Rehearsed(tx, self)
            result = script(cast("Transaction", rehearsed))
            raise _Undone(result, rehearsed)

        try:
            await self._store.transact(run)
        except _Undone as undone:
            tx = undone.tx
            self.crossings.update(tx.saved)
            self.events.extend(tx.added)
            if tx.proposed:
                self.proposal, self.fingerprint = tx.proposed[-1]
            return cast("T", undone.result)
        raise AssertionError("a rehearsal is always undone")

    async def crossing(self, id: str) -> Recorded | None:
        return self.crossings.get(id)

    async def opening(self, id: str, switch: str) -> tuple[Recorded | None, str]:
        return self.crossings.get(id), ""

    async def row(self, subject: str) -> None:
        return None


class _Rehearsed:
    """A transaction that keeps to itself what a crossing writes."""

    def __init__(self, tx: Transaction, store: _Undoing) -> None:
        self._tx = tx
        self._store = store
        self.saved: dict[str, Recorded] = {}
        self.added: list[EventRow] = []
        self.proposed: list[tuple[Any, Mapping[str, Any]]] = []

    def append(self, subject: str, crossing: str, at: str, records: Sequence[Any]) -> None:
        for record in records:
            if record.type == "proposed":
                said = record.raw if record.proposal is None else record.proposal
                self.proposed.append((said, record.fingerprint))

    def crossing(self, id: str) -> Recorded | None:
        return self.saved.get(id, self._store.crossings.get(id))

    def save_crossing(self, recorded: Recorded) -> None:
        self.saved[recorded.id] = recorded

    def stream(self, log: str, stream: str) -> StreamRow:
        known = self._store.before.get((log, stream))
        version = self._tx.stream(log, stream).version if known is None else known
        added = sum(row.log == log and row.stream == stream for row in self.added)
        return StreamRow(log=log, stream=stream, version=version + added)

    def event_by_key(self, log: str, stream: str, key: str) -> None:
        return None

    def add_events(self, rows: Sequence[EventRow]) -> None:
        self.added.extend(rows)

    def switch(self, name: str) -> str:
        return ""

    def enqueue(self, effect: Any) -> int:
        return 0

    def save_ticket(self, ticket: Any) -> None:
        return None

    def settle_durable(self, crossing: str) -> None:
        return None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._tx.execute(sql, parameters)


def asks_others(boundary: Boundary[Any, Any, Any]) -> bool:
    """Whether a boundary's proposer crosses others, which cannot be rehearsed."""
    return bool(inspect.getattr_static(boundary.proposer, "boundaries", ()))
