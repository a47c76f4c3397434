"""What a crossing needs of a database: values in, values out, one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from signoff.boundary._events import EventRow, OffsetRow, StreamRow
from signoff.boundary._ticket import TicketRow
from signoff.ledger import Record

T = TypeVar("T")

#: Where a crossing stands. Only `open` may still ask the proposer.
Status = Literal["open", "intended", "committed", "rejected", "suspended", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A crossing as the database keeps it.

    Attributes:
        id: Derived from the key.
        key: The idempotency key.
        subject: Id of the subject.
        boundary: Name of the boundary.
        status: Where it stands.
        attempts: How often the proposer was asked.
        opened: When, as text.
        state: What is needed to go on, or to answer again: rejections, usage, receipt, ticket.
    """

    id: str
    key: str
    subject: str
    boundary: str
    status: Status
    attempts: int
    opened: str
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A subject's row: the spine as a value.

    Attributes:
        subject: Id of the subject.
        machine: Name of its state machine.
        state: Where it stands.
        version: Grows by one with every move or change.
        data: The subject itself, as JSON text.
        pending: Crossing whose external effect holds the row; empty when it is free.
    """

    subject: str
    machine: str
    state: str
    version: int
    data: str
    pending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A durable timer. It does nothing once the row has moved on from `version`.

    Attributes:
        version: The row's version; it follows the row while the row stays in its state.
        armed: The version at which it was set, which names this arming of it.
        tries: How often its work has failed.
        adopted: A process may have died over it.
    """

    subject: str
    machine: str
    name: str
    version: int
    due: str
    armed: int
    tries: int = 0
    adopted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A compare-and-swap of a subject's row, timers included.

    Attributes:
        expected: Version that must still be there; None to start a row where none is.
        timers: Replace every timer of the subject; None carries them over to the new version.
    """

    subject: str
    machine: str
    expected: int | None
    state: str
    data: str
    timers: tuple[Timer, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEffect:
    """An effect that was intended and is not yet settled.

    Attributes:
        id: Place in the outbox, given by the database; 0 before that.
        kind: `commit` settles its crossing; `outbox` is an effect of its own; `resume` goes on with
            a crossing that a person answered; `deadline` ends or passes on a ticket; `durable`
            goes on with a crossing that its process did not end; `event` is an event that a
            consumer set aside.
        name: Name of the boundary (for a commit) or of the effect (for the outbox); see `work_name`
            for the others.
        payload: JSON text with `proposal` and `subject`.
        doubt: Something may have happened already.
        adopted: Another run of the program wrote it, and may have begun on it.
    """

    id: int = 0
    kind: Literal["commit", "outbox", "resume", "deadline", "durable", "event"]
    crossing: str
    subject: str
    name: str
    key: str
    payload: str
    due: str
    tries: int = 0
    doubt: bool = False
    adopted: bool = False


def work_name(kind: Literal["resume", "deadline", "durable", "event"], boundary: str) -> str:
    """What the outbox calls the work of a boundary, or of a consumer, that is no effect."""
    return f"{kind}:{boundary}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A share of a throttle's cap that one crossing has.

    Attributes:
        state: `held` while the crossing runs, `used` once it has committed, `spent` if it ended or
            paused otherwise and only its cost remains.
        at: When it was taken, or used, as text.
        usd: US dollars that are held with it.
        spent: US dollars of it that the throttle has counted.
    """

    throttle: str
    crossing: str
    tenant: str
    state: Literal["held", "used", "spent"]
    at: str
    usd: float
    spent: float = 0.0


