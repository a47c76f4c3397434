"""A peer's process, and what the kernel counts while it works."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import child_environment, scratch_parent
from benchmarks.peers.contenders import Contender


class Failed(Exception):
    """A peer's process has ended too early; its last words."""


class Running:
    """A peer that waits for what it is told."""

    def __init__(self, who: Contender, store: str, folder: Path, **variables: str) -> None:
        self.who = who
        folder.mkdir(exist_ok=True)
        self._errors = folder / "errors"
        with self._errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*who.command, json.dumps({"store": store, "folder": str(folder)})],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**child_environment(), **who.variables, **variables},
            )
        self._heard()

    def ask(self, **asked: Any) -> dict[str, Any]:
        """Tell it to do something, and wait for what came of it."""
        self.tell(**asked)
        return self._heard()

    def tell(self, **asked: Any) -> None:
        """Tell it to do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()

    def _heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            last = self._errors.read_text(errors="replace").strip().splitlines()[-3:]
            raise Failed(f"{self.who.name}: {' / '.join(last)[:500]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Let it end by itself, if it can."""
        try:
            self.ask(do="end")
            self.process.wait(20)
        except (Failed, OSError, subprocess.TimeoutExpired):
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(who: Contender, store: str, folder: Path, **variables: str) -> Iterator[Running]:
    """A peer's process, ended at the end of the block."""
    peer = Running(who, store, folder, **variables)
    try:
        yield peer
    finally:
        peer.end()


def disk() -> dict[str, int] | None:
    """Flushes and bytes that the disk has been given so far, by everybody; None if nobody counts.

    Source: the kernel's `Documentation/block/stat.rst`, fields 7 (sectors written) and 16.
    """
    try:
        number = os.stat(scratch_parent()).st_dev
        path = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat")
        fields = path.read_text().split()
        return {"flushes": int(fields[15]), "bytes": int(fields[6]) * 512}
    except (OSError, IndexError):
        return None
