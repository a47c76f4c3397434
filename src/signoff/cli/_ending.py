"""How a command ends: the exit statuses, and the words on standard error. Never a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Generator
from enum import IntEnum
from io import TextIOWrapper
from typing import Any, cast

import typer
from typer.core import TyperGroup

from signoff.errors import SignoffError, UsageError
from signoff.words import plain

#: Set it to see where an error came from.
TRACEBACK = "SIGNOFF_TRACEBACK"


class Status(IntEnum):
    """What the exit status says."""

    DONE = 0
    FAILED = 1
    MISUSED = 2
    UNDECIDED = 3
    NOT_INTACT = 4
    OUR_BUG = 70
    INTERRUPTED = 130
    NOBODY_READS = 141


class Program(TyperGroup):
    """Turns what a command raised into a message and a status, before typer sees it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, OSError, SignoffError, UsageError, BaseExceptionGroup) as error:
            raise typer.Exit(_told(error)) from error


@contextlib.contextmanager
def ending() -> Generator[Callable[[], int]]:
    """Whatever happens inside becomes an exit status, which the yielded function tells."""
    code = int(Status.DONE)
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # A name that the terminal's encoding cannot say must not end a run.
                stream.reconfigure(errors="backslashreplace")
        yield lambda: code
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except BaseException as error:
        code = _told(error)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = _told(error)
        _abandon(sys.stdout)


def _told(error: BaseException) -> int:
    """Say on standard error what happened; the status to exit with."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    match error:
        case KeyboardInterrupt():
            return _say("interrupted; run the same line again to go on", Status.INTERRUPTED)
        case BrokenPipeError():
            _abandon(sys.stdout)
            return Status.NOBODY_READS
        case UsageError():
            return _say(str(error), Status.MISUSED)
        case SignoffError():
            return _say(str(error), Status.FAILED)
        case OSError():
            where = f": {error.filename}" if error.filename else ""
            return _say(f"the system refused: {error.strerror or error}{where}", Status.FAILED)
        case _:
            return _say(
                f"this is a bug of ours, {type(error).__name__}: {str(error)[:300]}. What was "
                f"acknowledged is safe. For a traceback to report, run the same line again with "
                f"{TRACEBACK}=1 in front.",
                Status.OUR_BUG,
            )


def _say(message: str, status: Status) -> int:
    with contextlib.suppress(OSError):
        print(f"signoff: {plain(message)}", file=sys.stderr, flush=True)
    return status


def _abandon(stream: Any) -> None:
    """Let nothing more be written to a stream that broke, not even by the interpreter's exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
