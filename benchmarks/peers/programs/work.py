"""What every peer does, and how the driver speaks with it. Only the standard library.

A model proposes an amount (a scripted answer after a pause), one proposal in five is over the
limit and rejected, the others are committed with one row of state. In the crash loop an accepted
proposal is sent to another system: a line in a file, which no crash takes back.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

LIMIT = 100

#: Seconds that sending takes after the other system has done it: a crash often comes in between.
SENDING = 0.005


def proposed(number: int) -> dict[str, Any]:
    """What the model says about an order."""
    return {"order": f"order-{number}", "amount": 999 if number % 5 == 0 else 10}


def accepted(proposal: dict[str, Any]) -> bool:
    """The verifier."""
    return bool(proposal["amount"] <= LIMIT)


class Peer(Protocol):
    """A peer. `store` is a SQLite file's path or a PostgreSQL URL."""

    async def open(self, store: str, folder: Path) -> None: ...

    async def cross(self, number: int, pause: float) -> bool:
        """Propose, verify, commit one row; whether it was accepted."""
        ...

    async def send(self, number: int, pause: float) -> bool:
        """Propose, verify, send; to be called again after a crash."""
        ...

    async def count(self) -> dict[str, int]:
        """Rows of state, `rows`, and crossings on record as rejected, `rejected`."""
        ...

    async def close(self) -> None: ...


class Outbox:
    """The other system: it does what it is told each time, and can be asked what it did."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sent"
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    async def send(self, order: str) -> str:
        os.write(self._file, f"{order}\n".encode())
        await asyncio.sleep(SENDING)
        return f"receipt of {order}"

    def knows(self, order: str) -> bool:
        return order in self.path.read_text().splitlines()


def main(peer: Peer) -> None:
    """Serve the driver: one JSON object a line on stdin, one on stdout."""
    given = json.loads(sys.argv[1])
    folder = Path(given["folder"])
    said, sys.stdout = sys.stdout, sys.stderr  # nothing else may write there

    def say(**fields: Any) -> None:
        said.write(json.dumps(fields) + "\n")
        said.flush()

    async def serve() -> None:
        await peer.open(given["store"], folder)
        say(ready=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked = json.loads(line)
            match asked["do"]:
                case "block":
                    say(**await _block(peer.cross, asked))
                case "send":
                    say(**await _all_at_once(peer.send, asked))
                case "count":
                    say(**await peer.count())
                case _:
                    break
        await peer.close()
        say(ended=True)

    asyncio.run(serve())
    said.flush()
    os._exit(0)  # threads of some libraries do not end


async def _block(
    cross: Callable[[int, float], Awaitable[bool]], asked: dict[str, Any]
) -> dict[str, Any]:
    callers, each, first, pause = (asked[name] for name in ("callers", "each", "first", "pause"))
    latencies: list[float] = []
    yes = 0

    async def call(caller: int) -> None:
        nonlocal yes
        for turn in range(each):
            number = first + caller * each + turn
            began = time.perf_counter()
            said = await cross(number, pause)
            yes += said  # only now: others have counted meanwhile
            latencies.append(time.perf_counter() - began)

    wall, cpu = time.perf_counter(), _cpu()
    await asyncio.gather(*map(call, range(callers)))
    return {
        "wall": time.perf_counter() - wall,
        "cpu": _cpu() - cpu,
        "crossings": callers * each,
        "accepted": yes,
        "p50": _quantile(latencies, 0.5),
        "p99": _quantile(latencies, 0.99),
    }


async def _all_at_once(
    send: Callable[[int, float], Awaitable[bool]], asked: dict[str, Any]
) -> dict[str, Any]:
    answers = await asyncio.gather(
        *(send(number, asked["pause"]) for number in range(asked["number"])), return_exceptions=True
    )
    failed = [repr(answer) for answer in answers if isinstance(answer, BaseException)]
    return {"accepted": sum(answer is True for answer in answers), "failed": failed[:3]}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
