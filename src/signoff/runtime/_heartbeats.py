"""Heartbeats of a runtime's own loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signoff.control import Heartbeat, Heartbeats


class Unhurried:
    """Leaves out a child's first sign of life, and its end if nothing else was heard of it.

    A script that runs for a second need not pay two flushes in order to say so.

    Args:
        kept: Where the others go.
    """

    def __init__(self, kept: Heartbeats) -> None:
        self._kept = kept
        self._seen: set[str] = set()
        self._heard: set[str] = set()

    async def beat(self, heartbeat: Heartbeat) -> None:
        child = heartbeat.child
        if heartbeat.state == "running" and child not in self._seen:
            self._seen.add(child)
        elif heartbeat.state != "stopped" or child in self._heard:
            self._heard.add(child)
            await self._kept.beat(heartbeat)
