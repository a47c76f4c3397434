"""Whatever is done to the ledger behind our back, `verify` finds it."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import append, opened

from signoff.ledger import Verification
from signoff.storage import Storage

# One step of a ledger's life: append so many records to a subject, or seal.
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("abc"), st.integers(1, 3)),
        st.just(("seal", 0)),
    ),
    min_size=2,
    max_size=12,
)


def _built(path: str, steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        async with opened(f"sqlite:///{path}") as storage:
            for subject, count in steps:
                if subject == "seal":
                    await storage.seal()
                else:
                    await append(storage, subject, *range(count))

    asyncio.run(main())


def _verified(path: str) -> Verification:
    async def main() -> Verification:
        async with opened(f"sqlite:///{path}", exclusive=False) as storage:
            return await storage.verify()

    return asyncio.run(main())


_COLUMNS = ["subject", "seq", "at", "crossing", "type", "body", "hash"]


def _alter(db: sqlite3.Connection, data: st.DataObject, positions: list[int]) -> str:
    position = data.draw(st.sampled_from(positions))
    column = data.draw(st.sampled_from(_COLUMNS))
    value = "seq + 50" if column == "seq" else f"{column} || 'x'"
    db.execute(f"UPDATE signoff_records SET {column} = {value} WHERE position = ?", [position])
    return f"{column} of {position}"


def _delete(db: sqlite3.Connection, data: st.DataObject, positions: list[int]) -> str:
    position = data.draw(st.sampled_from(positions))
    db.execute("DELETE FROM signoff_records WHERE position = ?", [position])
    return f"deleted {position}"


def _insert(db: sqlite3.Connection, data: st.DataObject, positions: list[int]) -> str:
    position = data.draw(st.sampled_from(positions))
    db.execute(
        "INSERT INTO signoff_records (subject, seq, at, crossing, type, body, hash) "
        "SELECT subject, seq + 100, at, crossing, type, body, hash "
        "FROM signoff_records WHERE position = ?",
        [position],
    )
    return f"copied {position}"


def _swap_bodies(db: sqlite3.Connection, data: st.DataObject, positions: list[int]) -> str:
    found = db.execute(
        "SELECT a.position, a.body, b.position, b.body FROM signoff_records a "
        "JOIN signoff_records b ON a.body < b.body"
    ).fetchall()
    if not found:
        return ""
    first, body, second, other = data.draw(st.sampled_from(found))
    db.execute("UPDATE signoff_records SET body = ? WHERE position = ?", [other, first])
    db.execute("UPDATE signoff_records SET body = ? WHERE position = ?", [body, second])
    return f"swapped {first} and {second}"


def _reorder(db: sqlite3.Connection, data: st.DataObject, positions: list[int]) -> str:
    found = db.execute(
        "SELECT a.position, b.position FROM signoff_records a JOIN signoff_records b "
        "ON a.subject = b.subject AND a.position < b.position"
    ).fetchall()
    if not found:
        return ""
    first, second = data.draw(st.sampled_from(found))
    for old, new in ((first, -1), (second, first), (-1, second)):
        db.execute("UPDATE signoff_records SET position = ? WHERE position = ?", [new, old])
    return f"reordered {first} and {second}"


def _move_head(db: sqlite3.Connection, data: st.DataObject, positions: list[int]) -> str:
    column, value = data.draw(st.sampled_from([("head", "lower(hex(1))"), ("length", "length+1")]))
    last = "(SELECT max(id) FROM signoff_subjects)"
    db.execute(f"UPDATE signoff_subjects SET {column} = {value} WHERE id = {last}")
    return f"moved the {column}"


def _drop_row(db: sqlite3.Connection, data: st.DataObject, positions: list[int]) -> str:
    db.execute("DELETE FROM signoff_subjects WHERE id = (SELECT min(id) FROM signoff_subjects)")
    return "dropped a row"


def _drop_records(db: sqlite3.Connection, data: st.DataObject, positions: list[int]) -> str:
    db.execute("DELETE FROM signoff_records WHERE subject = (SELECT min(id) FROM signoff_subjects)")
    return "dropped all records of a subject"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    steps=_STEPS.filter(lambda steps: any(count for _, count in steps)),
    tamper=st.sampled_from(
        [_alter, _delete, _insert, _swap_bodies, _reorder, _move_head, _drop_row, _drop_records]
    ),
    data=st.data(),
)
def test_any_alteration_of_any_ledger_is_found(
    steps: list[tuple[str, int]], tamper: Any, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ledger.db")
        _built(path, steps)
        before = _verified(path)
        assert before.faults == ()
        assert before.seals == sum(subject == "seal" for subject, _ in steps)
        assert before.records == sum(count or 1 for _, count in steps)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            positions = [p for (p,) in db.execute("SELECT position FROM signoff_records")]
            done = tamper(db, data, positions)
        assert bool(_verified(path).faults) == bool(done), done


@settings(max_examples=30, deadline=None, derandomize=True)
@given(before=_STEPS, after=_STEPS, data=st.data())
def test_the_loss_of_a_sealed_tail_is_found_even_if_its_head_is_fixed(
    before: list[tuple[str, int]], after: list[tuple[str, int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ledger.db")
        _built(path, [*before, ("a", 2), ("seal", 0), *[step for step in after if step[0] != "a"]])
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            chain = db.execute(
                "SELECT seq, hash FROM signoff_records WHERE subject = 'a' ORDER BY seq"
            ).fetchall()
            keep = data.draw(st.integers(0, len(chain) - 1))
            db.execute("DELETE FROM signoff_records WHERE subject = 'a' AND seq > ?", [keep])
            if keep:
                db.execute(
                    "UPDATE signoff_subjects SET length = ?, head = ? WHERE id = 'a'",
                    chain[keep - 1],
                )
            else:
                db.execute("DELETE FROM signoff_subjects WHERE id = 'a'")
        faults = _verified(path).faults
        assert faults
        assert {fault.what for fault in faults} == {"the sealed records are not those that remain"}


async def _execute(storage: Storage, sql: str) -> None:
    if not storage.url.startswith("sqlite"):
        sql = sql.replace("signoff_", "signoff.")
    await storage.transact(lambda tx: tx.execute(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE signoff_records SET body = 'not json' WHERE type = 'sealed'",
        "UPDATE signoff_records SET body = '[]' WHERE type = 'sealed'",
        "UPDATE signoff_records SET body = '{}' WHERE type = 'sealed'",
        "UPDATE signoff_records SET body = 'ünïcödé' WHERE subject = 'b'",
        "UPDATE signoff_records SET at = 'ünïcödé' WHERE subject = 'b'",
        "UPDATE signoff_records SET hash = '' WHERE subject = 'b'",
        "DELETE FROM signoff_records WHERE subject = 'a' AND seq = 2",
        "DELETE FROM signoff_records WHERE subject = 'a'",
        "DELETE FROM signoff_records",
        "DELETE FROM signoff_subjects WHERE id = 'b'",
        "UPDATE signoff_subjects SET length = 0 WHERE id = 'b'",
    ],
)
def test_tampering_is_found_in_either_database(store_url: str, sql: str) -> None:
    async def main() -> None:
        async with opened(store_url) as storage:
            await append(storage, "a", 1, 2, 3)
            await append(storage, "b", 1, 2)
            await storage.seal()
            assert (await storage.verify()).intact
            await _execute(storage, sql)
            assert (await storage.verify()).faults

    asyncio.run(main())


def test_text_cannot_slip_from_one_column_into_the_next_under_the_same_hash(
    sqlite_url: str,
) -> None:
    async def main() -> None:
        async with opened(sqlite_url) as storage:
            await append(storage, "s", ["a", "b"], ["c"])
        path = sqlite_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            position, crossing, type, body = db.execute(
                "SELECT position, crossing, type, body FROM signoff_records WHERE seq = 1"
            ).fetchone()
            # The hash is over ...","<crossing>","<type>"]<body>: cut that text elsewhere.
            whole = f'{crossing}","{type}"]{body}'
            first = whole.index('","', whole.index("]"))
            second = whole.index('"]', first)
            db.execute(
                "UPDATE signoff_records SET crossing = ?, type = ?, body = ? WHERE position = ?",
                [whole[:first], whole[first + 3 : second], whole[second + 2 :], position],
            )
        async with opened(sqlite_url) as storage:
            assert (await storage.verify()).faults

    asyncio.run(main())


def test_a_seal_among_many_writers_covers_a_clean_cut(store_url: str) -> None:
    async def main() -> None:
        async with opened(store_url) as storage:
            writes = [append(storage, f"s{n % 5}", n) for n in range(60)]
            seals = [storage.seal() for _ in range(6)]
            work = [each for pair in zip(writes[::10], seals, strict=True) for each in pair]
            rest = [each for n, each in enumerate(writes) if n % 10]
            await asyncio.gather(*work, *rest)
            verification = await storage.verify()
            assert verification.faults == ()
            assert verification.seals == 6

    asyncio.run(main())


def test_two_processes_may_seal_while_both_write(postgres_database: str) -> None:
    async def main() -> None:
        async with opened(postgres_database) as one, opened(postgres_database) as two:
            await asyncio.gather(
                *(append(store, f"s{n % 5}", n) for n in range(30) for store in (one, two)),
                *(store.seal() for _ in range(4) for store in (one, two)),
            )
            verification = await one.verify()
            assert (verification.faults, verification.seals) == ((), 8)

    asyncio.run(main())
