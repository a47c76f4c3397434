"""Where the processes of a run find each other's words."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Files:
    """The folder of one run; it lies on a disk that does not become full."""

    folder: Path

    @property
    def accepted(self) -> Path:
        """A line for each order that was acknowledged."""
        return self.folder / "accepted"

    @property
    def done(self) -> Path:
        """A line for each order that has ended."""
        return self.folder / "done"

    @property
    def pace(self) -> Path:
        """How orders are placed: `{"rate": 20}`, `{"open": 300}`, or `{}` for none."""
        return self.folder / "pace.json"

    @property
    def weather(self) -> Path:
        """The share of requests to the services that go wrong."""
        return self.folder / "weather"

    def clock(self, process: str) -> Path:
        """Seconds by which the clock of a process is wrong."""
        return self.folder / f"clock-{process}"

    def say(self, path: Path, text: Any) -> None:
        """Replace what a file says, in one step."""
        new = path.with_suffix(".new")
        new.write_text(text if isinstance(text, str) else json.dumps(text))
        os.replace(new, path)
