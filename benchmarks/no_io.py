"""A storage that keeps nothing: everything of a crossing is done, except for the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from signoff.boundary import PendingEffect, Timer
from signoff.storage import Connection, Storage, StoredTransaction

T = TypeVar("T")


class NoConnection:
    """Answers every statement as if nothing had been there, and every write as if it were done.

    `rows` holds what the statements that begin with its key answer.
    """

    locks = False

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {}

    def run(self, name: str, params: Any) -> list[tuple[Any, ...]]:
        if name == "subject":
            return self.rows.get(params["id"], [])
        return _ANSWERS.get(name, [])

    def run_many(self, name: str, params: Sequence[Any]) -> None:
        pass

    def raw(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return []


_ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "extend_subject": [(1,)],
    "swap_subject": [(1,)],
    "add_effect": [(1,)],
    "settle_effect": [(1,)],
    "next_timer": [(None,)],
    "next_effect": [(None,)],
}


class NoStorage(Storage):
    """Runs every script at once, in place, over `NoConnection`."""

    url = "nowhere"

    def __init__(self) -> None:
        super().__init__(redact=None, fault_point=None)
        self.connection = NoConnection()

    async def open(self, *, exclusive: bool) -> None:
        pass

    async def close(self) -> None:
        pass

    async def transact(self, script: Callable[[StoredTransaction], T]) -> T:
        tx = StoredTransaction(self.connection, owner=1)
        result = script(tx)
        tx.flush()
        return result

    async def read(self, look: Callable[[Connection], T]) -> T:
        return look(self.connection)

    async def survey(self, look: Callable[[Connection], T]) -> T:
        return look(self.connection)

    async def claim_timers(
        self, machines: Collection[str], *, now: str, limit: int, busy: Collection[tuple[str, str]]
    ) -> list[Timer]:
        return []

    async def claim_effects(
        self, names: Collection[str], *, now: str, limit: int, busy: Collection[int]
    ) -> list[PendingEffect]:
        return []

    async def claim_commit(self, crossing: str, *, busy: Collection[int]) -> PendingEffect | None:
        return None

    def _keep_writers_out(self, tx: StoredTransaction, connection: Connection) -> None:
        pass
