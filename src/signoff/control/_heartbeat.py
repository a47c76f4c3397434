"""Signs of life: what a supervisor puts on record of everything that it watches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The last sign of life of one child.

    Attributes:
        process: Where it runs, such as `host:pid`.
        child: Its name.
        at: When, as text.
        state: What it was doing.
        restarts: How often it was started again.
        error: Why it last failed; empty if it never did.
    """

    process: str
    child: str
    at: str
    state: Literal["running", "restarting", "given_up", "stopped"]
    restarts: int
    error: str


class Heartbeats(Protocol):
    """Where heartbeats are kept."""

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Put a sign of life on record, in place of the last one."""
        ...
