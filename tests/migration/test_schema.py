"""The schema is the sum of its migrations; other versions are brought along or refused."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import psycopg
import pytest
from stores import append, listed, opened

from signoff.errors import StoreTooNew
from signoff.storage import _migration as migration
from signoff.storage import migrations, schema

_DESCRIBED = {
    "columns": """
        SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default,
            collation_name, is_identity, identity_generation
        FROM information_schema.columns WHERE table_schema = 'signoff' ORDER BY 1, 3""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'signoff' ORDER BY 1",
    "constraints": """
        SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'signoff'::regnamespace ORDER BY 1""",
    "sequences": """
        SELECT sequencename, data_type, start_value, increment_by, cycle
        FROM pg_sequences WHERE schemaname = 'signoff' ORDER BY 1""",
}


def _sqlite(statements: list[str]) -> list[Any]:
    with closing(sqlite3.connect(":memory:")) as db:
        for statement in statements:
            db.execute(statement)
        return db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()


def _postgres(url: str, statements: list[str]) -> dict[str, Any]:
    with psycopg.connect(url) as db:
        db.execute("DROP SCHEMA IF EXISTS signoff CASCADE")
        for statement in statements:
            db.execute(statement)  # type: ignore[call-overload]
        return {what: db.execute(sql).fetchall() for what, sql in _DESCRIBED.items()}  # type: ignore[call-overload]


def _summed(dialect: Any) -> list[str]:
    return [statement for _, _, todo in migrations(dialect) for statement in todo]


def test_the_sqlite_schema_is_the_sum_of_its_migrations() -> None:
    assert _sqlite(schema("sqlite")) == _sqlite(_summed("sqlite"))


def test_the_postgres_schema_is_the_sum_of_its_migrations(postgres_database: str) -> None:
    built = _postgres(postgres_database, schema("postgres"))
    assert built["columns"]
    assert built["indexes"]
    assert built == _postgres(postgres_database, _summed("postgres"))


def test_both_dialects_have_the_same_tables_and_columns(postgres_database: str) -> None:
    theirs: dict[str, list[str]] = {}
    for table, column, *_ in _postgres(postgres_database, schema("postgres"))["columns"]:
        theirs.setdefault(f"signoff_{table}", []).append(column)
    with closing(sqlite3.connect(":memory:")) as db:
        for statement in schema("sqlite"):
            db.execute(statement)
        names = db.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'signoff%'").fetchall()
        ours = {
            name: [column[1] for column in db.execute(f"PRAGMA table_info({name})")]
            for (name,) in names
        }
    assert {name: columns for name, columns in ours.items() if columns} == theirs


def test_a_store_of_the_next_version_is_refused_and_left_alone(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with opened(store_url) as storage:
            await append(storage, "s", 1)
        monkeypatch.setattr(migration, "newest", lambda dialect: 0)
        with pytest.raises(StoreTooNew, match="Upgrade signoff"):
            async with opened(store_url):
                pass
        monkeypatch.undo()
        async with opened(store_url) as storage:
            assert len(await listed(storage)) == 1

    asyncio.run(main())


def test_an_older_store_is_brought_up_to_date_once(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with opened(store_url) as storage:
            await append(storage, "s", 1)
        table = "signoff_extra" if store_url.startswith("sqlite") else "signoff.extra"
        known = migration.migrations

        def grown(dialect: Any) -> Any:
            return [*known(dialect), (99, "0099_pre_extra.sql", [f"CREATE TABLE {table} (a TEXT)"])]

        monkeypatch.setattr(migration, "migrations", grown)
        for _ in range(2):
            async with opened(store_url) as storage:
                assert await storage.transact(lambda tx: tx.execute(f"SELECT * FROM {table}")) == []
                assert len(await listed(storage)) == 1
        monkeypatch.undo()
        with pytest.raises(StoreTooNew):
            async with opened(store_url):
                pass

    asyncio.run(main())


def test_a_migration_that_fails_changes_nothing(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with opened(store_url) as storage:
            await append(storage, "s", 1)
        table = "signoff_extra" if store_url.startswith("sqlite") else "signoff.extra"
        known = migration.migrations
        broken = [f"CREATE TABLE {table} (a TEXT)", "CREATE NONSENSE"]
        monkeypatch.setattr(
            migration,
            "migrations",
            lambda dialect: [*known(dialect), (99, "0099_pre_x.sql", broken)],
        )
        with pytest.raises(Exception, match=r"(?i)syntax"):
            async with opened(store_url):
                pass
        monkeypatch.undo()
        async with opened(store_url) as storage:
            assert len(await listed(storage)) == 1
            with pytest.raises(Exception, match="extra"):
                await storage.transact(lambda tx: tx.execute(f"SELECT * FROM {table}"))

    asyncio.run(main())


def test_a_store_from_before_event_logs_keeps_its_data_and_takes_events(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orders import Model, Placed, orders

    from signoff import Runtime

    before = {dialect: migrations(dialect)[:2] for dialect in ("sqlite", "postgres")}

    async def main() -> None:
        monkeypatch.setattr(migration, "migrations", lambda dialect: before[dialect])
        monkeypatch.setattr(
            migration,
            "schema",
            lambda dialect: [sql for *_, todo in before[dialect] for sql in todo],
        )
        async with opened(store_url) as storage:
            await append(storage, "o", 1, 2)
            with pytest.raises(Exception, match="events"):
                await storage.events_of_log("orders", after=0, limit=1)
        monkeypatch.undo()
        async with Runtime(store_url, knows=[Model().consumer()]) as runtime:
            await runtime.append(orders, "o", Placed(amount=1))
            await runtime.drain()
            types = [entry.type for entry in await listed(runtime.ledger, "o")]
            assert types[:3] == ["opened", "opened", "appended"]
            assert types[-1] == "committed"
            assert (await runtime.ledger.verify()).intact

    asyncio.run(main())
