"""What a crossing stands on, if its subject has a spine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from signoff.boundary._ports import Row, Swap
from signoff.boundary._verdict import Reject
from signoff.ledger import Record

S = TypeVar("S")


class Standing(Protocol[S]):
    """The subject's place on its spine, and the move that the commit makes.

    Declared here because the crossing needs it; the state room fulfils it.
    """

    @property
    def subject(self) -> S:
        """The subject as of `version`."""
        ...

    @property
    def version(self) -> int:
        """The row's version that this crossing last saw."""
        ...

    @property
    def holder(self) -> str:
        """Crossing whose effect holds the row; empty when it is free."""
        ...

    @property
    def intent(self) -> Mapping[str, Any]:
        """The move as JSON-ready values, from which it can be resumed after a crash."""
        ...

    def refuses(self) -> Reject | None:
        """Why the move is not allowed from where the row stands; None if it is."""
        ...

    def swap(self, subject: S | None, now: datetime) -> Swap:
        """The compare-and-swap that makes the move, with new data if `subject` is given."""
        ...

    def parking(self, now: datetime) -> Swap | None:
        """The compare-and-swap that parks the row while a person decides; None to leave it."""
        ...

    def records(self, swap: Swap, row: Row, because: str) -> Sequence[Record]:
        """What the ledger keeps of a move that was made."""
        ...

    async def refresh(self) -> None:
        """Look at the row again."""
        ...

    def made(self, row: Row) -> None:
        """Take note of the row after the move, once the move is durable."""
        ...
