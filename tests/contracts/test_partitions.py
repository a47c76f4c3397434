"""A ledger in partitions holds, proves and does everything that one in a single table does."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deals import Deal, selling
from movable import execute, filled, root
from stores import append, listed, opened

from signoff import Committed, Runtime
from signoff.cli import main
from signoff.errors import UsageError
from signoff.storage import Keep, Retention, check_store, move, retain
from signoff.storage._partitions import Partition, partitions, prepare_partitions

SIZE = 1000


def _parts(url: str) -> list[Partition]:
    with psycopg.connect(url, autocommit=True) as db:
        return [*partitions(lambda sql, *values: db.execute(sql, values).fetchall())]


def _divided(url: str) -> None:
    async def run() -> None:
        async with opened(url, exclusive=False) as storage:
            await storage.partition(SIZE)

    asyncio.run(run())


def _sound(url: str) -> None:
    assert {each.check: [*each.wrong] for each in check_store(url) if each.wrong} == {}


def _root(url: str) -> str:
    async def run() -> str:
        async with opened(url, exclusive=False) as storage:
            return await root(storage)

    return asyncio.run(run())


def test_what_was_there_becomes_the_first_partition(
    postgres_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(postgres_database)
    before = execute(postgres_database, "SELECT * FROM signoff_records ORDER BY position")
    proved = _root(postgres_database)
    words = ["store", "init", "--store", postgres_database, "--partitions-of", str(SIZE)]
    assert main(words) == 0
    assert main(words) == 0, "again it changes nothing"
    assert execute(postgres_database, "SELECT * FROM signoff_records ORDER BY position") == before
    assert _root(postgres_database) == proved
    first, second = _parts(postgres_database)
    assert (first.name, first.low, first.high, second.low) == ("records_first", 0, 1001, 1001)
    _sound(postgres_database)
    capsys.readouterr()
    assert main(["store", "init", "--store", postgres_database, "--partitions-of", "2000"]) == 2
    assert "partitions of 1,000 records already" in capsys.readouterr().err


def test_partitions_are_made_as_the_ledger_grows(postgres_database: str) -> None:
    async def grow() -> None:
        async with opened(postgres_database) as storage:
            await storage.partition(SIZE)
            for part in range(7):
                await append(storage, "long", *range(part * 500, (part + 1) * 500))
            entries = await listed(storage, "long")
            assert [entry.seq for entry in entries] == [*range(1, 3501)]
            # A position that had no place is passed over.
            positions = [e.position for e in await listed(storage)]
            assert positions == sorted(positions)

    asyncio.run(grow())
    parts = _parts(postgres_database)
    assert [part.low for part in parts] == [0, 1001, 2001, 3001, 4001]
    assert _root(postgres_database)
    _sound(postgres_database)


def test_whoever_finds_no_partition_makes_it(postgres_database: str) -> None:
    """Many at once, in several processes' worth of connections; nothing is lost or doubled."""

    async def grow() -> None:
        async with opened(postgres_database) as one, opened(postgres_database) as other:
            await one.partition(SIZE)
            for part in _parts(postgres_database)[1:]:
                execute(postgres_database, f"DROP TABLE signoff_{part.name}")
            execute(postgres_database, "ALTER TABLE signoff_records ALTER position RESTART 990")
            await asyncio.gather(
                *(append(store, f"s{n}", "x") for n in range(40) for store in (one, other))
            )
            assert len(await listed(one)) == 80
            assert await root(one)

    asyncio.run(grow())
    assert len(_parts(postgres_database)) >= 2
    _sound(postgres_database)


def test_it_is_divided_while_others_write(postgres_database: str) -> None:
    async def run() -> None:
        async with opened(postgres_database) as writer, opened(postgres_database) as other:
            await append(writer, "s0", *range(50))

            async def write() -> None:
                for n in range(150):
                    await append(writer, f"s{n % 7}", n)

            await asyncio.gather(write(), write(), other.partition(SIZE), other.partition(SIZE))
            assert len(await listed(writer)) == 350
            assert await root(writer)

    asyncio.run(run())
    assert _parts(postgres_database)
    _sound(postgres_database)


def test_stopped_half_way_the_same_line_ends_it(postgres_database: str) -> None:
    filled(postgres_database)
    with psycopg.connect(postgres_database, autocommit=True) as db:

        def run(sql: str, *values: object) -> list[Any]:
            cursor = db.execute(sql, values)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description is not None else []

        prepare_partitions(run, SIZE)
    assert _root(postgres_database)
    assert _parts(postgres_database) == []
    _divided(postgres_database)
    assert len(_parts(postgres_database)) == 2
    _sound(postgres_database)


def test_an_agent_crosses_as_ever(postgres_database: str) -> None:
    async def run() -> None:
        async with (
            opened(postgres_database, exclusive=False) as storage,
            Runtime(postgres_database) as one,
            Runtime(postgres_database) as other,
        ):
            await storage.partition(SIZE)
            outcomes = await asyncio.gather(
                one.run(selling({"price": 7}), Deal(id="d"), key="k"),
                other.run(selling({"price": 7}), Deal(id="d"), key="k"),
            )
            assert [type(outcome) for outcome in outcomes] == [Committed, Committed]
            types = [entry.type for entry in await listed(storage)]
            assert types.count("committed") == 1

    asyncio.run(run())


def test_what_a_policy_empties_is_dropped(postgres_database: str) -> None:
    policy = Retention(rules=[Keep(records=timedelta(days=1))])

    async def run() -> None:
        async with opened(postgres_database) as storage:
            await storage.partition(SIZE)
            for n in range(5):
                await append(storage, f"s{n}", *range(500))
            gone = await retain(storage, policy, by="ops", now=datetime(2036, 1, 1, tzinfo=UTC))
            assert (gone.records, gone.partitions) == (2500, 2)
            verification = await storage.verify()
            assert (verification.faults, verification.removed) == ((), 2500)
            await append(storage, "s1", "goes on")

    asyncio.run(run())
    _sound(postgres_database)


def test_it_moves_there_and_back(postgres_database: str, tmp_path: Path) -> None:
    source, back = f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'b.db'}"

    async def fill() -> None:
        async with opened(source) as storage:
            for n in range(6):
                await append(storage, f"s{n}", *range(500))

    asyncio.run(fill())
    proved = _root(source)
    _divided(postgres_database)
    assert move(source, postgres_database).verification.records == 3000
    assert len(_parts(postgres_database)) == 4
    assert _root(postgres_database) == proved
    _sound(postgres_database)
    assert move(postgres_database, back).verification.records == 3000
    assert _root(back) == proved


def test_a_lack_of_room_is_told(postgres_database: str, capsys: pytest.CaptureFixture[str]) -> None:
    _divided(postgres_database)
    for part in _parts(postgres_database)[1:]:
        execute(postgres_database, f"DROP TABLE signoff_{part.name}")
    execute(postgres_database, "ALTER TABLE signoff_records ALTER position RESTART 990")
    assert main(["store", "check", "--store", postgres_database, "--json"]) == 1
    checks = {each["check"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["partitions"]["verdict"] == "FAIL"
    assert "store migrate" in checks["partitions"]["remedy"]
    assert main(["store", "migrate", "--store", postgres_database]) == 0
    _sound(postgres_database)


def test_a_file_has_no_partitions(sqlite_url: str) -> None:
    with pytest.raises(UsageError, match="PostgreSQL"):
        _divided(sqlite_url)
