"""A PostgreSQL database as one end of a move."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from signoff.errors import StorageUnavailable, StoreInUse, StoreMoved
from signoff.ledger import Verification
from signoff.storage._catalog import META, Table, postgres_tables
from signoff.storage._copied import Batch, batched
from signoff.storage._marks import REFUSED, Mark, freeze_postgres, marks
from signoff.storage._migration import prepare_postgres
from signoff.storage._moving_sqlite import refuse_older
from signoff.storage._open import without_password
from signoff.storage._partitions import make_room
from signoff.storage._postgres import PostgresConnection
from signoff.storage._proving import proof
from signoff.storage._sql import Dialect

#: Held by whoever moves something here, for as long as the connection lives.
_MOVES = 1936287602

#: A move takes as long as it takes.
_PATIENT = {"idle_in_transaction_session_timeout": "0", "statement_timeout": "0"}

#: How long it waits for a transaction that is under way when it begins.
_HURRY = "10s"

#: The sequences that number a column, whether it owns them or only draws from them.
_NUMBERED = """
SELECT t.relname, a.attname, format('%I.%I', 'signoff', s.relname)
FROM pg_class s
    JOIN pg_depend d ON d.refobjid = s.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
    JOIN pg_class t ON t.oid = f.adrelid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = f.adnum
WHERE s.relkind = 'S' AND s.relnamespace = 'signoff'::regnamespace AND NOT t.relispartition
UNION
SELECT t.relname, a.attname, format('%I.%I', 'signoff', s.relname)
FROM pg_class s
    JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')
        AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class t ON t.oid = d.refobjid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND s.relnamespace = 'signoff'::regnamespace AND NOT t.relispartition
