"""Giving back the room that a store no longer needs. No record is deleted."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from signoff.errors import StorageUnavailable, UsageError
from signoff.storage._file_lock import held
from signoff.storage._jobs import JOBS_SCHEMA, jobs_connection
from signoff.storage._looking import looking
from signoff.storage._open import storage_at
from signoff.storage._sizes import postgres_sizes
from signoff.storage._sqlite import SQLiteStorage, connect, told_sqlite

#: Called with (what is done now, steps so far, steps in all).
Tell = Callable[[str, int, int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacuumed:
    """What was given back.

    Attributes:
        store: URL, without its password.
        before: Bytes that it took.
        after: Bytes that it takes.
        jobs: Finished jobs that were deleted.
        notes: What could not be done.
    """

    store: str
    before: int
    after: int
    jobs: int = 0
    notes: Sequence[str] = ()


def room(folder: Path) -> int:
    """Bytes that are free where a folder lies."""
    return shutil.disk_usage(folder).free


async def vacuum(
    url: str,
    *,
    jobs_older_than: timedelta = timedelta(days=7),
    tell: Tell = lambda what, done, total: None,
    free: Callable[[Path], int] = room,
) -> Vacuumed:
    """Give back room, and let the database count its rows anew.

    Args:
        url: Of the store.
        jobs_older_than: Jobs that ended so long ago are deleted (PostgreSQL).
        tell: Hears how far it has come.
        free: How many bytes are free in a folder.

    Raises:
        StoreInUse: If a runtime has the SQLite file.
        StorageUnavailable: If it is not there, or the disk has not room enough.
        UsageError: If it is in memory.
    """
    storage = storage_at(url)
    if isinstance(storage, SQLiteStorage):
        if storage.path == ":memory:":
            raise UsageError("a store in memory takes no room on the disk")
        return await asyncio.to_thread(_vacuum_file, storage, tell, free)
    with looking(url) as store:
        tables = [f"{store.prefix}meta", *(table.full for table in store.tables)]
        before = sum(postgres_sizes(store.run).values())
        made = store.run(f"SELECT to_regclass('{JOBS_SCHEMA}.procrastinate_jobs') IS NOT NULL")
    jobs, job_tables = 0, list[str]()
    if made[0][0]:
        jobs = await _delete_jobs(url, jobs_older_than)
        job_tables = [f"{JOBS_SCHEMA}.procrastinate_{name}" for name in ("jobs", "events")]
    notes = await asyncio.to_thread(_vacuum_tables, url, [*tables, *job_tables], tell)
    with looking(url) as store:
        after = sum(postgres_sizes(store.run).values())
    return Vacuumed(store=storage.url, before=before, after=after, jobs=jobs, notes=notes)


def _vacuum_file(storage: SQLiteStorage, tell: Tell, free: Callable[[Path], int]) -> Vacuumed:
    path = Path(storage.path)
    if not (path.exists() and path.stat().st_size):
        raise StorageUnavailable(f"there is no store at {path}: check the URL")
    notes: list[str] = []
    with told_sqlite(storage.path), held(storage.path), closing(connect(storage.path)) as db:
        before = _bytes(path)

        def shrink_log() -> None:
            ((busy, _, _),) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            note = f"the log {path}-wal could not be emptied: somebody reads the store"
            if busy and note not in notes:
                notes.append(note)

        tell("emptying the log", 0, 3)
        shrink_log()
        _check_room(db, path, free)
        tell("writing the file anew", 1, 3)
        db.execute("VACUUM")
        tell("counting the rows anew", 2, 3)
        db.execute("ANALYZE")
        shrink_log()
        tell("counting the rows anew", 3, 3)
        after = _bytes(path)
    return Vacuumed(store=storage.url, before=before, after=after, notes=notes)


def _bytes(path: Path) -> int:
    files = (path, Path(f"{path}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _check_room(db: Any, path: Path, free: Callable[[Path], int]) -> None:
    """SQLite writes all that is kept twice: to a file of its own, and to the log."""
    (pages,), (unused,), (size,) = (
        db.execute(f"PRAGMA {name}").fetchone()
        for name in ("page_count", "freelist_count", "page_size")
    )
    kept = (pages - unused) * size
    ours, temporary = path.absolute().parent, _temporary()
    both = ours.stat().st_dev == temporary.stat().st_dev
    for folder, needed in ((ours, kept * (2 if both else 1)), (temporary, kept)):
        if (there := free(folder)) < needed:
            raise StorageUnavailable(
                f"the disk has not room enough: to vacuum {path}, {needed:,} bytes must be free in "
                f"{folder}, and {there:,} are. Free some; nothing was changed. Another folder for "
                "temporary files can be named in SQLITE_TMPDIR"
            )


def _temporary() -> Path:
    """Where SQLite puts its temporary files."""
    named = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"))
    for folder in (*named, "/var/tmp", "/usr/tmp", "/tmp"):
        if folder and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder)
    return Path()


def _vacuum_tables(url: str, tables: Sequence[str], tell: Tell) -> list[str]:
    from signoff.storage._postgres import PostgresConnection, told_postgres

    notes: list[str] = []
    with told_postgres(storage_at(url).url):
        connection = PostgresConnection(url, None)
        connection.connection.add_notice_handler(
            lambda notice: notes.append(str(notice.message_primary))
        )
        try:
            connection.set({"statement_timeout": "0"})
            for number, table in enumerate(tables):
                tell(table, number, len(tables))
                connection.control(f"VACUUM (ANALYZE) {table}")
            tell("done", len(tables), len(tables))
        finally:
            connection.close()
    return notes


async def _delete_jobs(url: str, older_than: timedelta) -> int:
    """Delete jobs that ended long ago, by the library's own function; how many."""
    try:
        from procrastinate import App, PsycopgConnector
    except ImportError:
        return 0
    connector = PsycopgConnector(conninfo=url, min_size=1, max_size=1, kwargs=jobs_connection(url))
    app = App(connector=connector)
    counted = "SELECT count(*) AS jobs FROM procrastinate_jobs"
    async with app.open_async():
        before: Mapping[str, Any] = await connector.execute_query_one_async(counted)
        await app.job_manager.delete_old_jobs(
            nb_hours=round(older_than / timedelta(hours=1)),
            include_failed=True,
            include_cancelled=True,
            include_aborted=True,
        )
        after: Mapping[str, Any] = await connector.execute_query_one_async(counted)
    return int(before["jobs"]) - int(after["jobs"])
