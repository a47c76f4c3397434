"""One event in a consumer's hands: what it does, and that its offset moves with it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast
from urllib.parse import quote

from signoff.boundary import (
    Adding,
    Boundary,
    CrossingStore,
    EventRow,
    OffsetRow,
    Outcome,
    PendingEffect,
    Recorded,
    Rejected,
    Subject,
    TicketRow,
    Transaction,
    add_events,
    checked_stream,
    crossing_id,
    work_name,
)
from signoff.clock import Clock, from_stamp, stamp
from signoff.errors import NotNow
from signoff.ledger import GaveUp, Late, Record, canonical
from signoff.state import Consumer, Event, EventLog, EventStore

T = TypeVar("T")
X = TypeVar("X")
R = TypeVar("R")
S = TypeVar("S", bound=Subject)

#: Streams whose standing is kept at hand.
KEPT = 4096

#: Where a crossing stands once its event counts as handled: it has ended, or waits on record.
_HANDLED = ("committed", "rejected", "suspended", "unknown")

#: Crosses a boundary: (boundary, subject, key, store).
Cross = Callable[[Any, Any, str, CrossingStore], Awaitable[Outcome[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What one handing over is about.

    Attributes:
        consumer: Who handles it.
        row: The event as the database keeps it.
        event: The event.
        state: Where the stream stood after it.
        aside: The work by which it waits, if it had been set aside.
        late: Put on record once it is handled.
    """

    consumer: Consumer[Any]
    row: EventRow
    event: Event[Any]
    state: Any
    aside: PendingEffect | None = None
    late: Late | None = None

    @property
    def key(self) -> str:
        return self.consumer.key(self.row.stream, self.row.version or 0)

    def mark(self, tx: Transaction, now: datetime) -> bool:
        """Note that it is handled; False if it had been before."""
        if self.aside is not None:
            if not tx.settle(self.aside.id):
                return False
        elif not moved(tx, self.consumer, self.row):
            return False
        if self.late is not None:
            tx.append(self.row.stream, "", stamp(now), [self.late])
        return True


def moved(tx: Transaction, consumer: Consumer[Any], row: EventRow) -> bool:
    """Move the offset past an event; False if it is past it already."""
    offset = tx.offset(consumer.name, row.stream)
    version = row.version or 0
    if offset.version >= version:
        return False
    tx.save_offset(consumer.name, row.stream, OffsetRow(version, max(offset.seen, row.happened)))
    return True


class Marking:
    """A store in which a crossing's end and the offset of its event are one transaction."""

    def __init__(self, store: EventStore, crossing: str, mark: Callable[[Transaction], object]):
        self._store = store
        self._crossing = crossing
        self._mark = mark
        #: Whether the offset has moved.
        self.marked = False

    async def transact(self, script: Callable[[Transaction], T]) -> T:
        """Run a script; the offset moves if the crossing is handled by it."""

        def run(tx: Transaction) -> tuple[T, bool]:
            watched = _Watched(tx, self._crossing)
            result = script(cast("Transaction", watched))
            if watched.handled:
                self._mark(tx)
            return result, watched.handled

        result, handled = await self._store.transact(run)
        self.marked = self.marked or handled
        return result

    async def crossing(self, id: str) -> Recorded | None:
        """A crossing as last recorded."""
        return await self._store.crossing(id)

    async def opening(self, id: str, switch: str) -> tuple[Recorded | None, str]:
        """A crossing as last recorded, and what a switch is set to."""
        return await self._store.opening(id, switch)

    async def row(self, subject: str) -> Any:
        """A subject's row as last recorded."""
        return await self._store.row(subject)


class _Watched:
    """A transaction that notices when a crossing is handled."""

    def __init__(self, tx: Transaction, crossing: str) -> None:
        self._tx = tx
        self._crossing = crossing
        self.handled = False

    def save_crossing(self, recorded: Recorded) -> None:
        self._tx.save_crossing(recorded)
        if recorded.id == self._crossing and recorded.status in _HANDLED:
            self.handled = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """An event that a handler adds."""

    log: EventLog[Any]
    stream: str
    event: Any
    happened: datetime | None


