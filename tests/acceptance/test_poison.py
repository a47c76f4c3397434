"""A subject that its process does not survive: it is given up, and the others are done."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from poisoned import SUBJECTS

from signoff.storage import storage_at

PROGRAM = Path(__file__).parent / "poisoned.py"


def test_a_subject_that_kills_its_worker_every_time_is_given_up(store_url: str) -> None:
    ended = [70]
    while ended[-1] != 0:
        done = subprocess.run([sys.executable, str(PROGRAM), store_url], check=False, timeout=60)
        ended.append(done.returncode)
        assert len(ended) < 30, "it would have gone on for ever"

    async def main() -> None:
        storage = storage_at(store_url)
        await storage.open(exclusive=False)
        try:
            assert await storage.rows_by_state("jobs") == {"done": SUBJECTS - 1, "waiting": 1}
            (ticket,) = [ticket async for ticket in storage.tickets("open")]
            assert (ticket.kind, ticket.subject) == ("work", "job-07")
            assert ticket.because == "RuntimeError: its process died every time"
            types = [entry.type async for entry in storage.of_subject("job-07")]
            assert types == ["started", "timerset", "gaveup"]
            assert (await storage.verify()).faults == ()
        finally:
            await storage.close()

    asyncio.run(main())
    assert set(ended[1:-1]) == {9}
