"""signoff: one boundary; a transactional commit, or an effect that can be looked up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from work import Outbox, accepted, main, proposed

from signoff import (
    Accept,
    Boundary,
    Committed,
    External,
    Reject,
    Runtime,
    Transactional,
    Verdict,
    Write,
)
from signoff.boundary import Question
from signoff.proposers import Function


class Order(BaseModel):
    id: str
    number: int
    pause: float = 0.0


class Amount(BaseModel):
    order: str
    amount: int


async def propose(question: Question[Order]) -> Amount:
    if question.subject.pause:
        await asyncio.sleep(question.subject.pause)
    return Amount.model_validate(proposed(question.subject.number))


def within_limit(amount: Amount, order: Order) -> Verdict:
    if accepted(amount.model_dump()):
        return Accept()
    return Reject("over_limit", f"{amount.amount} is too much", then="stop")


def keep(amount: Amount, order: Order, write: Write[Order]) -> str:
    mark = "%s" if Ours.postgres else "?"
    write.execute(f"INSERT INTO orders VALUES ({mark}, {mark})", [order.id, amount.amount])
    return order.id


class Ours:
    postgres = False

    async def open(self, store: str, folder: Path) -> None:
        Ours.postgres = store.startswith("postgres")
        self.outbox = Outbox(folder)
        self.keeps = Boundary(
            "order.keep",
            proposer=Function(propose),
            verifiers=[within_limit],
            commit=Transactional(keep),
            attempts=1,
        )
        self.sends = Boundary(
            "order.send",
            proposer=Function(propose),
            verifiers=[within_limit],
            commit=External(self._send, reconcile=self._find, name="send"),
            attempts=1,
        )
        self.runtime = Runtime(store if Ours.postgres else f"sqlite:///{store}", knows=[self.sends])
        await self.runtime.__aenter__()
        await self.runtime.ledger.transact(
            lambda tx: tx.execute(
                "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, amount INTEGER)"
            )
        )

    async def _send(self, amount: Amount, order: Order, key: str) -> str:
        return await self.outbox.send(order.id)

    async def _find(self, key: str) -> str | None:
        order = key.partition("/")[2]
        return f"receipt of {order}" if self.outbox.knows(order) else None

    async def cross(self, number: int, pause: float) -> bool:
        order = Order(id=f"order-{number}", number=number, pause=pause)
        outcome = await self.runtime.run(self.keeps, order, key=f"keep/{order.id}")
        return isinstance(outcome, Committed)

    async def send(self, number: int, pause: float) -> bool:
        order = Order(id=f"order-{number}", number=number, pause=pause)
        outcome = await self.runtime.run(self.sends, order, key=f"send/{order.id}")
        return isinstance(outcome, Committed)

    async def count(self) -> dict[str, int]:
        def look(tx: Any) -> tuple[int, int]:
            table = "signoff.crossings" if Ours.postgres else "signoff_crossings"
            [(rows,)] = tx.execute("SELECT count(*) FROM orders")
            [(no,)] = tx.execute(f"SELECT count(*) FROM {table} WHERE status = 'rejected'")
            return rows, no

        rows, no = await self.runtime.ledger.transact(look)
        return {"rows": rows, "rejected": no}

    async def close(self) -> None:
        await self.runtime.__aexit__(None, None, None)


if __name__ == "__main__":
    main(Ours())
