"""A progress bar on standard error, if somebody is looking."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator


@contextlib.contextmanager
def bar(what: str, *, show: bool = True) -> Generator[Callable[[int, int, int], None]]:
    """A function of (done, of how many, day of the window) that draws a bar.

    Args:
        what: Named before the bar.
        show: False for programs.
    """
    if not show or sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, total, day: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[day]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, day="")

        def tell(done: int, total: int, day: int) -> None:
            # Every step of a fast run would cost more than the step.
            if done % 25 == 0 or done == total:
                shown = f"day {day}" if day else ""
                progress.update(task, completed=done, total=total, day=shown)

        yield tell


@contextlib.contextmanager
def steps(what: str, *, show: bool = True) -> Generator[Callable[[str, int, int], None]]:
    """A function of (what is done now, how much of it so far, of how much) that draws a bar.

    Args:
        what: Named before the bar until it is called.
        show: False for programs.
    """
    if not show or sys.stderr is None or not sys.stderr.isatty():
        yield lambda now, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task(what, total=None)
        shown = what

        def tell(now: str, done: int, total: int) -> None:
            nonlocal shown
            if now != shown:
                shown = now
                progress.reset(task, description=now, total=total or None)
            progress.update(task, completed=done)

        yield tell
