"""A store as it is, of whatever version, on a connection that cannot write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from signoff.errors import StorageUnavailable, StoreNotOurs, UsageError
from signoff.storage._catalog import Table, postgres_tables, sqlite_tables
from signoff.storage._connection import Connection, Params, Rows
from signoff.storage._marks import Mark, marks
from signoff.storage._migration import check_ours
from signoff.storage._open import storage_at
from signoff.storage._sql import Dialect
from signoff.storage._sqlite import SQLiteConnection, SQLiteStorage, told_sqlite


@dataclass(frozen=True, slots=True)
class Looked:
    """A store that is looked at.

    Attributes:
        url: What it is called, without its password.
        dialect: Its database.
        connection: Runs statements on one snapshot, and cannot write.
        prefix: What stands before the names of its tables.
    """

    url: str
    dialect: Dialect
    connection: Connection
    prefix: str

    def run(self, sql: str, *values: object) -> Rows:
        """Run a statement."""
        return self.connection.raw(sql, values)

    @property
    def version(self) -> int:
        """The version of its tables.

        Raises:
            StoreNotOurs: If it says none.
        """
        rows = self.run(f"SELECT value FROM {self.prefix}meta WHERE key = 'version'")
        if not rows or not str(rows[0][0]).isdigit():
            raise StoreNotOurs(f"{self.url} does not say of which version it is")
        return int(str(rows[0][0]))

    @property
    def marks(self) -> Mapping[str, Mark]:
        """What it says of itself."""
        return marks(self.run, f"{self.prefix}meta")

    @property
    def tables(self) -> list[Table]:
        """Its tables."""
        if self.dialect == "postgres":
            return postgres_tables(self.run)
        return sqlite_tables(cast("SQLiteConnection", self.connection).connection)


@contextmanager
def looking(url: str) -> Generator[Looked]:
    """Look at a store without opening it: nothing is made, migrated or written.

    Raises:
        StorageUnavailable: If it is not there, or cannot be read.
        UsageError: If it is in memory.
    """
    storage = storage_at(url)
    if isinstance(storage, SQLiteStorage):
        if storage.path == ":memory:":
            raise UsageError("a store in memory ends with its process: there is nothing to look at")
        with told_sqlite(storage.path), closing(_read_only(storage.path)) as raw:
            check_ours(raw, storage.path)
            raw.execute("BEGIN")
            yield Looked(storage.url, "sqlite", SQLiteConnection(raw, None), "signoff_")
        return
    from signoff.storage._postgres import PostgresConnection, told_postgres

    with told_postgres(storage.url):
        connection = PostgresConnection(url, None)
        try:
            connection.set({"idle_in_transaction_session_timeout": "0", "statement_timeout": "0"})
            connection.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if connection.raw("SELECT to_regclass('signoff.meta')", ())[0][0] is None:
                raise StorageUnavailable(f"there is no store in {storage.url}: check the URL")
            yield Looked(storage.url, "postgres", connection, "signoff.")
        finally:
            connection.close()


def _read_only(path: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10
    )


class Counted:
    """A connection that tells how many rows of one statement were read."""

    def __init__(self, connection: Connection, name: str, more: Callable[[int], object]) -> None:
        self.locks = connection.locks
        self._connection = connection
        self._name = name
        self._more = more

    def run(self, name: str, params: Params) -> Rows:
        """Run a named statement."""
        rows = self._connection.run(name, params)
        if name == self._name:
            self._more(len(rows))
        return rows

    def run_many(self, name: str, params: Sequence[Params]) -> None:
        """Run a named statement many times."""
        self._connection.run_many(name, params)

    def raw(self, sql: str, parameters: Sequence[Any]) -> Rows:
        """Run a statement."""
        return self._connection.raw(sql, parameters)
