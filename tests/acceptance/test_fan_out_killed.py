"""`kill -9` after three of five answers: only the remaining two are asked again.

Run as a program, this file is the process that is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from fans import Case, Panel, owner, settled, weigh  # noqa: E402

from signoff import Committed, Runtime  # noqa: E402
from signoff.boundary import Question  # noqa: E402
from signoff.coordination import Delegation, ScatterGather  # noqa: E402

PEERS = ["p0", "p1", "p2", "p3", "p4"]


def coordinator(kind: str, log: Path, *, silent: tuple[str, ...]) -> Any:
    def peer(name: str) -> Any:
        async def answer(question: Question[Case]) -> int:
            with log.open("a") as out:
                out.write(f"{name}\n")
            if name in silent:
                await asyncio.Event().wait()
            return PEERS.index(name)

        return answer

    panel = Panel(**{name: peer(name) for name in PEERS})
    if kind == "gather":
        return ScatterGather("case.gather", panel.boundaries, aggregate=weigh)
    return Delegation(owner(), panel.boundaries, merge=weigh)


async def live(url: str, kind: str, log: Path, *, dies: bool) -> None:
    thing = coordinator(kind, log, silent=("p1", "p4") if dies else ())
    async with Runtime(url) as runtime:
        running = asyncio.create_task(runtime.run(thing, Case(), key="k"))
        if dies:
            for name in ("p0", "p2", "p3"):
                await settled(runtime, f"k/1/{name}")
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = await running
        assert isinstance(outcome, Committed)
        said = {
            "parts": {name: part["state"] for name, part in outcome.parts.items()},
            "receipt": outcome.receipt if isinstance(outcome.receipt, int) else None,
            "faults": [str(fault) for fault in (await runtime.ledger.verify()).faults],
        }
        print(json.dumps(said))


@pytest.mark.parametrize("kind", ["gather", "delegation"])
def test_after_a_kill_only_the_missing_are_asked(kind: str, store_url: str, tmp_path: Path) -> None:
    log = tmp_path / "asked"

    def process(life: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, __file__, store_url, kind, str(log), life]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    first = process("dies")
    assert first.returncode == -signal.SIGKILL, first.stderr
    assert Counter(log.read_text().split()) == dict.fromkeys(PEERS, 1)

    second = process("lives")
    assert second.returncode == 0, second.stderr
    said = json.loads(second.stdout)
    assert said["parts"] == dict.fromkeys(PEERS, "answered")
    assert said["faults"] == []
    assert said["receipt"] == (10 if kind == "delegation" else None)
    assert Counter(log.read_text().split()) == {"p0": 1, "p2": 1, "p3": 1, "p1": 2, "p4": 2}

    third = process("lives")
    assert json.loads(third.stdout) == said
    assert len(log.read_text().split()) == 7, "nobody is asked for what is recorded"


if __name__ == "__main__":
    url, kind, log, life = sys.argv[1:]
    asyncio.run(live(url, kind, Path(log), dies=life == "dies"))