class Handed:
    """The `Delivery` that a handler is given."""

    def __init__(self, hand: Hand, store: EventStore, cross: Cross) -> None:
        self._hand = hand
        self._store = store
        self._cross = cross
        self.additions: list[Addition] = []
        #: Events that were added before under the same keys, and were others.
        self.otherwise = 0

    @property
    def key(self) -> str:
        return self._hand.key

    @property
    def state(self) -> Any:
        return self._hand.state

    async def run(self, boundary: Boundary[S, Any, R], subject: S, *, name: str = "") -> Outcome[R]:
        key = part_key(self.key, boundary, name)
        outcome = await self._cross(boundary, subject, key, self._store)
        raise_if_halted(outcome)
        return outcome

    def append(
        self, log: EventLog[X], event: X, *, stream: str = "", happened: datetime | None = None
    ) -> None:
        name = checked_stream(stream or self._hand.row.stream)
        self.additions.append(Addition(log=log, stream=name, event=event, happened=happened))

    def write(self, tx: Transaction, now: datetime) -> None:
        """Add what the handler added, each once."""
        self.otherwise = 0
        for number, addition in enumerate(self.additions, 1):
            key = f"{self.key}/{number}"
            type_, data = addition.log.dump(addition.event)
            known = tx.event_by_key(addition.log.name, addition.stream, key)
            if known is not None:
                self.otherwise += (known.type, known.data) != (type_, data)
                continue
            adding = Adding(
                log=addition.log.name,
                stream=addition.stream,
                events=[(type_, data)],
                now=now,
                key=key,
                happened=addition.happened,
                caused_by=crossing_id(self.key),
            )
            added = add_events(tx, adding)
            tx.append(addition.stream, crossing_id(self.key), stamp(now), added.records)


def part_key(key: str, boundary: Boundary[Any, Any, Any], name: str) -> str:
    """The key of a crossing that a handler makes."""
    parts = (boundary.name, name) if name else (boundary.name,)
    return "/".join((key, *(quote(part, safe="") for part in parts)))


def raise_if_halted(outcome: object) -> None:
    """Have an event that a control halts handed over again later."""
    if isinstance(outcome, Rejected) and outcome.ended == "halted":
        raise NotNow(str(outcome.rejections[-1]) if outcome.rejections else "halted")


