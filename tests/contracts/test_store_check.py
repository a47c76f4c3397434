"""Whatever is wrong with a store is found, on either database, without writing to it."""

from __future__ import annotations

import asyncio

import psycopg
from movable import execute, filled
from stores import opened

from signoff.storage import check_store, move

#: What somebody did to the store -> which check finds it, and what it says.
WRONGS = [
    ("DELETE FROM signoff_records WHERE position = 3", "ledger", "the head says 3"),
    ("UPDATE signoff_records SET body = '{}' WHERE position = 2", "ledger", "altered"),
    ("UPDATE signoff_subjects SET state = 'sold' WHERE id = 'given-up'", "spine", "stands at sold"),
    ("UPDATE signoff_subjects SET version = 7 WHERE id = 'given-up'", "spine", "version 7"),
    ("UPDATE signoff_effects SET crossing = 'gone'", "outbox", "of crossing gone"),
    ("UPDATE signoff_effects SET subject = 'gone'", "outbox", "about subject gone"),
    ("UPDATE signoff_timers SET machine = 'gone'", "timers", "no row of machine gone"),
    ("UPDATE signoff_timers SET version = 9", "timers", "set at version 9"),
    ("UPDATE signoff_tickets SET subject = 'gone'", "tickets", "about subject gone"),
    ("UPDATE signoff_tickets SET crossing = 'gone'", "tickets", "open for crossing gone"),
    ("UPDATE signoff_crossings SET status = 'committed'", "tickets", "has ended: committed"),
    ("UPDATE signoff_crossings SET subject = 'gone'", "crossings", "about subject gone"),
    ("UPDATE signoff_subjects SET pending = 'gone'", "crossings", "held by crossing gone"),
    ("UPDATE signoff_logs SET position = 1", "events", "says 1"),
    ("UPDATE signoff_streams SET version = 0", "events", "says 0"),
    ("UPDATE signoff_consumers SET position = 99", "events", "has come to 99"),
    ("UPDATE signoff_offsets SET consumer = 'gone'", "events", "consumer gone"),
    ("UPDATE signoff_meta SET value = '3' WHERE key = 'version'", "version", "tables version 3"),
    ("UPDATE signoff_meta SET value = '99' WHERE key = 'version'", "version", "newer signoff"),
    ("DELETE FROM signoff_meta WHERE key = 'version'", "version", "does not say"),
    ("ALTER TABLE signoff_uses DROP COLUMN spent", "tables", "column spent of uses"),
    ("DROP TABLE signoff_heartbeats", "tables", "table heartbeats is missing"),
]


def _wrong(url: str) -> dict[str, list[str]]:
    return {each.check: list(each.wrong) for each in check_store(url) if each.wrong}


def test_whatever_is_wrong_is_found(store_url: str) -> None:
    for number, (sql, check, says) in enumerate(WRONGS):
        if store_url.startswith("sqlite"):
            filled(url := store_url.replace("signoff.db", f"{number}.db"))
        else:
            execute(url := store_url, "DROP SCHEMA IF EXISTS signoff CASCADE")
            filled(url)
        if number == 0:
            assert _wrong(url) == {}
        execute(url, sql)
        found = _wrong(url)
        assert any(says in line for line in found.get(check, ())), (sql, found)


def test_a_missing_index_is_named(store_url: str) -> None:
    filled(store_url)
    execute(store_url, "DROP INDEX signoff_tickets_subject")
    assert _wrong(store_url) == {"tables": ["index tickets_subject is missing"]}


def test_a_page_that_was_overwritten_is_found(sqlite_url: str) -> None:
    filled(sqlite_url)
    with open(sqlite_url.removeprefix("sqlite:///"), "r+b") as file:
        file.seek(4096 * 5 + 100)
        file.write(b"\xff" * 300)
    try:
        found = _wrong(sqlite_url)
    except Exception as error:
        assert "damaged" in str(error)  # noqa: PT017  # either way is clear
    else:
        assert found["database"]


def test_jobs_of_another_version_are_named(postgres_database: str) -> None:
    async def with_workers() -> None:
        async with opened(postgres_database) as storage:
            await storage.make_jobs()

    asyncio.run(with_workers())
    assert _wrong(postgres_database) == {}
    with psycopg.connect(postgres_database, autocommit=True) as database:
        database.execute("UPDATE signoff_jobs.signoff_version SET version = '1.2.3'")
    assert "1.2.3" in _wrong(postgres_database)["jobs"][0]


def test_what_a_move_left_is_told(store_url: str, second_database: str) -> None:
    filled(store_url)
    move(store_url, second_database)
    told = {each.check: each.found for each in check_store(store_url)}
    assert "only there to be looked at" in told["whole"]
    assert _wrong(store_url) == _wrong(second_database) == {}
    mark = '{"move": "1", "other": "sqlite:////elsewhere.db", "at": "2026-01-01"}'
    execute(second_database, "INSERT INTO signoff_meta VALUES ('filling', ?)", mark)
    assert "elsewhere" in _wrong(second_database)["whole"][0]
