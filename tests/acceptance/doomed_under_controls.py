"""A process that takes one order through every control, and is killed at a chosen statement.

Run as a program it is a fork server; see `doomed`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from doomed import serve
from keyed_service import KeyedService
from pydantic import BaseModel

from signoff import (
    Accept,
    Boundary,
    Committed,
    External,
    Reject,
    Runtime,
    Suspended,
    Transactional,
    Verdict,
    Write,
)
from signoff.boundary import Answer, Question
from signoff.control import Approval, Gate, KillSwitch, Throttle
from signoff.errors import NotAllowed
from signoff.ledger import Usage
from signoff.proposers import Function
from signoff.storage import storage_at


class Order(BaseModel):
    id: str


class Price(BaseModel):
    price: int


def propose(question: Question[Order]) -> Answer:
    return Answer(content=Price(price=7 if question.feedback else 99), usage=Usage(usd=0.01))


def affordable(offer: Price, order: Order) -> Verdict:
    return Accept() if offer.price <= 50 else Reject("too_high", "50 allowed")


def house_rule(offer: Price, order: Order) -> Verdict:
    return Accept() if offer.price > 0 else Reject("free", "nothing is free", then="stop")


def boundary(external: bool, service: KeyedService) -> Boundary[Order, Price, str]:
    async def effect(offer: Any, order: Order, key: str) -> str:
        return service.do(key, honours_keys=True)

    async def tell(notice: Any, order: Order, key: str) -> str:
        return service.do(key, honours_keys=True)

    def sell(offer: Price, order: Order, write: Write[Order]) -> str:
        write.execute(f"INSERT INTO sales (deal) VALUES ('{order.id}')")
        return "sold"

    commit: Any = External(effect, idempotent=True) if external else Transactional(sell)
    return Boundary(
        "order.sell",
        proposer=Function(propose, proposes=Price),
        verifiers=[affordable],
        commit=commit,
        subject=Order,
    ).bounded_by(
        KillSwitch("sales"),
        Throttle(per_minute=100_000, per_day_usd=1e6, usd_each=0.1),
        Gate(house_rule),
        Approval(
            ask="role:lead",
            within=timedelta(hours=4),
            notify=[External(tell, idempotent=True, name="tell")],
        ),
    )


async def live(
    *, url: str, external: bool, log: str, trace: str, id: str, kill_at: int | None = None
) -> dict[str, Any]:
    """Take the order through; die on the way if told to; tell what came of it otherwise."""
    statements = 0
    counting = threading.Lock()
    traced = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def fault_point(name: str) -> None:
        nonlocal statements
        with counting:
            statements += 1
            os.write(traced, f"{name}\n".encode())
            if statements == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    selling = boundary(external, KeyedService(Path(log)))
    storage = storage_at(url, fault_point=fault_point)
    refused: list[str] = []
    waiting = -1
    async with Runtime(storage, knows=[selling], principals={"omar": ["lead"]}) as runtime:
        outcome: Any = None
        for _ in range(500):
            outcome = await runtime.run(selling, Order(id=id), key=f"key of {id}")
            if isinstance(outcome, Suspended):
                try:
                    outcome = await runtime.approve(outcome.ticket, by="omar", because="fine")
                except NotAllowed as late:
                    refused.append(late.code)
            await runtime.drain()
            waiting = sum(n for kind, _, n, _ in await runtime.ledger.pending() if kind == "effect")
            if isinstance(outcome, Committed) and not waiting:
                break
            await asyncio.sleep(0.01)  # the server has not yet noticed that their owner is dead
        verification = await runtime.ledger.verify()
        return {
            "outcome": type(outcome).__name__,
            "waiting": waiting,
            "refused": refused,
            "tickets": [ticket.status for ticket in await runtime.ledger.tickets_of(id)],
            "uses": sorted((use[2], use[3]) for use in await runtime.ledger.throttles()),
            "faults": [str(fault) for fault in verification.faults],
            "types": [entry.type async for entry in runtime.ledger.of_subject(id)],
        }


if __name__ == "__main__":
    serve(live)
