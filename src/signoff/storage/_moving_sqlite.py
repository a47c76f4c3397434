"""A SQLite file as one end of a move."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from signoff.errors import StorageUnavailable
from signoff.ledger import Verification
from signoff.storage._catalog import META, Table, sqlite_tables
from signoff.storage._copied import Batch, batched
from signoff.storage._file_lock import held
from signoff.storage._marks import Mark, freeze_sqlite, marks
from signoff.storage._migration import missing, prepare_sqlite
from signoff.storage._proving import proof
from signoff.storage._sql import Dialect
from signoff.storage._sqlite import SQLiteConnection, connect, told_sqlite

_COUNTED = """
SELECT (SELECT seq FROM sqlite_sequence WHERE name = '{full}'), (SELECT max({column}) FROM {full})
"""


class SQLiteEnd:
    """A SQLite file that no runtime has while it is open here."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: str, step: Callable[[str], object]) -> None:
        self.path = path
        self.url = f"sqlite:///{Path(path).absolute()}"
        self._step = step
        self._connection: sqlite3.Connection | None = None

    def __str__(self) -> str:
        return self.url

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._connection is not None, "it is not open"
        return self._connection

    @contextmanager
    def opened(self, *, makes: bool) -> Generator[None]:
        """Open it; `makes` builds or migrates the tables.

        Raises:
            StoreInUse: If a runtime has it.
            StorageUnavailable: If it is not there, cannot be used or is not of this version.
        """
        path = Path(self.path)
        if not makes and not (path.exists() and path.stat().st_size):
            raise StorageUnavailable(f"there is no store at {self.path}: check the URL")
        with ExitStack() as stack, told_sqlite(self.path):
            stack.enter_context(held(self.path))
            connection = self._connection = connect(self.path)
            stack.callback(connection.close)
            if makes:
                prepare_sqlite(connection, self.path, new_owner=False)
            version = self._run("SELECT value FROM signoff_meta WHERE key = 'version'")[0][0]
            refuse_older(self.dialect, int(str(version)), self.path)
            yield

    @contextmanager
    def read_anew(self) -> Generator[SQLiteEnd]:
        """It once more, on a connection of its own: what is read is what is in the file."""
        with told_sqlite(self.path):
            again = SQLiteEnd(self.path, self._step)
            again._connection = connect(self.path)
            try:
                again._db.execute("PRAGMA query_only = 1")
                again._db.execute("BEGIN")
                yield again
            finally:
                again._db.close()

    # Reading

    def tables(self) -> list[Table]:
        """Its tables."""
        return sqlite_tables(self._db)

    def others(self) -> list[str]:
        """Tables in the file that are not ours."""
        ours = {f"signoff_{META}", *(table.full for table in self.tables())}
        names = self._run(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "ORDER BY name"
        )
        return [str(name) for (name,) in names if name not in ours]

    def marks(self) -> Mapping[str, Mark]:
        """What it says of itself."""
        return marks(self._run, "signoff_meta")

    def count(self, table: Table) -> int:
        """Rows of a table."""
        return int(str(self._run(f"SELECT count(*) FROM {table.full}")[0][0]))

    def rows(self, table: Table, names: Sequence[str]) -> Iterator[Batch]:
        """All rows of a table, some at a time."""
        listed = ", ".join(f'"{name}"' for name in names)
        with told_sqlite(self.path):
            try:
                cursor = self._db.execute(f"SELECT {listed} FROM {table.full}")
                for batch in batched(cursor.fetchmany):
                    self._step("read")
                    yield batch
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                raise StorageUnavailable(
                    f"nothing was copied: {table.name} in {self.path} holds text that is no "
                    f"Unicode: {error}"
                ) from error

    def prove(self) -> Verification:
        """Recompute everything."""
        return proof(SQLiteConnection(self._db, None))

    def counters(self) -> Mapping[tuple[str, str], int]:
        """The last number that each numbered column has given, by (table, column)."""
        found: dict[tuple[str, str], int] = {}
        for table in self.tables():
            if column := self._numbered(table):
                told = _COUNTED.format(full=table.full, column=column)
                found[table.name, column] = max(int(str(n or 0)) for n in self._run(told)[0])
        return found

    def owner(self) -> int:
        """The number of the last run."""
        rows = self._run("SELECT value FROM signoff_meta WHERE key = 'owner'")
        return int(str(rows[0][0])) if rows else 0

    # Writing

    def refuse_company(self) -> None:
        """The lock has been taken: no runtime is here."""

    def begin(self) -> None:
        """Begin to write, or to read one clean cut; other writers wait."""
        self._step("begin")
        self._run("BEGIN IMMEDIATE")

    def make_room(self, counters: Mapping[tuple[str, str], int]) -> None:
        """Nothing to do: a table of a file has room for all."""

    def clear(self, tables: Iterable[Table]) -> None:
        """Take everything out of tables."""
        for table in tables:
            self._step("clear")
            self._run(f"DELETE FROM {table.full}")

    def write(self, table: Table, names: Sequence[str], batches: Iterable[Batch]) -> None:
        """Add rows to a table."""
        listed = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" * len(names))
        with told_sqlite(self.path):
            for batch in batches:
                self._step("write")
                self._db.executemany(f"INSERT INTO {table.full} ({listed}) VALUES ({marks})", batch)

    def set_counters(self, counters: Mapping[tuple[str, str], int], owner: int) -> None:
        """Go on behind numbers that were given."""
        self._step("counters")
        for table in self.tables():
            column = self._numbered(table)
            last = counters.get((table.name, column or ""), 0)
            made = self._run("SELECT sql FROM sqlite_schema WHERE name = ?", table.full)
            if last and "AUTOINCREMENT" in str(made[0][0]):
                self._run("DELETE FROM sqlite_sequence WHERE name = ?", table.full)
                self._run("INSERT INTO sqlite_sequence VALUES (?, ?)", table.full, last)
        self._put("owner", str(max(owner, self.owner())))

    def mark(self, kind: str, mark: Mark) -> None:
        """Let it say something of itself."""
        self._step("mark")
        self._put(kind, mark.text)

    def unmark(self, kind: str) -> None:
        """Let it no longer say so."""
        self._step("unmark")
        self._run("DELETE FROM signoff_meta WHERE key = ?", kind)

    def freeze(self, mark: Mark) -> None:
        """Let nobody write to it any more."""
        for statement in freeze_sqlite([table.full for table in self.tables()], mark):
            self._run(statement)

    def commit(self) -> None:
        """Make what was written durable."""
        self._step("commit")
        self._run("COMMIT")
        self._step("committed")

    def rollback(self) -> None:
        """Undo what was written since `begin`."""
        self._db.rollback()

    def _numbered(self, table: Table) -> str:
        """The column that is another name of the row's number; empty if there is none."""
        made = self._run("SELECT sql FROM sqlite_schema WHERE name = ?", table.full)
        columns = self._run(f"PRAGMA table_info({table.full})")
        keys = [column for column in columns if column[5]]
        alone = len(keys) == 1 and keys[0][2] == "INTEGER"
        return str(keys[0][1]) if alone and "WITHOUT ROWID" not in str(made[0][0]) else ""

    def _put(self, key: str, value: str) -> None:
        self._run(
            "INSERT INTO signoff_meta (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            key,
            value,
        )

    def _run(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with told_sqlite(self.path):
            return self._db.execute(sql, values).fetchall()


def refuse_older(dialect: Dialect, version: int, where: str) -> None:
    """Refuse a store of an older version.

    Raises:
        StoreTooNew: If it is of a newer one.
        StorageUnavailable: If it is of an older one.
    """
    if list(missing(dialect, version, where)):
        raise StorageUnavailable(
            f"{where} was made by an older signoff (tables version {version}): "
            "bring it up to date first with `signoff store migrate`"
        )
