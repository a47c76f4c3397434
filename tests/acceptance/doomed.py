"""A process that runs one line of an agent, and is killed at a chosen statement.

Run as a program it is a fork server: it imports everything once, and forks for every line of JSON
that it is given, so that a kill costs milliseconds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from keyed_service import KeyedService
from pydantic import BaseModel

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
from signoff.state import After, StateMachine
from signoff.storage import storage_at

Variant = Literal["transactional", "probed", "idempotent", "neither"]


class Deal(BaseModel):
    id: str
    price: int = 0


class Offer(BaseModel):
    price: int


def affordable(offer: Offer, deal: Deal) -> Verdict:
    if offer.price <= 10:
        return Accept()
    return Reject("too_high", f"{offer.price} asked, 10 allowed")


def propose(question: Question[Deal]) -> Offer:
    return Offer(price=7 if question.feedback else 99)


def lifecycle() -> StateMachine[str]:
    from datetime import timedelta

    return StateMachine(
        "deal",
        {"open": {"offered"}, "offered": {"closed"}},
        start="open",
        timers=[
            After(timedelta(days=3), at="open", go="offered"),
            After(timedelta(days=30), at="offered", go="closed"),
        ],
        subject=Deal,
    )


def boundary(
    variant: Variant, service: KeyedService, wound: Callable[[str], None]
) -> Boundary[Deal, Offer, str]:
    def effect(name: str, *, honours_keys: bool) -> Callable[[Any, Deal, str], Awaitable[str]]:
        async def perform(payload: Any, deal: Deal, key: str) -> str:
            wound(f"before {name}")
            receipt = service.do(key, honours_keys=honours_keys)
            wound(f"after {name}")
            return receipt

        return perform

    async def ask(key: str) -> str | None:
        return service.ask(key)

    plain = effect("effect", honours_keys=False)
    commit: Any
    if variant == "probed":
        commit = External(plain, reconcile=ask)
    elif variant == "idempotent":
        commit = External(effect("effect", honours_keys=True), idempotent=True)
    elif variant == "neither":
        commit = External(plain)
    else:
        mail = External(effect("mail", honours_keys=False), reconcile=ask, name="mail")
        bill = External(effect("bill", honours_keys=True), idempotent=True, name="bill")

        def sell(offer: Offer, deal: Deal, write: Write[Deal]) -> str:
            write.replace(deal.model_copy(update={"price": offer.price}))
            write.execute(f"INSERT INTO sales (deal) VALUES ('{deal.id}')")
            write.enqueue(mail, {"price": offer.price})
            write.enqueue(bill, offer)
            return "sold"

        commit = Transactional(sell, effects=(mail, bill))
    return Boundary(
        "deal.offer",
        proposer=Function(propose),
        verifiers=[affordable],
        commit=commit,
        subject=Deal,
    )


async def live(
    *, url: str, variant: Variant, log: str, trace: str, id: str,
    kill_at: int | None = None, kill_when: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Run the line; die on the way if told to; tell what came of it otherwise."""
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

    def wound(when: str) -> None:
        if when == kill_when:
            os.kill(os.getpid(), signal.SIGKILL)

    machine = lifecycle()
    crossing = boundary(variant, KeyedService(Path(log)), wound)
    async with Runtime(
        storage_at(url, fault_point=fault_point), knows=[machine, crossing]
    ) as runtime:
        handle = await runtime.start(machine, Deal(id=id))
        outcome = await runtime.advance(handle, "offered", through=crossing, key=f"key of {id}")
        for _ in range(500):
            await runtime.drain()
            waiting = sum(n for kind, _, n, _ in await runtime.ledger.pending() if kind == "effect")
            if not waiting or variant != "transactional":
                break
            await asyncio.sleep(0.01)  # the server has not yet noticed that their owner is dead
        await runtime.refresh(handle)
        verification = await runtime.ledger.verify()
        types = [entry.type async for entry in runtime.ledger.of_subject(id)]
        return {
            "outcome": type(outcome).__name__,
            "receipt": outcome.receipt if isinstance(outcome, Committed) else None,
            "row": [handle.state, handle.version, handle.subject.price, bool(handle.pending)],
            "waiting": waiting,
            "faults": [str(fault) for fault in verification.faults],
            "types": types,
            "statements": statements,
        }


async def _await(said: Awaitable[Any]) -> Any:
    return await said


def serve(live: Callable[..., Awaitable[Any]] = live) -> None:
    """Fork for every request, wait, and answer with the child's end and what it said."""
    gc.disable()  # a collection in the child would copy what it shares with us
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(
                    writing, json.dumps(asyncio.run(_await(live(**json.loads(line))))).encode()
                )
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as said:
            text = said.read().decode()
        _, status = os.waitpid(child, 0)
        answer = {"status": os.waitstatus_to_exitcode(status), "said": json.loads(text or "null")}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
