"""`kill -9` between handling and offset, or anywhere: every event is handled, effects once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doomed_consumers import EVENTS
from keyed_service import KeyedService
from stores import opened

KILLED = -9


@pytest.fixture(scope="module")
def fork_server() -> Iterator[subprocess.Popen[str]]:
    program = Path(__file__).with_name("doomed_consumers.py")
    path = f"{Path(__file__).parent}:{Path(__file__).parents[1]}"
    with subprocess.Popen(
        [sys.executable, program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
    ) as server:
        yield server
        assert server.stdin is not None
        server.stdin.close()


class Lives:
    """Runs the consumers in one process after another, on one store."""

    def __init__(self, server: subprocess.Popen[str], url: str, home: Path) -> None:
        self._server = server
        self._url = url
        self._home = home
        self.service = KeyedService(home / "log")
        self.asked = home / "asked"

    def one(self, id: str, **end: Any) -> tuple[int, Any]:
        wish = {"url": self._url, "log": str(self.service.log), "asked": str(self.asked),
                "trace": str(self._home / "trace"), "id": id, **end}  # fmt: skip
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(wish) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        assert answer["status"] in (0, KILLED), "see stderr for the traceback"
        return answer["status"], answer["said"]

    def check(self, id: str, said: Any) -> None:
        assert said["faults"] == []
        assert said["placed"] == [1, 2, 3]
        assert len(said["offered"]) == EVENTS, "each is handled once, and its effect happens once"
        assert said["paid"] == EVENTS
        assert said["versions"] == list(range(1, 3 * EVENTS + 1))
        assert len(said["crossings"]) == EVENTS
        versions = [v for v in range(1, 10) if self.service.done(f"discounts/{id}/{v}/mail")]
        assert len(versions) == EVENTS
        asked = self.asked.read_text().split()
        for crossing in said["crossings"]:
            assert 1 <= asked.count(crossing) <= 2, "asked again only if the answer was lost"


@pytest.fixture
def lives(fork_server: subprocess.Popen[str], store_url: str, tmp_path: Path) -> Lives:
    async def build() -> None:
        async with opened(store_url):
            pass

    asyncio.run(build())
    return Lives(fork_server, store_url, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_kill_at_any_statement_loses_and_doubles_no_event(lives: Lives) -> None:
    for n in range(1, 500):
        status, said = lives.one(f"o-{n}", kill_at=n)
        if status != 0:
            status, said = lives.one(f"o-{n}")
            assert status == 0
            lives.check(f"o-{n}", said)
            continue
        lives.check(f"o-{n}", said)
        break
    assert 40 < n < 499, "it is killed at every statement until it survives"


def test_killed_a_statement_later_each_time_they_still_end_well(lives: Lives) -> None:
    for n in range(1, 500, 3):
        status, said = lives.one("o", kill_at=n)
        if status == 0:
            lives_asked = lives.asked.read_text().split()
            assert said["faults"] == []
            assert (len(said["offered"]), said["paid"]) == (EVENTS, EVENTS)
            assert set(said["crossings"]) <= set(lives_asked)
            return
    pytest.fail("it never survives")
