"""Values from the columns that hold them, alike for both dialects."""

from __future__ import annotations

import json
from typing import Any

from signoff.boundary import (
    EventRow,
    PendingEffect,
    Recorded,
    Row,
    StreamRow,
    TicketRow,
    Timer,
)
from signoff.ledger import EMPTY, Entry
from signoff.storage._connection import Rows


class SubjectColumns:
    """A subject's row as read, and as it will be written."""

    __slots__ = ("head", "id", "length", "pending", "row", "swapped", "touched", "was")

    def __init__(self, id: str, values: tuple[Any, ...] | None) -> None:
        self.id = id
        self.touched = self.swapped = False
        self.row: Row | None = None
        if values is None:
            self.was: int | None = None
            self.length, self.head, self.pending = 0, EMPTY, ""
            return
        self.length, self.head, machine, state, version, data, pending = values
        self.was = self.length
        self.pending = pending or ""
        if machine is not None:
            self.row = Row(
                subject=id,
                machine=machine,
                state=state,
                version=version,
                data=data,
                pending=self.pending,
            )


def read_crossing(values: tuple[Any, ...]) -> Recorded:
    """A crossing from its columns."""
    id, key, subject, boundary, status, attempts, opened, state = values
    return Recorded(
        id=id,
        key=key,
        subject=subject,
        boundary=boundary,
        status=status,
        attempts=attempts,
        opened=opened,
        state=json.loads(state),
    )


def read_row(id: str, values: tuple[Any, ...]) -> Row | None:
    """A row from the columns of its subject."""
    return SubjectColumns(id, values).row


def read_stream(log: str, stream: str, rows: Rows) -> StreamRow:
    """A stream from the columns of its row, if it has one."""
    version, source, forked = rows[0] if rows else (0, "", 0)
    return StreamRow(log=log, stream=stream, version=version, source=source, forked=forked)


def read_event(values: tuple[Any, ...]) -> EventRow:
    """An event from its columns."""
    return EventRow(**dict(zip(EventRow.__slots__, values, strict=True)))


def read_timer(values: tuple[Any, ...]) -> Timer:
    """A timer from its columns."""
    subject, machine, name, version, due, armed, tries, adopted = values
    return Timer(
        subject=subject,
        machine=machine,
        name=name,
        version=version,
        due=due,
        armed=armed,
        tries=tries,
        adopted=bool(adopted),
    )


def read_ticket(values: tuple[Any, ...]) -> TicketRow:
    """A ticket from its columns."""
    fields = dict(zip(TicketRow.__slots__, values, strict=True))
    fields["body"] = json.loads(fields["body"])
    return TicketRow(**fields)


def read_effect(values: tuple[Any, ...]) -> PendingEffect:
    """A pending effect from its columns."""
    id, kind, crossing, subject, name, key, payload, due, tries, doubt, adopted = values
    return PendingEffect(
        id=id,
        kind=kind,
        crossing=crossing,
        subject=subject,
        name=name,
        key=key,
        payload=payload,
        due=due,
        tries=tries,
        doubt=bool(doubt),
        adopted=bool(adopted),
    )


def read_entry(values: tuple[Any, ...]) -> Entry:
    """A record of the ledger from its columns."""
    position, subject, seq, at, crossing, type, body, hash = values
    return Entry(
        position=position,
        subject=subject,
        seq=seq,
        at=at,
        crossing=crossing,
        type=type,
        body=body,
        hash=hash,
    )
