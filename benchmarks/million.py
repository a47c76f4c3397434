"""A million subjects over shards by tenant: what one machine carries, and whether it stays flat.

`python -m benchmarks.million [--subjects 1000000] [--shards 4] [--processes 2]`

A tenant's subjects lie in one store, and a process works for some of the stores. Each subject is
begun on a state machine and moved once through a boundary, with full durability; afterwards every
store is counted and its chains are recomputed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import sqlite3
import sys
import time
import zlib
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.machine import ROOT, scratch
from benchmarks.orders import Order, cross_spine, lifecycle
from signoff import Runtime
from signoff.reading import existing

RESULTS = ROOT / "benchmarks" / "results" / "million.json"

#: Tenants, each with as many subjects.
TENANTS = 100

#: Subjects that a process has in hand at the same time.
CALLERS = 64

#: Seconds between two looks at how far it is.
EVERY = 5.0


def shard_of(tenant: str, shards: int) -> int:
    """Which store a tenant's subjects lie in: the same one for ever."""
    return zlib.crc32(tenant.encode()) % shards


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    arguments.add_argument("--subjects", type=int, default=1_000_000)
    arguments.add_argument("--shards", type=int, default=4)
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--json", type=Path, default=RESULTS, help="where the figures are kept")
    given = arguments.parse_args()
    with scratch() as folder:
        kept = simulated(given.subjects, given.shards, given.processes, folder)
    kept["command"] = f"python -m benchmarks.million --subjects {given.subjects}"
    given.json.write_text(json.dumps(kept, indent=1) + "\n")
    print(json.dumps({name: kept[name] for name in ("seconds", "rate", "right", "megabytes")}))
    return 0 if kept["right"] else 1


def simulated(subjects: int, shards: int, processes: int, folder: Path) -> dict[str, Any]:
    """Lead all of them through, and look at what is in the stores afterwards."""
    about = machine.describe()
    told: Any = multiprocessing.get_context("spawn").Queue()
    context = multiprocessing.get_context("spawn")
    began = time.perf_counter()
    workers = [
        context.Process(target=work, args=(subjects, shards, number, processes, str(folder), told))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    samples: list[dict[str, Any]] = []
    ended: list[dict[str, Any]] = []
    done = [0] * processes
    while len(ended) < processes:
        said = told.get()
        done[said["process"]] = said["done"]
        if said.get("ended"):
            ended.append(said)
        samples.append({"at": round(time.perf_counter() - began, 1), **said})
        print(f"\r{sum(done):,} of {subjects:,}", end="", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    for worker in workers:
        worker.join()
    print(f"\r{subjects:,} in {seconds:.0f} s; every chain is recomputed", file=sys.stderr)
    checked = [asyncio.run(looked_at(folder / f"shard-{n}.db")) for n in range(shards)]
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    right = (
        sum(one["subjects"] for one in checked) == subjects
        and sum(one["committed"] for one in checked) == subjects
        and sum(one["moved"] for one in checked) == subjects
        and all(one["intact"] and not one["shared"] for one in checked)
    )
    return {
        "machine": about,
        "subjects": subjects,
        "shards": shards,
        "processes": processes,
        "seconds": seconds,
        "rate": subjects / seconds,
        "megabytes": size,
        "right": right,
        "memory": [one["memory"] for one in ended],
        "checked": checked,
        "samples": samples,
    }


def work(subjects: int, shards: int, number: int, processes: int, folder: str, told: Any) -> None:
    """One process: those of its shards, one shard after the other."""
    asyncio.run(_work(subjects, shards, number, processes, Path(folder), told))


async def _work(
    subjects: int, shards: int, number: int, processes: int, folder: Path, told: Any
) -> None:
    done, last = 0, time.perf_counter()
    for shard in range(number, shards, processes):
        mine = (
            f"tenant-{n % TENANTS}/order-{n}"
            for n in range(subjects)
            if shard_of(f"tenant-{n % TENANTS}", shards) == shard
        )
        async with Runtime(f"sqlite:///{folder / f'shard-{shard}.db'}") as runtime:

            async def call(runtime: Runtime, ahead: Any) -> None:
                nonlocal done, last
                for name in ahead:
                    handle = await runtime.start(lifecycle, Order(id=name))
                    await cross_spine(runtime, handle)
                    done += 1
                    if time.perf_counter() - last > EVERY:
                        last = time.perf_counter()
                        told.put({"process": number, "done": done, "memory": _memory()})

            # One iterator, from which whoever is free takes the next.
            await asyncio.gather(*(call(runtime, mine) for _ in range(CALLERS)))
    told.put({"process": number, "done": done, "memory": _memory(), "ended": True})


async def looked_at(path: Path) -> dict[str, Any]:
    """What stands in one store: whose, how far, and whether its chains are intact."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        (subjects,) = store.execute("SELECT count(*) FROM signoff_subjects").fetchone()
        committed, crossings = store.execute(
            "SELECT count(*) FILTER (WHERE status = 'committed'), count(*) FROM signoff_crossings"
        ).fetchone()
        (moved,) = store.execute(
            "SELECT count(*) FROM signoff_subjects WHERE state = 'approved' AND version = 2"
        ).fetchone()
        tenants = {
            tenant
            for (tenant,) in store.execute(
                "SELECT DISTINCT substr(id, 1, instr(id, '/') - 1) FROM signoff_subjects"
            )
        }
    shards = sum(1 for _ in path.parent.glob("shard-*.db"))
    mine = int(path.stem.partition("-")[2])
    async with existing(f"sqlite:///{path}") as storage:
        verification = await storage.verify()
    return {
        "subjects": subjects,
        "committed": committed,
        "crossings": crossings,
        "moved": moved,
        "records": verification.records,
        "intact": verification.intact,
        "tenants": len(tenants),
        "shared": sorted(tenant for tenant in tenants if shard_of(tenant, shards) != mine),
    }


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
