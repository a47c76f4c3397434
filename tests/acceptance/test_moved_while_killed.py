"""`kill -9` while a store is moved: never two stores to work on, and the same line ends it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from movable import execute, filled, works

from signoff.storage import move

KILLED = -9

#: The steps between which what others see changes.
TURNS = ["mark", "clear", "write", "counters", "commit", "committed", "unmark"]

Killing = Callable[[str, str, int | str], int]


@pytest.fixture(scope="module")
def killed() -> Iterator[Killing]:
    """Move in another process, killed before a step; how it ended."""
    program = Path(__file__).with_name("doomed_move.py")
    server = subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None

    def run(source: str, destination: str, at: int | str) -> int:
        assert server.stdin is not None
        assert server.stdout is not None
        wish = {"source": source, "destination": destination, "at": at}
        server.stdin.write(json.dumps(wish) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    yield run
    server.stdin.close()
    server.wait(30)
    server.stdout.close()


class Stores:
    """A source that is made anew, and a destination that is emptied."""

    def __init__(self, folder: Path, destination: str) -> None:
        self._whole = folder / "whole.db"
        self._folder = folder
        filled(f"sqlite:///{self._whole}")
        self.source = f"sqlite:///{folder / 'source.db'}"
        self.destination = destination
        self.records = works(self.source_again())

    def source_again(self) -> str:
        """As if nothing had happened to it."""
        for beside in ("", "-wal", "-shm", ".lock"):
            Path(f"{self.source.removeprefix('sqlite:///')}{beside}").unlink(missing_ok=True)
        shutil.copy(self._whole, self.source.removeprefix("sqlite:///"))
        if self.destination.startswith("sqlite"):
            for beside in ("", "-wal", "-shm", ".lock"):
                path = f"{self.destination.removeprefix('sqlite:///')}{beside}"
                Path(path).unlink(missing_ok=True)
        else:
            execute(self.destination, "DROP SCHEMA IF EXISTS signoff CASCADE")
        return self.source

    def check(self) -> None:
        """Nothing is lost, and only one of them can be worked on."""
        here, there = works(self.source), works(self.destination)
        assert here in (self.records, None)
        assert there in (0, None), "it is not whole, so nobody may work on it"
        moved = move(self.source, self.destination)
        assert moved.verification.records == self.records
        assert works(self.source) is None
        assert works(self.destination) == self.records


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    if request.param == "sqlite":
        return Stores(tmp_path, f"sqlite:///{tmp_path / 'destination.db'}")
    return Stores(tmp_path, str(request.getfixturevalue("postgres_database")))


def test_killed_where_it_turns(stores: Stores, killed: Killing) -> None:
    for turn in TURNS:
        stores.source_again()
        assert killed(stores.source, stores.destination, turn) == KILLED, turn
        stores.check()


@pytest.mark.slow
def test_killed_at_every_step(stores: Stores, killed: Killing) -> None:
    for step in range(1, 1000):
        stores.source_again()
        ended = killed(stores.source, stores.destination, step)
        if ended != KILLED:
            assert ended == 0
            assert step > len(TURNS)
            break
        stores.check()
    assert works(stores.destination) == stores.records


@pytest.mark.slow
def test_killed_again_and_again(stores: Stores, killed: Killing) -> None:
    stores.source_again()
    for step in range(1, 200):
        if killed(stores.source, stores.destination, step) == 0:
            break
    assert works(stores.source) is None
    assert works(stores.destination) == stores.records
