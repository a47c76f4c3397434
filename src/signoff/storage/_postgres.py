"""PostgreSQL: a few connections, each used by one thread, and row locks instead of one writer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from signoff.boundary import PendingEffect, Timer
from signoff.clock import SystemClock
from signoff.errors import (
    BadInput,
    MissingExtra,
    StorageUnavailable,
    StoreMoved,
    StoreNotOurs,
    UsageError,
)
from signoff.ledger import Redact
from signoff.storage._columns import read_effect, read_timer
from signoff.storage._connection import Connection, FaultPoint, Params, Rows
from signoff.storage._jobs import JOBS_SCHEMA, Jobs, make_jobs
from signoff.storage._marks import REFUSED, refuse_marked
from signoff.storage._migration import prepare_postgres
from signoff.storage._open import without_password
from signoff.storage._partitions import divide, drop, emptied, make_room, prepare_partitions
from signoff.storage._signs_of_life import BOUNDED, LOOKS, OURS, SERVERS
from signoff.storage._sql import queries
from signoff.storage._storage import Storage
from signoff.storage._transaction import Conflict, StoredTransaction
from signoff.storage._work import Work

try:
    import psycopg
    from psycopg import errors as refused
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import TransactionStatus
except ImportError as error:  # pragma: no cover
    raise MissingExtra(
        "PostgreSQL needs its driver. Install it with: pip install 'signoff[postgres]'"
    ) from error

T = TypeVar("T")

#: Transactions at the same time.
CONNECTIONS = 8

#: How often a script is run again after losing to another writer.
MOST_CONFLICTS = 50

#: Seconds between tries to reach a database that went away; their sum bounds the wait.
RECONNECT_AFTER = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0)

_LOST = (refused.SerializationFailure, refused.DeadlockDetected, refused.UniqueViolation, Conflict)

#: Our tables that two writers can insert the same key into. A role named `signoff` has its own
#: tables in our schema, too.
_CONTENDED = (
    "subjects",
    "records",
    "crossings",
    "timers",
    "streams",
    "events",
    "consumers",
    "offsets",
)

_wait = threading.Event().wait


class PostgresConnection:
    """One `psycopg` connection that runs named statements."""

    locks = True

    def __init__(self, url: str, fault_point: FaultPoint | None) -> None:
        try:
            said = conninfo_to_dict(url)
            unsaid: dict[str, Any] = {name: OURS[name] for name in OURS if name not in said}
            self.connection = psycopg.connect(
                url,
                connect_timeout=10,
                application_name="signoff",
                autocommit=True,
                **unsaid,
            )
        except psycopg.ProgrammingError:
            # The driver's own words may quote a part of the password.
            raise BadInput(
                f"{without_password(url)!r} is not a PostgreSQL URL: write "
                "postgresql://user:password@host/database, with special characters "
                "percent-encoded"
            ) from None
        self.connection.execute("SET synchronous_commit = on")
        self.set(SERVERS)
        with contextlib.suppress(psycopg.Error):  # not every operating system can
            self.set(LOOKS)
        # Behind everything that the user's own statements may mean.
        self.connection.execute(
            "SELECT set_config('search_path', current_setting('search_path') || %s, false)",
            [f", {JOBS_SCHEMA}"],
        )
        self._queries = queries("postgres")
        self._fault_point = fault_point

    def run(self, name: str, params: Params) -> Rows:
        if self._fault_point is not None:
            self._fault_point(name)
        cursor = self.connection.execute(self._queries[name], params)  # pyright: ignore[reportArgumentType]  # our own files
        return cursor.fetchall() if cursor.description is not None else []

    def run_many(self, name: str, params: Sequence[Params]) -> None:
        if self._fault_point is not None:
            self._fault_point(name)
        with self.connection.cursor() as cursor:
            cursor.executemany(self._queries[name], params)  # pyright: ignore[reportArgumentType]

    def raw(self, sql: str, parameters: Sequence[Any]) -> Rows:
        if self._fault_point is not None:
            self._fault_point("raw")
        # The user's own SQL. Without parameters a percent sign is a percent sign.
        cursor = self.connection.execute(sql, parameters or None)  # pyright: ignore[reportArgumentType]
        return cursor.fetchall() if cursor.description is not None else []

    def control(self, statement: str) -> None:
        """Begin, commit or roll back."""
        if self._fault_point is not None:
            self._fault_point(statement.split(" ", 1)[0].lower())
        self.connection.execute(statement)  # pyright: ignore[reportCallIssue, reportArgumentType]
        if self._fault_point is not None and statement == "COMMIT":
            self._fault_point("committed")

    def set(self, settings: Mapping[str, str]) -> None:
        """Change settings of this session, as far as the server's version knows them."""
        self.connection.execute(
            "SELECT set_config(name, wanted, false) FROM pg_settings "
            "JOIN unnest(%s::text[], %s::text[]) AS w (called, wanted) ON name = called",
            [list(settings), list(settings.values())],
        )

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self.connection.close()


