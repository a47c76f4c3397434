"""`python -m benchmarks.endurance.agent JSON`: a process that places orders, works, or both."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.endurance._clock import SteppedClock
from benchmarks.endurance._files import Files
from benchmarks.endurance.orders import Agent, Order, line, lines, name_of, times
from signoff import Runtime
from signoff.errors import SignoffError
from signoff.workloads.contract_renewal.services import connect_services

#: Orders that are placed at the same time.
AT_ONCE = 16
_TICK = 0.02


async def main(
    *, store: str, folder: str, name: str, services: str, places: bool, works: bool,
    dead_after: float,
) -> None:  # fmt: skip
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    files = Files(Path(folder))
    stopped = asyncio.Event()
    ends: list[Any] = [stopped.set]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: [end() for end in ends])
    with connect_services(services) as reached:
        agent = Agent(reached, files.done)
        runtime = Runtime(
            store,
            clock=SteppedClock(files.clock(name)),
            knows=agent.knows if works else [agent.machine],
            principals={"dana": []},
        )
        async with runtime:
            placing = asyncio.create_task(_place(runtime, agent, files)) if places else None
            if works and runtime.ledger.by_workers:
                from signoff.runtime.procrastinate import Worker

                worker = Worker(runtime, store, dead_after=dead_after)
                ends.append(worker.stop)
                await worker.run(lambda: print("working", flush=True))
            else:
                print("working", flush=True)
                waiting = asyncio.create_task(stopped.wait())
                both = [waiting, *([placing] if placing else [])]
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if placing is not None:
                if placing.done():
                    placing.result()
                placing.cancel()


async def _place(runtime: Runtime, agent: Agent, files: Files) -> None:
    """Place orders as the file says; what was not acknowledged is placed again."""
    accepted = os.open(files.accepted, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    there = set(times(files.accepted))
    highest = max((int(order.rpartition("-")[2]) for order in there), default=0)
    again = [number for number in range(1, highest) if name_of(number) not in there]
    del there
    allowed, last = 0.0, time.monotonic()
    slots = asyncio.Semaphore(AT_ONCE)

    async def place(number: int) -> None:
        order = name_of(number)
        while True:
            try:
                await runtime.start(agent.machine, Order(id=order))
            except SignoffError as error:
                logging.warning("order %s is placed again: %s", order, error)
                await asyncio.sleep(0.5)
            else:
                os.write(accepted, line(order, time.time()))
                slots.release()
                return

    async with asyncio.TaskGroup() as group:
        while True:
            pace = json.loads(files.pace.read_text())
            now = time.monotonic()
            if "rate" in pace:
                # After a pause there is no rush to catch up.
                allowed = min(allowed + pace["rate"] * (now - last), max(pace["rate"], 1))
            else:
                allowed = pace.get("open", 0) - (lines(files.accepted) - lines(files.done))
            last = now
            while allowed >= 1:
                allowed -= 1
                await slots.acquire()
                if again:
                    number = again.pop()
                else:
                    highest = number = highest + 1
                group.create_task(place(number))
            await asyncio.sleep(_TICK)


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
