"""A database that cannot be used: a clear error, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deals import Deal, Offer, running, selling, story
from stores import append, listed, opened

from signoff import Committed, External, Runtime, Transactional, Write
from signoff.errors import (
    BadInput,
    StorageUnavailable,
    StoreInUse,
    StoreNotOurs,
)
from signoff.storage import StoredTransaction, storage_at


def _refusal(url: str, kind: type[Exception] = StorageUnavailable) -> str:
    async def main() -> str:
        with pytest.raises(kind) as caught:
            async with opened(url):
                pass
        return str(caught.value)

    text = asyncio.run(main())
    assert "Traceback" not in text
    assert "\n" not in text
    return text


def _limited(*arguments: str) -> list[str]:
    program = Path(__file__).with_name("limited.py")
    done = subprocess.run(
        [sys.executable, program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


def _built(url: str) -> None:
    async def main() -> None:
        async with opened(url) as storage:
            await append(storage, "s", 1)

    asyncio.run(main())


# A SQLite file


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter and nobody but us may write to."""
    folder = Path(tempfile.mkdtemp(prefix="signoff-read-only-"))
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = _refusal(f"sqlite:///{tmp_path}/nowhere/a.db")
    assert "nowhere" in text
    assert "exists" in text


def test_a_read_only_folder_is_named(open_folder: Path) -> None:
    url = f"sqlite:///{open_folder / 'a.db'}"
    _built(url)
    before = (open_folder / "a.db").read_bytes()
    open_folder.chmod(0o555)
    (text,) = _limited("read-only", url)
    assert "a.db" in text
    assert "writable" in text
    assert (open_folder / "a.db").read_bytes() == before


def test_a_read_only_file_is_named(open_folder: Path) -> None:
    url = f"sqlite:///{open_folder / 'a.db'}"
    _built(url)
    (open_folder / "a.db.lock").chmod(0o666)
    (open_folder / "a.db").chmod(0o444)
    open_folder.chmod(0o777)
    (text,) = _limited("read-only", url)
    assert "a.db" in text
    assert "read-only" in text


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear customer, " * 500)
    text = _refusal(f"sqlite:///{file}")
    assert "not a SQLite database" in text
    assert file.read_text() == "Dear customer, " * 500


def test_somebody_elses_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE customers (id INTEGER)")
        db.commit()
    before = file.read_bytes()
    text = _refusal(f"sqlite:///{file}", StoreNotOurs)
    assert "customers" in text
    assert file.read_bytes() == before


def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    assert str(tmp_path) in _refusal(f"sqlite:///{tmp_path}")


def test_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"

    async def main() -> None:
        async with opened(url) as storage:
            for n in range(50):
                await append(storage, f"s{n}", "x" * 2000)

    asyncio.run(main())
    file = tmp_path / "a.db"
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)

    async def again() -> None:
        with pytest.raises(StorageUnavailable, match=r"damaged|not a SQLite"):
            async with opened(url) as storage:
                await storage.verify()

    asyncio.run(again())


def test_a_second_runtime_on_one_file_is_told_whose_it_is(sqlite_url: str) -> None:
    async def main() -> None:
        async with opened(sqlite_url) as storage:
            with pytest.raises(StoreInUse, match=f"process {os.getpid()}"):
                async with opened(sqlite_url):
                    pass
            async with opened(sqlite_url, exclusive=False) as reader:
                await append(storage, "s", 1)
                assert len(await listed(reader)) == 1
        async with opened(sqlite_url):
            pass

    asyncio.run(main())


