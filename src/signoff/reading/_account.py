"""One subject's records as a store keeps them, with large values brought back in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

from signoff.errors import BadInput
from signoff.ledger import Entry
from signoff.storage import Connection, Storage

#: A record's field that was stored apart looks like this.
_APART = {"$payload", "characters"}

_PAGE = 1000


async def records_of(storage: Storage, subject: str) -> list[tuple[Entry, dict[str, Any]]]:
    """A subject's records with their fields, oldest first.

    Raises:
        BadInput: If the ledger has no such subject; names some that it has.
    """
    records = [
        (entry, await body_of(storage, entry)) async for entry in storage.of_subject(subject)
    ]
    if not records:
        like = await ids_like(storage, subject)
        hint = f"; it knows {', '.join(like)}" if like else ""
        raise BadInput(f"the ledger at {storage.url} has no subject {subject!r}{hint}")
    return records


async def body_of(storage: Storage, entry: Entry) -> dict[str, Any]:
    """A record's fields, those that were stored apart included."""
    body = parsed(entry)
    for name, digest in apart(body):
        kept = await storage.payload(digest)
        if kept is not None:
            body[name] = json.loads(kept)
    return body


def parsed(entry: Entry) -> dict[str, Any]:
    """A record's fields as they were written; what somebody made unreadable, as its text."""
    try:
        body = json.loads(entry.body)
    except ValueError:
        body = None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {"unreadable": entry.body}


def apart(body: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, digest) of the fields that were stored apart."""
    return [
        (name, value["$payload"])
        for name, value in body.items()
        if isinstance(value, dict) and cast("dict[str, Any]", value).keys() == _APART
    ]


def chain(connection: Connection, subject: str) -> Iterator[Entry]:
    """A subject's records, oldest first, within a survey: in pages, however long the chain is."""
    after = 0
    while True:
        rows = connection.run(
            "records_of_subject", {"subject": subject, "after": after, "limit": _PAGE}
        )
        for position, of, seq, at, crossing, type, body, hash in rows:
            yield Entry(
                position=position, subject=of, seq=seq, at=at,
                crossing=crossing, type=type, body=body, hash=hash,
            )  # fmt: skip
        if len(rows) < _PAGE:
            return
        after = rows[-1][2]


def payloads(connection: Connection) -> Callable[[str], str | None]:
    """Looks up what was stored apart, within a survey."""

    def payload(digest: str) -> str | None:
        rows = connection.run("payload", {"digest": digest})
        return rows[0][0] if rows else None

    return payload


async def subject_of(storage: Storage, crossing: str) -> tuple[str, str]:
    """(subject, full id) of the crossing whose id begins as given.

    Raises:
        BadInput: If there is none, or more than one.
    """
    found = await storage.find_crossings(crossing)
    if not found:
        raise BadInput(f"the ledger at {storage.url} has no crossing {crossing!r}")
    if len(found) > 1:
        raise BadInput(f"{crossing} begins the ids of several crossings; give more of it")
    return found[0][1], found[0][0]


async def subjects(
    storage: Storage, *, after: str = "", most: int | None = None
) -> AsyncIterator[tuple[str, int]]:
    """(id, records) of the subjects after an id, in the store's order."""
    while most is None or most > 0:
        page = min(most or 1000, 1000)
        rows = await storage.read(_heads(after, page))
        for id, length, _ in rows:
            yield id, length
        if len(rows) < page:
            return
        after = rows[-1][0]
        most = None if most is None else most - page


def _heads(after: str, most: int) -> Callable[[Connection], list[tuple[Any, ...]]]:
    return lambda connection: connection.run("heads", {"after": after, "limit": most})


async def ids_like(storage: Storage, subject: str) -> list[str]:
    """At most three ids that begin like the given one; one look into the index per letter."""
    for length in range(len(subject), 0, -1):
        start = subject[:length]
        found = [id async for id, _ in subjects(storage, after=start, most=3)]
        like = [id for id in found if id.startswith(start)]
        if like:
            return like
    return []
