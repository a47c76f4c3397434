"""What an append to an event log costs, in a young stream and in an old one.

python benchmarks/appending.py [--events 100000] [--store URL]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from pydantic import BaseModel

from signoff import Runtime
from signoff.state import EventLog


class Happened(BaseModel):
    n: int
    text: str = "something that happened, told in about as many words as usual"


log = EventLog("bench", events=Happened)


async def sampled(runtime: Runtime, stream: str, number: int = 500) -> float:
    """Median microseconds of one append by one caller."""
    took: list[float] = []
    for n in range(number):
        began = perf_counter()
        await runtime.append(log, stream, Happened(n=n))
        took.append(perf_counter() - began)
    return statistics.median(took) * 1e6


async def filled(runtime: Runtime, stream: str, events: int, together: int = 64) -> float:
    """Fill a stream with so many callers at once; events a second."""
    began = perf_counter()
    for first in range(0, events, together):
        await asyncio.gather(
            *(runtime.append(log, stream, Happened(n=n)) for n in range(first, first + together))
        )
    return events / (perf_counter() - began)


async def measured(url: str, events: int) -> None:
    async with Runtime(url) as runtime:
        young = await sampled(runtime, "s")
        before = getattr(runtime.ledger, "commits", 0)
        rate = await filled(runtime, "s", events)
        commits = getattr(runtime.ledger, "commits", 0) - before
        old = await sampled(runtime, "s")
        print(f"one append, one caller: {young:.0f} us young, {old:.0f} us after {events:,} events")
        print(f"64 callers, one stream: {rate:,.0f} appends/s, {commits / events:.3f} commits each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--store", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.store or f"sqlite:///{Path(folder) / 'bench.db'}"
        asyncio.run(measured(url, given.events))


if __name__ == "__main__":
    main()
