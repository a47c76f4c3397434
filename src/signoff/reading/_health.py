"""Whether a store is fit: it opens, it is ours, its ledger's end is sound, nothing is stuck."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from signoff.clock import SystemClock, from_stamp
from signoff.errors import SignoffError, UsageError
from signoff.ledger import EMPTY, link
from signoff.reading._control_health import examine_controls
from signoff.reading._existing import NoStore, existing
from signoff.reading._finding import Finding
from signoff.storage import Connection, SQLiteStorage, Storage
from signoff.words import count, moment, took

#: Records at the ledger's end that are recomputed.
_LAST = 200


async def examine_store(url: str) -> AsyncIterator[Finding]:
    """Check the store at a URL, without making one."""
    try:
        async with existing(url) as storage:
            yield await _opened(storage)
            if isinstance(storage, SQLiteStorage):
                yield _in_use(Path(f"{storage.path}.lock"))
            yield await storage.survey(_ledger_end)
            async for finding in _waiting(storage):
                yield finding
            async for finding in examine_controls(storage):
                yield finding
            yield _time(await storage.last_at())
    except NoStore as error:
        yield Finding("store", "--", str(error))
    except (SignoffError, UsageError) as error:
        yield Finding("store", "FAIL", str(error))


async def _opened(storage: Storage) -> Finding:
    version = await storage.read(lambda connection: connection.run("meta", {"key": "version"}))
    return Finding("store", "OK", f"{storage.url} opens, tables version {version[0][0]}")


def _in_use(lock: Path) -> Finding:
    try:
        file = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Finding("in use", "OK", "by no runtime")
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        text = os.read(file, 100).decode("ascii", "replace")
        owner = text.partition("\n")[0].strip() or "unknown"
        return Finding("in use", "OK", f"by the runtime in process {owner}")
    finally:
        os.close(file)
    return Finding("in use", "OK", "by no runtime")


def _ledger_end(connection: Connection) -> Finding:
    last: int = connection.run("last", {})[0][0] or 0
    rows = connection.run("records", {"after": last - _LAST, "limit": _LAST})
    heads: dict[str, tuple[int, str]] = {}
    wrong: set[str] = set()
    for _, subject, seq, at, crossing, type, body, hash in rows:
        before = heads.get(subject, (0, EMPTY) if seq == 1 else None)
        if before is not None:
            expected = link(
                before[1], subject=subject, seq=seq, at=at, crossing=crossing, type=type, body=body
            )
            if before[0] + 1 != seq or expected != hash:
                wrong.add(subject)
        heads[subject] = (seq, hash)
    for subject, head in heads.items():
        stored = connection.run("subject", {"id": subject})
        if not stored or tuple(stored[0][:2]) != head:
            wrong.add(subject)
    if wrong:
        return Finding(
            "ledger",
            "FAIL",
            f"altered at {', '.join(sorted(wrong)[:3])}",
            "Run `signoff ledger verify`, and compare with a backup.",
        )
    return Finding(
        "ledger", "OK", f"the last {count(len(rows), 'record')} and their chain heads agree"
    )


async def _waiting(storage: Storage) -> AsyncIterator[Finding]:
    now = SystemClock().now()
    pending = await storage.pending()
    for kind, name, number, due in pending:
        late = now - from_stamp(due)
        found = f"{name}: {count(number, 'waits', 'wait')}, the earliest due {moment(due)} UTC"
        if late > timedelta(minutes=1):
            yield Finding(
                kind,
                "--",
                f"{found}, {took(late.total_seconds())} ago",
                "It runs when a runtime opens that knows it: Runtime(..., knows=[...]).",
            )
        else:
            yield Finding(kind, "OK", found)
    if not pending:
        yield Finding("work", "OK", "nothing waits")
    for finding in _stuck(await storage.crossings_by_status()):
        yield finding


def _stuck(crossings: list[tuple[str, str, int, int]]) -> Iterator[Finding]:
    remedies = {
        "unknown": "Nobody can say whether the effect happened: ask the other system.",
        "suspended": "A person has to decide.",
    }
    for boundary, status, number, _ in crossings:
        if status in remedies:
            found = f"{boundary}: {count(number, 'crossing')} {status}"
            yield Finding(status, "--", found, remedies[status])


def _time(last: str | None) -> Finding:
    now = SystemClock().now()
    found = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < datetime(2025, 1, 1, tzinfo=now.tzinfo):
        return Finding("clock", "FAIL", found, "Set this machine's clock: timers go by it.")
    if last is not None and from_stamp(last) - now > timedelta(minutes=5):
        return Finding(
            "clock",
            "--",
            f"{found}, but the ledger's last record is of {moment(last)}",
            "Either the clock is behind, or the store was written under a simulated time.",
        )
    return Finding("clock", "OK", found)
