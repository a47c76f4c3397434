"""`kill -9` at any statement of a saga: after a restart all of it is done, or all of it undone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keyed_service import KeyedService
from stores import opened

KILLED = -9

FORWARD = ["reserve", "issue", "book"]

#: What fails -> what the other system's account shows in the end.
ENDS = {
    (): FORWARD,
    ("issue",): ["reserve", "reserve/undo/1"],
    ("book",): ["reserve", "issue", "issue/undo/1", "reserve/undo/1"],
    ("book", "un-reserve"): ["reserve", "issue", "issue/undo/1"],
}

QUICK = ("sqlite", ("book",))

EVERYWHERE = [
    pytest.param(store, fails, marks=() if (store, fails) == QUICK else pytest.mark.slow)
    for store in ("sqlite", "postgres")
    for fails in ENDS
]

#: With how far the kills of one test are apart: at every statement is slow.
EVERY = [
    *(pytest.param(*each.values, 1, marks=pytest.mark.slow) for each in EVERYWHERE),
    (*QUICK, 7),
]


class Lives:
    """Runs the saga in one process after another, on one store."""

    def __init__(self, server: subprocess.Popen[str], url: str, home: Path) -> None:
        self.service = KeyedService(home / "log")
        self._server, self._url, self._home = server, url, home
        self._traces = 0

    def one(self, id: str, fails: tuple[str, ...], **end: Any) -> tuple[int, Any]:
        """Live once; how it ended, and what it said."""
        self._traces += 1
        wish = {"url": self._url, "log": str(self.service.log), "id": id, "fails": fails,
                "trace": str(self._home / f"trace{self._traces}"), **end}  # fmt: skip
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(wish) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        assert answer["status"] in (0, KILLED), "see stderr for the traceback"
        return answer["status"], answer["said"]

    def done(self, id: str) -> list[str]:
        """What the other system did for it, in order."""
        keys = self.service.log.read_text().splitlines() if self.service.log.exists() else []
        mine = [key.removeprefix(f"{id}/1/") for key in keys if key.startswith(f"{id}/")]
        assert len(set(mine)) == len(mine), "nothing is done twice"
        return mine

    def check(self, id: str, said: Any, fails: tuple[str, ...]) -> None:
        """It is fully done, fully undone, or what is left of it is listed."""
        assert said["faults"] == []
        if not said["begun"]:
            assert self.done(id) == []
            return
        assert self.done(id) == ENDS[fails]
        if "un-reserve" in fails:
            (ticket,) = said["tickets"]
            assert "book: book is down; still to be undone: reserve (" in ticket
        else:
            assert said["tickets"] == []
            assert said["waiting"] == []


@pytest.fixture(scope="module")
def fork_server() -> Iterator[subprocess.Popen[str]]:
    program = Path(__file__).with_name("doomed_saga.py")
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield server
        assert server.stdin is not None
        server.stdin.close()


@pytest.fixture
def lives(fork_server: subprocess.Popen[str], store_url: str, tmp_path: Path) -> Lives:
    async def build() -> None:
        async with opened(store_url):
            pass

    asyncio.run(build())
    return Lives(fork_server, store_url, tmp_path)


@pytest.mark.timeout(500)
@pytest.mark.parametrize(("store_url", "fails", "apart"), EVERY, indirect=["store_url"])
def test_a_saga_killed_at_any_statement_is_finished_by_whoever_comes_next(
    lives: Lives, fails: tuple[str, ...], apart: int
) -> None:
    """Nobody runs it again: the next process only knows the saga."""
    for n in range(1, 1000, apart):
        id = f"case{n}"
        status, said = lives.one(id, fails, begin=True, kill_at=n)
        if status == 0:
            lives.check(id, said, fails)
            break
        status, said = lives.one(id, fails, begin=False, kill_at=10**9, tidy=True)
        assert status == 0
        lives.check(id, said, fails)
    assert 20 < n < 999, "it is killed at every statement until it survives"


@pytest.mark.timeout(500)
@pytest.mark.parametrize(("store_url", "fails"), EVERYWHERE, indirect=["store_url"])
def test_a_saga_killed_again_and_again_a_statement_later_each_time_still_ends_well(
    lives: Lives, fails: tuple[str, ...]
) -> None:
    for n in range(1, 1000):
        begun = bool(lives.done("case"))
        status, said = lives.one("case", fails, begin=not begun, kill_at=n)
        if status == 0:
            status, said = lives.one("case", fails, begin=False)
            lives.check("case", said, fails)
            break
    assert 10 < n < 999
