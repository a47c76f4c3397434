"""The same key again: the recorded outcome, without a model call or a write."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, micro, quantile, spread
from benchmarks.machine import counted, counters, in_child, scratch
from benchmarks.orders import Order, cross_plain
from signoff import Runtime
from signoff.storage import SQLiteStorage

TARGET = 200e-6
KEYS = 200


def measure() -> tuple[list[Figure], dict[str, Any]]:
    said = in_child("same_key", "again", rounds=40)
    cpu = spread(said["cpu"])
    p50, p99 = quantile(said["latencies"], 0.5), quantile(said["latencies"], 0.99)
    how = next((name for name in ("perf", "strace") if name in counters()), None)
    flushes: int | None = None
    if how is not None:
        once, _ = counted(how, "same_key", "again", rounds=0)
        often, _ = counted(how, "same_key", "again", rounds=40)
        flushes = often - once
    raw = {
        "cpu": said["cpu"], "p50": p50, "p99": p99, "flushes": flushes, "commits": said["commits"],
        "records": said["records"],
    }  # fmt: skip
    wrote = said["commits"] or said["records"] or flushes
    return [
        Figure(
            "the same key again",
            micro(p50),
            "< 200 us",
            p50 < TARGET,
            f"median of {len(said['latencies']):,}, p99 {micro(p99)}; CPU {micro(cpu['median'])}",
        ),
        Figure(
            "the same key again: writes",
            f"{said['commits']} commits, {said['records']} records, "
            f"{'uncounted' if flushes is None else flushes} flushes",
            "none",
            not wrote,
            f"over {len(said['latencies']):,} repetitions; flushes by {how or 'nobody'}",
        ),
    ], raw


def again(rounds: int) -> dict[str, Any]:
    """Cross every key once, then again; for a child process."""
    with scratch() as folder:
        return asyncio.run(_again(rounds, folder))


async def _again(rounds: int, folder: Path) -> dict[str, Any]:
    storage = SQLiteStorage(str(folder / "again.db"))
    orders = [Order(id=f"order-{number}") for number in range(KEYS)]
    latencies: list[float] = []
    cpus: list[float] = []
    async with Runtime(storage) as runtime:
        for order in orders:
            await cross_plain(runtime, order)
        commits, records = storage.commits, await _records(storage)
        for _ in range(rounds):
            cpu = time.process_time()
            for order in orders:
                began = time.perf_counter()
                await cross_plain(runtime, order)
                latencies.append(time.perf_counter() - began)
            cpus.append((time.process_time() - cpu) / KEYS)
        return {
            "cpu": cpus,
            "latencies": latencies,
            "commits": storage.commits - commits,
            "records": await _records(storage) - records,
        }


async def _records(storage: SQLiteStorage) -> int:
    return len([entry async for entry in storage.entries()])
