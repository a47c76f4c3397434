"""SQLite: one file, one writer thread, and a flush shared by everyone who waits for one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from signoff.boundary import PendingEffect, Timer
from signoff.errors import StorageUnavailable, StoreMoved, UsageError
from signoff.ledger import Redact
from signoff.storage._columns import read_effect, read_timer
from signoff.storage._connection import Connection, FaultPoint, Params, Rows
from signoff.storage._file_lock import FileLock
from signoff.storage._marks import SAYS, refuse_marked_file
from signoff.storage._migration import check_ours, prepare_sqlite
from signoff.storage._sql import queries
from signoff.storage._storage import Storage
from signoff.storage._transaction import StoredTransaction, Written

T = TypeVar("T")

#: Scripts that share one flush at most.
MOST_AT_ONCE = 256

#: Seconds to wait for another process's write on the same file.
BUSY = 10.0
WAL_PAUSE = 0.01


class SQLiteConnection:
    """One `sqlite3` connection that runs named statements."""

    locks = False

    def __init__(self, raw: sqlite3.Connection, fault_point: FaultPoint | None) -> None:
        self.connection = raw
        self._queries = queries("sqlite")
        self._fault_point = fault_point

    def run(self, name: str, params: Params) -> Rows:
        if self._fault_point is not None:
            self._fault_point(name)
        return self.connection.execute(self._queries[name], params).fetchall()

    def run_many(self, name: str, params: Sequence[Params]) -> None:
        if self._fault_point is not None:
            self._fault_point(name)
        self.connection.executemany(self._queries[name], params)

    def raw(self, sql: str, parameters: Sequence[Any]) -> Rows:
        if self._fault_point is not None:
            self._fault_point("raw")
        return self.connection.execute(sql, parameters).fetchall()

    def control(self, statement: str) -> None:
        """Begin, savepoint, release, commit or roll back."""
        if self._fault_point is not None:
            self._fault_point(statement.split(" ", 1)[0].lower())
        self.connection.execute(statement)
        if self._fault_point is not None and statement == "COMMIT":
            self._fault_point("committed")


@dataclass(slots=True)
class _Job:
    """A script that waits for the writer, and whoever waits for the script."""

    script: Callable[[StoredTransaction], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None
    due: str = ""
    appends: bool = False
    written: Written = ()


class SQLiteStorage(Storage):
    """A SQLite file in WAL mode with `synchronous=FULL`.

    Every script runs in a savepoint of its own; scripts that wait together share one commit, and
    so one flush. Point reads run in place on a second connection: they take some 10 microseconds.
    """

    def __init__(
        self,
        path: str,
        *,
        redact: Redact | None = None,
        fault_point: FaultPoint | None = None,
    ) -> None:
        super().__init__(redact=redact, fault_point=fault_point)
        self.path = path
        self.url = f"sqlite:///{path}" if path != ":memory:" else "sqlite://:memory:"
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._write: SQLiteConnection | None = None
        self._read: SQLiteConnection | None = None
        self._lock: FileLock | None = None
        #: The process before may have died over one of the timers that are found first.
        self._careful = self._careful_found = False
        #: Commits made so far, each of them one flush of the log.
        self.commits = 0

    async def open(self, *, exclusive: bool) -> None:
        if self._writer is not None:
            raise UsageError("this storage is already open")
        if exclusive and self.path != ":memory:":
            self._lock = FileLock(Path(self.path + ".lock"))
            self._lock.acquire(self.path)
        try:
            with told_sqlite(self.path):
                self._write = SQLiteConnection(connect(self.path), self._fault_point)
                refuse_marked_file(self._write.connection, self.path, works=exclusive)
                self._owner = prepare_sqlite(self._write.connection, self.path, new_owner=exclusive)
                if self.path != ":memory:":
                    raw = connect(self.path)
                    raw.execute("PRAGMA query_only = 1")
                    self._read = SQLiteConnection(raw, None)
                if self._lock is not None:
                    self._look_back(self._lock, self._write)
        except BaseException:
            self._disconnect()
            raise
        self._writer = threading.Thread(target=self._work, name="signoff-writer", daemon=True)
        self._writer.start()

    def _look_back(self, lock: FileLock, connection: SQLiteConnection) -> None:
        """Note how far the ledger has come; be careful if a process died without adding to it."""
        position = str(connection.run("last", {})[0][0] or 0)
        self._careful = lock.left == position
        lock.note(position)

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            self._jobs.put(None)
            await asyncio.to_thread(writer.join)
        self._disconnect()

    def _disconnect(self) -> None:
        for connection in (self._read, self._write):
            if connection is not None:
                connection.connection.close()
        self._read = self._write = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def transact(self, script: Callable[[StoredTransaction], T]) -> T:
        if self._writer is None:
            raise UsageError("this storage is not open")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(script, future, loop))
        return await future

    async def read(self, look: Callable[[Connection], T]) -> T:
        if self._read is None:
            return await self.transact(lambda tx: look(tx.connection))
        try:
            return look(self._read)
        except sqlite3.Error as error:
            raise _tell(error, self.path) from error

    async def survey(self, look: Callable[[Connection], T]) -> T:
        if self._read is None:
            return await self.transact(lambda tx: look(tx.connection))

        def run() -> T:
            with told_sqlite(self.path), contextlib.closing(connect(self.path)) as raw:
                raw.execute("PRAGMA query_only = 1")
                raw.execute("BEGIN")
                return look(SQLiteConnection(raw, None))

        return await asyncio.to_thread(run)

    async def claim_timers(
        self,
        machines: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[tuple[str, str]],
        subject: str = "",
    ) -> list[Timer]:
        rows = await self._rows(
            "claim_timers",
            machines=json.dumps(list(machines)),
            now=now,
            limit=limit + len(busy),
            careful=self._careful,
            subject=subject,
        )
        if rows:
            self._careful_found = self._careful
        elif self._careful_found:
            self._careful = self._careful_found = False
        timers = map(read_timer, rows)
        return [t for t in timers if (t.subject, t.name) not in busy][:limit]

    async def claim_effects(
        self,
        names: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[int],
        subject: str = "",
    ) -> list[PendingEffect]:
        rows = await self._rows(
            "claim_effects",
            names=json.dumps(list(names)),
            now=now,
            limit=limit + len(busy),
            owner=self._owner,
            code=self.code,
            subject=subject,
        )
        return [effect for effect in map(read_effect, rows) if effect.id not in busy][:limit]

    async def claim_commit(self, crossing: str, *, busy: Collection[int]) -> PendingEffect | None:
        rows = await self._rows("commit_effect", crossing=crossing, owner=self._owner)
        effects = [effect for effect in map(read_effect, rows) if effect.id not in busy]
        return effects[0] if effects else None

    def _keep_writers_out(self, tx: StoredTransaction, connection: Connection) -> None:
        pass  # BEGIN IMMEDIATE already has

    def keep_values(self, tx: StoredTransaction) -> None:
        """Nothing to do: nobody else writes meanwhile."""

    # The writer thread

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            jobs = [job]
            last = False
            while len(jobs) < MOST_AT_ONCE:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    last = True
                    break
                jobs.append(job)
            self._commit_together(jobs)
            self._deliver(jobs)
            if last:
                return

    def _commit_together(self, jobs: list[_Job]) -> None:
        connection = self._write
        assert connection is not None
        try:
            connection.control("BEGIN IMMEDIATE")
            for job in jobs:
                self._run(connection, job, alone=len(jobs) == 1)
            if any(job.error is None for job in jobs):
                connection.control("COMMIT")
                self.commits += 1
            else:
                connection.connection.rollback()
        except BaseException as error:
            # Not one of them is durable: all of them must hear of it.
            with contextlib.suppress(sqlite3.Error):
                connection.connection.rollback()
            for job in jobs:
                job.error = job.error or _tell(error, self.path)

    def _run(self, connection: SQLiteConnection, job: _Job, *, alone: bool) -> None:
        """Run one script in its savepoint; a script that fails fails alone."""
        if not alone:
            connection.control("SAVEPOINT script")
        try:
            tx = StoredTransaction(
                connection, owner=self._owner, code=self.code, redact=self._redact
            )
            job.result = tx.carry_out(job.script)
            job.due, job.appends = tx.due, tx.appends
            if self.on_written is not None:
                job.written = tx.written
        except BaseException as error:
            if not connection.connection.in_transaction:
                raise  # SQLite has already rolled the whole transaction back (a full disk)
            if not alone:
                connection.control("ROLLBACK TO script")
                connection.control("RELEASE script")
            job.error = _tell(error, self.path)
        else:
            if not alone:
                connection.control("RELEASE script")

    def _deliver(self, jobs: list[_Job]) -> None:
        """Wake whoever waits: once per event loop, not once per job."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in jobs:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, theirs in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop was closed; nobody waits any more
                loop.call_soon_threadsafe(self._wake, theirs)

    def _wake(self, jobs: list[_Job]) -> None:
        for job in jobs:
            if job.future.done():
                continue  # the caller was cancelled
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        dues = [job.due for job in jobs if job.due and job.error is None]
        if dues:
            self.on_due(min(dues))
        if any(job.appends and job.error is None for job in jobs):
            self.on_append()
        if self.on_written is not None:
            for job in jobs:
                if job.written and job.error is None:
                    self.on_written(job.written)


