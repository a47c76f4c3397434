"""When the database is away for a while, due work waits for it and is then done."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from signoff import Runtime
from signoff.errors import StorageUnavailable
from signoff.state import After, StateMachine
from signoff.storage import SQLiteStorage


class Thing(BaseModel):
    id: str


machine = StateMachine[Literal["here", "gone"]](
    "thing",
    {"here": {"gone"}},
    start="here",
    timers=[After(timedelta(milliseconds=50), at="here", go="gone")],
    subject=Thing,
)


def test_due_work_outlives_a_failing_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = False

    def point(statement: str) -> None:
        if broken and statement == "begin":
            raise StorageUnavailable("the disk is away")

    async def main() -> None:
        nonlocal broken
        storage = SQLiteStorage(str(tmp_path / "x.db"), fault_point=point)
        async with Runtime(storage) as runtime:
            thing = await runtime.start(machine, Thing(id="t"))
            broken = True
            with contextlib.suppress(StorageUnavailable):
                await runtime.start(machine, Thing(id="u"))
            await asyncio.sleep(0.3)
            assert thing.state == "here"
            broken = False
            async with asyncio.timeout(10):
                while thing.state != "gone":  # noqa: ASYNC110  # nothing tells a test of it
                    await asyncio.sleep(0.05)

    asyncio.run(main())
    assert "due work has to wait" in caplog.text
