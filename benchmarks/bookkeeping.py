"""Verify and bookkeeping without I/O: a crossing over a storage that keeps nothing.

All of the library runs: key, question, parsing, two verifiers, the four or six records with their
canonical JSON and hash chain, the row, the crossing, the outcome. Only SQLite and the hop to its
thread are missing.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.figures import Figure, micro, spread
from benchmarks.machine import in_child
from benchmarks.no_io import NoStorage
from benchmarks.orders import Order, cross_plain, cross_spine, lifecycle
from signoff import Runtime
from signoff.ledger import EMPTY

TARGET = 200e-6


def measure() -> tuple[list[Figure], dict[str, Any]]:
    figures: list[Figure] = []
    raw: dict[str, Any] = {}
    for shape in ("plain", "spine"):
        blocks = in_child("bookkeeping", "cpu_of", shape=shape, each=1000, rounds=15)
        cpu = spread(blocks)
        raw[shape] = blocks
        figures.append(
            Figure(
                f"verify + bookkeeping, no I/O, {shape}",
                micro(cpu["median"]),
                "< 200 us",
                cpu["median"] < TARGET,
                "CPU of the process per crossing, through `Runtime`, on a storage that keeps "
                f"nothing; 15 blocks of 1,000, {micro(cpu['low'])} to {micro(cpu['high'])}",
            )
        )
    return figures, raw


def cpu_of(shape: str, each: int, rounds: int) -> list[float]:
    """CPU seconds per crossing, block by block; for a child process."""
    return asyncio.run(_cpu_of(shape, each, rounds))


async def _cpu_of(shape: str, each: int, rounds: int) -> list[float]:
    storage = NoStorage()
    found: list[float] = []
    async with Runtime(storage) as runtime:
        handle: Any = None
        if shape == "spine":
            handle = await runtime.start(lifecycle, Order(id="order"))
        for block in range(rounds + 1):
            orders = [Order(id=f"order-{block}-{number}") for number in range(each)]
            began = time.process_time()
            for order in orders:
                if shape == "spine":
                    row = handle.row
                    values = (2, EMPTY, row.machine, row.state, row.version, row.data, None)
                    storage.connection.rows["order"] = [values]
                    await cross_spine(runtime, handle)
                else:
                    await cross_plain(runtime, order)
            found.append((time.process_time() - began) / each)
    return found[1:]