def connect(path: str) -> sqlite3.Connection:
    """A connection with the settings that our durability rests on."""
    connection = sqlite3.connect(
        path, timeout=BUSY, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        check_ours(connection, path)  # before anything is set: it may be somebody else's
        use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        # Rarer checkpoints: each of them flushes the database file as well.
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA cache_size = -32000")
    except BaseException:
        connection.close()
        raise
    return connection


def use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log.

    SQLite does not wait its busy timeout for this one when others open the same new file at the
    same time, so we do.
    """
    tries = int(BUSY / WAL_PAUSE)
    for attempt in range(tries):
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == tries - 1:
                raise
            threading.Event().wait(WAL_PAUSE)
        else:
            return


@contextlib.contextmanager
def told_sqlite(path: str) -> Generator[None]:
    """A database's errors in words."""
    try:
        yield
    except sqlite3.Error as error:
        raise _tell(error, path) from error


def _tell(error: BaseException, path: str) -> BaseException:
    """A database's error in words; any other error as it is."""
    if not isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError):
        return error
    text = str(error)
    if text.startswith(SAYS):
        return StoreMoved(text)
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return error
    told = {
        "disk is full": "the disk is full: free some space and run the same again",
        "readonly": "the file or its folder is read-only: check its permissions",
        "unable to open": "it cannot be opened: check that its folder exists and is writable",
        "locked": "another process has been writing to it for too long: stop it, or wait",
        "not a database": "it is not a SQLite database: give another path",
        "malformed": "it is damaged: restore it from a backup and run `signoff ledger verify`",
        "disk I/O": "the disk reports an error: check it, and run `signoff ledger verify`",
    }
    for sign, advice in told.items():
        if sign in text:
            return StorageUnavailable(f"cannot use {path}: {advice} ({text})")
    return StorageUnavailable(f"cannot use {path}: {text}")
