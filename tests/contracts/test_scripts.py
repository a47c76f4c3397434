"""A script takes effect whole or not at all, and nobody else's failure is its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import Any

import psycopg
import pytest
from stores import AT, append, effect, listed, note, opened, recorded, swap, timer

from signoff.errors import StorageUnavailable, UsageError
from signoff.storage import Storage, StoredTransaction


class Burst(Exception):
    pass


def _everything(tx: StoredTransaction) -> None:
    tx.swap(swap(timers=(timer(),)))
    tx.append("s", "c", AT, [note("x" * 5000)])
    tx.append("other", "c", AT, [note(1)])
    tx.save_crossing(recorded())
    tx.enqueue(effect())
    tx.hold("s", "c")


async def _occupied(storage: Storage) -> tuple[asyncio.Task[bool], threading.Event]:
    """A script that keeps the writer busy, so that those after it wait together; its release."""
    began, release = threading.Event(), threading.Event()

    def script(tx: StoredTransaction) -> bool:
        began.set()
        return release.wait(10)

    task = asyncio.create_task(storage.transact(script))
    await asyncio.to_thread(began.wait, 10)
    return task, release


async def _nothing_is_left(storage: Any) -> bool:
    tables = ("subjects", "records", "crossings", "timers", "effects", "payloads")
    prefix = "signoff_" if storage.url.startswith("sqlite") else "signoff."
    counts = [
        (await storage.transact(lambda tx, t=t: tx.execute(f"SELECT count(*) FROM {prefix}{t}")))[0]
        for t in tables
    ]
    return counts == [(0,)] * len(tables)


def test_a_script_that_raises_leaves_nothing(any_store: str) -> None:
    def burst(tx: StoredTransaction) -> None:
        _everything(tx)
        raise Burst

    async def main() -> None:
        async with opened(any_store) as storage:
            with pytest.raises(Burst):
                await storage.transact(burst)
            assert await _nothing_is_left(storage)
            await storage.transact(_everything)
            assert not await _nothing_is_left(storage)
            assert (await storage.verify()).intact

    asyncio.run(main())


@pytest.mark.parametrize("statement", ["add_record", "add_timer", "add_subject", "commit"])
def test_a_failure_of_the_database_anywhere_leaves_nothing(any_store: str, statement: str) -> None:
    armed: list[str] = []

    def fail(name: str) -> None:
        if name in armed:
            armed.clear()
            raise Burst

    async def main() -> None:
        async with opened(any_store, fault_point=fail) as storage:
            armed.append(statement)
            with pytest.raises(Burst):
                await storage.transact(_everything)
            assert not armed
            assert await _nothing_is_left(storage)
            await storage.transact(_everything)
            assert (await storage.verify()).intact

    asyncio.run(main())


def test_scripts_of_one_flush_fail_alone(any_store: str) -> None:
    async def main() -> None:
        def burst(tx: StoredTransaction) -> None:
            tx.append("s", "", AT, [note("lost" * 2000)])
            raise Burst

        async with opened(any_store) as storage:
            await storage.transact(lambda tx: tx.execute("CREATE TABLE mine (id INTEGER UNIQUE)"))
            first, release = await _occupied(storage)
            group = [
                append(storage, "s", 1),
                storage.transact(burst),
                append(storage, "s", 2),
                storage.transact(lambda tx: tx.execute("INSERT INTO mine VALUES (1)")),
                storage.transact(lambda tx: tx.execute("INSERT INTO nowhere VALUES (1)")),
                append(storage, "s", 3),
            ]
            tasks = [asyncio.ensure_future(each) for each in group]
            await asyncio.sleep(0)
            release.set()
            await first
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [isinstance(each, Exception) for each in ended] == [
                False, True, False, False, True, False,
            ]  # fmt: skip
            assert len(await listed(storage, "s")) == 3
            assert await storage.transact(lambda tx: tx.execute("SELECT id FROM mine")) == [(1,)]
            assert (await storage.verify()).intact

    asyncio.run(main())


def test_scripts_that_wait_together_share_one_flush(sqlite_url: str) -> None:
    async def main() -> None:
        async with opened(sqlite_url) as storage:
            first, release = await _occupied(storage)
            tasks = [asyncio.create_task(append(storage, f"s{n}", n)) for n in range(100)]
            await asyncio.sleep(0)
            release.set()
            await asyncio.gather(first, *tasks)
            assert storage.commits == 2  # type: ignore[attr-defined]

    asyncio.run(main())


def test_a_commit_that_fails_is_told_to_everybody_who_shared_it(sqlite_url: str) -> None:
    armed = [False]

    def fail(name: str) -> None:
        if name == "commit" and armed[0]:
            raise sqlite3.OperationalError("disk I/O error")

    async def main() -> None:
        async with opened(sqlite_url, fault_point=fail) as storage:
            first, release = await _occupied(storage)
            tasks = [asyncio.create_task(append(storage, f"s{n}", n)) for n in range(5)]
            await asyncio.sleep(0)
            armed[0] = True
            release.set()
            ended = await asyncio.gather(first, *tasks, return_exceptions=True)
            assert all(isinstance(each, StorageUnavailable) for each in ended)
            armed[0] = False
            assert await listed(storage) == []
            await append(storage, "s", 1)
            assert (await storage.verify()).intact

    asyncio.run(main())


def test_a_trigger_that_rolls_everything_back_is_told_to_everybody(sqlite_url: str) -> None:
    async def main() -> None:
        async with opened(sqlite_url) as storage:
            await storage.transact(lambda tx: tx.execute("CREATE TABLE mine (id INTEGER)"))
            await storage.transact(
                lambda tx: tx.execute(
                    "CREATE TRIGGER never BEFORE INSERT ON mine "
                    "BEGIN SELECT RAISE(ROLLBACK, 'never'); END"
                )
            )
            first, release = await _occupied(storage)
            tasks = [
                asyncio.create_task(append(storage, "s", 1)),
                asyncio.create_task(
                    storage.transact(lambda tx: tx.execute("INSERT INTO mine VALUES (1)"))
                ),
                asyncio.create_task(append(storage, "s", 2)),
            ]
            await asyncio.sleep(0)
            release.set()
            await first
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, Exception) for each in ended)
            assert await listed(storage) == []

    asyncio.run(main())


def test_a_script_that_raises_stop_iteration_keeps_nobody_waiting(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            with pytest.raises(RuntimeError, match="StopIteration"):
                await storage.transact(lambda tx: next(iter([])))

    asyncio.run(main())


def test_a_users_own_statement_takes_part_in_the_transaction(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await storage.transact(lambda tx: tx.execute("CREATE TABLE mine (id TEXT UNIQUE)"))
            await storage.transact(lambda tx: tx.execute("INSERT INTO mine VALUES ('100%')"))
            rows = await storage.transact(
                lambda tx: tx.execute("SELECT id FROM mine WHERE id LIKE '1%'")
            )
            assert rows == [("100%",)]

            def burst(tx: StoredTransaction) -> None:
                tx.execute("DELETE FROM mine")
                raise Burst

            with pytest.raises(Burst):
                await storage.transact(burst)
            assert len(await storage.transact(lambda tx: tx.execute("SELECT id FROM mine"))) == 1

    asyncio.run(main())


def test_a_users_own_conflict_is_the_users_and_is_told_at_once(any_store: str) -> None:
    runs: list[int] = []

    def insert(tx: StoredTransaction) -> None:
        runs.append(1)
        tx.execute("INSERT INTO mine VALUES (1)")

    async def main() -> None:
        async with opened(any_store) as storage:
            await storage.transact(lambda tx: tx.execute("CREATE TABLE mine (id INTEGER UNIQUE)"))
            await storage.transact(insert)
            with pytest.raises((sqlite3.IntegrityError, psycopg.errors.UniqueViolation)):
                await storage.transact(insert)
            assert len(runs) == 2

    asyncio.run(main())


def test_a_swallowed_error_cannot_pass_for_a_commit_on_postgres(postgres_database: str) -> None:
    def swallow(tx: StoredTransaction) -> None:
        tx.save_crossing(recorded())
        with pytest.raises(psycopg.Error):
            tx.execute("SELECT nonsense")

    async def main() -> None:
        async with opened(postgres_database) as storage:
            with pytest.raises(UsageError, match="let the error out"):
                await storage.transact(swallow)
            assert await storage.crossing("c") is None

    asyncio.run(main())


def test_a_caller_that_does_not_wait_does_not_stop_the_script(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            release = threading.Event()

            def slow(tx: StoredTransaction) -> None:
                release.wait(10)
                tx.append("s", "", AT, [note(1)])

            task = asyncio.create_task(storage.transact(slow))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            release.set()
            await append(storage, "s", 2)
            assert (await storage.verify()).intact

    asyncio.run(main())
