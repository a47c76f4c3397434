"""Opening the store at a URL without making or changing one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from signoff.errors import StorageUnavailable, StoreNotOurs
from signoff.storage import SQLiteStorage, Storage, storage_at, without_password

_SQLITE = b"SQLite format 3\x00"
#: Where a SQLite header keeps the application's id, and ours.
_MARK_AT, _MARK = 68, b"sign"


class NoStore(StorageUnavailable):
    """Nothing is there yet."""


@contextlib.asynccontextmanager
async def existing(url: str) -> AsyncGenerator[Storage]:
    """The store at a URL, open for reading, while a runtime may be at work on it.

    Raises:
        NoStore: If there is none; it is not made.
        StoreNotOurs: If somebody else's database is there; it is not touched.
    """
    check_there(url)
    storage = storage_at(url)
    await storage.open(exclusive=False)
    try:
        yield storage
    finally:
        await storage.close()


def check_there(url: str) -> None:
    """Look whether there is a store at a URL; nothing is opened or made.

    Raises:
        NoStore: If there is none.
        StoreNotOurs: If somebody else's file is there.
    """
    storage = storage_at(url)
    if isinstance(storage, SQLiteStorage):
        _check_file(storage)
    else:
        _check_database(url)


def _check_file(storage: SQLiteStorage) -> None:
    if storage.path == ":memory:":
        raise NoStore("a store in memory ends with its process: there is nothing to look at")
    path = Path(storage.path)
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        header = b""
    except OSError as error:
        raise StorageUnavailable(f"cannot read {path}: {error.strerror}") from error
    if not header:
        raise NoStore(
            f"there is no store at {path}. A runtime makes one when it runs; if yours is "
            "elsewhere, name it with --store or in SIGNOFF_STORE."
        )
    # While a log lies beside the file, the mark may still be in the log.
    ours = header[_MARK_AT:].startswith(_MARK) or Path(f"{path}-wal").exists()
    if not header.startswith(_SQLITE) or not ours:
        raise StoreNotOurs(f"{path} is not a signoff store, and was left alone: check --store")


def _check_database(url: str) -> None:
    import psycopg  # `storage_at` has already said so if it is missing

    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            found = connection.execute("SELECT to_regclass('signoff.meta')").fetchone()
    except psycopg.Error:
        return  # opening it says what is wrong, in better words
    if found is None or found[0] is None:
        raise NoStore(
            f"there is no store in {without_password(url)}: a runtime makes one when it runs"
        )
