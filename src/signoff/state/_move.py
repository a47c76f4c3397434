"""Moving a row: by a crossing's commit, by code, or by a timer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter

from signoff.boundary import CrossingStore, Reject, Row, Subject, Swap, adapter_of, in_json
from signoff.ledger import Changed, Moved, Record, Started, TimerSet
from signoff.state._handle import Handle
from signoff.state._state_machine import StateMachine

St = TypeVar("St", bound=str)
S = TypeVar("S", bound=Subject)


@dataclass(frozen=True, slots=True)
class Swapping(Generic[S]):
    """A planned compare-and-swap, with what the ledger will keep of it."""

    swap: Swap
    records: tuple[Record, ...]


def in_text(adapter: TypeAdapter[Any], subject: Subject) -> str:
    """A row's data: what the same adapter can read again."""
    return adapter.dump_json(subject, by_alias=True, round_trip=True).decode()


def starting(machine: StateMachine[Any], subject: Subject, now: datetime) -> Swapping[Any]:
    """How a row begins."""
    data = in_text(adapter_of(type(subject)), subject)
    timers = machine.timers_at(machine.start, subject, id=subject.id, version=1, entered=now)
    swap = Swap(
        subject=subject.id,
        machine=machine.name,
        expected=None,
        state=machine.start,
        data=data,
        timers=timers,
    )
    body = in_json(adapter_of(type(subject)), subject)
    started = Started(machine=machine.name, state=machine.start, version=1, subject=body)
    return Swapping(swap, (started, *_timers_set(swap)))


def moving(
    machine: StateMachine[Any],
    row: Row,
    subject: Subject,
    to: str,
    *,
    now: datetime,
    because: str,
    replaced: bool,
) -> Swapping[Any]:
    """How a row goes to another state; `subject` is its data after the move."""
    adapter = adapter_of(type(subject))
    version = row.version + 1
    swap = Swap(
        subject=row.subject,
        machine=machine.name,
        expected=row.version,
        state=to,
        data=in_text(adapter, subject) if replaced else row.data,
        timers=machine.timers_at(to, subject, id=row.subject, version=version, entered=now),
    )
    moved = Moved(
        machine=machine.name,
        source=row.state,
        state=to,
        version=version,
        because=because,
        subject=in_json(adapter, subject) if replaced else None,
    )
    return Swapping(swap, (moved, *_timers_set(swap)))


def changing(
    machine: StateMachine[Any], row: Row, subject: Subject, *, because: str
) -> Swapping[Any]:
    """How a row's data changes while it stays where it is; its timers stay set."""
    adapter = adapter_of(type(subject))
    swap = Swap(
        subject=row.subject,
        machine=machine.name,
        expected=row.version,
        state=row.state,
        data=in_text(adapter, subject),
        timers=None,
    )
    changed = Changed(
        machine=machine.name,
        state=row.state,
        version=row.version + 1,
        because=because,
        subject=in_json(adapter, subject),
    )
    return Swapping(swap, (changed,))


def _timers_set(swap: Swap) -> tuple[TimerSet, ...]:
    if not swap.timers:
        return ()
    timers = tuple((timer.name, timer.due) for timer in swap.timers)
    return (TimerSet(version=swap.timers[0].version, timers=timers),)


class Move(Generic[St, S]):
    """The move that a crossing's commit makes: what the crossing stands on."""

    def __init__(
        self, store: CrossingStore, handle: Handle[St, S], to: St, *, waits_in: St | None = None
    ) -> None:
        self._store = store
        self._handle = handle
        self._to = to
        self._waits_in = waits_in
        self._planned: tuple[Swap, Sequence[Record]] | None = None
        self._look()

    def _look(self) -> None:
        # The handle is shared, and others move it on while this crossing asks and judges: what
        # was judged must be what the commit compares with.
        self._row: Row = self._handle.row
        self._subject: S = self._handle.subject

    @property
    def subject(self) -> S:
        return self._subject

    @property
    def version(self) -> int:
        return self._row.version

    @property
    def holder(self) -> str:
        return self._row.pending

    @property
    def intent(self) -> Mapping[str, Any]:
        intent = {"machine": self._handle.machine.name, "to": self._to}
        return intent if self._waits_in is None else {**intent, "waits_in": self._waits_in}

    def refuses(self) -> Reject | None:
        machine, state = self._handle.machine, self._row.state
        if machine.allows(state, self._to):
            return None
        message = f"the subject went on to `{state}`, from where `{self._to}` cannot be reached"
        return Reject("stale_version", message, then="stop")

    def swap(self, subject: S | None, now: datetime) -> Swap:
        return self._plan(self._to, subject, now)

    def parking(self, now: datetime) -> Swap | None:
        if self._waits_in is None or self._row.state == self._waits_in:
            return None
        return self._plan(self._waits_in, None, now)

    def _plan(self, to: St, subject: S | None, now: datetime) -> Swap:
        planned = moving(
            self._handle.machine,
            self._row,
            self._subject if subject is None else subject,
            to,
            now=now,
            because="",
            replaced=subject is not None,
        )
        self._planned = (planned.swap, planned.records)
        return planned.swap

    def records(self, swap: Swap, row: Row, because: str) -> Sequence[Record]:
        assert self._planned is not None
        assert self._planned[0] is swap
        moved, *others = self._planned[1]
        return (replace(cast("Moved", moved), because=because), *others)

    def made(self, row: Row) -> None:
        self._handle.see(row)
        self._look()

    async def refresh(self) -> None:
        row = await self._store.row(self._handle.id)
        if row is not None:
            self._handle.see(row)
        self._look()
