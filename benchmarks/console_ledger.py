"""A ledger of a million records for the console, with everything that its pages show.

Real renewals, 90 days each, copied until there are enough of them. Each copy has crossings and
subjects of its own, and each of its subjects begins some hours or days later, so that something
happens in every hour; records are in the order of their times, and every chain verifies. Beside
them, orders that wait for a person behind a kill switch and a throttle, asked about by a real
runtime. Timers, shares of the throttle and heartbeats are added by hand.
"""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.orders import Approval as Offer
from benchmarks.orders import Model, Order, about_this_order, approve
from signoff import Boundary, Runtime, Suspended, Transactional
from signoff.clock import from_stamp, stamp
from signoff.control import Approval, Heartbeat, KillSwitch, Throttle
from signoff.ledger import CONTROLS, EMPTY, SEALS, link
from signoff.storage import storage_at
from signoff.testing import FakeClock

#: Renewals that are really run, and orders that wait.
RENEWALS, WAITING = 300, 10_000

#: A subject of a copy begins up to so many minutes after the one that it is a copy of.
_LATER = 21 * 24 * 60

#: Timers, shares of a throttle, and workers.
_TIMERS, _SHARES, _WORKERS = 10_000, 20_000, 40

_ID = re.compile(r"[0-9a-f]{24}")

Row = tuple[Any, ...]


