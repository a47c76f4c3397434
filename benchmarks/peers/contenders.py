"""Who takes part, and in which environment each of them lives."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import ROOT

HERE = Path(__file__).parent
ENVIRONMENTS = ROOT / ".cache" / "peers"


@dataclass(frozen=True)
class Contender:
    """One of those who do the same work.

    Attributes:
        name: As the table has it.
        program: File in `programs/`.
        stores: `sqlite`, `postgres`, or both.
        requirements: File in `requirements/`; empty for the environment that this runs in.
        variables: Of its process.
    """

    name: str
    program: str
    stores: tuple[str, ...]
    requirements: str = ""
    variables: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def command(self) -> list[str]:
        """What starts it, once `prepared`."""
        return [str(self._python), str(HERE / "programs" / self.program)]

    @property
    def versions(self) -> list[str]:
        """What is pinned."""
        return self._pinned.read_text().split() if self.requirements else []

    @property
    def _pinned(self) -> Path:
        return HERE / "requirements" / f"{self.requirements}.txt"

    @property
    def _python(self) -> Path:
        if not self.requirements:
            return Path(sys.executable)
        pinned = hashlib.sha256(self._pinned.read_bytes()).hexdigest()[:12]
        return ENVIRONMENTS / f"{self.requirements}-{pinned}" / "bin" / "python"

    def prepared(self) -> str:
        """Make its environment, if it has none yet; what went wrong, if anything."""
        home = self._python.parents[1]
        made = home / "made"
        if not self.requirements or made.exists():
            return ""
        steps = (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [str(self._python), "-m", "pip", "install", "--quiet", "-r", str(self._pinned)],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                return (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200]
        made.touch()
        return ""


BOTH = ("sqlite", "postgres")

CONTENDERS = (
    Contender("SQL by hand", "by_hand.py", BOTH),
    Contender("signoff", "ours.py", BOTH),
    Contender("LangGraph", "langgraph_peer.py", BOTH, "langgraph"),
    Contender("DBOS", "dbos_peer.py", BOTH, "dbos"),
    Contender("Burr", "burr_peer.py", ("sqlite",), "burr"),
    Contender("Pydantic AI on DBOS", "dbos_peer.py", BOTH, "pydantic-ai", {"PEER_AGENT": "1"}),
)
