"""A store that is moved is the same store elsewhere, and no longer one where it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from movable import execute, filled, root, works
from orders import Model, Placed, orders
from stores import append, effect, listed, opened, swap, timer

from signoff import Runtime
from signoff.errors import (
    BadInput,
    StorageUnavailable,
    StoreInUse,
    StoreMoved,
    StoreUnfinished,
    UsageError,
)
from signoff.storage import move

KINDS = ["sqlite", "postgres"]
TABLES = (
    "subjects",
    "records",
    "crossings",
    "timers",
    "effects",
    "payloads",
    "switches",
    "tickets",
)
TABLES += ("uses", "heartbeats", "logs", "streams", "events", "consumers", "offsets")


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'source.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture(params=KINDS)
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'destination.db'}"
    return str(request.getfixturevalue("second_database"))


def _content(url: str) -> dict[str, list[str]]:
    def told(row: tuple[object, ...]) -> str:
        return repr([int(v) if isinstance(v, bool) else v for v in row])

    return {t: sorted(map(told, execute(url, f"SELECT * FROM signoff_{t}"))) for t in TABLES}


def test_everything_is_there_and_the_chain_goes_on(source: str, destination: str) -> None:
    filled(source)
    before = _content(source)
    assert all(before.values()), "something of everything is moved"
    told: list[str] = []
    moved = move(source, destination, tell=lambda what, done, total: told.append(what))
    assert _content(destination) == before == _content(source)
    assert moved.rows["records"] == len(before["records"])
    assert {"copying", "comparing", "proving the destination"} <= set(told)

    async def goes_on() -> None:
        async with opened(source, exclusive=False) as storage:
            assert await root(storage) == moved.verification.root
        async with opened(destination) as storage:
            assert await root(storage) == moved.verification.root
            last = (await listed(storage))[-1].position
            await append(storage, "new", 1)
            await append(storage, "o-1", 1)
            assert [entry.position for entry in (await listed(storage))[-2:]] == [
                last + 1,
                last + 2,
            ]
        async with Runtime(destination, knows=[Model().consumer()]) as runtime:
            await runtime.append(orders, "o-1", Placed(amount=9))
            await runtime.drain()
            assert (await runtime.ledger.verify()).intact

    asyncio.run(goes_on())


def test_work_in_hand_is_taken_up_there_and_ids_are_not_given_twice(
    source: str, destination: str
) -> None:
    async def leave() -> int:
        async with opened(source) as storage:

            def write(tx):  # type: ignore[no-untyped-def]
                tx.swap(swap(timers=(timer(),)))
                last = [tx.enqueue(effect(kind="commit", doubt=True)) for _ in range(3)][-1]
                tx.settle(last)
                return last

            return await storage.transact(write)

    async def find() -> tuple[list[int], int, int]:
        async with opened(destination) as storage:
            claimed = await storage.claim_effects(["mail"], now="2027", limit=9, busy=())
            timers = await storage.claim_timers(["m"], now="2027", limit=9, busy=())
            assert all(each.adopted for each in claimed), "of a process that is gone"
            new = await storage.transact(lambda tx: tx.enqueue(effect()))
            return [each.id for each in claimed], len(timers), new

    last = asyncio.run(leave())
    move(source, destination)
    claimed, timers, new = asyncio.run(find())
    assert claimed == [last - 2, last - 1]
    assert timers == 1
    assert new > last


def test_nobody_works_where_it_was(source: str, destination: str) -> None:
    filled(source)

    async def main() -> None:
        async with opened(source, exclusive=False) as console:
            await asyncio.to_thread(move, source, destination)
            with pytest.raises(StoreMoved, match=r"work on .* instead"):
                await append(console, "s", 1)
            assert await root(console)
        with pytest.raises(StoreMoved, match="was moved to"):
            async with opened(source):
                pass
        async with opened(source, exclusive=False) as reader:
            assert await listed(reader)

    asyncio.run(main())
    with pytest.raises(StorageUnavailable, match=r"was moved to .* already"):
        move(source, destination)


def test_a_copy_leaves_both_to_be_worked_on(source: str, destination: str) -> None:
    filled(source)
    assert move(source, destination, copy=True).copied
    assert works(source) == works(destination)
    with pytest.raises(StorageUnavailable, match="is not empty"):
        move(source, destination)


def test_what_a_move_left_unfinished_is_closed_until_it_has_ended(
    source: str, destination: str
) -> None:
    filled(source)

    class Cut(BaseException):
        pass

    def cut(step: str) -> None:
        if step == "committed":
            raise Cut

    with pytest.raises(Cut):
        move(source, destination, step=cut)
    # What a process that was killed could not take back.
    mark = '{"move": "1", "other": "sqlite:////elsewhere.db", "at": "2026-01-01"}'
    execute(destination, "INSERT INTO signoff_meta VALUES ('filling', ?)", mark)
    for exclusive in (True, False):

        async def enter(exclusive: bool = exclusive) -> None:
            async with opened(destination, exclusive=exclusive):
                pass

        with pytest.raises(StoreUnfinished, match="signoff store move"):
            asyncio.run(enter())
    with pytest.raises(StorageUnavailable, match=r"--again"):
        move(source, destination)
    records = works(source)
    assert records
    moved = move(source, destination, again=True)
    assert moved.verification.records == records
    assert works(destination) == records


def test_the_last_step_can_be_done_later(source: str, destination: str) -> None:
    filled(source)

    def cut(step: str) -> None:
        if step == "unmark":
            raise InterruptedError

    records = works(source)
    with pytest.raises(InterruptedError):
        move(source, destination, step=cut)
    assert works(source) is works(destination) is None
    assert move(source, destination).verification.records == records
    assert works(source) is None
    assert works(destination) == records


def test_a_copy_that_is_not_the_same_stays_closed(source: str, destination: str) -> None:
    filled(source)
    steps: list[str] = []

    def meddle(step: str) -> None:
        steps.append(step)
        if step == "committed" and steps.count("committed") == 1:
            execute(destination, "UPDATE signoff_tickets SET reason = 'other'")

    with pytest.raises(StorageUnavailable, match=r"tickets has .* stays closed"):
        move(source, destination, step=meddle)
    assert works(source)
    assert works(destination) is None
    assert move(source, destination).rows["tickets"]
    assert works(destination)


def test_a_store_in_use_stays_where_it_is(source: str, destination: str) -> None:
    filled(source)

    async def main() -> None:
        async with opened(source):
            with pytest.raises(StoreInUse):
                await asyncio.to_thread(move, source, destination)
        async with opened(destination):
            with pytest.raises(StoreInUse):
                await asyncio.to_thread(move, source, destination)

    asyncio.run(main())
    assert works(source)
    assert works(destination) == 0


def test_a_ledger_that_is_not_intact_is_moved_only_if_one_insists(
    source: str, destination: str
) -> None:
    filled(source)
    execute(source, "UPDATE signoff_records SET body = '{}' WHERE position = 3")
    with pytest.raises(BadInput, match=r"not intact .*--faulty"):
        move(source, destination)
    assert works(destination) == 0
    faults = move(source, destination, faulty=True).verification.faults
    assert [fault.what for fault in faults][:1] == ["the opened record was altered"] or faults


def test_what_postgresql_cannot_hold_is_refused_before_anything_is_copied(
    tmp_path: Path, second_database: str
) -> None:
    hostile = f"sqlite:///{tmp_path / 'hostile.db'}"
    steps: list[str] = []

    async def main() -> None:
        async with opened(hostile) as storage:
            await append(storage, "nul \0 in an id", 1)
            await append(storage, "long " * 1000, 1)
            await storage.transact(lambda tx: tx.swap(swap(data="fine")))

    asyncio.run(main())
    execute(hostile, "UPDATE signoff_subjects SET version = 5000000000 WHERE id = 's'")
    with pytest.raises(BadInput) as caught:
        move(hostile, second_database, step=steps.append)
    text = str(caught.value)
    assert "NUL" in text
    assert "2,600 bytes" in text
    assert "32 bits" in text
    assert "write" not in steps
    assert works(second_database) == 0
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    assert move(hostile, elsewhere).rows["records"] == 2


def test_what_is_too_large_for_postgresql_is_refused(
    tmp_path: Path, second_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from signoff.storage import _copied

    filled(here := f"sqlite:///{tmp_path / 'here.db'}")
    monkeypatch.setattr(_copied, "HUGE", 8192)
    with pytest.raises(BadInput, match=r"body of payloads .* MiB"):
        move(here, second_database)
    monkeypatch.undo()
    monkeypatch.setattr(_copied, "WEIGHT", 100)  # one row at a time
    assert move(here, second_database).rows["payloads"] == 1


def test_text_that_is_no_unicode_is_refused(tmp_path: Path, destination: str) -> None:
    broken = f"sqlite:///{tmp_path / 'broken.db'}"
    filled(broken)
    execute(broken, "UPDATE signoff_tickets SET reason = CAST(x'EDA080' AS TEXT)")
    with pytest.raises(StorageUnavailable, match=r"tickets .* no Unicode"):
        move(broken, destination)
    assert works(destination) == 0


def test_tables_of_the_users_own_are_named_and_left(source: str, destination: str) -> None:
    filled(source)
    name = "sales" if source.startswith("sqlite") else "public.sales"
    execute(source, f"CREATE TABLE {name} (deal TEXT)")
    assert list(move(source, destination).others) == [name]


def test_a_file_is_not_moved_onto_itself_nor_from_nowhere(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with pytest.raises(StorageUnavailable, match="no store"):
        move(url, f"sqlite:///{tmp_path / 'b.db'}")
    assert not (tmp_path / "b.db").exists()
    filled(url)
    with pytest.raises(UsageError, match="same store"):
        move(url, f"sqlite:///{tmp_path}/../{tmp_path.name}/a.db")
    with pytest.raises(UsageError, match="memory"):
        move("sqlite://:memory:", url)


_IN_PARTS = """
DROP TABLE signoff.records;
CREATE TABLE signoff.records (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject TEXT NOT NULL,
    seq INTEGER NOT NULL, at TEXT NOT NULL, crossing TEXT NOT NULL, type TEXT NOT NULL,
    body TEXT NOT NULL, hash TEXT NOT NULL
) PARTITION BY RANGE (position);
CREATE TABLE signoff.records_first PARTITION OF signoff.records FOR VALUES FROM (0) TO (50);
CREATE TABLE signoff.records_rest PARTITION OF signoff.records DEFAULT;
CREATE INDEX records_of_subject ON signoff.records (subject, seq);
"""


def test_a_table_in_parts_is_filled_and_read_whole(tmp_path: Path, postgres_database: str) -> None:
    filled(here := f"sqlite:///{tmp_path / 'here.db'}")
    assert works(postgres_database) == 0
    with psycopg.connect(postgres_database, autocommit=True) as database:
        database.execute(_IN_PARTS)
    moved = move(here, postgres_database)
    with psycopg.connect(postgres_database) as database:
        (first,) = database.execute("SELECT count(*) FROM signoff.records_first").fetchone() or ()
    assert first == 49

    async def goes_on() -> None:
        async with opened(postgres_database) as storage:
            await append(storage, "s", 1)
            assert (await listed(storage))[-1].position == moved.rows["records"] + 1

    asyncio.run(goes_on())
    back = move(postgres_database, f"sqlite:///{tmp_path / 'back.db'}")
    assert back.rows["records"] == moved.rows["records"] + 1
    assert (tmp_path / "back.db").exists()
    with pytest.raises(StoreMoved):
        asyncio.run(goes_on())