def write(store: Path, records: int, waiting: int = WAITING) -> int:
    """A new ledger of at least so many records; how many there are."""
    command = [sys.executable, "-m", "signoff", "renewals", "run", "--json"]
    options = ["--rows", str(RENEWALS), "--store", f"sqlite:///{store}"]
    subprocess.run([*command, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    asyncio.run(_ask(f"sqlite:///{store}", waiting))
    with closing(sqlite3.connect(store)) as db:
        _copy(db, records)
        _add(db)
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return int(db.execute("SELECT count(*) FROM signoff_records").fetchone()[0])


# What waits


def small(offer: Offer, order: Order) -> bool:
    return not large(offer, order)


def large(offer: Offer, order: Order) -> bool:
    return offer.amount >= 600


async def _ask(url: str, number: int) -> None:
    """Cross so many orders that wait for a person, over ninety days; and some workers' beats."""
    chance = random.Random(7)
    boundary: Boundary[Order, Offer, str] = Boundary(
        "order.approve",
        proposer=Model(),
        verifiers=[about_this_order],
        commit=Transactional(approve),
    ).bounded_by(
        KillSwitch("orders"),
        Throttle(per_minute=10_000, name="orders"),
        Approval(
            name="small",
            when=small,
            ask="role:desk",
            within=timedelta(days=320),
        ),
        Approval(
            name="large",
            when=large,
            ask="role:lead",
            within=timedelta(days=400),
        ),
    )
    clock = FakeClock()
    async with Runtime(url, clock=clock) as runtime:
        for each in range(number):
            order = Order(id=f"order-{each:06d}", total=round(chance.uniform(100, 900), 2))
            outcome = await runtime.run(boundary, order, key=f"order.approve/{order.id}")
            assert isinstance(outcome, Suspended), outcome
            if each % 10 == 0:
                await clock.advance(days=90 * 10 / number)
    storage = storage_at(url)
    await storage.open(exclusive=False)
    for worker in range(_WORKERS):
        beat = Heartbeat(
            process=f"worker-{worker}",
            child="effects",
            at=stamp(datetime.now(UTC) - timedelta(seconds=worker)),
            state="running",
            restarts=worker % 3,
            error="",
        )
        await storage.beat(beat)
    await storage.close()


# Copies


def _copy(db: sqlite3.Connection, records: int) -> None:
    """Copy what the renewals wrote until there are so many records; then order them by time."""
    theirs = "subject NOT LIKE 'order-%' AND subject NOT IN (?, ?)"
    aside = (SEALS, CONTROLS)
    of = {
        table: db.execute(f"SELECT * FROM signoff_{table} WHERE {theirs}", aside).fetchall()
        for table in ("records", "crossings", "tickets")
    }
    of["records"].sort(key=lambda row: row[0])
    of["subjects"] = db.execute(
        f"SELECT * FROM signoff_subjects WHERE {theirs.replace('subject', 'id')}", aside
    ).fetchall()
    db.execute("DELETE FROM signoff_records WHERE subject = ?", [SEALS])
    db.execute("DELETE FROM signoff_subjects WHERE id = ?", [SEALS])
    db.execute("CREATE TEMP TABLE written AS SELECT * FROM signoff_records ORDER BY position")
    (there,) = db.execute("SELECT count(*) FROM written").fetchone()
    ids = {row[0] for row in of["crossings"]}
    for number in range(1, -(-(records - there) // len(of["records"])) + 1):
        copy = _Copy(number, ids)
        heads: dict[str, str] = {}
        _insert(db, "written", map(copy.record(heads), of["records"]))
        _insert(db, "signoff_crossings", map(copy.crossing, of["crossings"]))
        _insert(db, "signoff_tickets", map(copy.ticket, of["tickets"]))
        _insert(db, "signoff_subjects", map(copy.subject(heads), of["subjects"]))
    db.execute("DELETE FROM signoff_records")
    db.execute(
        "INSERT INTO signoff_records SELECT row_number() OVER (ORDER BY at, rowid), subject, seq, "
        "at, crossing, type, body, hash FROM written ORDER BY at, rowid"
    )
    db.execute("DROP TABLE written")


class _Copy:
    """One copy of everything.

    Args:
        number: Of this copy.
        ids: Of the crossings that are copied.
    """

    def __init__(self, number: int, ids: set[str]) -> None:
        self._number = number
        self._new = {
            id: blake2b(f"{number}/{id}".encode(), digest_size=12).hexdigest() for id in ids
        }
        self._later: dict[str, timedelta] = {}
        self._moved: dict[tuple[timedelta, str], str] = {}

    def record(self, heads: dict[str, str]) -> Callable[[Row], Row]:
        """A record's copy, in the chain of its own subject."""

        def copied(row: Row) -> Row:
            _, subject, seq, at, crossing, type, body, _ = row
            name, moved = self._name(subject), self._at(subject, at)
            crossing, body = self._new.get(crossing, crossing), self._text(body)
            heads[name] = link(
                heads.get(name, EMPTY), subject=name, seq=seq, at=moved,
                crossing=crossing, type=type, body=body,
            )  # fmt: skip
            return (0, name, seq, moved, crossing, type, body, heads[name])

        return copied

    def crossing(self, row: Row) -> Row:
        """A crossing's row."""
        id, key, subject, boundary, status, attempts, opened, state = row
        key = f"{key}/{self._number}"
        opened = self._at(subject, opened)
        return (self._new[id], key, self._name(subject), boundary, status, attempts, opened, state)

    def ticket(self, row: Row) -> Row:
        """A ticket's row."""
        id, kind, crossing, subject, boundary, status, ask, because, *times, by, why, body = row
        moved = [self._at(subject, at) if at else "" for at in times]
        return (
            self._text(id), kind, self._new.get(crossing, crossing), self._name(subject), boundary,
            status, ask, because, *moved, by, why, self._text(body),
        )  # fmt: skip

    def subject(self, heads: dict[str, str]) -> Callable[[Row], Row]:
        """A subject's row."""

        def copied(row: Row) -> Row:
            id, length, _, *spine = row
            return (self._name(id), length, heads[self._name(id)], *spine)

        return copied

    def _name(self, subject: str) -> str:
        return f"{subject}/{self._number}"

    def _text(self, text: str) -> str:
        return _ID.sub(lambda found: self._new.get(found[0], found[0]), text)

    def _at(self, subject: str, at: str) -> str:
        later = self._later.get(subject)
        if later is None:
            chance = random.Random(f"{self._number}/{subject}")
            later = self._later[subject] = timedelta(minutes=chance.randrange(_LATER))
        known = self._moved.get((later, at))
        if known is None:
            known = self._moved[later, at] = stamp(from_stamp(at) + later)
        return known


def _add(db: sqlite3.Connection) -> None:
    """Timers to come, and shares of a throttle."""
    db.execute(
        "INSERT INTO signoff_timers (subject, name, machine, version, due, armed) "
        "SELECT id, state || '->expired', machine, version, '2027-01-01T00:00:00.000000Z', 1 "
        "FROM signoff_subjects WHERE machine = 'renewal' ORDER BY id DESC LIMIT ?",
        [_TIMERS],
    )
    db.execute(
        "INSERT INTO signoff_uses SELECT 'throttle:orders', id, 'tenant-' || rowid % 500, "
        "CASE rowid % 50 WHEN 0 THEN 'held' ELSE 'used' END, opened, 0.01, 0.005 "
        "FROM signoff_crossings WHERE boundary <> 'order.approve' ORDER BY opened DESC LIMIT ?",
        [_SHARES],
    )


def _insert(db: sqlite3.Connection, table: str, rows: Iterator[Row]) -> None:
    marks = {"written": 8, "signoff_crossings": 8, "signoff_tickets": 14, "signoff_subjects": 8}
    db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * marks[table])})", rows)


# The same in PostgreSQL


def copy_to_postgres(store: Path, url: str) -> None:
    """Put everything of a SQLite store into an empty database."""
    import psycopg
    from psycopg import sql

    asyncio.run(_build(url))
    with closing(sqlite3.connect(store)) as db, psycopg.connect(url) as target:
        names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'signoff_%'"
        for (name,) in db.execute(names).fetchall():
            table = sql.Identifier("signoff", name.removeprefix("signoff_"))
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
            if name in ("signoff_meta", "signoff_logs"):
                continue
            target.execute(sql.SQL("DELETE FROM {}").format(table))
            given = sql.SQL(", ").join(map(sql.Identifier, columns))
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, given)
            with target.cursor().copy(statement) as copy:
                for row in db.execute(f"SELECT {', '.join(columns)} FROM {name}"):
                    copy.write_row(row)
        target.execute(
            "SELECT setval(pg_get_serial_sequence('signoff.records', 'position'), "
            "(SELECT max(position) FROM signoff.records))"
        )
    with psycopg.connect(url, autocommit=True) as target:
        target.execute("VACUUM (ANALYZE)")


async def _build(url: str) -> None:
    storage = storage_at(url)
    await storage.open(exclusive=True)
    await storage.close()
