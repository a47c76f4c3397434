"""The same work on a small ledger and on a large one, in turns: does anything scan?

long chain   a subject with 10 records against one with 100,000
many         1,000 subjects against 200,000, each with a crossing, a record and a timer that waits
outage       10 effects that wait for another system against 20,000
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, micro, ratios
from benchmarks.machine import in_child, scratch
from benchmarks.orders import Order, connect, cross_plain, cross_spine, lifecycle, spine
from signoff import Runtime
from signoff.clock import SystemClock, stamp
from signoff.storage import SQLiteStorage
from signoff.storage._sql import queries

#: A scan of 100 times as many rows would cost 100 times as much; a deeper tree or a colder cache a
#: little.
TARGET = 1.3

#: Asked by people and by proofs, over everything; every other statement is asked while crossing,
#: or whenever the runner looks for work.
_OVER_EVERYTHING = {
    "records", "heads", "last", "last_at", "payloads", "pending", "rows", "rows_by_state",
    "crossings_by_status", "crossings_like", "records_of_subject",
}  # fmt: skip


def measure() -> tuple[list[Figure], dict[str, Any]]:
    figures: list[Figure] = []
    raw: dict[str, Any] = {"plans": in_child("no_scan", "scanning")}
    for what, small, large in (
        ("long chain", 10, 100_000),
        ("many", 1_000, 200_000),
        ("outage", 10, 20_000),
    ):
        timed = in_child("no_scan", "compare", what=what, small=small, large=large)
        raw[what] = timed
        for work, sides in timed.items():
            ratio, low, high = ratios(sides["large"], sides["small"])
            figures.append(
                Figure(
                    f"{work}, {_SAID[what]}: {small:,} against {large:,}",
                    f"{ratio:.2f} x",
                    f"same time (<= {TARGET} x)",
                    ratio <= TARGET,
                    f"CPU {micro(statistics.median(sides['small']))} against "
                    f"{micro(statistics.median(sides['large']))}; pairs {low:.2f} to {high:.2f}",
                )
            )
    scans = raw["plans"]["scans"]
    figures.append(
        Figure(
            "statements whose plan scans a table",
            ", ".join(scans) if scans else f"none of {raw['plans']['statements']}",
            "none",
            not scans,
            "EXPLAIN QUERY PLAN of every statement in queries.sql that runs while crossing or "
            "looking for work (not those that count, page or prove everything)",
        )
    )
    return figures, raw


_SAID = {
    "long chain": "records on its subject",
    "many": "subjects in the store",
    "outage": "effects waiting in the outbox",
}


def scanning() -> dict[str, Any]:
    """Hot statements whose plan scans one of our tables."""
    with scratch() as folder:
        asyncio.run(_build(folder / "plans.db"))
        db = sqlite3.connect(folder / "plans.db")
        plans: dict[str, list[str]] = {}
        for name, sql in queries("sqlite").items():
            if name not in _OVER_EVERYTHING:
                named = dict.fromkeys(re.findall(r":(\w+)", sql), "[]")
                rows = db.execute(f"EXPLAIN QUERY PLAN {sql}", named).fetchall()
                plans[name] = [row[3] for row in rows]
        db.close()
    # `SCAN json_each` walks the list that we pass in, `SCAN (subquery)` what a LIMIT has cut.
    scans = [
        name
        for name, steps in plans.items()
        if any(step.startswith("SCAN signoff_") for step in steps)
    ]
    return {"statements": len(plans), "scans": scans, "plans": plans}


async def _build(path: Path) -> None:
    storage = SQLiteStorage(str(path))
    await storage.open(exclusive=True)
    await storage.close()


def compare(what: str, small: int, large: int) -> dict[str, dict[str, list[float]]]:
    """CPU per piece of work, in blocks that take turns; for a child process."""
    with scratch() as folder:
        return asyncio.run(_compare(what, {"small": small, "large": large}, folder))


async def _compare(
    what: str, sizes: dict[str, int], folder: Path
) -> dict[str, dict[str, list[float]]]:
    works: dict[str, dict[str, Callable[[], Awaitable[object]]]] = {}
    async with AsyncExitStack() as stack:
        for side, size in sizes.items():
            path = folder / f"{side}.db"
            await _build(path)
            _fill(path, what, size)
            storage = SQLiteStorage(str(path))
            runtime = await stack.enter_async_context(Runtime(storage, knows=[lifecycle, spine]))
            works[side] = await _works(runtime, storage, what)
        timed: dict[str, dict[str, list[float]]] = {
            name: {side: [] for side in sizes} for name in works["small"]
        }
        for block in range(16):
            for name in timed:
                for side in sizes if block % 2 else reversed(list(sizes)):
                    cpu = await _cpu_of(works[side][name], 60)
                    if block:
                        timed[name][side].append(cpu)
    return timed


async def _cpu_of(work: Callable[[], Awaitable[object]], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        await work()
    return (time.process_time() - began) / times


async def _works(
    runtime: Runtime, storage: SQLiteStorage, what: str
) -> dict[str, Callable[[], Awaitable[object]]]:
    now = stamp(SystemClock().now())
    machines, names = ["order"], ["order.effect"]
    if what == "outage":
        return {
            "look for work": lambda: storage.claim_effects(names, now=now, limit=256, busy={}),
            "when the next is due": lambda: storage.next_due(machines, names),
        }
    handle = await runtime.start(lifecycle, Order(id="order-0"))
    works: dict[str, Callable[[], Awaitable[object]]] = {
        "read the row": lambda: storage.row("order-0"),
        "append a crossing": lambda: cross_spine(runtime, handle),
    }
    if what == "many":
        count = iter(range(1_000_000))
        works |= {
            "append to a new subject": lambda: cross_plain(runtime, Order(id=f"n-{next(count)}")),
            "look for timers": lambda: storage.claim_timers(machines, now=now, limit=256, busy=()),
            "when the next is due": lambda: storage.next_due(machines, names),
        }
    return works


def _fill(path: Path, what: str, size: int) -> None:
    """Rows as signoff would have written them, except that the hashes are not real."""
    db = connect(str(path))
    at, due, never = "2026-01-01T00:00:00.000000Z", "2126-01-01T00:00:00.000000Z", "f" * 64
    db.execute("BEGIN IMMEDIATE")
    subjects = size if what == "many" else 1
    chain = size if what == "long chain" else 1
    for number in range(subjects):
        id = f"order-{number}"
        data = Order(id=id).model_dump_json() if not number else "{}"
        row = (id, chain, never, "order", "placed", 1, data)
        db.execute(
            "INSERT INTO signoff_subjects (id, length, head, machine, state, version, data) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        db.execute(
            "INSERT INTO signoff_timers (subject, name, machine, version, due, armed) "
            "VALUES (?, 'placed->approved', 'order', 1, ?, 1)",
            (id, due),
        )
        db.execute(
            "INSERT INTO signoff_crossings VALUES (?, ?, ?, 'order.old', 'committed', 1, ?, '{}')",
            (f"{number:024x}", f"old/{number}", id, at),
        )
        db.executemany(
            "INSERT INTO signoff_records (subject, seq, at, crossing, type, body, hash) "
            "VALUES (?, ?, ?, ?, 'moved', ?, ?)",
            ((id, seq + 1, at, f"{number:024x}", "x" * 150, never) for seq in range(chain)),
        )
    if what == "outage":
        db.executemany(
            "INSERT INTO signoff_effects "
            "(kind, crossing, subject, name, key, payload, due, doubt, owner) "
            "VALUES ('outbox', ?, 'order-0', 'order.effect', ?, '{}', ?, 0, 2)",
            ((f"{number:024x}", f"k{number}", due) for number in range(size)),
        )
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
