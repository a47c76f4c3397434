"""An application for workers that does next to nothing, so that what is measured is the engine."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from signoff import Boundary, External, Transactional, Write
from signoff.testing import Scripted


class Task(BaseModel):
    id: str


class Done(BaseModel):
    text: str


async def perform(done: Done, task: Task, key: str) -> str:
    if log := os.environ.get("WORK_LOG"):
        with Path(log).open("a") as file:  # noqa: ASYNC230  # what is timed is how it got here
            file.write(f"{task.id}\n")
    return key


work = External(perform, idempotent=True, name="bench.work")


def take(done: Done, task: Task, write: Write[Task]) -> str:
    write.enqueue(work, done)
    return done.text


tasks = Boundary(
    "bench.task",
    proposer=Scripted(Done(text="done"), repeat=True),
    verifiers=[],
    commit=Transactional(take, effects=(work,)),
    subject=Task,
)
