"""Three workers, each in a network of its own; one is cut off from the database, and comes back.

It reaches the mailer all the while: that is when something could be done twice.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path

import parcels
import pytest
from awaited import awaited
from machines import Net, machines

from signoff import Runtime

HERE = Path(__file__).parent

#: Seconds after which a worker is taken for dead; a subject waits no longer than ten more.
DEAD_AFTER = 4

#: What a busy machine may add to that.
BUSY = 8

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def net() -> Iterator[Net]:
    with machines("one", "two", "three") as net:
        yield net


class Worker:
    """A worker in a namespace."""

    def __init__(self, net: Net, place: str, **environment: str) -> None:
        path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        words = [
            sys.executable, "-m", "signoff", "worker", "--app", "parcels:everything",
            "--dead-after", str(DEAD_AFTER), "--store", net.inside,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            net.within(place, *words),
            env={**os.environ, "PYTHONPATH": path, **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()

    @property
    def pid(self) -> int:
        return self.process.pid

    def ends(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def begin(net: Net) -> Iterator[Callable[..., Worker]]:
    begun: list[Worker] = []

    def one(place: str, **environment: str) -> Worker:
        worker = Worker(net, place, **environment)
        begun.append(worker)
        return worker

    yield one
    for worker in begun:
        worker.process.kill()
        worker.process.communicate()


def begun_by(pid: int) -> int:
    file = Path(f"{os.environ['PARCELS_MAIL']}.begun")
    lines = file.read_text().splitlines() if file.exists() else []
    return Counter(line.split()[0] for line in lines)[str(pid)]


async def until(holds: Callable[[], Awaitable[bool]], within: float = 90) -> None:
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110  # nobody tells us
            await asyncio.sleep(0.1)


async def until_shipped(runtime: Runtime, number: int) -> None:
    async def all_are() -> bool:
        states = await runtime.ledger.rows_by_state("parcel")
        return states.get("shipped", 0) == number and not await runtime.ledger.pending()

    await until(all_are)


async def longest_wait(runtime: Runtime) -> float:
    """Seconds between two records of one subject, at most."""
    last: dict[str, datetime] = {}
    longest = 0.0
    async for entry in runtime.ledger.entries():
        at = datetime.fromisoformat(entry.at)
        longest = max(longest, (at - last.get(entry.subject, at)).total_seconds())
        last[entry.subject] = at
    return longest


@awaited
@pytest.mark.parametrize("moment", ["PARCELS_SLOW", "PARCELS_SLOW_AFTER"], ids=["before", "after"])
async def test_a_worker_that_is_cut_off_holds_nobody_up_and_does_nothing_twice(
    net: Net,
    begin: Callable[..., Worker],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """The cut comes while it is about to mail, or has just mailed and not yet written that down."""
    monkeypatch.setenv("PARCELS_MAIL", str(tmp_path / "mails"))
    words = [sys.executable, "-m", "signoff", "store", "init", "--workers"]
    await asyncio.to_thread(subprocess.run, [*words, "--store", net.outside], check=True)
    slow = 2.0
    lonely = begin("one", **{moment: str(slow)})
    async with Runtime(net.outside, knows=parcels.everything) as runtime:
        placed = 0

        async def place(number: int) -> None:
            nonlocal placed
            for _ in range(number):
                await runtime.start(parcels.parcels, parcels.Parcel(id=f"p-{placed}"))
                placed += 1

        async def is_at_it() -> bool:
            if moment == "PARCELS_SLOW":
                return begun_by(lonely.pid) > 0
            return bool(parcels.mailer().account())

        await place(4)
        await until(is_at_it)
        net.cut("one")
        others = [begin("two"), begin("three")]
        await place(12)
        await until_shipped(runtime, placed)
        assert lonely.process.poll() is None
        # Whatever the lonely one goes on with meets a store that has moved on.
        await asyncio.sleep(DEAD_AFTER + slow)
        net.heal("one")
        known = begun_by(lonely.pid)

        async def is_back() -> bool:
            await place(3)
            await until_shipped(runtime, placed)
            return begun_by(lonely.pid) > known

        await until(is_back)
        assert await longest_wait(runtime) <= DEAD_AFTER + 10 + slow + BUSY
        assert (await runtime.ledger.verify()).intact
    mails = parcels.mailer().account()
    assert set(mails.values()) == {1}
    assert len(mails) == placed
    assert [worker.ends() for worker in (lonely, *others)] == [0, 0, 0]
