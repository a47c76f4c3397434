"""The processes of a run: begun, killed, begun again, and looked at."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, child_environment


@dataclass
class Child:
    """A process that is begun again whenever it ends.

    Attributes:
        name: Of it.
        words: After `python -m`.
        folder: Where its errors are written.
        ended: How often it ended by itself, and with what status.
        killed: How often it was killed.
    """

    name: str
    words: list[str]
    folder: Path
    ended: list[int] = field(default_factory=list)
    killed: int = 0
    process: Any = None

    def start(self) -> str:
        """Begin it; its first line."""
        with (self.folder / f"{self.name}.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.words], cwd=ROOT, env=child_environment(),
                stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
            )  # fmt: skip
        return ""

    def first_line(self) -> str:
        """Wait until it says something."""
        return str(self.process.stdout.readline()).strip()

    def kill(self) -> None:
        self.killed += 1
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def start_if_gone(self) -> bool:
        """Begin it again if it has ended; whether it had, by itself."""
        status = self.process.poll()
        if status is None:
            return False
        if not self.process.stdout.closed:
            self.process.stdout.close()
        if status != -signal.SIGKILL:
            self.ended.append(status)
        self.start()
        return status != -signal.SIGKILL

    def stop(self) -> int:
        """Tell it to end; its status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        if not self.process.stdout.closed:
            self.process.stdout.close()
        return int(self.process.returncode)

    @property
    def megabytes(self) -> float:
        """Memory that it has in use now; 0 if it is gone."""
        return resident(self.process.pid)


def resident(pid: int) -> float:
    """Resident memory of a process, in MB."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0].split()[1]) / 1024 if found else 0.0


def server_memory(postmaster: int) -> float:
    """Memory that the processes of a PostgreSQL server have for themselves, in MB."""
    total = 0
    pids = Path(f"/proc/{postmaster}/task/{postmaster}/children")
    try:
        for pid in pids.read_text().split():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1])
    except OSError:
        return 0.0
    return total / 1024
