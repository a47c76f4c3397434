"""The index says what the ledger says, in whatever portions it reads it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from awaited import awaited
from stores import AT, LATER, append, opened

from signoff.console.index import CrossingFilter, CrossingRow, Index
from signoff.console.index._folding import Fold
from signoff.errors import BadInput
from signoff.ledger import Committed, Judged, Opened, Proposed, Record, Rejected, Resumed, Suspended
from signoff.storage import Storage

BY = {"model": "m", "version": "1"}


def begun(boundary: str, key: str) -> Record:
    return Opened(boundary=boundary, key=key, subject={"id": key})


def proposed(attempt: int, usd: float) -> Record:
    return Proposed(attempt=attempt, fingerprint=BY, proposal=1, usage={"usd": usd})


LIVES: dict[str, tuple[str, list[Record]]] = {
    "a1": ("s1", [begun("offer", "k1"), proposed(1, 0.5), proposed(2, 0.25), Committed()]),
    "b2": (
        "s1",
        [
            begun("close", "k2"),
            proposed(1, 0),
            Rejected(code="over_cap", ended="budget", attempts=1),
        ],
    ),
    "c3": (
        "s2",
        [
            begun("offer", "k3"),
            Judged(attempt=1, accepted=False, rejections=[{"code": "odd"}, {"code": "over_cap"}]),
            Suspended(ticket="t", ask="dana", because="deep"),
        ],
    ),
    "d4": (
        "s22",
        [
            begun("offer", "k4"),
            Suspended(ticket="u", ask="dana", because="deep"),
            Resumed(ticket="u", answer="approved", by="dana"),
        ],
    ),
}


async def recorded(storage: Storage) -> None:
    """All lives at once, a record of each in turn."""
    for step in range(4):
        for id, (subject, records) in LIVES.items():
            if step < len(records):
                one = [records[step]]
                await storage.transact(lambda tx, s=subject, c=id, r=one: tx.append(s, c, AT, r))
    await append(storage, "aside", "a record of no crossing")


def found(index: Index, **wanted: str) -> list[CrossingRow]:
    return [*index.crossings(CrossingFilter(**wanted)).rows]


@pytest.mark.parametrize("portion", [1, 2, 5, 100])
@awaited
async def test_in_whatever_portions_and_with_restarts_it_says_what_the_ledger_says(
    sqlite_url: str, tmp_path: Path, portion: int
) -> None:
    path = tmp_path / "index"
    async with opened(sqlite_url) as storage:
        await recorded(storage)
        entries = [entry async for entry in storage.entries()]
    for at in range(0, len(entries), portion):
        async with Index.open(path) as index:
            assert index.progress.position == (entries[at - 1].position if at else 0)
            index.fold(entries[at : at + portion])
    async with Index.open(path) as index:
        rows = {row.id: row for row in found(index)}
        assert list(rows) == ["d4", "c3", "b2", "a1"]
        assert {id: row.outcome for id, row in rows.items()} == {
            "a1": "committed",
            "b2": "rejected",
            "c3": "suspended",
            "d4": "open",
        }
        assert (rows["a1"].attempts, rows["a1"].usd) == (2, 0.75)
        assert [row.id for row in found(index, code="over_cap")] == ["c3", "b2"]
        assert [row.id for row in found(index, subject="s2")] == ["d4", "c3"]
        assert [row.id for row in found(index, boundary="offer", outcome="committed")] == ["a1"]
        assert [row.id for row in found(index, text="k2")] == ["b2"]
        assert found(index, since=LATER) == found(index, subject="100%_") == []
        assert index.facets().codes == ["odd", "over_cap"]
        first = index.crossings(CrossingFilter(), limit=3)
        rest = index.crossings(CrossingFilter(), cursor=first.cursor, limit=3)
        assert ([row.id for row in rest.rows], rest.cursor) == (["a1"], "")


@awaited
async def test_a_record_that_becomes_visible_late_is_taken_in(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with opened(sqlite_url) as storage:
        await recorded(storage)
        entries = [entry async for entry in storage.entries()]
        ends = next(e for e in entries if e.type == "committed")
        async with Index.open(tmp_path / "index") as index:
            index.fold([entry for entry in entries if entry is not ends])
            assert found(index, text="a1")[0].outcome == "open"
            assert [*index.missing] == [ends.position]
        async with Index.open(tmp_path / "index") as index, index.following(storage):
            for _ in range(200):
                if not index.missing:
                    break
                await storage.last_at()
                await asyncio.sleep(0.01)
            assert found(index, text="a1")[0].outcome == "committed"


@awaited
async def test_an_index_of_another_ledger_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "index"
    for number in range(2):
        async with opened(f"sqlite:///{tmp_path / f'{number}.db'}") as storage:
            await append(storage, "s", f"of ledger {number}")
            async with Index.open(path) as index, index.following(storage):
                [first] = [entry.hash async for entry in storage.entries()]
                for _ in range(200):
                    if index.about == first and index.progress.position:
                        break
                    await asyncio.sleep(0.01)
                assert (index.about, found(index)) == (first, [])


@pytest.mark.parametrize("cursor", ["%", "é", "a b", "\0"])
@awaited
async def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, cursor: str) -> None:
    async with Index.open(tmp_path / "index") as index:
        with pytest.raises(BadInput, match="leads nowhere"):
            index.crossings(CrossingFilter(), cursor=cursor)


@awaited
async def test_it_is_not_closed_under_whoever_writes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that folds goes on when nobody waits for it any more; SQLite would crash."""
    writing, may_go_on = threading.Event(), threading.Event()
    write = Fold.write

    def held(self: Fold) -> None:
        writing.set()
        may_go_on.wait(10)
        write(self)

    monkeypatch.setattr(Fold, "write", held)
    async with opened(f"sqlite:///{tmp_path / 's.db'}") as storage:
        await recorded(storage)
        entries = [entry async for entry in storage.entries()]
    index = Index(tmp_path / "index.db")
    folds = asyncio.create_task(asyncio.to_thread(index.fold, entries))
    await asyncio.to_thread(writing.wait, 10)
    closes = asyncio.create_task(asyncio.to_thread(index.close))
    _, pending = await asyncio.wait([closes], timeout=0.2)
    assert pending, "it waits"
    may_go_on.set()
    await asyncio.gather(folds, closes)
    index.fold(entries)  # whoever comes later still is not heard
    async with Index.open(tmp_path / "index.db") as again:
        assert again.progress.position == entries[-1].position
