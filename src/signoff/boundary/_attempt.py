"""What the transactions of a crossing are told about the attempt at hand, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from signoff.boundary._boundary import Boundary
from signoff.boundary._control import Granted, Passing
from signoff.boundary._ports import Recorded, Row
from signoff.boundary._standing import Standing
from signoff.boundary._subject import in_json
from signoff.boundary._watch import NOT_WATCHED, Watch
from signoff.ledger import Opened, Record

#: Seconds from which on it is told how long a verdict took: a gate takes a thousandth of one.
WORTH_TELLING = 0.01

#: What stays known of a crossing after its end.
KEPT = ("usage", "parts", "trace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a crossing that pauses needs in order to go on without asking anybody again.

    Attributes:
        proposal: What waits, JSON-ready; None if nothing was proposed yet.
        editor: Who wrote what waits, if it was a person.
        principal: On whose behalf it runs, JSON-ready.
        going_on: Rejections, usage, and marks of what was already said.
        granted: What people have said yes to.
        answered: Whether a person's answer brought it here, and still counts.
        fingerprint: Who proposed what waits.
    """

    proposal: Any = None
    editor: str = ""
    principal: Any = None
    going_on: Mapping[str, Any] = field(default_factory=dict[str, Any])
    granted: tuple[Granted, ...] = ()
    answered: bool = False
    fingerprint: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to get through a boundary.

    Attributes:
        recorded: The crossing, as it was last written.
        proposal: What was accepted; None before the proposer is asked.
        subject: What it is about.
        standing: The row that it moves, if any.
        unwritten: Records that wait for the next transaction.
        passing: The same, as controls are shown it.
        memory: Says what is kept if it pauses, which few do.
        kept: What stays known of the crossing after its end: what it cost, and its parts.
        waives: Objections that a person's yes would set aside, by name.
        asks: Those of them that this ticket is about, and that its edit sets aside as well.
        fingerprint: Who proposed it.
        watch: Who watches it.
    """

    boundary: Boundary[Any, Any, Any]
    recorded: Recorded
    proposal: Any
    subject: Any
    standing: Standing[Any] | None
    unwritten: Sequence[Record]
    passing: Passing
    memory: Callable[[], Memory]
    kept: Mapping[str, Any]
    waives: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    fingerprint: Mapping[str, Any] = field(default_factory=dict[str, Any])
    watch: Watch = NOT_WATCHED

    def state(self) -> dict[str, Any]:
        """The crossing's state while it pauses."""
        memory = self.memory()
        dumped = in_json(self.boundary.subject_adapter, self.subject)
        return {
            **memory.going_on,
            "waiting": {
                "proposal": memory.proposal,
                "editor": memory.editor,
                "subject": dumped,
                "move": None if self.standing is None else dict(self.standing.intent),
                "principal": memory.principal,
                "fingerprint": dict(memory.fingerprint),
            },
            "granted": [
                {name: getattr(yes, name) for name in Granted.__slots__} for yes in memory.granted
            ],
        }


@dataclass(frozen=True, slots=True)
class Stale:
    """The row moved, or is held, since the crossing looked at it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Where the crossing stands now, and where its row went, if this transaction moved it."""

    recorded: Recorded
    row: Row | None = None


def worth_telling(seconds: float) -> float | None:
    """How long a verdict took, for the record; None if that was no time."""
    return round(seconds, 3) if seconds >= WORTH_TELLING else None


def overtaken(existing: Recorded | None, known: Recorded) -> bool:
    """Whether another process has ended or paused the crossing, or a person has answered it."""
    if existing is None:
        return False
    return existing.status != "open" or _answers(existing) != _answers(known)


def _answers(recorded: Recorded) -> tuple[Any, Any]:
    return recorded.state.get("tickets", 0), recorded.state.get("answer")


def news(unwritten: Sequence[Record], existing: Recorded | None) -> list[Record]:
    """What is still to be written. Another process under the same key may have opened it first."""
    if existing is None:
        return list(unwritten)
    return [record for record in unwritten if not isinstance(record, Opened)]
