"""A process with less than it needs: no right to write, or no room to.

python limited.py read-only URL      as a user who may read the file and not write it
python limited.py cramped URL BYTES  where no file may grow beyond BYTES, until it may
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys

from signoff.boundary import Recorded
from signoff.errors import StorageUnavailable
from signoff.ledger import Opened
from signoff.storage import Storage, storage_at

AT = "2026-01-01T00:00:00.000000Z"


async def append(storage: Storage, n: int) -> None:
    record = Opened(boundary="b", key="k", subject=["x" * 3000, n])
    crossing = Recorded(
        id=f"c{n}",
        key="k",
        subject="s",
        boundary="b",
        status="open",
        attempts=1,
        opened=AT,
        state={},
    )

    def write(tx: object) -> None:
        tx.append("s", crossing.id, AT, [record])  # type: ignore[attr-defined]
        tx.save_crossing(crossing)  # type: ignore[attr-defined]

    await storage.transact(write)


async def read_only(url: str) -> None:
    warm = storage_at("sqlite://:memory:")  # imports whatever is imported late
    await warm.open(exclusive=True)
    await warm.close()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    storage = storage_at(url)
    try:
        await storage.open(exclusive=True)
        await append(storage, 1)
    except StorageUnavailable as error:
        print(error)
    finally:
        await storage.close()


async def cramped(url: str, room: int) -> None:
    storage = storage_at(url)
    await storage.open(exclusive=True)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    acknowledged = 0
    try:
        for n in range(10_000):
            await append(storage, n)
            acknowledged += 1
    except StorageUnavailable as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await append(storage, 10_001)
    verification = await storage.verify()
    crossings = await storage.crossings_by_status()
    await storage.close()
    print(acknowledged, verification.records, crossings[0][2], len(verification.faults))


if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, what, url, *rest = sys.argv
    asyncio.run(read_only(url) if what == "read-only" else cramped(url, int(rest[0])))
