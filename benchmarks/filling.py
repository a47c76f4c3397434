"""A store filled by the million: subjects, their crossings, records and timers, with real chains.

Two orders really live on their state machine, with one move and with two; every other order is a
copy of one of them, under an id of its own, with crossings of its own, and begun at a time of its
own. Every hash is made by the ledger's own `link`, so that every chain verifies.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.machine import scratch
from benchmarks.orders import Order, State, cross_spine, spine
from signoff import Runtime
from signoff.boundary import crossing_id
from signoff.clock import from_stamp, stamp
from signoff.ledger import EMPTY, link
from signoff.state import After, Handle, StateMachine
from signoff.storage import storage_at
from signoff.testing import FakeClock

_MONTH = timedelta(days=30)


async def ask(runtime: Any, handle: Handle[Any, Any]) -> None:
    """A month has passed: the row moves on, through its boundary."""
    await cross_spine(runtime, handle)


#: As the lifecycle of the other benchmarks, but a timer starts work instead of moving by itself.
living = StateMachine[State](
    "order",
    {"placed": {"approved"}, "approved": {"placed"}},
    start="placed",
    timers=[After(_MONTH, at="placed", do=ask), After(_MONTH, at="approved", do=ask)],
    subject=Order,
)

#: Moves of one subject in three, and of the others: ten records for each subject on average.
MOVES, FEWER = 2, 1
EVERY = 3

#: Subjects begin within so many days, on the minute.
DAYS = 90
_MINUTES = DAYS * 24 * 60

_ORIGINAL = "order-00000000"
_BATCH = 4_000
_END, _NEXT = "\x1e", "\x1f"

RECORD = ("subject", "seq", "at", "crossing", "type", "body", "hash")
SUBJECT = ("id", "length", "head", "machine", "state", "version", "data")
CROSSING = ("id", "key", "subject", "boundary", "status", "attempts", "opened", "state", "code")
TIMER = ("subject", "name", "machine", "version", "due", "armed")
TABLES = {"records": RECORD, "subjects": SUBJECT, "crossings": CROSSING, "timers": TIMER}

Row = tuple[Any, ...]
Batch = dict[str, list[Row]]


def order_id(number: int) -> str:
    return f"order-{number:08d}"


def moves_of(number: int) -> int:
    return FEWER if number % EVERY else MOVES


def crossings_in(subjects: int) -> int:
    return sum(map(moves_of, range(min(subjects, EVERY)))) * subjects // min(subjects, EVERY)


def begins(number: int) -> timedelta:
    """How long after the first day a subject begins: spread evenly, in no order of the ids."""
    return timedelta(minutes=number * 75_041 % _MINUTES)


def fill(url: str, subjects: int) -> None:
    """Fill an empty store, and leave it as a database that has been looked after."""
    asyncio.run(_build(url))
    _life(FEWER), _life(MOVES)  # before there are processes that would each make them
    spans = [(at, min(at + _BATCH, subjects)) for at in range(0, subjects, _BATCH)]
    processes = min(os.cpu_count() or 1, 8)
    context = multiprocessing.get_context("fork")
    if url.startswith("postgresql"):
        with context.Pool(processes) as pool:
            for _ in pool.imap_unordered(_copy, [(url, *span) for span in spans]):
                pass
        _look_after(url)
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -1000000")
        db.execute("BEGIN")
        # One process writes; a few make what it writes, no further ahead than it can follow.
        with context.Pool(max(processes - 1, 1)) as pool:
            for at in range(0, len(spans), 16):
                for batch in pool.imap(_batch, spans[at : at + 16]):
                    for table, rows in batch.items():
                        _insert(db, table, rows)
        db.execute("COMMIT")
        db.execute("ANALYZE")
        db.execute("PRAGMA journal_mode = WAL").fetchall()


async def _build(url: str) -> None:
    storage = storage_at(url)
    await storage.open(exclusive=True)
    await storage.close()


def _insert(db: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    columns = TABLES[table]
    marks = ", ".join("?" * len(columns))
    db.executemany(f"INSERT INTO signoff_{table} ({', '.join(columns)}) VALUES ({marks})", rows)


def _copy(given: tuple[str, int, int]) -> None:
    """Generate some subjects and hand them to PostgreSQL; in a process of its own."""
    url, first, last = given
    connection = _connection(url)
    with connection.transaction():
        for table, rows in _batch((first, last)).items():
            columns = ", ".join(TABLES[table])
            with connection.cursor().copy(f"COPY signoff.{table} ({columns}) FROM STDIN") as copy:
                copy.write("".join("\t".join(map(str, row)) + "\n" for row in rows))


@cache
def _connection(url: str) -> Any:
    import psycopg

    connection = psycopg.connect(url, autocommit=True)
    connection.execute("SET synchronous_commit = off")
    return connection


def _look_after(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        db.execute("VACUUM (ANALYZE)")
        db.execute("CHECKPOINT")


# Lives


def _batch(span: tuple[int, int]) -> Batch:
    batch: Batch = {table: [] for table in TABLES}
    for number in range(*span):
        _life(moves_of(number)).copy(number, batch)
    return batch


@dataclass(frozen=True)
class _Life:
    """Everything that one order left behind, as text with the places of what is its own."""

    text: str
    stamps: tuple[str, ...]
    moves: int

    def copy(self, number: int, batch: Batch) -> None:
        id, later = order_id(number), begins(number)
        text = self.text
        for turn in range(1, self.moves + 1):
            text = text.replace(_crossing(_ORIGINAL, turn), _crossing(id, turn))
        text = text.replace(_ORIGINAL, id)
        for at in self.stamps:
            text = text.replace(at, _later(at, later))
        head = EMPTY
        records, *others = (
            [tuple(line.split(_NEXT)) for line in part.split("\n")] for part in text.split(_END)
        )
        for seq, (at, crossing, type, body) in enumerate(records, 1):
            head = link(head, subject=id, seq=seq, at=at, crossing=crossing, type=type, body=body)
            batch["records"].append((id, seq, at, crossing, type, body, head))
        ((machine, state, version, data),), crossings, timers = others
        batch["subjects"].append((id, len(records), head, machine, state, version, data))
        batch["crossings"].extend(crossings)
        batch["timers"].extend(timers)


@cache
def _life(moves: int) -> _Life:
    return asyncio.run(_live(moves))


async def _live(moves: int) -> _Life:
    """Lead one order through so many moves, a day apart, and take down what it left."""
    with scratch() as folder:
        clock, path = FakeClock(), folder / "life.db"
        async with Runtime(f"sqlite:///{path}", clock=clock, knows=[living, spine]) as runtime:
            handle = await runtime.start(living, Order(id=_ORIGINAL))
            for _ in range(moves):
                await clock.advance(days=1)
                await cross_spine(runtime, handle)
        return _taken_down(path, moves)


def _taken_down(path: Path, moves: int) -> _Life:
    with closing(sqlite3.connect(path)) as db:

        def rows(table: str, columns: Sequence[str]) -> str:
            found = db.execute(f"SELECT {', '.join(columns)} FROM signoff_{table}").fetchall()
            return "\n".join(_NEXT.join(map(str, row)) for row in found)

        text = _END.join(
            (
                rows("records", ("at", "crossing", "type", "body")),
                rows("subjects", ("machine", "state", "version", "data")),
                rows("crossings", CROSSING),
                rows("timers", TIMER),
            )
        )
    assert "\\" not in text, "COPY would have to escape it"
    return _Life(text, tuple(sorted(set(_stamps(text)))), moves)


def _stamps(text: str) -> Iterator[str]:
    for at, mark in enumerate(text):
        if mark == "Z" and text[at - 16 : at - 15] == "T":
            yield text[at - 26 : at + 1]


def _crossing(id: str, turn: int) -> str:
    return crossing_id(f"{spine.name}/{id}/{turn}")


@cache
def _instant(at: str) -> datetime:
    return from_stamp(at)


def _later(at: str, by: timedelta) -> str:
    return stamp(_instant(at) + by)
