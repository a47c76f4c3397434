"""The SQL is the same in both dialects, as far as its names go, and SQLite can prepare it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

import pytest

from signoff.storage import migrations, schema
from signoff.storage._sql import Dialect, queries

DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgres")

#: Where one writer is all there is, nobody claims, owns, releases, locks or shares, and nobody is
#: told of work by jobs.
_ONLY_POSTGRES = re.compile("lock|^share_|^release_|own|claim|ghost|^soon$|^jobs_made$")


@pytest.fixture
def empty_store() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    for statement in schema("sqlite"):
        connection.execute(statement)
    yield connection
    connection.close()


def test_both_dialects_have_the_same_statements() -> None:
    ours, theirs = (set(queries(dialect)) for dialect in DIALECTS)
    assert ours - theirs == set()
    assert {name for name in theirs - ours if not _ONLY_POSTGRES.search(name)} == set()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_named_statement_is_one_statement(dialect: Dialect) -> None:
    several = [name for name, sql in queries(dialect).items() if not sql or ";" in sql]
    assert several == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_migrations_are_numbered_without_gaps(dialect: Dialect) -> None:
    assert [n for n, _, _ in migrations(dialect)] == list(range(1, len(migrations(dialect)) + 1))


@pytest.mark.parametrize("name", sorted(queries("sqlite")))
def test_sqlite_can_prepare(name: str, empty_store: sqlite3.Connection) -> None:
    sql = queries("sqlite")[name]
    empty_store.execute(f"EXPLAIN {sql}", dict.fromkeys(re.findall(r":(\w+)", sql)))


def test_the_schema_is_the_sum_of_the_migrations(empty_store: sqlite3.Connection) -> None:
    migrated = sqlite3.connect(":memory:")
    for _, _, statements in migrations("sqlite"):
        for statement in statements:
            migrated.execute(statement)
    assert _tables(migrated) == _tables(empty_store)
    migrated.close()


def _tables(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {(name, " ".join(re.sub(r"--.*", "", sql).split())) for name, sql in rows}


@pytest.mark.parametrize(
    "name",
    ["event", "event_by_key", "events_caused_by", "events_named", "events_beside", "events_of_log",
     "events_of_stream", "stream", "offset", "offsets"],
)  # fmt: skip
def test_no_look_at_an_event_log_scans_it(name: str, empty_store: sqlite3.Connection) -> None:
    sql = queries("sqlite")[name]
    given = dict.fromkeys(re.findall(r":(\w+)", sql))
    plan = empty_store.execute(f"EXPLAIN QUERY PLAN {sql}", given).fetchall()
    assert [step[3] for step in plan if re.match(r"SCAN (signoff_|e\b)", step[3])] == []