def test_readers_and_a_runtime_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        for n in range(5):
            url = f"sqlite:///{tmp_path / f'{n}.db'}"
            storages = [storage_at(url) for _ in range(4)]
            threads = [
                threading.Thread(target=_open_and_close, args=(storage, index == 0, errors))
                for index, storage in enumerate(storages)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                await asyncio.to_thread(thread.join)

    errors: list[BaseException] = []
    asyncio.run(main())
    assert errors == []


def _open_and_close(storage: Any, exclusive: bool, errors: list[BaseException]) -> None:
    async def main() -> None:
        await storage.open(exclusive=exclusive)
        await storage.close()

    try:
        asyncio.run(main())
    except BaseException as error:
        errors.append(error)


def test_another_process_that_keeps_the_file_locked_is_told_as_such(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signoff.storage._sqlite.BUSY", 0.05)

    async def main() -> None:
        async with opened(sqlite_url) as storage:
            path = sqlite_url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StorageUnavailable, match="another process"):
                    await append(storage, "s", 1)
                other.execute("ROLLBACK")
            await append(storage, "s", 2)
            assert len(await listed(storage)) == 1

    asyncio.run(main())


# A full disk


def test_a_full_disk_is_told_and_work_goes_on_once_there_is_room(sqlite_url: str) -> None:
    async def main() -> None:
        async with running(sqlite_url) as runtime:
            storage = runtime.ledger
            boundary = selling(*[Offer(price=7)] * 300)

            async def limit(pages: int) -> None:
                await storage.transact(
                    lambda tx: tx.connection.raw(f"PRAGMA max_page_count = {pages}", ())
                )

            await limit(40)
            done = 0

            async def fill() -> None:
                nonlocal done
                for n in range(300):
                    await runtime.run(boundary, Deal(id=f"d{n}"))
                    done += 1

            with pytest.raises(StorageUnavailable, match="free some space"):
                await fill()
            assert 0 < done < 300
            assert (await storage.verify()).intact
            assert await story(runtime, f"d{done}") == []
            await limit(1_000_000)
            assert isinstance(await runtime.run(boundary, Deal(id=f"d{done}")), Committed)
            assert isinstance(await runtime.run(boundary, Deal(id="d0")), Committed)

    asyncio.run(main())


def test_of_scripts_that_share_a_full_disk_none_is_acknowledged_and_lost(sqlite_url: str) -> None:
    async def main() -> None:
        async with opened(sqlite_url) as storage:
            await storage.transact(lambda tx: tx.connection.raw("PRAGMA max_page_count = 60", ()))
            writes = (append(storage, f"s{n}", ["x" * 3000, n]) for n in range(200))
            ended = await asyncio.gather(*writes, return_exceptions=True)
            failed = {n for n, each in enumerate(ended) if each is not None}
            assert failed
            assert all(isinstance(each, StorageUnavailable) for each in ended if each is not None)
            assert {entry.subject for entry in await listed(storage)} == {
                f"s{n}" for n in range(200) if n not in failed
            }
            assert (await storage.verify()).intact

    asyncio.run(main())


def test_a_file_that_may_not_grow_loses_nothing_that_was_acknowledged(sqlite_url: str) -> None:
    text, counts = _limited("cramped", sqlite_url, "500000")
    assert "disk" in text
    acknowledged, records, crossings, faults = map(int, counts.split())
    assert acknowledged > 10
    assert records == crossings == acknowledged + 1
    assert faults == 0


def test_an_effect_whose_outcome_could_not_be_written_is_not_repeated(sqlite_url: str) -> None:
    armed: list[str] = []

    def fail(statement: str) -> None:
        if statement in armed:
            raise sqlite3.OperationalError("database or disk is full")

    sold: list[str] = []

    async def sell(offer: Offer, deal: Deal, key: str) -> str:
        sold.append(key)
        armed.append("commit")
        return "sold"

    async def look(key: str) -> str | None:
        return "sold" if key in sold else None

    async def main() -> None:
        async with running(storage_at(sqlite_url, fault_point=fail)) as runtime:
            boundary = selling(Offer(price=7), commit=External(sell, reconcile=look))
            with pytest.raises(StorageUnavailable, match="disk is full"):
                await runtime.run(boundary, Deal())
            armed.clear()
            assert isinstance(await runtime.run(boundary, Deal()), Committed)
            assert len(sold) == 1

    asyncio.run(main())


# A PostgreSQL server


def test_a_wrong_password_is_told_without_the_password(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS locked")
        admin.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    url = postgres_url.replace("signoff@", "locked:wr%40ng@")
    text = _refusal(url)
    assert "password authentication failed" in text
    assert "wr%40ng" not in text
    assert "wr@ng" not in text
    in_query = postgres_url.replace("signoff@", "locked@") + "?password=wrong"
    assert "wrong" not in _refusal(in_query)


def test_a_server_that_is_not_there_is_told_as_such() -> None:
    text = _refusal("postgresql://signoff@127.0.0.1:1/nothing")
    assert "127.0.0.1" in text
    assert "server runs" in text


def test_a_database_that_is_not_there_is_named(postgres_url: str) -> None:
    assert "nothing_here" in _refusal(postgres_url.replace("/postgres", "/nothing_here"))


def test_a_url_that_is_none_is_told_without_its_password() -> None:
    text = _refusal("postgresql://me:100%secret@127.0.0.1/x", BadInput)
    assert "secret" not in text
    _refusal("mysql://x", BadInput)
    _refusal("sqlite://", BadInput)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE SCHEMA signoff",
        "CREATE SCHEMA signoff CREATE TABLE meta (id INTEGER)",
        "CREATE SCHEMA signoff CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)",
    ],
)
def test_a_schema_that_is_not_ours_is_left_alone(postgres_database: str, sql: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as admin:
        admin.execute(sql)  # type: ignore[call-overload]
        assert "not ours" in _refusal(postgres_database, StoreNotOurs)
        tables = admin.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'signoff'")
        assert tables.fetchone() == (sql.count("TABLE"),)


def test_a_role_that_may_not_write_is_told_as_such(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS onlooker")
        admin.execute("CREATE ROLE onlooker LOGIN")
    assert "permission denied" in _refusal(postgres_database.replace("signoff@", "onlooker@"))


def _terminate_all(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_connections_that_are_cut_between_transactions_are_made_again(
    postgres_database: str,
) -> None:
    async def main() -> None:
        async with running(postgres_database) as runtime:
            boundary = selling(*[Offer(price=7)] * 9)
            for n in range(4):
                assert isinstance(await runtime.run(boundary, Deal(id=f"d{n}")), Committed)
                _terminate_all(postgres_database)
            assert isinstance(await runtime.run(boundary, Deal(id="d0")), Committed)
            assert len([entry async for entry in runtime.ledger.entries()]) == 16

    asyncio.run(main())


@pytest.mark.parametrize("when", ["lock_subject", "add_record", "save_crossing", "commit"])
def test_a_connection_that_is_cut_in_mid_transaction_loses_and_doubles_nothing(
    postgres_database: str, when: str
) -> None:
    cut: list[str] = []

    def fault_point(statement: str) -> None:
        if cut == ["next"] and statement in (when, when.replace("save", "add")):
            cut.append(statement)
            _terminate_all(postgres_database)

    async def main() -> None:
        async with running(storage_at(postgres_database, fault_point=fault_point)) as runtime:
            boundary = selling(*[Offer(price=7)] * 9)
            cut.append("next")
            if when == "commit":
                with pytest.raises(StorageUnavailable, match="run the same again"):
                    await runtime.run(boundary, Deal())
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Committed)
            assert len(cut) == 2
            assert await story(runtime) == ["opened", "proposed", "judged", "committed"]

    asyncio.run(main())


def test_a_commit_whose_answer_was_lost_is_found_under_the_same_key(
    postgres_database: str,
) -> None:
    lost = [True]

    def fault_point(statement: str) -> None:
        if statement == "committed" and lost == [False]:
            lost[0] = True
            raise psycopg.OperationalError("the connection was lost")

    async def main() -> None:
        async with running(storage_at(postgres_database, fault_point=fault_point)) as runtime:
            boundary = selling(Offer(price=7))
            lost[0] = False
            with pytest.raises(StorageUnavailable, match="nobody can say"):
                await runtime.run(boundary, Deal())
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Committed)
            assert len(boundary.proposer.asked) == 1

    asyncio.run(main())


def test_a_script_is_run_again_from_its_beginning_when_its_connection_breaks(
    postgres_database: str,
) -> None:
    async def main() -> None:
        runs: list[int] = []

        def script(tx: StoredTransaction) -> None:
            runs.append(1)
            tx.execute("INSERT INTO mine VALUES (1)")
            if len(runs) == 1:
                _terminate_all(postgres_database)
            tx.execute("INSERT INTO mine VALUES (2)")

        async with opened(postgres_database) as storage:
            await storage.transact(lambda tx: tx.execute("CREATE TABLE mine (id INTEGER)"))
            await storage.transact(script)
            rows = await storage.transact(lambda tx: tx.execute("SELECT id FROM mine"))
            assert (rows, len(runs)) == ([(1,), (2,)], 2)

    asyncio.run(main())


def test_a_driver_outlives_a_database_that_is_away_for_a_while(postgres_database: str) -> None:
    """The real clock drives the work; its connections are cut, and it goes on."""

    async def main() -> None:
        sold = asyncio.Event()

        async def sell(offer: Offer, deal: Deal, key: str) -> str:
            sold.set()
            return "sold"

        effect: External[Any, Any, Any] = External(sell, name="sell")

        def enqueue(offer: Offer, deal: Deal, write: Write[Deal]) -> str:
            return write.enqueue(effect, offer)

        boundary = selling(Offer(price=7), commit=Transactional(enqueue, effects=(effect,)))
        async with Runtime(postgres_database, knows=[boundary]) as runtime:
            _terminate_all(postgres_database)
            await runtime.run(boundary, Deal())
            await asyncio.wait_for(sold.wait(), 30)

    asyncio.run(main())
