"""A program with one subject that its process does not survive. Run with: URL."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta

from pydantic import BaseModel

from signoff.runtime import Runtime
from signoff.state import After, Handle, StateMachine
from signoff.testing import FakeClock

SUBJECTS = 40


class Job(BaseModel):
    """Something to be done."""

    id: str


async def work(runtime: Runtime, job: Handle[str, Job]) -> None:
    if job.id == "job-07":
        os._exit(9)
    await asyncio.sleep(0.002)
    await runtime.move(job, "done", because="worked on")


JOBS = StateMachine[str](
    "jobs",
    {"waiting": {"done"}},
    start="waiting",
    timers=[After(timedelta(hours=1), at="waiting", do=work)],
    subject=Job,
)


async def main(url: str) -> None:
    clock = FakeClock()
    async with Runtime(url, clock=clock, knows=[JOBS], max_restarts=3) as runtime:
        for number in range(SUBJECTS):
            await runtime.start(JOBS, Job(id=f"job-{number:02}"))
        await clock.advance(hours=2)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
