"""A ticket as the database keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

#: `open` may be answered; `void` was bound to something that is no longer so.
TicketStatus: TypeAlias = Literal[
    "open", "approved", "edited", "denied", "expired", "void", "retried", "dropped"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """A question to a person.

    Attributes:
        id: Names the ticket; single-use.
        kind: `crossing` asks for a commit; `work` about work that failed every time.
        crossing: Which one waits; empty for work.
        subject: Id of the subject.
        boundary: Name of the boundary, or of the work.
        status: Where it stands.
        ask: Whom it waits for.
        because: Why.
        opened: When, as text.
        due: When it is passed on or ends; empty for never.
        closed: When it was answered; empty while open.
        by: Who answered.
        reason: What they said.
        body: What it is bound to, and the terms: see `signoff.boundary._suspend`.
    """

    id: str
    kind: Literal["crossing", "work"] = "crossing"
    crossing: str
    subject: str
    boundary: str
    status: TicketStatus = "open"
    ask: str
    because: str
    opened: str
    due: str = ""
    closed: str = ""
    by: str = ""
    reason: str = ""
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