class PostgresStorage(Storage):
    """A PostgreSQL database, in a schema of its own, for as many processes as you like.

    A runtime holds an advisory lock on its number for as long as its connection lives: that is how
    the others know that the effects and timers it claimed are not theirs to take.
    """

    def __init__(
        self,
        url: str,
        *,
        redact: Redact | None = None,
        fault_point: FaultPoint | None = None,
    ) -> None:
        super().__init__(redact=redact, fault_point=fault_point)
        self._url = url
        self.url = without_password(url)
        self._threads: ThreadPoolExecutor | None = None
        self._own = threading.local()
        self._connections: set[PostgresConnection] = set()
        self._guard = threading.Lock()
        self._presence: PostgresConnection | None = None
        self._exclusive = False
        self._jobs: Jobs | None = None
        self.reconnect_after = RECONNECT_AFTER

    @property
    def by_workers(self) -> bool:
        # Under a simulated clock a job would come at the wrong time.
        return self._jobs is not None and isinstance(self.clock, SystemClock)

    async def next_due(self, machines: Collection[str], names: Collection[str]) -> str | None:
        if not self.by_workers:
            return await super().next_due(machines, names)
        rows = await self._rows("next_own_effect", owner=self._owner, names=json.dumps(list(names)))
        return rows[0][0] or None

    async def open(self, *, exclusive: bool) -> None:
        if self._threads is not None:
            raise UsageError("this storage is already open")
        self._exclusive = exclusive
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="signoff-postgres")
        try:
            await self._in_thread(self._prepare)
            if exclusive:
                with told_postgres(self.url):
                    await self._in_thread(self._be_present)
        except BaseException:
            await self.close()
            raise

    def _prepare(self) -> None:
        with told_postgres(self.url):
            connection = self._connection()

        def run(sql: str, *values: object) -> list[tuple[object, ...]]:
            return connection.raw(sql, values)

        with told_postgres(self.url):
            connection.control("BEGIN")
            try:
                # Two first runs at once: one builds, the other waits and finds it built.
                run("SELECT pg_advisory_xact_lock(1936287598)")
                found = run("SELECT to_regnamespace('signoff')::text, to_regclass('signoff.meta')")
                if found[0][0] is not None and found[0][1] is None:
                    raise StoreNotOurs(
                        f"{self.url} has a schema named `signoff` that is not ours: it has no "
                        "table `meta`. Give another database."
                    )
                try:
                    if found[0][1] is not None:
                        refuse_marked(run, "signoff.meta", self.url, works=self._exclusive)
                    prepare_postgres(run, empty=found[0][1] is None, where=self.url)
                    make_room(run)
                    if connection.run("jobs_made", {})[0][0]:
                        self._jobs = Jobs()
                        connection.set(BOUNDED)
                except (refused.UndefinedColumn, KeyError, ValueError) as error:
                    raise StoreNotOurs(
                        f"{self.url} has a table `signoff.meta` that is not ours. "
                        "Give another database."
                    ) from error
                connection.control("COMMIT")
            except BaseException:
                with contextlib.suppress(psycopg.Error):
                    connection.control("ROLLBACK")
                raise

    def _be_present(self) -> PostgresConnection:
        """The connection that shows that we live; taken again, with our number, if it broke."""
        with self._guard:
            if self._presence is not None and not self._presence.connection.closed:
                return self._presence
            connection = PostgresConnection(self._url, None)
            if self._owner:
                # The server may not know yet that our last connection is gone.
                connection.run("end_ghost", {"owner": self._owner})
            else:
                self._owner = connection.run("new_owner", {})[0][0]
            connection.run("hold_owner", {"owner": self._owner})
            connection.run("hold_claims", {})
            connection.run("release_claims", {})

            def run(sql: str) -> Rows:
                return connection.raw(sql, ())

            try:
                # Once we can be seen to live: a move begins with a mark, and looks who lives then.
                refuse_marked(run, "signoff.meta", self.url, works=True)
            except StorageUnavailable:
                connection.close()
                raise
            self._presence = connection
            return connection

    async def show_life(self, within: float) -> None:
        """Be seen to live; who is not seen again in time is taken for dead.

        Args:
            within: Seconds until the next sign at the latest.

        Raises:
            StorageUnavailable: If the database cannot be reached.
        """

        def show() -> None:
            presence = self._be_present()
            with self._guard:
                presence.set({"idle_session_timeout": str(round(within * 1000))})

        with told_postgres(self.url):
            # Not in our own threads: all of them may be waiting for a lock.
            await asyncio.to_thread(show)

    async def close(self) -> None:
        threads, self._threads = self._threads, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown)
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        if self._presence is not None:
            with contextlib.suppress(psycopg.Error):
                self._presence.run("release_timers", {"owner": self._owner})
                self._presence.run("release_consumers", {"owner": self._owner})
            self._presence.close()
            self._presence = None

    async def transact(self, script: Callable[[StoredTransaction], T]) -> T:
        result, tx = await self._in_thread(lambda: self._transact(script))
        if tx.due:
            self.on_due(tx.due)
        if tx.appends:
            self.on_append()
        if self.on_written is not None:
            self.on_written(tx.written)
        return result

    async def read(self, look: Callable[[Connection], T]) -> T:
        def run() -> T:
            for pause in (*self.reconnect_after, None):
                try:
                    return look(self._connection())
                except psycopg.OperationalError:
                    self._forget()
                    if pause is None:
                        raise
                    _wait(pause)
            raise AssertionError("unreachable")

        with told_postgres(self.url):
            return await self._in_thread(run)

    async def survey(self, look: Callable[[Connection], T]) -> T:
        def run() -> T:
            connection = PostgresConnection(self._url, None)
            try:
                connection.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return look(connection)
            finally:
                connection.close()

        with told_postgres(self.url):
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
        if not machines or (self.by_workers and not subject):
            return []
        names = json.dumps(list(machines))
        if subject:
            return await self._timers_of(subject, names, now=now, limit=limit, busy=busy)
        rows = await self._claim(
            "claim_timers",
            look="claims_of_timers",
            machines=names,
            now=now,
            limit=limit + len(busy),
        )
        timers = sorted(map(read_timer, rows), key=lambda timer: timer.due)
        return [timer for timer in timers if (timer.subject, timer.name) not in busy]

    async def claim_effects(
        self,
        names: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[int],
        subject: str = "",
    ) -> list[PendingEffect]:
        if not names:
            return []
        listed = json.dumps(list(names))
        if self.by_workers and not subject:
            rows = await self._rows(
                "own_effects", owner=self._owner, names=listed, now=now, limit=limit + len(busy)
            )
            return [effect for effect in map(read_effect, rows) if effect.id not in busy]
        if subject:
            return await self._effects_of(subject, listed, now=now, limit=limit, busy=busy)
        rows = await self._claim(
            "claim_effects",
            look="claims_of_effects",
            code=self.code,
            names=listed,
            now=now,
            limit=limit + len(busy),
        )
        effects = sorted(map(read_effect, rows), key=lambda effect: effect.id)
        return [effect for effect in effects if effect.id not in busy]

    async def _timers_of(
        self,
        subject: str,
        machines: str,
        *,
        now: str,
        limit: int,
        busy: Collection[tuple[str, str]],
    ) -> list[Timer]:
        rows = await self._rows(
            "claim_timers_of",
            owner=self._owner,
            subject=subject,
            machines=machines,
            now=now,
            limit=limit,
        )
        timers = sorted(map(read_timer, rows), key=lambda timer: timer.due)
        return [timer for timer in timers if (timer.subject, timer.name) not in busy]

    async def _effects_of(
        self, subject: str, names: str, *, now: str, limit: int, busy: Collection[int]
    ) -> list[PendingEffect]:
        rows = await self._rows(
            "claim_effects_of",
            owner=self._owner,
            subject=subject,
            names=names,
            now=now,
            limit=limit,
            code=self.code,
        )
        effects = sorted(map(read_effect, rows), key=lambda effect: effect.id)
        return [effect for effect in effects if effect.id not in busy]

    async def claim_commit(self, crossing: str, *, busy: Collection[int]) -> PendingEffect | None:
        rows = await self._claim("commit_effect", crossing=crossing)
        effects = [effect for effect in map(read_effect, rows) if effect.id not in busy]
        return effects[0] if effects else None

    async def claim_consumer(self, name: str) -> int | None:
        # Ours already is by far the most frequent answer.
        ours = await self._rows("claims_of_consumer", name=name, owner=self._owner)
        rows = ours or await self._claim("claim_consumer", look="consumer", name=name)
        return int(rows[0][0]) if rows else None

    async def _claim(self, statement: str, /, *, look: str = "", **params: Any) -> Rows:
        """Claim work; `look` names a statement that finds a row wherever the claim could."""
        if not self._exclusive:
            raise UsageError("only a runtime may claim work; this storage was opened as a reader")

        def run() -> Rows:
            for pause in (*RECONNECT_AFTER, None):
                try:
                    presence = self._be_present()
                    with self._guard:
                        if look and not presence.run(look, {**params, "owner": self._owner}):
                            return []  # by far the most frequent answer, in one round trip
                    with self._guard, presence.connection.transaction():
                        presence.run("enter_claims", {})
                        live = {owner for (owner,) in presence.run("live_owners", {})}
                        others = sorted(live - {self._owner})
                        return presence.run(
                            statement, {**params, "owner": self._owner, "others": others}
                        )
                except psycopg.OperationalError:
                    if pause is None:
                        raise
                    _wait(pause)
            raise AssertionError("unreachable")

        with told_postgres(self.url):
            return await self._in_thread(run)

    async def make_jobs(self) -> None:
        """Make, or bring up to date, the tables of jobs: from then on workers do what is due.

        Raises:
            MissingExtra: If the library that runs them is not installed.
        """
        with told_postgres(self.url):
            await self._in_thread(lambda: make_jobs(self._connection().connection))
        self._jobs = Jobs()

    async def partition(self, size: int) -> None:
        """Keep the ledger in partitions of so many records, what is there included.

        Raises:
            UsageError: If it is kept in others already.
        """

        def run() -> None:
            connection = self._connection()
            prepare_partitions(self._statements(connection), size)
            with connection.connection.transaction():
                divide(self._statements(connection), size)

        with told_postgres(self.url):
            await self._in_thread(run)

    async def drop_emptied(self) -> int:
        """Drop partitions that hold nothing any more; how many.

        One that somebody reads for longer than a moment stays until the next time.
        """

        def run() -> int:
            connection = self._connection()
            dropped = 0
            for part in emptied(self._statements(connection)):
                with (
                    contextlib.suppress(refused.LockNotAvailable),
                    connection.connection.transaction(),
                ):
                    dropped += drop(self._statements(connection), part)
            return dropped

        with told_postgres(self.url):
            return await self._in_thread(run)

    @staticmethod
    def _statements(connection: PostgresConnection) -> Callable[..., Rows]:
        def run(sql: str, *values: object) -> Rows:
            return connection.raw(sql, values)

        return run

    async def soon(self, until: str, now: str, limit: int) -> list[Work]:
        """Work that is due before long, or that a process that is gone had, and no job is for."""

        def look(connection: Connection) -> Rows:
            live = [owner for (owner,) in connection.run("live_owners", {})]
            return connection.run(
                "soon", {"until": until, "now": now, "live": live, "limit": limit}
            )

        return [Work(*row) for row in await self.read(look)]

    async def defer(self, works: Sequence[Work]) -> None:
        """Make jobs for work, all or none."""
        jobs = self._jobs
        if jobs is None:
            raise UsageError(f"{self.url} has no workers: signoff store init --workers")

        def run() -> None:
            connection = self._connection().connection
            with connection.transaction():
                jobs.defer(connection, works, self.clock, far=True)

        with told_postgres(self.url):
            await self._in_thread(run)

    def _keep_writers_out(self, tx: StoredTransaction, connection: Connection) -> None:
        connection.run("lock_records", {})

    def keep_values(self, tx: StoredTransaction) -> None:
        """Wait for everybody who refers to a value that is kept apart, and keep new ones out."""
        tx.connection.run("lock_payloads", {})

    # Threads and connections

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._threads is None:
            raise UsageError("this storage is not open")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _connection(self) -> PostgresConnection:
        connection: PostgresConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = PostgresConnection(self._url, self._fault_point)
            if self._jobs is not None:
                connection.set(BOUNDED)
            with self._guard:
                self._connections.add(connection)
        return connection

    def _forget(self) -> None:
        connection: PostgresConnection | None = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            with self._guard:
                self._connections.discard(connection)
            self._own.connection = None

    def _transact(self, script: Callable[[StoredTransaction], T]) -> tuple[T, StoredTransaction]:
        conflicts = 0
        pauses = iter(RECONNECT_AFTER)
        with told_postgres(self.url):
            while True:
                try:
                    return self._try(script)
                except refused.CheckViolation as full:
                    if full.diag.schema_name != "signoff" or full.diag.table_name != "records":
                        raise
                    # The last partition is full, and nobody has made the next one.
                    connection = self._connection()
                    with connection.connection.transaction():
                        make_room(self._statements(connection))
                except _LOST as lost:
                    if isinstance(lost, refused.UniqueViolation) and not _is_ours(lost):
                        raise
                    conflicts += 1
                    if conflicts >= MOST_CONFLICTS:
                        raise
                    _wait(min(0.0005 * 2 ** min(conflicts, 7), 0.05))
                except psycopg.OperationalError:
                    # Nothing was committed: `_try` tells a lost commit apart.
                    self._forget()
                    pause = next(pauses, None)
                    if pause is None:
                        raise
                    _wait(pause)

    def _try(self, script: Callable[[StoredTransaction], T]) -> tuple[T, StoredTransaction]:
        """The script's result, and the transaction that it ran in."""
        connection = self._connection()
        connection.control("BEGIN")
        try:
            tx = StoredTransaction(
                connection,
                owner=self._owner,
                code=self.code,
                redact=self._redact,
                by_workers=self.by_workers,
            )
            result = tx.carry_out(script)
            if self._jobs is not None and self.by_workers and tx.works:
                self._jobs.defer(connection.connection, tx.works, self.clock)
            if connection.connection.info.transaction_status == TransactionStatus.INERROR:
                raise UsageError(
                    "a statement of this transaction failed and its error was caught, but "
                    "PostgreSQL has undone the whole transaction: let the error out"
                )
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                connection.control("ROLLBACK")
            raise
        try:
            connection.control("COMMIT")
        except psycopg.OperationalError as error:
            self._forget()
            raise StorageUnavailable(
                f"the connection to {self.url} broke during a commit, and nobody can say here "
                "whether it happened: run the same again; the key keeps it from happening twice"
            ) from error
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                connection.control("ROLLBACK")
            raise
        return result, tx


def _is_ours(violation: refused.UniqueViolation) -> bool:
    """Whether two writers met in one of our tables, and not in one of the user's."""
    table = violation.diag.table_name or ""
    # A partition of the ledger is called after it.
    ours = table in _CONTENDED or table.startswith("records_")
    return violation.diag.schema_name == "signoff" and ours


@contextlib.contextmanager
def told_postgres(url: str) -> Generator[None]:
    """A database's errors in words."""
    try:
        yield
    except (
        psycopg.OperationalError,
        refused.InsufficientPrivilege,
        refused.ReadOnlySqlTransaction,
    ) as error:
        text = " ".join(str(error).split())[:300]
        raise StorageUnavailable(
            f"cannot use {url}: {text}. Check that the server runs and the URL is right; "
            "what was acknowledged is safe, and the same can be run again."
        ) from error
    except psycopg.DatabaseError as error:
        if error.sqlstate == REFUSED:
            raise StoreMoved(error.diag.message_primary) from error
        raise
    except Conflict as error:
        raise StorageUnavailable(
            f"{error} is written by so many at once that this one never got its turn; run it again"
        ) from error
