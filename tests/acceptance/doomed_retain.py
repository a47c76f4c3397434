"""A process that applies a retention policy, and is killed before a chosen statement.

Run as a program it is a fork server: it imports everything once, and forks for every line of JSON
that it is given, so that a kill costs milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import signoff.storage._postgres  # noqa: F401  # before the forks
from signoff.storage import Archive, Keep, Retention, retain, storage_at

NOW = datetime(2036, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Retention(rules=[Keep(records=DAY, keys=DAY)])


async def retained(url: str, archive: str, at: int) -> None:
    """Apply the policy; die before statement number `at`."""
    statements = 0

    def count(name: str) -> None:
        nonlocal statements
        statements += 1
        if statements == at:
            os.kill(os.getpid(), signal.SIGKILL)

    storage = storage_at(url, fault_point=count)
    await storage.open(exclusive=False)
    try:
        with Archive(Path(archive)) as kept:
            await retain(storage, POLICY, by="ops", now=NOW, archive=kept)
    finally:
        await storage.close()


def _live(wish: dict[str, Any]) -> None:
    asyncio.run(retained(wish["url"], wish["archive"], wish["at"]))


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _live(json.loads(line))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