class HandingOver:
    """Hands events over, one at a time and each of them once.

    Args:
        store: Where logs and offsets are kept.
        clock: Time.
        cross: Crosses a boundary under a key, in a store.
        reread: How often a late event makes later ones come out otherwise; see `reprocess`.
    """

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        *,
        cross: Cross,
        reread: Callable[[Consumer[Any], Sequence[Event[Any]], Any], Awaitable[int]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._cross = cross
        self._reread = reread
        self._states: OrderedDict[tuple[str, str], tuple[int, Any]] = OrderedDict()

    async def hand_over(self, consumer: Consumer[Any], row: EventRow) -> None:
        """Handle one event, unless it comes too late."""
        event = consumer.log.read(row)
        watermark = await self._watermark(consumer, row)
        if watermark and row.happened < watermark:
            await self._handle_late(consumer, row, event, watermark)
            return
        state = await self.state(consumer.log, event)
        await self._handle(Hand(consumer=consumer, row=row, event=event, state=state))

    async def take_up(self, consumer: Consumer[Any], row: EventRow, aside: PendingEffect) -> None:
        """Handle an event that had been set aside."""
        event = consumer.log.read(row)
        state = await self.state(consumer.log, event)
        await self._handle(Hand(consumer=consumer, row=row, event=event, state=state, aside=aside))

    async def set_aside(
        self, consumer: Consumer[Any], row: EventRow, error: Exception, tries: int
    ) -> None:
        """Let an event rest that failed every time, and ask the operator about it."""
        from signoff.control import described

        because, now = described(error), self._clock.now()

        def write(tx: Transaction) -> None:
            if moved(tx, consumer, row):
                ticket = _rest(tx, consumer, row, because, now)
                work = work_name("event", consumer.name)
                gave_up = GaveUp(work=work, tries=tries, because=because, ticket=ticket)
                tx.append(row.stream, "", stamp(now), [gave_up])

        await self._store.transact(write)

    async def _handle(self, hand: Hand) -> None:
        if hand.consumer.through is None:
            await self._by_handler(hand)
        else:
            await self._through(hand, hand.consumer.through)

    async def _through(self, hand: Hand, boundary: Boundary[Any, Any, Any]) -> None:
        subject = hand.consumer.subject(hand.event, hand.state)
        now = self._clock.now()
        if subject is None:
            await self._store.transact(lambda tx: hand.mark(tx, now))
            return
        marking = Marking(self._store, crossing_id(hand.key), lambda tx: hand.mark(tx, now))
        outcome = await self._cross(boundary, subject, hand.key, marking)
        raise_if_halted(outcome)
        if not marking.marked:  # it had ended before, or another worker ended it
            await self._store.transact(lambda tx: hand.mark(tx, now))

    async def _by_handler(self, hand: Hand) -> None:
        handle = hand.consumer.handle
        assert handle is not None
        handed = Handed(hand, self._store, self._cross)
        await handle(handed, hand.event)
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            if hand.mark(tx, now):
                handed.write(tx, now)

        await self._store.transact(write)

    # Late events

    async def _watermark(self, consumer: Consumer[Any], row: EventRow) -> str:
        """Events of this stream that happened before it are late; empty if none is."""
        if consumer.late is None:
            return ""
        offsets = await self._store.offsets(consumer.name, [row.stream])
        seen = offsets[row.stream].seen if row.stream in offsets else ""
        return stamp(from_stamp(seen) - consumer.late.lateness) if seen else ""

    async def _handle_late(
        self, consumer: Consumer[Any], row: EventRow, event: Event[Any], watermark: str
    ) -> None:
        assert consumer.late is not None
        policy = consumer.late.policy

        def late(**more: Any) -> Late:
            return Late(
                log=row.log,
                consumer=consumer.name,
                version=row.version or 0,
                happened=row.happened,
                watermark=watermark,
                policy=policy,
                **more,
            )

        if policy == "reprocess":
            await self._reprocess(consumer, row, event, late)
            return
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            if not moved(tx, consumer, row):
                return
            records: list[Record] = [late()]
            if policy == "escalate":
                because = f"it happened at {row.happened}, before the watermark {watermark}"
                records = [late(ticket=_rest(tx, consumer, row, because, now))]
            tx.append(row.stream, "", stamp(now), records)

        await self._store.transact(write)

    async def _reprocess(
        self,
        consumer: Consumer[Any],
        row: EventRow,
        event: Event[Any],
        late: Callable[..., Late],
    ) -> None:
        """Handle an event at its place in the order in which things happened.

        What happened after it and is handled already is read again: with what was recorded, so
        that nobody is asked and nothing is done twice.
        """
        log = consumer.log
        rows = self._store.events_of_stream(row.log, row.stream, until=row.version)
        events = sorted([log.read(one, row.stream) async for one in rows], key=in_time)
        place = next(i for i, one in enumerate(events) if one.version == event.version)
        after = [
            one
            for one in events[place + 1 :]
            if consumer.wants(one.type) and one.origin == row.stream
        ]
        state = None if log.fold is None else log.folded(events[: place + 1])
        before = events[: place + 1]
        if consumer.through is not None:
            otherwise = await self._reread(consumer, events, frozenset(e.version for e in after))
            record = late(reread=len(after), otherwise=otherwise)
            hand = Hand(consumer=consumer, row=row, event=event, state=state, late=record)
            await self._through(hand, consumer.through)
            return
        assert consumer.handle is not None
        handed: list[Handed] = []
        for one in [event, *after]:
            before = events[: events.index(one) + 1]
            state = None if log.fold is None else log.folded(before)
            hand = Hand(consumer=consumer, row=_place(row, one), event=one, state=state)
            handed.append(Handed(hand, self._store, self._cross))
            await consumer.handle(handed[-1], one)
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            if moved(tx, consumer, row):
                for one in handed:
                    one.write(tx, now)
                record = late(reread=len(after), otherwise=sum(one.otherwise for one in handed))
                tx.append(row.stream, "", stamp(now), [record])

        await self._store.transact(write)

    # Where a stream stands

    async def state(self, log: EventLog[Any], event: Event[Any]) -> Any:
        """Where the stream stood after an event, in the order of its versions."""
        if log.fold is None:
            return None
        place = (log.name, event.stream)
        version, state = self._states.get(place, (0, None))
        if version > event.version:
            version, state = 0, None
        if version < event.version - 1:
            rows = self._store.events_of_stream(
                log.name, event.stream, after=version, until=event.version - 1
            )
            state = log.folded([log.read(one, event.stream) async for one in rows], state)
        if version < event.version:
            state = log.fold(state, event)
        if self._states.get(place, (0, None))[0] <= event.version:
            self._states[place] = (event.version, state)
            self._states.move_to_end(place)
            while len(self._states) > KEPT:
                self._states.popitem(last=False)
        return state


def in_time(event: Event[Any]) -> tuple[datetime, int]:
    """The order in which things happened."""
    return event.happened, event.version


def _place(row: EventRow, event: Event[Any]) -> EventRow:
    from dataclasses import replace

    return replace(row, stream=event.stream, version=event.version)


def _rest(
    tx: Transaction, consumer: Consumer[Any], row: EventRow, because: str, now: datetime
) -> str:
    """Let an event rest as a piece of work, and open a ticket for it; the ticket's id."""
    from signoff.control import NEVER, OPERATOR

    key = consumer.key(row.stream, row.version or 0)
    place = {"log": row.log, "stream": row.stream, "version": row.version}
    effect = tx.enqueue(
        PendingEffect(
            kind="event",
            crossing=crossing_id(key),
            subject=row.stream,
            name=work_name("event", consumer.name),
            key=key,
            payload=canonical(place),
            due=NEVER,
        )
    )
    ticket = TicketRow(
        id=f"work-{crossing_id(key)[:20]}",
        kind="work",
        crossing="",
        subject=row.stream,
        boundary=f"event {row.version} of {row.stream}, for {consumer.name}"[:200],
        ask=OPERATOR,
        because=because,
        opened=stamp(now),
        body={"effect": effect},
    )
    tx.save_ticket(ticket)
    return ticket.id
