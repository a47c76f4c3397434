"""Seconds of what `python -m benchmarks.endurance` does for an hour: everything fails in turn.

The seed is printed; `SIGNOFF_ENDURANCE_SEED` says which to take.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from movable import execute

from benchmarks.endurance.__main__ import in_words, is_wrong
from benchmarks.endurance.account import settled
from benchmarks.endurance.course import Course, Plan, prepared

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
        broken = asyncio.run(_broken(course))
    told = f"SIGNOFF_ENDURANCE_SEED={seed}\n{in_words(database, run)}"
    assert not is_wrong(run), told
    assert run["account"]["accepted"] > 0, told
    assert set(run["account"]["orders"]) <= {"closed", "undone", "refused"}, told
    assert {fault["kind"] for fault in run["faults"]} == set(course.kinds), told
    assert len(run["happened"]) == len(run["faults"]), told
    # The same account finds whatever goes wrong.
    assert len(broken["lost"]) >= 2, broken
    assert any(": mail 2, not 1" in line for line in broken["doubled"]), broken
    assert any(": mail 0, not 1" in line for line in broken["lost"]), broken
    assert len(broken["stuck"]) == 1, broken
    assert broken["chain"]["status"] == 4, broken


async def _broken(course: Course) -> dict[str, Any]:
    """Lose an order and a letter, send another letter twice, leave an order behind, cut a chain."""
    closed = execute(course.store, "SELECT id FROM signoff_subjects WHERE state = 'closed'")
    lost, left, twice, never = (id for (id,) in closed[:4])
    execute(course.store, "DELETE FROM signoff_subjects WHERE id = ?", lost)
    execute(course.store, "UPDATE signoff_subjects SET state = 'offered' WHERE id = ?", left)
    with closing(sqlite3.connect(course.files.folder / "services" / "mailer.db")) as mailer:
        mailer.execute("DELETE FROM effect WHERE subject = ?", [never])
        mailer.execute(
            "INSERT INTO effect (key, action, subject, payload) "
            "SELECT key || ' again', action, subject, payload FROM effect WHERE subject = ? "
            "AND action = 'send_offer'",
            [twice],
        )
        mailer.commit()
    return await settled(course.store, course.files)
