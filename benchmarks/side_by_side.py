"""signoff and hand-written SQL in turns, each on a file of its own in the same folder."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from benchmarks.machine import scratch
from benchmarks.orders import (
    ByHand,
    Order,
    answer_for,
    census,
    connect,
    cross_plain,
    cross_spine,
    lifecycle,
)
from signoff import Runtime
from signoff.storage import SQLiteStorage, Storage

#: Crossings of every caller before the first block is measured.
WARM = 10

#: One crossing: the caller's number and the turn within the block make it unlike any other.
Cross: TypeAlias = Callable[[int, int], Awaitable[None]]


class Side(Protocol):
    """One of the two contestants."""

    commits: int

    async def prepare(self) -> None:
        """Have a subject ready for every caller."""
        ...

    async def cross(self, caller: int, turn: int) -> None:
        """Cross once, durably."""
        ...


class Ours:
    """signoff."""

    def __init__(self, runtime: Runtime, storage: Storage, shape: str, callers: int) -> None:
        self._runtime = runtime
        self._storage = storage
        self._shape = shape
        self._callers = callers
        self._handles: list[Any] = []

    @property
    def commits(self) -> int:
        return self._storage.commits if isinstance(self._storage, SQLiteStorage) else 0

    async def prepare(self) -> None:
        if self._shape == "spine":
            for caller in range(self._callers):
                handle = await self._runtime.start(lifecycle, Order(id=f"order-{caller}"))
                self._handles.append(handle)

    async def cross(self, caller: int, turn: int) -> None:
        if self._shape == "spine":
            await cross_spine(self._runtime, self._handles[caller])
        else:
            await cross_plain(self._runtime, Order(id=f"order-{caller}-{turn}"))


class Direct:
    """By hand, one caller: BEGIN IMMEDIATE, the statements, COMMIT."""

    def __init__(self, db: sqlite3.Connection, shape: str, callers: int) -> None:
        self._db = db
        self._shape = shape
        self._callers = callers
        self._hand = ByHand(db.execute, db.executemany)
        self._versions = [1] * callers
        self.commits = 0

    async def prepare(self) -> None:
        if self._shape == "spine":
            for caller in range(self._callers):
                self._in_transaction(lambda n=caller: self._hand.start(Order(id=f"order-{n}")))

    async def cross(self, caller: int, turn: int) -> None:
        self._in_transaction(lambda: self.script(caller, turn))

    def script(self, caller: int, turn: int) -> None:
        if self._shape == "spine":
            version = self._versions[caller]
            order = Order(id=f"order-{caller}", approvals=version - 1)
            self._hand.cross_spine(order, version, answer_for(order))
            self._versions[caller] = version + 1
        else:
            order = Order(id=f"order-{caller}-{turn}")
            self._hand.cross_plain(order, answer_for(order))

    def _in_transaction(self, script: Callable[[], object]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            script()
            self._db.execute("COMMIT")
        except BaseException:
            self._db.rollback()
            raise
        self.commits += 1


class Grouped(Direct):
    """By hand, many callers: a writer thread, a savepoint per crossing, one commit per batch."""

    def __init__(self, db: sqlite3.Connection, shape: str, callers: int) -> None:
        super().__init__(db, shape, callers)
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    async def cross(self, caller: int, turn: int) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.put((caller, turn, done, loop))
        await done

    def stop(self) -> None:
        self._waiting.put(None)
        self._writer.join()

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < 256:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                batch.append(more)
            error: BaseException | None = None
            try:
                self._commit([(caller, turn) for caller, turn, _, _ in batch])
            except BaseException as raised:
                error = raised
            batch[0][3].call_soon_threadsafe(_tell, [done for _, _, done, _ in batch], error)

    def _commit(self, batch: list[tuple[int, int]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for caller, turn in batch:
            self._db.execute("SAVEPOINT one")
            self.script(caller, turn)
            self._db.execute("RELEASE one")
        self._db.execute("COMMIT")
        self.commits += 1


def _tell(waiting: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for done in waiting:
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


async def block(side: Side, callers: int, each: int, first: int) -> dict[str, Any]:
    """Every caller crosses `each` times, one after the other; what that took."""
    latencies: list[float] = []

    async def call(caller: int) -> None:
        for turn in range(first, first + each):
            began = time.perf_counter()
            await side.cross(caller, turn)
            latencies.append(time.perf_counter() - began)

    commits, cpu, wall = side.commits, time.process_time(), time.perf_counter()
    if callers == 1:
        await call(0)
    else:
        await asyncio.gather(*map(call, range(callers)))
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "commits": side.commits - commits,
        "crossings": callers * each,
        "latencies": latencies,
    }


async def _compare(shape: str, callers: int, each: int, rounds: int, folder: Path) -> Any:
    storage = SQLiteStorage(str(folder / "ours.db"))
    by_hand = str(folder / "by_hand.db")
    await _build(by_hand)
    db = connect(by_hand)
    theirs = Direct(db, shape, callers) if callers == 1 else Grouped(db, shape, callers)
    blocks: dict[str, list[Any]] = {"ours": [], "by_hand": []}
    async with Runtime(storage) as runtime:
        ours = Ours(runtime, storage, shape, callers)
        for side in (ours, theirs):
            await side.prepare()
            await block(side, callers, WARM, 0)
        for number in range(rounds):
            order: list[tuple[str, Side]] = [("ours", ours), ("by_hand", theirs)]
            for name, side in order if number % 2 else reversed(order):
                blocks[name].append(await block(side, callers, each, WARM + number * each))
    if isinstance(theirs, Grouped):
        theirs.stop()
    check = sqlite3.connect(folder / "ours.db")
    rows = {"ours": census(check), "by_hand": census(db)}
    check.close()
    db.close()
    return {"blocks": blocks, "rows": rows}


async def _build(path: str) -> None:
    storage = SQLiteStorage(path)
    await storage.open(exclusive=True)
    await storage.close()


def compare(shape: str, callers: int, each: int, rounds: int) -> dict[str, Any]:
    """Blocks of crossings, in turns; for a child process."""
    with scratch() as folder:
        said: dict[str, Any] = asyncio.run(_compare(shape, callers, each, rounds, folder))
    rows = said["rows"]
    ours, by_hand = dict(rows["ours"]), dict(rows["by_hand"])
    sizes = ours.pop("record_bytes") / by_hand.pop("record_bytes")
    if ours != by_hand or not 0.95 < sizes < 1.05:
        raise AssertionError(f"the two sides did not write the same rows: {rows}")
    return said


def cross_many(shape: str, callers: int, each: int) -> dict[str, Any]:
    """Crossings with signoff alone; for a child process whose flushes are counted."""

    async def run(folder: Path) -> dict[str, Any]:
        storage = SQLiteStorage(str(folder / "ours.db"))
        async with Runtime(storage) as runtime:
            side = Ours(runtime, storage, shape, callers)
            await side.prepare()
            said = await block(side, callers, each, 0) if each else {"commits": 0}
        said.pop("latencies", None)
        return said

    with scratch() as folder:
        return asyncio.run(run(folder))


def cross_by_hand(shape: str, callers: int, each: int) -> dict[str, Any]:
    """The same by hand, one caller; the yardstick for the block device's own count."""

    async def run(folder: Path) -> dict[str, Any]:
        path = str(folder / "by_hand.db")
        await _build(path)
        db = connect(path)
        side = Direct(db, shape, callers)
        await side.prepare()
        said = await block(side, callers, each, 0) if each else {"commits": 0}
        db.close()
        said.pop("latencies", None)
        return said

    with scratch() as folder:
        return asyncio.run(run(folder))


def summed(blocks: dict[str, list[Any]]) -> dict[str, Any]:
    """The raw numbers without the single latencies, which would fill megabytes."""
    return {
        name: [{k: v for k, v in block.items() if k != "latencies"} for block in theirs]
        for name, theirs in blocks.items()
    }


def per_crossing(blocks: list[Any], what: str) -> list[float]:
    return [block[what] / block["crossings"] for block in blocks]


def all_latencies(blocks: list[Any]) -> list[float]:
    return [latency for block in blocks for latency in block["latencies"]]
