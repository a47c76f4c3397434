"""A live view of one subject's row."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

from signoff.boundary import Row, Subject, adapter_of
from signoff.state._state_machine import StateMachine

St = TypeVar("St", bound=str)
S = TypeVar("S", bound=Subject)


class Handle(Generic[St, S]):
    """One subject on its state machine, as this process last saw it.

    The runtime that gave it out keeps it current with every move that it makes itself; after moves
    by other processes, ask the runtime to `refresh` it.

    Attributes:
        machine: The state machine.
        id: The subject's id.
        state: Where the row stands.
        version: How often it has moved or changed, from 1.
        subject: The subject as of that version.
        pending: Crossing whose external effect holds the row; empty when it is free.
    """

    __slots__ = ("__weakref__", "_row", "machine", "subject")

    def __init__(self, machine: StateMachine[St], row: Row, subject: S) -> None:
        self.machine = machine
        self._row: Row = row
        self.subject: S = subject

    def __repr__(self) -> str:
        return f"<{self.machine.name} {self.id}: {self.state}, version {self.version}>"

    @property
    def id(self) -> str:
        return self._row.subject

    @property
    def state(self) -> St:
        return cast("St", self._row.state)

    @property
    def version(self) -> int:
        return self._row.version

    @property
    def pending(self) -> str:
        return self._row.pending

    @property
    def row(self) -> Row:
        """The row itself, as a value."""
        return self._row

    def see(self, row: Row) -> None:
        """Take note of a newer row. Older ones are ignored."""
        if row.version < self._row.version:
            return
        if row.data != self._row.data:
            self.subject = adapter_of(type(self.subject)).validate_json(row.data)
        self._row = row
