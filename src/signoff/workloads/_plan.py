"""What a run of a workload is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

#: Called with (units done, of how many, day); the day is 0 where a run has no calendar.
Progress: TypeAlias = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run of a workload is asked for.

    Attributes:
        rows: Units of work: customers, alarms, leads, numbers.
        seed: Of the world, of the simulated model's luck, and of the services' faults.
        misbehaves: Share of the simulated model's answers that go wrong.
        faults: Share of the services' calls that go wrong.
        proposer: `simulated`, or `provider:model`.
        base_url: Of an OpenAI-compatible server, for `provider:model`.
        store: URL of the database; empty for one that is thrown away.
        world: Folder in which the world keeps its accounts; beside the store by default. With the
            same store and the same folder, a run that was interrupted goes on.
        progress: Told after every unit.
    """

    rows: int = 200
    seed: int = 0
    misbehaves: float = 0.20
    faults: float = 0.05
    proposer: str = "simulated"
    base_url: str | None = None
    store: str = ""
    world: Path | None = None
    progress: Progress = lambda done, total, day: None

    @contextmanager
    def placed(self) -> Generator[Plan]:
        """The same plan with a store and a folder; those that are made up go away at the end."""
        if self.store and self.world is not None:
            yield self
            return
        with tempfile.TemporaryDirectory(prefix="signoff-") as folder:
            store = self.store or f"sqlite:///{Path(folder, 'signoff.db')}"
            yield replace(self, store=store, world=self.world or _beside(store, Path(folder)))

    def folder(self, name: str) -> Path:
        """A folder of the world, made if it is not there."""
        assert self.world is not None, "a plan has to be placed before its world is opened"
        path = self.world / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def _beside(store: str, otherwise: Path) -> Path:
    """Where the world of a store is: beside its file; elsewhere if it is no file."""
    from signoff.storage import SQLiteStorage, storage_at

    storage = storage_at(store)
    if isinstance(storage, SQLiteStorage) and storage.path != ":memory:":
        path = Path(storage.path)
        return path.with_name(f"{path.stem}-world")
    return otherwise
