"""What a runtime does with rows: start, find, move, change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from signoff.boundary import Row, Subject, adapter_of, subject_id
from signoff.clock import Clock, stamp
from signoff.errors import Held, UsageError
from signoff.runtime._registry import Registry
from signoff.state import (
    Handle,
    SpineTransaction,
    StateMachine,
    changing,
    moving,
    starting,
)
from signoff.storage import Storage

St = TypeVar("St", bound=str)
S = TypeVar("S", bound=Subject)

#: How often, and after how many seconds, a change tries a row that an effect holds.
HELD_TRIES, HELD_PAUSE = 500, 0.02


class SpineVerbs:
    """The spine's part of a runtime."""

    _storage: Storage
    _clock: Clock
    _registry: Registry
    _handles: WeakValueDictionary[str, Handle[Any, Any]]

    _check_open: Callable[[], None]

    async def start(self, machine: StateMachine[St], subject: S) -> Handle[St, S]:
        """Begin a row for the subject, or find the one that it has.

        Raises:
            UsageError: If the subject already stands on another machine.
        """
        self._check_open()
        self._registry.add_machine(machine)
        self._registry.learn_subject(machine, type(subject))
        id = subject_id(subject)
        now = self._clock.now()

        def write(tx: SpineTransaction) -> Row:
            row = tx.row(id)
            if row is not None:
                return row
            planned = starting(machine, subject, now)
            started = tx.swap(planned.swap)
            assert started is not None
            tx.append(id, "", stamp(now), planned.records)
            return started

        row = await self._storage.row(id)
        if row is None:
            row = await self._storage.transact(write)
        if row.machine != machine.name:
            raise UsageError(f"{id} already stands on machine {row.machine}, not {machine.name}")
        return self._handle_of(machine, row)

    async def find(
        self, machine: StateMachine[St], id: str, subject: type[S]
    ) -> Handle[St, S] | None:
        """The row of a subject; None if it never started."""
        self._registry.add_machine(machine)
        self._registry.learn_subject(machine, subject)
        row = await self._storage.row(id)
        return None if row is None else self._handle_of(machine, row)

    async def refresh(self, handle: Handle[Any, Any]) -> None:
        """Bring a handle up to date with moves that other processes made."""
        row = await self._storage.row(handle.id)
        if row is not None:
            handle.see(row)

    async def move(
        self, handle: Handle[St, S], to: St, *, because: str, subject: S | None = None
    ) -> bool:
        """Move a row by decision of code, not of a model.

        Returns:
            False if the row had gone on, or is held by an effect; the handle is then up to date.

        Raises:
            UnknownTransition: If the machine does not allow the move.
        """
        machine, now = handle.machine, self._clock.now()
        machine.check_move(handle.state, to, what=handle.id)
        planned = moving(
            machine,
            handle.row,
            handle.subject if subject is None else subject,
            to,
            now=now,
            because=because,
            replaced=subject is not None,
        )

        def write(tx: SpineTransaction) -> Row | None:
            row = tx.swap(planned.swap)
            if row is not None:
                tx.append(handle.id, "", stamp(now), planned.records)
            return row

        row = await self._storage.transact(write)
        if row is None:
            await self.refresh(handle)
            return False
        handle.see(row)
        return True

    async def change(
        self, handle: Handle[St, S], update: Callable[[S], S], *, because: str
    ) -> None:
        """Change a row's data where it stands: the world moved. Its timers stay set.

        Args:
            handle: The row.
            update: Pure function of the subject; asked again if the row moved meanwhile.
            because: For the ledger.

        Raises:
            Held: If an effect holds the row and does not settle.
        """
        machine = handle.machine
        adapter = adapter_of(type(handle.subject))
        at = stamp(self._clock.now())

        def write(tx: SpineTransaction) -> Row | None:
            row = tx.row(handle.id)
            if row is None or row.pending:
                return None
            updated = update(adapter.validate_json(row.data))
            planned = changing(machine, row, updated, because=because)
            changed = tx.swap(planned.swap)
            tx.append(handle.id, "", at, planned.records)
            return changed

        for _ in range(HELD_TRIES):
            row = await self._storage.transact(write)
            if row is not None:
                handle.see(row)
                return
            await self._clock.pause(HELD_PAUSE)
        await self.refresh(handle)
        raise Held(
            f"{handle.id} cannot change: the effect of crossing {handle.pending} holds it and has "
            "not settled. Settle or resolve that crossing first."
        )

    def _handle_of(self, machine: StateMachine[Any], row: Row) -> Handle[Any, Any]:
        handle = self._handles.get(row.subject)
        if handle is None:
            type_ = self._registry.subject_type(machine)
            handle = Handle(machine, row, adapter_of(type_).validate_json(row.data))
            self._handles[row.subject] = handle
        else:
            handle.see(row)
        return handle
