"""Bringing a store up to date: what it lacks, and doing it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from signoff.storage._file_lock import held
from signoff.storage._looking import looking
from signoff.storage._migration import missing, newest
from signoff.storage._open import storage_at
from signoff.storage._sql import migrations
from signoff.storage._sqlite import SQLiteStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What a store lacks.

    Attributes:
        store: Its URL, without the password.
        version: Of its tables.
        newest: The version that this code knows.
        migrations: (number, file) of each that was not run yet, in their order.
    """

    store: str
    version: int
    newest: int
    migrations: Sequence[tuple[int, str]]


def pending(url: str) -> Pending:
    """What a store lacks. Nothing is made or changed.

    Raises:
        StorageUnavailable: If it is not there, or cannot be read.
        StoreTooNew: If newer code wrote it.
    """
    with looking(url) as store:
        version = store.version
        lacks = {number for number, _ in missing(store.dialect, version, store.url)}
        return Pending(
            store=store.url,
            version=version,
            newest=newest(store.dialect),
            migrations=[
                (number, name) for number, name, _ in migrations(store.dialect) if number in lacks
            ],
        )


async def migrate(url: str) -> Pending:
    """Run every migration that a store lacks, all of them or none; what there was to do.

    A ledger in partitions gets those that it needs next.

    Raises:
        StorageUnavailable: If it is not there, or cannot be written.
        StoreInUse: If a runtime has the SQLite file.
        StoreTooNew: If newer code wrote it.
    """
    lacks = pending(url)
    storage = storage_at(url)
    file = isinstance(storage, SQLiteStorage)
    if lacks.migrations or not file:
        with held(storage.path) if isinstance(storage, SQLiteStorage) else nullcontext():
            await storage.open(exclusive=False)
            await storage.close()
    return lacks
