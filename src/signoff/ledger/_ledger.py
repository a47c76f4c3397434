"""The reading side of the account of every crossing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from signoff.ledger._entry import Entry, Verification

#: Runs over a record's type and fields before anything is written or hashed.
Redact = Callable[[str, dict[str, Any]], Mapping[str, Any]]


class Ledger(Protocol):
    """Our account of every crossing.

    Guarantees: a record that was acknowledged is never lost or changed; one subject's records come
    back in the order in which they were written, numbered from 1 without gaps, each chained to the
    one before. Does not guarantee: an order between subjects beyond `position`.
    """

    def of_subject(self, subject: str) -> AsyncIterator[Entry]:
        """One subject's records, oldest first."""
        ...

    def of_crossing(self, crossing: str) -> AsyncIterator[Entry]:
        """One crossing's records, oldest first; the id may be shortened if it stays unique."""
        ...

    def entries(self, *, after: int = 0) -> AsyncIterator[Entry]:
        """Every record with a position greater than `after`, in order of position."""
        ...

    async def payload(self, digest: str) -> str | None:
        """The content stored under a digest."""
        ...

    async def seal(self) -> Entry:
        """Record a Merkle root over all chain heads."""
        ...

    async def verify(self) -> Verification:
        """Recompute every chain, seal and payload digest."""
        ...