class Transaction(Protocol):
    """One transaction in progress. All of it becomes durable, or none of it happened."""

    def append(self, subject: str, crossing: str, at: str, records: Sequence[Record]) -> None:
        """Add records to the subject's chain."""
        ...

    def crossing(self, id: str) -> Recorded | None:
        """A crossing, locked against other writers."""
        ...

    def save_crossing(self, recorded: Recorded) -> None:
        """Insert or replace a crossing."""
        ...

    def row(self, subject: str) -> Row | None:
        """A subject's row, locked against other writers; None without a spine."""
        ...

    def swap(self, swap: Swap, *, crossing: str = "") -> Row | None:
        """Move the row.

        Returns:
            The new row. None, and nothing changed, when its version is not the expected one or
            when another crossing than `crossing` holds it.
        """
        ...

    def hold(self, subject: str, crossing: str) -> None:
        """Keep the row for a crossing whose effect is under way; an empty id lets it go."""
        ...

    def enqueue(self, effect: PendingEffect) -> int:
        """Put an effect in the outbox; its id."""
        ...

    def settle_durable(self, crossing: str) -> None:
        """Take the work of going on with a crossing out of the outbox: it has ended."""
        ...

    def settle(self, effect: int) -> bool:
        """Take an effect out of the outbox; False if it is no longer there."""
        ...

    def has(self, effect: int) -> bool:
        """Whether an effect is still to be settled, and no other process has taken it from us."""
        ...

    def postpone(self, effect: int, *, due: str, doubt: bool, counts: bool = True) -> None:
        """Try an effect again later, unless another process has taken it from us.

        It `counts` as a try unless it was only told to wait.
        """
        ...

    def switch(self, name: str) -> str:
        """What a switch is set to; it stays so until this transaction ends. Empty if never set."""
        ...

    def lock_switch(self, name: str) -> str:
        """What a switch is set to, once every transaction that has read it has ended."""
        ...

    def set_switch(self, name: str, state: str) -> None:
        """Set a switch that was locked."""
        ...

    def ticket(self, id: str) -> TicketRow | None:
        """A ticket, locked against other writers."""
        ...

    def save_ticket(self, ticket: TicketRow) -> None:
        """Insert or replace a ticket."""
        ...

    def use(self, throttle: str, crossing: str) -> Use | None:
        """What a crossing has of a throttle."""
        ...

    def save_use(self, use: Use) -> None:
        """Insert or replace a use."""
        ...

    def drop_use(self, throttle: str, crossing: str) -> None:
        """Return a use."""
        ...

    def count_uses(
        self, throttle: str, *, crossing: str, tenant: str | None, held: str, used: str
    ) -> int:
        """How many other crossings have a share: held since one time, or used since another."""
        ...

    def held_usd(self, throttle: str, *, crossing: str, held: str) -> float:
        """US dollars that other crossings hold, since a time."""
        ...

    def forget_uses(self, throttle: str, *, before: str) -> None:
        """Drop uses that no window reaches any more."""
        ...

    def stream(self, log: str, stream: str) -> StreamRow:
        """A stream, locked against other writers; version 0 if it is new."""
        ...

    def fork_stream(self, stream: StreamRow) -> None:
        """Begin a stream with another one's history."""
        ...

    def add_events(self, rows: Sequence[EventRow]) -> None:
        """Add events to a stream that was read; positions are given at the transaction's end."""
        ...

    def event(self, log: str, stream: str, version: int) -> EventRow | None:
        """One event of a stream's own history."""
        ...

    def event_by_key(self, log: str, stream: str, key: str) -> EventRow | None:
        """The event that was added to a stream under a key."""
        ...

    def offset(self, consumer: str, stream: str) -> OffsetRow:
        """How far a consumer has come in a stream, locked against other writers."""
        ...

    def save_offset(self, consumer: str, stream: str, offset: OffsetRow) -> None:
        """Move a consumer's offset that was read in this transaction."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement of the user's own."""
        ...


class CrossingStore(Protocol):
    """Where crossings are kept.

    Guarantees: `transact` runs a script in one serializable step per subject, and returns only
    after what it wrote is durable; a script that raises leaves nothing behind. Does not guarantee
    that a script runs only once before it takes effect: it must not act on anything but its
    transaction.
    """

    async def transact(self, script: Callable[[Transaction], T]) -> T:
        """Run a script in one transaction."""
        ...

    async def crossing(self, id: str) -> Recorded | None:
        """A crossing as last recorded."""
        ...

    async def opening(self, id: str, switch: str) -> tuple[Recorded | None, str]:
        """A crossing as last recorded, and what a switch is set to."""
        ...

    async def row(self, subject: str) -> Row | None:
        """A subject's row as last recorded."""
        ...
