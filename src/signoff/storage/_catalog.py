"""Which tables of ours a database has, and how they are made: by its own catalog."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from signoff.errors import StorageUnavailable
from signoff.storage._sql import Dialect, schema

Kind = Literal["text", "integer", "real", "boolean"]

#: The store's own account of itself: it is never copied.
META: Final = "meta"

_KINDS: Mapping[str, Kind] = {
    "TEXT": "text",
    "INTEGER": "integer",
    "REAL": "real",
    "text": "text",
    "character varying": "text",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "double precision": "real",
    "boolean": "boolean",
}

_BITS: Mapping[str, int] = {"smallint": 16, "integer": 32}

_NAMED = re.compile(
    r"^CREATE (?:UNIQUE |OR REPLACE )?(TABLE|INDEX|FUNCTION|SEQUENCE) (?:IF NOT EXISTS )?"
    r"(?!ON )(?:signoff\.|signoff_)?(\w+)",
    re.IGNORECASE,
)

Run = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: As it is called.
        kind: What it holds.
        bits: Of an integer.
        optional: Whether a row can be written without it.
    """

    name: str
    kind: Kind
    bits: int = 64
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of ours.

    Attributes:
        name: In either dialect, without `signoff`.
        full: What statements call it.
        columns: Those that hold something of their own.
        keys: The columns of each of its indexes.
    """

    name: str
    full: str
    columns: Sequence[Column]
    keys: Sequence[Sequence[str]] = field(default=())


@cache
def named(dialect: Dialect, what: str) -> frozenset[str]:
    """The names of what this version's schema makes: of each `TABLE`, `INDEX` and so on."""
    made = (_NAMED.match(statement) for statement in schema(dialect))
    return frozenset(found[2] for found in made if found and found[1].upper() == what)


def sqlite_tables(connection: sqlite3.Connection) -> list[Table]:
    """Our tables in a file, but for `meta`; by name."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    there = {name for (name,) in run("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    tables: list[Table] = []
    for name in sorted(named("sqlite", "TABLE") - {META}):
        full = f"signoff_{name}"
        if full not in there:
            continue
        columns = [
            Column(column, _kind(full, column, kind), optional=not must or default is not None)
            for _, column, kind, must, default, _ in run(f"PRAGMA table_info({full})")
        ]
        keys = [
            [column for _, _, column in run(f"PRAGMA index_info({index[1]})") if column]
            for index in run(f"PRAGMA index_list({full})")
        ]
        tables.append(Table(name, full, columns, keys))
    return tables


_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL),
    NOT a.attnotnull OR a.atthasdef OR a.attidentity <> ''
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'signoff'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY c.relname, a.attnum
"""

_KEYS = """
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum)
FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])
WHERE c.relnamespace = 'signoff'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY c.relname, i.indexrelid
"""


def postgres_tables(run: Run) -> list[Table]:
    """Our tables in a database, but for `meta`, whole ones rather than their partitions; by name.

    A role named `signoff` has tables of its own in our schema; they are none of ours.
    """
    columns: dict[str, list[Column]] = {}
    wanted = named("postgres", "TABLE") - {META}
    for table, name, kind, optional in run(_COLUMNS):
        if table in wanted:
            column = Column(name, _kind(table, name, kind), _BITS.get(kind, 64), bool(optional))
            columns.setdefault(table, []).append(column)
    keys: dict[str, list[Sequence[str]]] = {}
    for table, names in run(_KEYS):
        keys.setdefault(table, []).append(names)
    return [
        Table(name, f"signoff.{name}", each, keys.get(name, ()))
        for name, each in sorted(columns.items())
    ]


def _kind(table: str, column: str, called: str) -> Kind:
    kind = _KINDS.get(called)
    if kind is None:
        raise StorageUnavailable(
            f"column {column} of {table} is a {called}, which this version does not know: "
            "upgrade signoff"
        )
    return kind
