"""Seconds of what `python -m benchmarks.endurance` does for an hour: everything fails in turn.

The seed is printed; `SIGNOFF_ENDURANCE_SEED` says which to take.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.endurance.__main__ import in_words, is_wrong
from benchmarks.endurance.course import Plan, prepared

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's user may enter."""
    with tempfile.TemporaryDirectory(prefix="signoff-endurance-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_nothing_is_lost_or_doubled_while_everything_fails(database: str, home: Path) -> None:
    said = os.environ.get("SIGNOFF_ENDURANCE_SEED", "")
    seed = int(said) if said else random.randrange(10**6)
    plan = Plan(database, seed, 12, capacity_seconds=4, dead_after=4, rest=150, megabytes=1024)
    with prepared(plan, home) as course:
        run = course.run()
    told = f"SIGNOFF_ENDURANCE_SEED={seed}\n{in_words(database, run)}"
    assert not is_wrong(run), told
    assert run["account"]["accepted"] > 0, told
    assert set(run["account"]["orders"]) <= {"closed", "undone", "refused"}, told
    assert {fault["kind"] for fault in run["faults"]} == set(course.kinds), told
    assert len(run["happened"]) == len(run["faults"]), told
