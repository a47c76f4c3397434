"""Keeping an index up to date with its ledger."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from signoff.errors import SignoffError
from signoff.ledger import Entry
from signoff.storage import Storage, without_password

if TYPE_CHECKING:
    from signoff.console.index._index import Index

#: Records that are folded together: as many as are read at once.
_BATCH = 1000

#: Seconds between two looks at a ledger that was quiet.
_EVERY = 0.5

#: Positions that are looked at again, because a transaction that began earlier may end later.
_BACK = 2000

#: Looks for a position that is missing, before it is taken for one that was rolled back.
_LOOKS = 240

#: Seconds until a store that could not be read is tried again, at most.
_LONGEST = 30.0


def index_path(url: str) -> Path:
    """Where the index of a store lies: beside a SQLite file, else in the user's cache folder."""
    if url.startswith("sqlite:///"):
        return Path(f"{url.removeprefix('sqlite:///')}.console")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    name = hashlib.sha256(without_password(url).encode()).hexdigest()[:16]
    return Path(cache) / "signoff" / f"console-{name}.db"


async def follow(index: Index, storage: Storage) -> None:
    """Catch up with the ledger, and stay with it, until this is cancelled."""
    wait = _EVERY
    while True:
        try:
            await _look(index, storage)
            wait = _EVERY
        except (SignoffError, sqlite3.Error, OSError) as error:
            index.progress = index.progress.failed(str(error))
            wait = min(wait * 2, _LONGEST)
        await asyncio.sleep(wait)


async def _look(index: Index, storage: Storage) -> None:
    last = await storage.read(lambda connection: connection.run("last", {})[0][0] or 0)
    await _check_same(index, storage)
    index.progress = index.progress.towards(last)
    after = index.progress.position
    while True:
        batch = await _next(storage, after)
        # After the batch was read: nothing of it is about a subject whose earlier record, of a
        # transaction that ended late, is not there now.
        late = await _late(index, storage)
        if batch or late:
            await asyncio.to_thread(index.fold, [*late, *batch])
        if not batch:
            return
        after = batch[-1].position


async def _next(storage: Storage, after: int) -> list[Entry]:
    batch: list[Entry] = []
    async for entry in storage.entries(after=after):
        batch.append(entry)
        if len(batch) >= _BATCH:
            break
    return batch


async def _late(index: Index, storage: Storage) -> list[Entry]:
    """Records whose transactions ended after one with a higher position."""
    position = index.progress.position
    missing = {at for at in index.missing if at > position - _BACK}
    late: list[Entry] = []
    # Far from the end nothing is still to come.
    if missing and position + _BACK >= index.progress.last:
        async for entry in storage.entries(after=min(missing) - 1):
            if entry.position > position:
                break
            if entry.position in missing:
                late.append(entry)
    index.missing = {
        at: looks + 1 for at, looks in index.missing.items() if at in missing and looks < _LOOKS
    }
    return late


async def _check_same(index: Index, storage: Storage) -> None:
    """An index of another ledger is emptied: it was restored, or another one lies there now."""
    rows = await storage.read(
        lambda connection: connection.run("records", {"after": 0, "limit": 1})
    )
    first = rows[0][-1] if rows else index.about
    if index.about not in ("", first):
        await asyncio.to_thread(index.empty)
    index.about = first
