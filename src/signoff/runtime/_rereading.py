"""Reading a consumer's events again, and asking its questions again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from signoff.boundary import (
    Committed,
    EventRow,
    External,
    Outcome,
    Recorded,
    Subject,
    Transaction,
    crossing_id,
    subject_id,
)
from signoff.clock import Clock, stamp
from signoff.errors import UsageError
from signoff.ledger import Appended, AskedAgain, Usage, canonical
from signoff.runtime._handing_over import HandingOver, part_key
from signoff.runtime._rehearsal import CameOut, Said, asks_others, rehearse, told, verdict_of
from signoff.state import Compared, Consumer, Divergence, Event, EventLog, Level
from signoff.storage import Storage

#: Crossings whose records are kept in memory while events are read again.
KEPT_CROSSINGS = 20_000

#: Told how many events were looked at.
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One event, looked at again.

    Attributes:
        event: The event.
        left_out: Why it could not be compared; empty if it was.
        level: Where it differs; None if it is the same.
        recorded: What is on record.
        now: What comes out now.
        came_out: Every crossing that was rehearsed, with its id.
    """

    event: Event[Any]
    left_out: str = ""
    level: Level | None = None
    recorded: dict[str, Any] | None = None
    now: dict[str, Any] | None = None
    came_out: tuple[tuple[str, CameOut], ...] = ()


