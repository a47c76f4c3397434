"""Building and migrating the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from signoff.errors import StoreNotOurs, StoreTooNew
from signoff.storage._sql import Dialect, migrations, schema

#: Marks our files in the SQLite header: "sign" in ASCII.
APPLICATION_ID = 0x7369676E


def newest(dialect: Dialect) -> int:
    """The version of the tables that this code knows."""
    return max(number for number, _, _ in migrations(dialect))


def missing(dialect: Dialect, version: int, where: str) -> Iterable[tuple[int, list[str]]]:
    """The migrations that a store at `version` lacks.

    Raises:
        StoreTooNew: If the store is ahead of this code.
    """
    known = newest(dialect)
    if version > known:
        raise StoreTooNew(
            f"{where} was written by a newer signoff (tables version {version}; this one knows "
            f"{known}). Upgrade signoff, or use another store."
        )
    return [(number, todo) for number, _, todo in migrations(dialect) if number > version]


def prepare_sqlite(connection: sqlite3.Connection, path: str, *, new_owner: bool) -> int:
    """Build or migrate the tables; the number of this run.

    Raises:
        StoreNotOurs: If the file holds somebody else's tables.
        StoreTooNew: If a newer version wrote it.
    """

    def run(sql: str, *values: object) -> list[tuple[object, ...]]:
        return connection.execute(sql, values).fetchall()

    connection.execute("BEGIN IMMEDIATE")
    try:
        empty = check_ours(connection, path)
        owner = _prepare(
            run,
            "sqlite",
            empty=empty,
            where=path,
            meta="signoff_meta",
            mark="?",
            new_owner=new_owner,
        )
        if empty:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return owner


def check_ours(connection: sqlite3.Connection, path: str) -> bool:
    """Whether a database is still empty; one that is not must be ours.

    Raises:
        StoreNotOurs: If the file holds somebody else's tables.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if tables and not (ours and "signoff_meta" in tables):
        some = ", ".join(sorted(tables)[:3])
        raise StoreNotOurs(
            f"{path} is a SQLite database, but not a signoff store (it holds {some}). "
            "Give another path; a new file is made if there is none."
        )
    return not tables


def prepare_postgres(
    run: Callable[..., list[tuple[object, ...]]], *, empty: bool, where: str
) -> None:
    """Build or migrate the tables, inside the caller's transaction.

    Raises:
        StoreTooNew: If a newer version wrote them.
    """
    _prepare(
        run,
        "postgres",
        empty=empty,
        where=where,
        meta="signoff.meta",
        mark="%s",
        new_owner=False,
    )


def _prepare(
    run: Callable[..., list[tuple[object, ...]]],
    dialect: Dialect,
    *,
    empty: bool,
    where: str,
    meta: str,
    mark: str,
    new_owner: bool,
) -> int:
    def put(key: str, value: int) -> None:
        run(
            f"INSERT INTO {meta} (key, value) VALUES ({mark}, {mark}) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            key,
            str(value),
        )

    if empty:
        for statement in schema(dialect):
            run(statement)
        put("version", newest(dialect))
    rows = run(f"SELECT key, value FROM {meta} WHERE key IN ('version', 'owner')")
    stored = {str(key): int(str(value)) for key, value in rows}
    for number, todo in missing(dialect, stored["version"], where):
        for statement in todo:
            run(statement)
        put("version", number)
    owner = stored.get("owner", 0)
    if new_owner:
        owner += 1
        put("owner", owner)
    return owner
