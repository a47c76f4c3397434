"""Everything that a store answers, over two primitives: a transaction and a read."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from signoff.boundary import (
    PendingEffect,
    Recorded,
    Row,
    Timer,
)
from signoff.clock import Clock, SystemClock, stamp
from signoff.errors import BadInput, UsageError
from signoff.ledger import (
    SEALS,
    Entry,
    Record,
    Redact,
    Sealed,
    Verification,
    merkle_root,
)
from signoff.storage._columns import read_crossing, read_entry, read_row
from signoff.storage._connection import CHUNK, Connection, FaultPoint, Rows
from signoff.storage._control_reads import ControlReads
from signoff.storage._event_reads import EventReads
from signoff.storage._proving import heads, proof
from signoff.storage._transaction import StoredTransaction, Written
from signoff.storage._work import Work

if TYPE_CHECKING:
    pass

T = TypeVar("T")


class Storage(ControlReads, EventReads, ABC):
    """One database, one transaction at a time per subject.

    It fulfils `signoff.ledger.Ledger`, `signoff.boundary.CrossingStore` and
    `signoff.state.SpineStore`.

    Args:
        redact: Runs over every record before it is hashed and written.
        fault_point: Called before every statement; for tests that break things on purpose.
    """

    #: How a person would name this store again.
    url: str

    def __init__(self, *, redact: Redact | None, fault_point: FaultPoint | None) -> None:
        self._redact = redact
        self._fault_point = fault_point
        self._owner = 0
        #: Seconds between tries to read from a database that went away.
        self.reconnect_after: Sequence[float] = ()
        #: Of the code that crosses: what newer code has begun is left to it.
        self.code = 0
        #: Times the seals; the runtime puts its own here.
        self.clock: Clock = SystemClock()
        #: Told when work that was just written is due; the runtime puts its runner here.
        self.on_due: Callable[[str], None] = lambda due: None
        #: Told when events were added to a log; the runtime puts its consumers here.
        self.on_append: Callable[[], None] = lambda: None
        #: Told what was added to the ledger, once it is durable; the runtime puts telemetry here.
        self.on_written: Callable[[Written], None] | None = None

    @property
    def by_workers(self) -> bool:
        """Whether work that is due is left to worker processes, which are told of it by jobs."""
        return False

    async def make_jobs(self) -> None:
        """Leave what is due to worker processes from now on; brings the tables of jobs up to date.

        Raises:
            MissingExtra: If the library that runs them is not installed.
            UsageError: If the database is worked by one process.
        """
        raise UsageError(f"{self.url} is worked by one process; workers need PostgreSQL")

    async def partition(self, size: int) -> None:
        """Keep the ledger in partitions of so many records, what is there included.

        Raises:
            UsageError: If it is kept in others already, or the database has none.
        """
        raise UsageError(f"{self.url} has no partitions; they need PostgreSQL")

    async def drop_emptied(self) -> int:
        """Drop partitions that hold nothing any more; how many."""
        return 0

    async def soon(self, until: str, now: str, limit: int) -> list[Work]:
        """Work that is due before long, or that a process that is gone had, and no job is for."""
        return []

    async def defer(self, works: Sequence[Work]) -> None:
        """Make jobs for work, all or none."""
        raise UsageError(f"{self.url} has no workers")

    async def show_life(self, within: float) -> None:
        """Be seen to live; who is not seen again within so many seconds is taken for dead."""

    def redacted(self, record: Record) -> Mapping[str, Any]:
        """The fields of a record as the ledger would keep them."""
        fields = record.body()
        return fields if self._redact is None else self._redact(record.type, fields)

    # What a dialect provides

    @abstractmethod
    async def open(self, *, exclusive: bool) -> None:
        """Connect, and build or migrate the tables.

        Args:
            exclusive: Open as a runtime, which claims and recovers work; otherwise as a reader or
                as somebody who leaves an answer.
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish what was accepted, and disconnect."""

    @abstractmethod
    async def transact(self, script: Callable[[StoredTransaction], T]) -> T:
        """Run a script in one transaction; durable when this returns."""

    @abstractmethod
    async def read(self, look: Callable[[Connection], T]) -> T:
        """Run a short read."""

    @abstractmethod
    async def survey(self, look: Callable[[Connection], T]) -> T:
        """Run a long read on one snapshot, without keeping anybody waiting."""

    @abstractmethod
    async def claim_timers(
        self,
        machines: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[tuple[str, str]],
        subject: str = "",
    ) -> list[Timer]:
        """See `SpineStore.claim_timers`."""

    @abstractmethod
    async def claim_effects(
        self,
        names: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[int],
        subject: str = "",
    ) -> list[PendingEffect]:
        """See `SpineStore.claim_effects`."""

    @abstractmethod
    async def claim_commit(self, crossing: str, *, busy: Collection[int]) -> PendingEffect | None:
        """See `SpineStore.claim_commit`."""

    @abstractmethod
    def _keep_writers_out(self, tx: StoredTransaction, connection: Connection) -> None:
        """Wait for every other transaction, so that the next read sees a clean cut."""

    @abstractmethod
    def keep_values(self, tx: StoredTransaction) -> None:
        """Wait for everybody who refers to a value that is kept apart, and keep new ones out."""

    async def claim_consumer(self, name: str) -> int | None:
        """See `EventStore.claim_consumer`."""
        rows = await self._rows("consumer", name=name)
        return int(rows[0][1]) if rows else None

    # What all dialects answer alike

    async def crossing(self, id: str) -> Recorded | None:
        rows = await self._rows("crossing", id=id)
        return read_crossing(rows[0]) if rows else None

    async def opening(self, id: str, switch: str) -> tuple[Recorded | None, str]:
        # One statement for both: this is asked before every crossing.
        ((state, *values),) = await self._rows("opening", id=id, switch=switch) or [("",)]
        return read_crossing(tuple(values)) if values and values[0] else None, state

    async def row(self, subject: str) -> Row | None:
        rows = await self._rows("subject", id=subject)
        return read_row(subject, rows[0]) if rows else None

    async def length_of(self, subject: str) -> int:
        """How many records the chain of a subject has."""
        rows = await self._rows("subject", id=subject)
        return rows[0][0] if rows else 0

    async def timer_is_set(self, timer: Timer) -> bool:
        rows = await self._rows("timer", subject=timer.subject, name=timer.name, armed=timer.armed)
        return bool(rows)

    async def next_due(self, machines: Collection[str], names: Collection[str]) -> str | None:
        timers = await self._rows("next_timer", machines=json.dumps(list(machines)))
        effects = await self._rows("next_effect", names=json.dumps(list(names)))
        dues = [rows[0][0] for rows in (timers, effects) if rows[0][0] is not None]
        return min(dues, default=None)

    async def of_subject(self, subject: str, *, after: int = 0) -> AsyncIterator[Entry]:
        while rows := await self._rows(
            "records_of_subject", subject=subject, after=after, limit=CHUNK
        ):
            for values in rows:
                yield read_entry(values)
            after = rows[-1][2]

    async def cut_of(self, subject: str) -> Entry | None:
        """The last cut of a chain whose beginning was removed under a retention policy."""
        rows = await self._rows("last_cut", subject=subject)
        return read_entry(rows[0]) if rows else None

    async def of_crossing(self, crossing: str) -> AsyncIterator[Entry]:
        found = await self.find_crossings(crossing)
        if len(found) > 1:
            raise BadInput(f"{crossing} begins the ids of several crossings; give more of it")
        for id, subject in found:
            async for entry in self.of_subject(subject):
                if entry.crossing == id:
                    yield entry

    async def find_crossings(self, prefix: str) -> list[tuple[str, str]]:
        """(id, subject) of at most three crossings whose id begins with `prefix`."""
        rows = await self._rows("crossings_like", low=prefix, high=prefix + "~")
        return [(id, subject) for id, subject in rows]

    async def entries(self, *, after: int = 0) -> AsyncIterator[Entry]:
        while rows := await self._rows("records", after=after, limit=CHUNK):
            for values in rows:
                yield read_entry(values)
            after = rows[-1][0]

    async def payload(self, digest: str) -> str | None:
        rows = await self._rows("payload", digest=digest)
        return rows[0][0] if rows else None

    async def rows_by_state(self, machine: str) -> dict[str, int]:
        """How many rows of a machine stand in each state."""
        return dict(await self._rows("rows_by_state", machine=machine))

    async def rows_of(self, machine: str) -> AsyncIterator[Row]:
        """Every row of a machine, by subject id."""
        after = ""
        while rows := await self._rows("rows", machine=machine, after=after, limit=CHUNK):
            for id, name, state, version, data, pending in rows:
                yield Row(
                    subject=id,
                    machine=name,
                    state=state,
                    version=version,
                    data=data,
                    pending=pending or "",
                )
            after = rows[-1][0]

    async def crossings_by_status(self) -> list[tuple[str, str, int, int]]:
        """(boundary, status, crossings, attempts), sorted."""
        return [tuple(row) for row in await self._rows("crossings_by_status")]

    async def under_way(self) -> AsyncIterator[Recorded]:
        """The crossings that have not ended, by id."""
        after = ""
        while rows := await self._rows("crossings_under_way", after=after, limit=CHUNK):
            for values in rows:
                yield read_crossing(values)
            after = rows[-1][0]

    async def pending(self) -> list[tuple[str, str, int, str]]:
        """(`effect` or `timer`, name, how many, earliest due) of what waits."""
        return [tuple(row) for row in await self._rows("pending")]

    async def in_doubt(self) -> list[tuple[str, int]]:
        """(name, how many) of effects that may have happened, and nobody can say yet."""
        return [tuple(row) for row in await self._rows("in_doubt")]

    async def last_at(self) -> str | None:
        """When the last record was written."""
        rows = await self._rows("last_at")
        return rows[0][0] if rows else None

    async def seal(self) -> Entry:
        at = stamp(self.clock.now())

        def write(tx: StoredTransaction) -> None:
            connection = tx.connection
            self._keep_writers_out(tx, connection)
            others = [head for head in heads(connection) if head[0] != SEALS]
            position = connection.run("last", {})[0][0] or 0
            sealed = Sealed(
                root=merkle_root(others),
                subjects=len(others),
                records=sum(length for _, length, _ in others),
                position=position,
            )
            tx.append(SEALS, "", at, [sealed])

        await self.transact(write)
        last: Entry | None = None
        async for entry in self.of_subject(SEALS):
            last = entry
        assert last is not None
        return last

    async def verify(self) -> Verification:
        return await self.survey(proof)

    async def _rows(self, statement: str, /, **params: Any) -> Rows:
        return await self.read(lambda connection: connection.run(statement, params))
