"""A process that runs one saga, and is killed at a chosen statement; the next one only starts."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any

from doomed import serve
from keyed_service import KeyedService
from pydantic import BaseModel

from signoff import EffectRefused, Runtime
from signoff.coordination import Saga, Step
from signoff.storage import storage_at
from signoff.testing import FakeClock


class Case(BaseModel):
    id: str


def saga(service: KeyedService, fails: str) -> Saga[Case]:
    """Three steps, of which one is refused for ever, or its undo is."""

    def step(name: str, *, undone: bool = True) -> Step[Case]:
        async def do(case: Case, key: str) -> str:
            if fails == name:
                raise EffectRefused("no", f"{name} is down")
            return service.do(key, honours_keys=True)

        async def undo(receipt: str, case: Case, key: str) -> None:
            if fails == f"un-{name}":
                raise EffectRefused("no", f"un-{name} is down")
            assert receipt == service.receipt(key.removesuffix(key[key.index("/undo/") :]))
            service.do(key, honours_keys=True)

        async def ask(key: str) -> str | None:
            return service.ask(key)

        do.__name__, undo.__name__ = name, f"un-{name}"
        return Step(do, undo=undo if undone else None, reconcile=ask)

    return Saga("case.close", step("reserve"), step("issue"), step("book", undone=False))


async def live(
    *, url: str, log: str, trace: str, id: str, fails: list[str], begin: bool,
    kill_at: int | None = None, tidy: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Run the saga, or only be there; die on the way if told to; tell how it stands otherwise.

    `tidy` throws away what could not be finished, once it is told: every later process would try
    that again first, and the statements at which it can be killed would never come to an end.
    """
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

    service, clock = KeyedService(Path(log)), FakeClock()
    closing = _failing(service, fails)
    storage = storage_at(url, fault_point=fault_point)
    async with Runtime(storage, knows=[closing], clock=clock, max_restarts=2) as runtime:
        if begin:
            await runtime.run(closing, Case(id=id), key=id)
        for _ in range(500):
            await runtime.drain()
            if begin or not await _is_due(runtime, clock):
                break
            await asyncio.sleep(0.01)  # the server has not yet noticed that their owner is dead
        await clock.advance(hours=2)
        opened = [entry.type async for entry in runtime.ledger.of_subject(id)]
        tickets = [ticket async for ticket in runtime.ledger.tickets("open")]
        faults = () if kill_at else (await runtime.ledger.verify()).faults
        waiting = [list(row) for row in await runtime.ledger.pending()]
        if tidy:
            effects = "signoff_effects" if url.startswith("sqlite") else "signoff.effects"
            await storage.transact(lambda tx: tx.execute(f"DELETE FROM {effects}"))
        return {
            "begun": bool(opened),
            "waiting": waiting,
            "tickets": [ticket.because for ticket in tickets if ticket.subject == id],
            "faults": [str(fault) for fault in faults],
        }


def _failing(service: KeyedService, fails: list[str]) -> Saga[Case]:
    """One saga in which several things fail."""
    assert len(fails) <= 2
    whole = saga(service, fails[0] if fails else "")
    if len(fails) < 2:
        return whole
    other = saga(service, fails[1])
    steps = zip(whole.steps, other.steps, strict=True)
    return Saga(
        whole.name, *(theirs if fails[1] == f"un-{ours.name}" else ours for ours, theirs in steps)
    )


async def _is_due(runtime: Runtime, clock: FakeClock) -> bool:
    now = clock.now().isoformat()[:19]
    return any(due[:19] <= now for kind, _, _, due in await runtime.ledger.pending())


if __name__ == "__main__":
    serve(live)
