"""Who is told what a runtime does while it does it: a port, and nobody."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias

from signoff.boundary import NOT_WATCHED, Boundary, Watch
from signoff.clock import Clock
from signoff.storage import Storage, Written

#: Work that is due: what the outbox keeps, timers, and events that wait for a consumer.
WorkKind: TypeAlias = Literal[
    "commit", "outbox", "resume", "deadline", "durable", "event", "timer", "consume"
]


class Telemetry(Protocol):
    """Sees crossings and due work while they run. `signoff.telemetry` has one.

    Nothing here may raise, or keep anybody waiting.
    """

    @property
    def watches(self) -> bool:
        """Whether anybody looks; if not, nothing is looked up for it."""
        ...

    def crossing(self, boundary: Boundary[Any, Any, Any], id: str, subject: str) -> Watch:
        """Watches a crossing; entered when it begins, and told its outcome."""
        ...

    def work(self, kind: WorkKind, name: str, *, crossing: str, trace: str) -> Watch:
        """Watches a piece of due work.

        Args:
            kind: What it is.
            name: Of the effect, boundary, timer or consumer.
            crossing: Whose work it is; empty if no crossing's.
            trace: Where that crossing was watched first, as its `Watch.trace` said.
        """
        ...

    def wrote(self, written: Written) -> None:
        """What was added to the ledger, once it is durable."""
        ...

    async def opened(self, store: Storage, clock: Clock) -> None:
        """The runtime is open: what waits in its store may be looked at."""
        ...

    async def closed(self) -> None:
        """The runtime is about to close: hand on what was seen."""
        ...


class Untold:
    """Tells nobody."""

    watches = False

    def crossing(self, boundary: Boundary[Any, Any, Any], id: str, subject: str) -> Watch:
        return NOT_WATCHED

    def work(self, kind: WorkKind, name: str, *, crossing: str, trace: str) -> Watch:
        return NOT_WATCHED

    def wrote(self, written: Written) -> None:
        pass

    async def opened(self, store: Storage, clock: Clock) -> None:
        pass

    async def closed(self) -> None:
        pass
