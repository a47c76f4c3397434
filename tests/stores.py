"""Short words for tests that talk to a store directly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from signoff.boundary import PendingEffect, Recorded, Swap, Timer
from signoff.ledger import Entry, Opened
from signoff.storage import Storage, storage_at

AT = "2026-01-01T00:00:00.000000Z"
LATER = "2026-01-02T00:00:00.000000Z"


@asynccontextmanager
async def opened(url: str, *, exclusive: bool = True, **options: Any) -> AsyncIterator[Storage]:
    storage = storage_at(url, **options)
    await storage.open(exclusive=exclusive)
    try:
        yield storage
    finally:
        await storage.close()


def note(text: Any = "x") -> Opened:
    """A record that says `text`."""
    return Opened(boundary="b", key="k", subject=text)


async def append(storage: Storage, subject: str, *texts: Any) -> None:
    records = [note(text) for text in texts]
    await storage.transact(lambda tx: tx.append(subject, "", AT, records))


def swap(
    subject: str = "s",
    *,
    expected: int | None = None,
    state: str = "open",
    data: str = "{}",
    timers: tuple[Timer, ...] | None = (),
) -> Swap:
    return Swap(
        subject=subject, machine="m", expected=expected, state=state, data=data, timers=timers
    )


def timer(name: str = "t", *, version: int = 1, due: str = AT, subject: str = "s") -> Timer:
    return Timer(subject=subject, machine="m", name=name, version=version, due=due, armed=version)


def effect(name: str = "mail", *, crossing: str = "c", due: str = AT, **more: Any) -> PendingEffect:
    fields = {"kind": "outbox", "subject": "s", "key": f"k/{name}", "payload": "{}", **more}
    return PendingEffect(crossing=crossing, name=name, due=due, **fields)


def recorded(id: str = "c", *, status: Any = "open", subject: str = "s", **more: Any) -> Recorded:
    fields = {"key": f"key of {id}", "boundary": "b", "attempts": 1, "opened": AT, "state": {}}
    return Recorded(**{"id": id, "subject": subject, "status": status, **fields, **more})


async def listed(storage: Storage, subject: str | None = None) -> list[Entry]:
    found = storage.entries() if subject is None else storage.of_subject(subject)
    return [entry async for entry in found]