"""


class PostgresEnd:
    """A PostgreSQL database that no runtime has while something is moved."""

    dialect: Dialect = "postgres"

    def __init__(self, url: str, step: Callable[[str], object]) -> None:
        self._url = url
        self.url = without_password(url)
        self._step = step
        self._connection: PostgresConnection | None = None

    def __str__(self) -> str:
        return self.url

    @property
    def _db(self) -> PostgresConnection:
        assert self._connection is not None, "it is not open"
        return self._connection

    @contextmanager
    def opened(self, *, makes: bool) -> Generator[None]:
        """Open it; `makes` builds or migrates the tables.

        Raises:
            StoreInUse: If something is moved here already.
            StorageUnavailable: If it is not there, cannot be used or is not of this version.
        """
        with self._told():
            self._connection = PostgresConnection(self._url, None)
            try:
                self._db.set(_PATIENT)
                if not self._run(f"SELECT pg_try_advisory_lock({_MOVES})")[0][0]:
                    raise StoreInUse(f"something is moved from or to {self.url} already: wait")
                if makes:
                    self._prepare()
                elif self._run("SELECT to_regclass('signoff.meta')")[0][0] is None:
                    raise StorageUnavailable(f"there is no store in {self.url}: check the URL")
                self._check_version()
                yield
            finally:
                self._db.close()

    def _prepare(self) -> None:
        self._db.control("BEGIN")
        self._run("SELECT pg_advisory_xact_lock(1936287598)")
        found = self._run("SELECT to_regnamespace('signoff')::text, to_regclass('signoff.meta')")
        if found[0][0] is not None and found[0][1] is None:
            raise StorageUnavailable(
                f"{self.url} has a schema named `signoff` that is not ours. Give another database."
            )
        prepare_postgres(self._run, empty=found[0][1] is None, where=self.url)
        self._db.control("COMMIT")

    def _check_version(self) -> None:
        encoding = str(self._run("SHOW server_encoding")[0][0])
        if encoding != "UTF8":
            raise StorageUnavailable(
                f"{self.url} is encoded in {encoding}: give a database in UTF8"
            )
        version = self._run("SELECT value FROM signoff.meta WHERE key = 'version'")[0][0]
        refuse_older(self.dialect, int(version), self.url)

    @contextmanager
    def read_anew(self) -> Generator[PostgresEnd]:
        """It once more, on a connection of its own: what is read is what others would read."""
        with self._told():
            again = PostgresEnd(self._url, self._step)
            again._connection = PostgresConnection(self._url, None)
            try:
                again._db.set(_PATIENT)
                again._db.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield again
            finally:
                again._db.close()

    # Reading

    def tables(self) -> list[Table]:
        """Its tables."""
        return postgres_tables(self._run)

    def others(self) -> list[str]:
        """Tables in the database that are neither ours nor the jobs'."""
        ours = {f"signoff.{META}", *(table.full for table in self.tables())}
        names = self._run(
            "SELECT format('%s.%s', n.nspname, c.relname) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN "
            "('pg_catalog', 'information_schema', 'signoff_jobs') AND n.nspname !~ '^pg_t' "
            "ORDER BY 1"
        )
        return [name for (name,) in names if name not in ours]

    def marks(self) -> Mapping[str, Mark]:
        """What it says of itself."""
        return marks(self._run, "signoff.meta")

    def count(self, table: Table) -> int:
        """Rows of a table."""
        return int(self._run(f"SELECT count(*) FROM {table.full}")[0][0])

    def rows(self, table: Table, names: Sequence[str]) -> Iterator[Batch]:
        """All rows of a table, some at a time."""
        listed = ", ".join(f'"{name}"' for name in names)
        idle = self._db.connection.info.transaction_status == TransactionStatus.IDLE
        with (
            self._told(),
            self._db.connection.cursor(name="moved", withhold=idle) as cursor,
        ):
            cursor.execute(f"SELECT {listed} FROM {table.full}")  # pyright: ignore[reportArgumentType, reportCallIssue]
            for batch in batched(cursor.fetchmany):
                self._step("read")
                yield batch

    def prove(self) -> Verification:
        """Recompute everything."""
        with self._told():
            return proof(self._db)

    def counters(self) -> Mapping[tuple[str, str], int]:
        """The last number that each numbered column has given, by (table, column)."""
        found: dict[tuple[str, str], int] = {}
        for table, column, sequence in self._run(_NUMBERED):
            last = self._run(
                f"SELECT greatest((SELECT CASE WHEN is_called THEN last_value ELSE 0 END "
                f"FROM {sequence}), (SELECT max({column}) FROM signoff.{table}), 0)"
            )
            found[table, column] = int(last[0][0])
        return found

    def owner(self) -> int:
        """The number of the last run."""
        last = self._run(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM signoff.owners"
        )
        return int(last[0][0])

    # Writing

    def refuse_company(self) -> None:
        """Refuse to go on while a runtime or a worker is here.

        Raises:
            StoreInUse: If one is.
        """
        if live := len(self._run_named("live_owners")):
            raise StoreInUse(
                f"{self.url} is in use by {live} runtime{'s' if live > 1 else ''}: "
                "stop them, and the workers, first"
            )

    def begin(self) -> None:
        """Begin to write, or to read one clean cut; other writers wait."""
        self._step("begin")
        listed = ", ".join(table.full for table in self.tables())
        self._db.control("BEGIN ISOLATION LEVEL REPEATABLE READ")
        # Nothing may be read before the locks are there: the first look fixes the cut.
        self._run(f"SET LOCAL lock_timeout = '{_HURRY}'")
        self._run(f"LOCK TABLE {listed} IN SHARE ROW EXCLUSIVE MODE")
        self._run("SET LOCAL lock_timeout = 0")

    def make_room(self, counters: Mapping[tuple[str, str], int]) -> None:
        """Have a partition for every record up to the last number that was given."""
        self._step("room")
        make_room(self._run, counters.get(("records", "position"), 0))

    def clear(self, tables: Iterable[Table]) -> None:
        """Take everything out of tables."""
        self._step("clear")
        self._run(f"TRUNCATE {', '.join(table.full for table in tables)}")

    def write(self, table: Table, names: Sequence[str], batches: Iterable[Batch]) -> None:
        """Add rows to a table."""
        listed = ", ".join(f'"{name}"' for name in names)
        statement = f"COPY {table.full} ({listed}) FROM STDIN"
        with self._told(), self._db.connection.cursor() as cursor:
            with cursor.copy(statement) as copy:  # pyright: ignore[reportArgumentType, reportCallIssue]
                for batch in batches:
                    self._step("write")
                    for row in batch:
                        copy.write_row(row)
            self._step("written")

    def set_counters(self, counters: Mapping[tuple[str, str], int], owner: int) -> None:
        """Go on behind numbers that were given."""
        self._step("counters")
        for table, column, sequence in self._run(_NUMBERED):
            if last := counters.get((table, column), 0):
                self._run("SELECT setval(%s::regclass, %s)", sequence, last)
        if owner:
            self._run("SELECT setval('signoff.owners', %s)", max(owner, self.owner()))
        for table in self.tables():
            self._run(f"ANALYZE {table.full}")

    def mark(self, kind: str, mark: Mark) -> None:
        """Let it say something of itself."""
        self._step("mark")
        self._run(
            "INSERT INTO signoff.meta (key, value) VALUES (%s, %s) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            kind,
            mark.text,
        )

    def unmark(self, kind: str) -> None:
        """Let it no longer say so."""
        self._step("unmark")
        self._run("DELETE FROM signoff.meta WHERE key = %s", kind)

    def freeze(self, mark: Mark) -> None:
        """Let nobody write to it any more."""
        for statement in freeze_postgres([table.full for table in self.tables()], mark):
            self._run(statement)

    def commit(self) -> None:
        """Make what was written durable."""
        self._step("commit")
        with self._told():
            self._db.control("COMMIT")
        self._step("committed")

    def rollback(self) -> None:
        """Undo what was written since `begin`; the server does so for whoever is gone."""
        with suppress(psycopg.Error):
            self._db.control("ROLLBACK")

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._told():
            return self._db.raw(sql, values)

    def _run_named(self, name: str) -> list[tuple[Any, ...]]:
        with self._told():
            return self._db.run(name, {})

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except psycopg.Error as error:
            if error.sqlstate == REFUSED:
                raise StoreMoved(error.diag.message_primary) from error
            text = " ".join(str(error).split())[:300]
            raise StorageUnavailable(f"cannot use {self.url}: {text}") from error