class _LeftOut(Exception):
    """This event cannot be compared, and why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Rereading:
    """Compares what comes of events now with what is on record.

    Args:
        storage: Where it is on record.
        clock: Time.
        handing_over: Knows where a stream stood.
    """

    def __init__(self, storage: Storage, clock: Clock, handing_over: HandingOver) -> None:
        self._storage = storage
        self._clock = clock
        self._handing_over = handing_over
        self._told: OrderedDict[str, dict[str, list[tuple[str, dict[str, Any]]]]] = OrderedDict()
        self._kept = 0

    async def compare(
        self,
        consumer: Consumer[Any],
        *,
        asking: bool,
        from_: int = 0,
        stream: str = "",
        concurrency: int = 8,
        examples: int = 20,
        progress: Progress | None = None,
    ) -> Compared:
        """Look at a consumer's events again; see `Runtime.reread` and `Runtime.ask_again`."""
        if asking and consumer.through is not None and asks_others(consumer.through):
            raise UsageError(
                f"{consumer.through.name} asks others while it proposes, which cannot be done "
                "without effect; read it again instead"
            )
        levels: Counter[Level] = Counter()
        left_out: Counter[str] = Counter()
        shown: list[Divergence] = []
        seen = same = 0
        usage = Usage()
        async for batch in self._batches(consumer, from_, stream, concurrency):
            looks = [self._look(consumer, row, asking=asking) for row in batch]
            for looked in await asyncio.gather(*looks):
                seen += 1
                for _, came_out in looked.came_out:
                    usage = usage + came_out.usage
                if looked.left_out:
                    left_out[looked.left_out] += 1
                elif looked.level is None:
                    same += 1
                else:
                    levels[looked.level] += 1
                    if len(shown) < examples:
                        shown.append(_divergence(looked))
            if progress is not None:
                progress(seen)
        return Compared(
            consumer=consumer.name,
            asked_again=asking,
            events=same + levels.total(),
            same=same,
            levels=dict(levels),
            left_out=dict(left_out),
            examples=tuple(shown),
            usage=usage if asking else Usage(),
        )

    async def count_otherwise(
        self, consumer: Consumer[Any], events: Sequence[Event[Any]], versions: frozenset[int]
    ) -> int:
        """How many of these events come out otherwise, in the given order, as recorded."""
        state, otherwise = None, 0
        log = consumer.log
        for event in events:
            state = None if log.fold is None else log.fold(state, event)
            if event.version in versions:
                looked = await self._compared(consumer, event, state, asking=False)
                otherwise += looked.level is not None
        return otherwise

    async def _batches(
        self, consumer: Consumer[Any], from_: int, stream: str, size: int
    ) -> AsyncIterator[list[EventRow]]:
        log, position = consumer.log.name, from_
        while rows := await self._storage.events_of_log(log, after=position, limit=256):
            wanted = [
                row
                for row in rows
                if row.about is None and consumer.wants(row.type) and stream in ("", row.stream)
            ]
            for first in range(0, len(wanted), size):
                yield wanted[first : first + size]
            position = rows[-1].position

    async def _look(self, consumer: Consumer[Any], row: EventRow, *, asking: bool) -> Looked:
        event = consumer.log.read(row)
        state = await self._handing_over.state(consumer.log, event)
        looked = await self._compared(consumer, event, state, asking=asking)
        if asking and not looked.left_out:
            await self._put_on_record(consumer, looked)
        return looked

    async def _compared(
        self, consumer: Consumer[Any], event: Event[Any], state: Any, *, asking: bool
    ) -> Looked:
        rereading = _Delivery(self, consumer, event, state, asking=asking)
        try:
            return await rereading.compare()
        except _LeftOut as left_out:
            return Looked(event=event, left_out=left_out.why)

    async def records_of(self, subject: str, crossing: str) -> list[tuple[str, dict[str, Any]]]:
        """(type, fields) of a crossing's records; the chains that were read last are kept."""
        if crossing not in self._told.get(subject, ()):
            found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
            async for entry in self._storage.of_subject(subject):
                if entry.crossing and entry.type in ("proposed", "judged", "suspended"):
                    fields = json.loads(entry.body)
                    found.setdefault(entry.crossing, []).append((entry.type, fields))
            self._kept += len(found) - len(self._told.pop(subject, ()))
            self._told[subject] = found
            while len(self._told) > 1 and self._kept > KEPT_CROSSINGS:
                self._kept -= len(self._told.popitem(last=False)[1])
            told = found.get(crossing, [])
        else:
            told = self._told[subject][crossing]
        return [(type, await self._whole(fields)) for type, fields in told]

    async def _whole(self, fields: dict[str, Any]) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for name, value in fields.items():
            if isinstance(value, dict) and "$payload" in value:
                mark = cast("str", value["$payload"])
                text = await self._storage.payload(mark)
                value = None if text is None else json.loads(text)
            whole[name] = value
        return whole

    async def recorded(self, id: str) -> Recorded:
        """A crossing that can be compared with.

        Raises:
            _LeftOut: If it cannot.
        """
        recorded = await self._storage.crossing(id)
        if recorded is None:
            raise _LeftOut("not_handled")
        if recorded.status == "suspended":
            raise _LeftOut("person")
        if recorded.status not in ("committed", "rejected"):
            raise _LeftOut("open")
        return recorded

    async def rehearse(
        self, boundary: Any, subject: Any, key: str, event: Event[Any], said: Said | None
    ) -> tuple[CameOut, list[EventRow]]:
        """What would come of a crossing, and the events that did come of it."""
        id = crossing_id(key)
        caused = [row for row in await self._storage.events_caused_by(id) if row.about is None]
        before: dict[tuple[str, str], int] = {(event.log, event.stream): event.version}
        for row in reversed(caused):
            before[row.log, row.stream] = (row.version or 1) - 1
        came_out = await rehearse(
            boundary,
            subject,
            key=key,
            store=self._storage,
            clock=self._clock,
            said=said,
            before=before,
        )
        return came_out, caused

    async def events_caused_by(self, key: str) -> list[EventRow]:
        """The events that a delivery added by itself."""
        caused = await self._storage.events_caused_by(crossing_id(key))
        return [row for row in caused if row.about is None]

    async def _put_on_record(self, consumer: Consumer[Any], looked: Looked) -> None:
        """Say on the stream that a question was asked again, and what was said."""
        event, now = looked.event, self._clock.now()
        at = stamp(now)

        def write(tx: Transaction) -> None:
            tx.stream(event.log, event.stream)
            for id, came_out in looked.came_out:
                rows = [
                    replace(row, version=None, about=event.version, key=None, caused_by=id)
                    for row in came_out.rows
                ]
                asked = AskedAgain(
                    log=event.log,
                    consumer=consumer.name,
                    version=event.version,
                    fingerprint=came_out.fingerprint,
                    verdict=came_out.verdict,
                    differs=looked.level or "",
                    proposal=came_out.proposal,
                )
                tx.append(event.stream, id, at, [asked])
                for row in rows:
                    tx.stream(row.log, row.stream)
                    tx.add_events([row])
                    appended = Appended(
                        log=row.log, event=row.type, digest=row.digest, about=row.about
                    )
                    tx.append(row.stream, id, at, [appended])

        if looked.came_out:
            await self._storage.transact(write)


