"""Stopping tasks in order, and telling a stop from a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any


def described(error: BaseException) -> str:
    """An error on one printable line: its type, and the first 300 characters of what it says."""
    try:
        text = str(error)[:300]
    except Exception:
        text = "cannot be shown"
    line = f"{type(error).__name__[:100]}: {text}" if text else type(error).__name__[:100]
    return "".join(c if c.isprintable() else "?" for c in line)


def told_to_stop() -> bool:
    """Whether the task at hand was cancelled from outside."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def raise_if_stopped(error: BaseException) -> None:
    """Pass a cancellation on that somebody asked for; any other is a failure."""
    if isinstance(error, asyncio.CancelledError) and told_to_stop():
        raise error


#: Seconds until a task that was being cancelled when it was told to stop is looked at again.
LOOK_AGAIN = 0.1


async def let_go(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for them, however long they take."""
    cancelled: asyncio.CancelledError | None = None
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            # When a loop ends it cancels every task. To do so twice would interrupt their cleaning
            # up. A timeout of its own cancels a task, too, but takes that back: so we look again.
            if not task.cancelling():
                task.cancel()
        try:
            await asyncio.wait(left, timeout=LOOK_AGAIN)
        except asyncio.CancelledError as again:
            cancelled = again
            for task in left:
                task.cancel()
    if cancelled is not None:
        raise cancelled
