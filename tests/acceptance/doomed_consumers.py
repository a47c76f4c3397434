"""A process with two consumers of one log, killed at a chosen statement; see `doomed.py`."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any

from doomed import serve
from keyed_service import KeyedService
from orders import Discount, Offered, Order, Paid, Placed, modest, orders

from signoff import Boundary, External, Runtime, Transactional, Write
from signoff.boundary import Question
from signoff.proposers import Function
from signoff.state import Consumer, Event
from signoff.storage import storage_at

EVENTS = 3


async def live(
    *, url: str, log: str, asked: str, trace: str, id: str, kill_at: int | None = None
) -> dict[str, Any]:
    """Append, and handle what is there; die on the way if told to."""
    statements = 0
    counting = threading.Lock()
    traced = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    questions = os.open(asked, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    service = KeyedService(Path(log))

    def fault_point(name: str) -> None:
        nonlocal statements
        with counting:
            statements += 1
            os.write(traced, f"{name}\n".encode())
            if statements == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def answer(question: Question[Order]) -> Discount:
        os.write(questions, f"{question.crossing}\n".encode())
        return Discount(percent=question.subject.placed % 20)

    async def mail(payload: Any, order: Order, key: str) -> str:
        return service.do(key, honours_keys=True)

    mailing = External(mail, idempotent=True, name="mail")

    def keep(discount: Discount, order: Order, write: Write[Order]) -> int:
        write.enqueue(mailing, {"percent": discount.percent})
        return write.append(orders, Offered(discount=discount.percent, total=order.placed))

    async def pay(delivery: Any, event: Event[Any]) -> None:
        delivery.append(orders, Paid(amount=event.data.discount))

    discounts = Consumer(
        "discounts",
        orders,
        on=Placed,
        through=Boundary(
            "order.discount",
            proposer=Function(answer),
            verifiers=[modest],
            commit=Transactional(keep, effects=(mailing,)),
        ),
    )
    payments = Consumer("payments", orders, on=Offered, handle=pay)
    async with Runtime(
        storage_at(url, fault_point=fault_point), knows=[discounts, payments]
    ) as runtime:
        for n in range(1, EVENTS + 1):
            await runtime.append(orders, id, Placed(amount=n), key=f"place {n}")
        told: list[Event[Any]] = []
        for _ in range(500):
            await runtime.drain()
            told = [event async for event in runtime.events(orders, id)]
            waiting = sum(n for _, _, n, _ in await runtime.ledger.pending())
            if len(told) >= 3 * EVENTS and not waiting:
                break
            await asyncio.sleep(0.01)  # the server has not yet noticed that their owner is dead
        verification = await runtime.ledger.verify()
        return {
            "placed": [e.data.amount for e in told if e.type == "Placed"],
            "offered": sorted(e.data.total for e in told if e.type == "Offered"),
            "paid": len([e for e in told if e.type == "Paid"]),
            "versions": [e.version for e in told],
            "crossings": sorted({e.caused_by for e in told if e.type == "Offered"}),
            "faults": [str(fault) for fault in verification.faults],
            "statements": statements,
        }


if __name__ == "__main__":
    serve(live)