class _Delivery:
    """A `Delivery` in which nothing happens; see `signoff.state.Delivery`."""

    def __init__(
        self,
        rereading: Rereading,
        consumer: Consumer[Any],
        event: Event[Any],
        state: Any,
        *,
        asking: bool,
    ) -> None:
        self._rereading = rereading
        self._consumer = consumer
        self._event = event
        self.state = state
        self.key = consumer.key(event.stream, event.version)
        self._asking = asking
        self._proposals: list[tuple[Any, Any]] = []
        self._verdicts: list[tuple[str, str]] = []
        self._recorded: list[tuple[str, str, str, Any]] = []
        self._now: list[tuple[str, str, str, Any]] = []
        self._added: list[tuple[str, str, str, Any]] = []
        self._came_out: list[tuple[str, CameOut]] = []

    async def compare(self) -> Looked:
        consumer, event = self._consumer, self._event
        if consumer.through is not None:
            subject = consumer.subject(event, self.state)
            if subject is not None:
                await self._cross(consumer.through, subject, self.key)
        else:
            assert consumer.handle is not None
            await consumer.handle(cast("Any", self), event)
            own = await self._rereading.events_caused_by(self.key)
            self._recorded.extend(map(told, own))
            self._now.extend(self._added)
        recorded = {
            "proposal": [before for before, _ in self._proposals],
            "verdict": [before for before, _ in self._verdicts],
            "events": [list(one) for one in self._recorded],
        }
        now = {
            "proposal": [after for _, after in self._proposals],
            "verdict": [after for _, after in self._verdicts],
            "events": [list(one) for one in self._now],
        }
        return Looked(
            event=event,
            level=_level(recorded, now),
            recorded=recorded,
            now=now,
            came_out=tuple(self._came_out),
        )

    async def run(self, boundary: Any, subject: Subject, *, name: str = "") -> Outcome[Any]:
        return await self._cross(boundary, subject, part_key(self.key, boundary, name))

    def append(
        self, log: EventLog[Any], event: Any, *, stream: str = "", happened: Any = None
    ) -> None:
        type_, data = log.dump(event)
        place = (log.name, stream or self._event.stream)
        self._added.append((*place, type_, json.loads(data)))

    async def _cross(self, boundary: Any, subject: Any, key: str) -> Outcome[Any]:
        rereading, id = self._rereading, crossing_id(key)
        recorded = await rereading.recorded(id)
        records = await rereading.records_of(subject_id(subject), id)
        if recorded.attempts and not records:
            raise _LeftOut("removed")
        _check_comparable(boundary, recorded, records)
        said = None if self._asking else _said(records)
        came_out, caused = await rereading.rehearse(boundary, subject, key, self._event, said)
        last = [fields for type, fields in records if type == "proposed"][-1:]
        before = (last[0].get("proposal") or last[0].get("raw", "")) if last else None
        self._proposals.append((before, came_out.proposal if self._asking else before))
        self._verdicts.append((verdict_of(recorded), came_out.verdict))
        self._recorded.extend(map(told, caused))
        self._now.extend(came_out.events)
        commit: object = boundary.commit
        if isinstance(commit, External):
            # Its proposal is what the other system is asked for.
            place = ("", recorded.subject, f"effect {cast('Any', commit).name}")
            if recorded.status == "committed":
                self._recorded.append((*place, before))
            if came_out.verdict == "committed":
                self._now.append((*place, came_out.proposal if self._asking else before))
        if self._asking:
            self._came_out.append((id, came_out))
        outcome = came_out.outcome
        if not self._asking and isinstance(outcome, Committed):
            # An effect outside was not performed; its receipt is on record.
            receipt = boundary.receipt_adapter.validate_python(recorded.state.get("receipt"))
            outcome = replace(outcome, receipt=receipt)
        return outcome


def _check_comparable(
    boundary: Any, recorded: Recorded, records: Sequence[tuple[str, dict[str, Any]]]
) -> None:
    if any(type == "suspended" for type, _ in records):
        raise _LeftOut("person")
    by = {verifier.name for verifier in boundary.verifiers}
    by |= {"proposer", "parser", "loop", "evidence"}
    told = recorded.state.get("rejections", ()) if recorded.status == "rejected" else ()
    if any(body["by"] not in by for body in told):
        raise _LeftOut("control")


def _said(records: Sequence[tuple[str, dict[str, Any]]]) -> Said:
    answers: dict[int, Any] = {}
    evidence: dict[int, Any] = {}
    for type, fields in records:
        if type == "proposed":
            answers[fields["attempt"]] = fields.get("proposal", fields.get("raw"))
        elif type == "judged":
            evidence[fields["attempt"]] = fields.get("evidence", {})
    return Said(answers=answers, evidence=evidence)


def _level(recorded: dict[str, Any], now: dict[str, Any]) -> Level | None:
    levels: tuple[Level, ...] = ("events", "verdict", "proposal")
    for level in levels:
        if canonical(recorded[level]) != canonical(now[level]):
            return level
    return None


def _divergence(looked: Looked) -> Divergence:
    assert looked.level is not None
    return Divergence(
        stream=looked.event.stream,
        version=looked.event.version,
        level=looked.level,
        recorded=looked.recorded or {},
        now=looked.now or {},
    )
