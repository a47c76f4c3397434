"""A store with something of everything in it, to be moved, checked and vacuumed."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from console_world import fill
from orders import Model, Placed, orders
from stores import append, opened

from signoff import Runtime
from signoff.storage import Storage, move

_made: list[bytes] = []


def filled(url: str) -> None:
    """Crossings of each kind, tickets, effects, a timer, kills, uses, payloads, events, a seal.

    Made once, on SQLite; after that it is copied.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        made = Path(elsewhere, "made.db")
        if not _made:
            _fill(f"sqlite:///{made}")
            with closing(sqlite3.connect(made)) as store:
                store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            _made.append(made.read_bytes())
        if url.startswith("sqlite"):
            Path(url.removeprefix("sqlite:///")).write_bytes(_made[0])
        else:
            made.write_bytes(_made[0])
            move(f"sqlite:///{made}", url, copy=True)


def _fill(url: str) -> None:
    async def main() -> None:
        await fill(url)
        async with Runtime(url, knows=[Model().consumer()]) as runtime:
            for number in range(3):
                await runtime.append(orders, f"o-{number}", Placed(amount=number))
            await runtime.drain()
        async with opened(url) as storage:
            await append(storage, "Ünïcode ✓ 'quoted' \"twice\" \\x00 \\", "ß" * 5000, "\0 in JSON")
            await storage.seal()

    asyncio.run(main())


def execute(url: str, sql: str, *values: Any) -> list[Any]:
    """Run a statement beside everything; tables are named as in SQLite, marks are `?`."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
            found = db.execute(sql, values).fetchall()
            db.commit()
            return found
    with psycopg.connect(url, autocommit=True) as connection:
        text = sql.replace("signoff_", "signoff.").replace("?", "%s")
        cursor = connection.execute(text, values)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description is not None else []


async def root(storage: Storage) -> str:
    """What a ledger proves."""
    verification = await storage.verify()
    assert verification.faults == ()
    return verification.root


def works(url: str) -> int | None:
    """How many records a runtime would find; None if it is not let in."""

    async def main() -> int | None:
        from signoff.errors import StoreMoved, StoreUnfinished

        try:
            async with opened(url) as storage:
                return (await storage.verify()).records
        except (StoreMoved, StoreUnfinished):
            return None

    return asyncio.run(main())
