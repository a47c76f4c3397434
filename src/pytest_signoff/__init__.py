"""`pytest --signoff-check`: the comparison of record and wiring as one more test.

It stands outside the package, because pytest loads it wherever signoff is installed: importing it
imports nothing of signoff, so that it costs no time and hides no line from a coverage report. The
check runs in a process of its own, where the application is imported afresh.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

#: Seconds that importing an application may take.
_LONGEST = 300


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("signoff").addoption(
        "--signoff-check",
        action="append",
        nargs="?",
        const=".",
        metavar="PATH",
        help="also run `signoff check PATH`; by default in the current folder. Repeatable.",
    )


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add one test for each path."""
    for path in session.config.getoption("signoff_check") or ():
        item: Check = Check.from_parent(  # pyright: ignore[reportUnknownMemberType]
            session, name=f"signoff check {path}", folder=path
        )
        items.append(item)


class Drifted(Exception):
    """The wiring is not what was decided, or nobody could compare the two."""


class Check(pytest.Item):
    """Runs `signoff check` on one path."""

    def __init__(self, *, folder: str, **rest: Any) -> None:
        super().__init__(**rest)  # pyright: ignore[reportUnknownMemberType]
        self._folder = folder

    def runtest(self) -> None:
        """Fail with what the command says."""
        command = [sys.executable, "-m", "signoff", "check", self._folder]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST,
            env={**os.environ, "COLUMNS": "160"},
        )
        if done.returncode:
            raise Drifted(f"{done.stdout}{done.stderr}".rstrip())

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the command said, without a traceback of ours."""
        if isinstance(excinfo.value, Drifted):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """What stands in the report."""
        return Path(self._folder), None, self.name
