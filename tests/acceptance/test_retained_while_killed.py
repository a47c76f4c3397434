"""`kill -9` while a retention policy is applied: all is whole, nothing is lost, and it goes on."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from movable import execute, filled
from stores import listed, opened

from signoff.ledger import Entry, Verification
from signoff.storage import check_store

KILLED = -9

Killing = Callable[[str, Path, int], int]


@pytest.fixture(scope="module")
def killed() -> Iterator[Killing]:
    """Apply the policy in another process, killed before a statement; how it ended."""
    program = Path(__file__).with_name("doomed_retain.py")
    server = subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None

    def run(url: str, archive: Path, at: int) -> int:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps({"url": url, "archive": str(archive), "at": at}) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    yield run
    server.stdin.close()
    server.wait(30)
    server.stdout.close()


def _seen(url: str) -> tuple[list[Entry], Verification]:
    async def main() -> tuple[list[Entry], Verification]:
        async with opened(url) as storage:
            return await listed(storage), await storage.verify()

    return asyncio.run(main())


def _run_of_kills(url: str, archive: Path, killed: Killing, steps: Iterator[int]) -> None:
    """Kill it again and again, each time later, on what the ones before left."""
    filled(url)
    before, _ = _seen(url)
    waits = execute(url, "SELECT id, crossing FROM signoff_effects ORDER BY id")
    archive.touch()
    kills = 0
    while (ended := killed(url, archive, next(steps))) == KILLED:
        kills += 1
        after, verification = _seen(url)
        assert verification.faults == ()
        there = {(entry.subject, entry.seq) for entry in after}
        lines = [json.loads(line) for line in archive.read_text(encoding="ascii").splitlines()]
        archived = {(line["subject"], line["seq"]) for line in lines}
        assert all({(e.subject, e.seq)} & (there | archived) for e in before), "nothing is lost"
        assert execute(url, "SELECT id, crossing FROM signoff_effects ORDER BY id") == waits
    assert ended == 0
    assert kills > 10
    _, verification = _seen(url)
    assert verification.removed > 20
    assert {each.check: [*each.wrong] for each in check_store(url) if each.wrong} == {}
    payloads = execute(url, "SELECT count(*) FROM signoff_payloads")[0][0]
    referring = [e for e in _seen(url)[0] if '"$payload":' in e.body]
    assert payloads <= len(referring), "and nothing is left behind"


def _every(step: int) -> Iterator[int]:
    at = 1
    while True:
        yield at
        at += step


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_anywhere_it_is_whole_and_goes_on(
    store_url: str, tmp_path: Path, killed: Killing, step: int
) -> None:
    _run_of_kills(store_url, tmp_path / "gone.jsonl", killed, _every(step))
