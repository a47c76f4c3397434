"""One transaction in progress, written once for both dialects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from signoff.boundary import (
    EventRow,
    OffsetRow,
    PendingEffect,
    Recorded,
    Row,
    StreamRow,
    Swap,
    Timer,
)
from signoff.ledger import Record, Redact, canonical, digest, link
from signoff.storage._columns import SubjectColumns, read_crossing
from signoff.storage._connection import Connection, Params
from signoff.storage._control_writes import ControlWrites
from signoff.storage._event_writes import EventWrites
from signoff.storage._work import Work

T = TypeVar("T")

#: What a transaction added to the ledger: boundary and id of the crossing, if known, and records.
Written: TypeAlias = Sequence[tuple[str, str, Sequence[Record]]]

#: What a body that refers to such a field contains.
MARK = '"$payload":'

#: A record's field is stored apart, under its digest, from this many characters on.
LARGE = 4096


class Conflict(Exception):
    """Another writer changed what this transaction had read; run it again."""


class StoredTransaction(ControlWrites, EventWrites):
    """Implements `Transaction` and `SpineTransaction` over one connection.

    Subjects are read once and written once, at `flush`; records are chained as they are appended.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        owner: int,
        code: int = 0,
        redact: Redact | None = None,
        by_workers: bool = False,
    ) -> None:
        self._connection = connection
        self._owner = owner
        self._code = code
        self._by_workers = by_workers
        #: Timers and effects that it wrote, for which somebody has to come.
        self.works: list[Work] = []
        self._redact = redact
        self._subjects: dict[str, SubjectColumns] = {}
        self._records: list[Params] = []
        self._dropped: list[Params] = []
        #: When the earliest of the timers and effects that it wrote is due; empty if it wrote none.
        self.due = ""
        self._absent: set[str] = set()
        self._appended: list[tuple[str, Sequence[Record]]] = []
        self._boundaries: dict[str, str] = {}
        self._streams: dict[tuple[str, str], StreamRow] = {}
        self._events: dict[str, list[EventRow]] = {}
        self._offsets: dict[tuple[str, str], OffsetRow | None] = {}
        self._lock, self._share = ("lock_", "share_") if connection.locks else ("", "")

    @property
    def connection(self) -> Connection:
        """The connection underneath, for what only the storage itself may do."""
        return self._connection

    def carry_out(self, script: Callable[[StoredTransaction], T]) -> T:
        """Run a script, and write what it gathered. See `flush`."""
        try:
            result = script(self)
        except StopIteration as error:
            # asyncio cannot hand a StopIteration to whoever waits: they would wait for ever.
            raise RuntimeError("the script raised StopIteration") from error
        self.flush()
        return result

    @property
    def appends(self) -> bool:
        """Whether it adds events to a log."""
        return bool(self._events)

    @property
    def written(self) -> Written:
        """What it added to the ledger."""
        return [(self._boundaries.get(id, ""), id, records) for id, records in self._appended]

    def _will_be_due(self, queue: str, subject: str, due: str) -> None:
        if not self.due or due < self.due:
            self.due = due
        self.works.append(Work(queue, subject, due))

    # The ledger

    def append(self, subject: str, crossing: str, at: str, records: Sequence[Record]) -> None:
        chain = self._subject(subject)
        chain.touched = True
        self._appended.append((crossing, records))
        for record in records:
            type = record.type
            fields = record.body()
            if self._redact is not None:
                fields = dict(self._redact(type, fields))
            body = canonical(fields)
            # What a model says may look like our own mark for a value that is kept elsewhere.
            if len(body) > LARGE or MARK in body:
                body = self._set_apart(fields)
            chain.length += 1
            chain.head = link(
                chain.head,
                subject=subject,
                seq=chain.length,
                at=at,
                crossing=crossing,
                type=type,
                body=body,
            )
            self._records.append(
                {
                    "subject": subject,
                    "seq": chain.length,
                    "at": at,
                    "crossing": crossing,
                    "type": type,
                    "body": body,
                    "hash": chain.head,
                }
            )

    def drop_records(self, subject: str, upto: int) -> None:
        """Remove the beginning of a chain, after all that this transaction adds is there.

        SQLite gives a record the position after the highest that is there: removed first, the last
        records of the ledger would leave their positions to the next ones.
        """
        self._dropped.append({"subject": subject, "upto": upto})

    def _set_apart(self, fields: dict[str, Any]) -> str:
        kept: dict[str, Any] = {}
        for name, value in fields.items():
            text = canonical(value)
            if len(text) > LARGE or (isinstance(value, dict) and "$payload" in value):
                mark = digest(text)
                self._connection.run("add_payload", {"digest": mark, "body": text})
                value = {"$payload": mark, "characters": len(text)}
            kept[name] = value
        return canonical(kept)

    # Crossings

    def crossing(self, id: str) -> Recorded | None:
        rows = self._connection.run(f"{self._lock}crossing", {"id": id})
        if not rows:
            self._absent.add(id)
            return None
        return read_crossing(rows[0])

    def save_crossing(self, recorded: Recorded) -> None:
        # A crossing that is not there cannot be locked: another process may have written it since
        # this one looked. Inserting it then fails, and the script runs again and finds it.
        absent = recorded.id in self._absent
        self._absent.discard(recorded.id)
        self._boundaries[recorded.id] = recorded.boundary
        self._connection.run(
            "add_crossing" if absent else "save_crossing",
            {
                "id": recorded.id,
                "key": recorded.key,
                "subject": recorded.subject,
                "boundary": recorded.boundary,
                "status": recorded.status,
                "attempts": recorded.attempts,
                "opened": recorded.opened,
                "state": canonical(recorded.state),
                "code": self._code,
            },
        )

    # The spine

    def row(self, subject: str) -> Row | None:
        return self._subject(subject).row

    def swap(self, swap: Swap, *, crossing: str = "") -> Row | None:
        subject = self._subject(swap.subject)
        row = subject.row
        version = None if row is None else row.version
        if version != swap.expected or subject.pending not in ("", crossing):
            return None
        subject.row = Row(
            subject=swap.subject,
            machine=swap.machine,
            state=swap.state,
            version=(version or 0) + 1,
            data=swap.data,
        )
        subject.pending = ""
        subject.touched = subject.swapped = True
        if swap.timers is None:
            self._connection.run(
                "carry_timers", {"subject": swap.subject, "version": subject.row.version}
            )
        else:
            if row is not None:
                self._connection.run("drop_timers", {"subject": swap.subject})
            for timer in swap.timers:
                self._will_be_due(timer.machine, timer.subject, timer.due)
                self._connection.run("add_timer", _timer_params(timer))
        return subject.row

    def hold(self, subject: str, crossing: str) -> None:
        held = self._subject(subject)
        held.pending = crossing
        held.touched = True

    def drop_timer(self, timer: Timer) -> None:
        self._connection.run("drop_timer", _timer_key(timer))

    def postpone_timer(self, timer: Timer, *, due: str, counts: bool = True) -> None:
        self._will_be_due(timer.machine, timer.subject, due)
        self._connection.run(
            "postpone_timer",
            {**_timer_key(timer), "due": due, "counted": int(counts), "by": self._owner},
        )

    def begin_timer(self, timer: Timer) -> None:
        self._connection.run("begin_timer", _timer_key(timer))

    def reset_timer(self, timer: Timer, *, due: str) -> None:
        self._will_be_due(timer.machine, timer.subject, due)
        self._connection.run("reset_timer", {**_timer_key(timer), "due": due})

    def reset_effect(self, effect: int, *, due: str) -> None:
        for name, subject in self._connection.run("reset_effect", {"id": effect, "due": due}):
            self._will_be_due(name, subject, due)

    # The outbox

    def enqueue(self, effect: PendingEffect) -> int:
        # What is in the hands of this process needs nobody else, unless the process dies.
        outbox = effect.kind == "outbox" and not self._by_workers
        mine = effect.kind in ("commit", "durable") or outbox
        if not mine or not self._by_workers:
            self._will_be_due(effect.name, effect.subject, effect.due)
        rows = self._connection.run(
            "add_effect",
            {
                "kind": effect.kind,
                "crossing": effect.crossing,
                "subject": effect.subject,
                "name": effect.name,
                "key": effect.key,
                "payload": effect.payload,
                "due": effect.due,
                "doubt": effect.doubt,
                # What waits for its time belongs to whoever is there when it comes.
                "owner": self._owner if mine else None,
            },
        )
        return int(rows[0][0])

    def settle_durable(self, crossing: str) -> None:
        self._connection.run("settle_durable", {"crossing": crossing})

    def settle(self, effect: int) -> bool:
        return bool(self._connection.run("settle_effect", {"id": effect}))

    def has(self, effect: int) -> bool:
        return bool(self._connection.run("has_effect", {"id": effect, "by": self._owner}))

    def postpone(self, effect: int, *, due: str, doubt: bool, counts: bool = True) -> None:
        params = {
            "id": effect,
            "by": self._owner,
            "due": due,
            "doubt": doubt,
            # Whoever comes for it then may be another worker.
            "owner": None if self._by_workers else self._owner,
            "counted": int(counts),
        }
        postponed = self._connection.run("postpone_effect", params)
        for name, subject in postponed:
            self._will_be_due(name, subject, due)
        if postponed:
            self._connection.run("postpone_later_effects", params)

    # The user's own, and the end

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.raw(sql, parameters)

    def flush(self) -> None:
        """Write what was gathered. Raises `Conflict` if a subject's chain has grown meanwhile."""
        if self._records:
            self._connection.run_many("add_record", self._records)
        for dropped in self._dropped:
            self._connection.run("drop_records", dropped)
        for subject in self._subjects.values():
            if subject.touched:
                self._write(subject)
        # Last, and in the order of their names: whoever adds to a log keeps others from it until
        # the end, so that positions are given in the order of the commits.
        for log in sorted(self._events):
            self._write_events(log, self._events[log])

    def _write(self, subject: SubjectColumns) -> None:
        params: dict[str, Any] = {
            "id": subject.id,
            "length": subject.length,
            "head": subject.head,
            "pending": subject.pending or None,
            "was": subject.was,
        }
        row = subject.row
        if subject.swapped or subject.was is None:
            params["machine"] = None if row is None else row.machine
            params["state"] = None if row is None else row.state
            params["version"] = None if row is None else row.version
            params["data"] = None if row is None else row.data
        if subject.was is None:
            self._connection.run("add_subject", params)
            return
        name = "swap_subject" if subject.swapped else "extend_subject"
        if not self._connection.run(name, params):
            raise Conflict(subject.id)

    def _subject(self, id: str) -> SubjectColumns:
        subject = self._subjects.get(id)
        if subject is None:
            rows = self._connection.run(f"{self._lock}subject", {"id": id})
            subject = self._subjects[id] = SubjectColumns(id, rows[0] if rows else None)
        return subject


def _timer_key(timer: Timer) -> Params:
    return {"subject": timer.subject, "name": timer.name, "armed": timer.armed}


def _timer_params(timer: Timer) -> Params:
    return {
        "subject": timer.subject,
        "name": timer.name,
        "machine": timer.machine,
        "version": timer.version,
        "due": timer.due,
        "armed": timer.armed,
    }
