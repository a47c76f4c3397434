"""How quickly people answer: what became of the tickets that each of them was asked about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from signoff.boundary import TicketRow, TicketStatus
from signoff.clock import from_stamp

#: How a ticket ends when somebody answers it.
ANSWERS: tuple[TicketStatus, ...] = ("approved", "edited", "denied", "retried", "dropped")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """What became of the tickets that one role, or one person, was asked about.

    A ticket that was passed on counts for everybody who had it, each from when they had it.

    Attributes:
        ask: Who was asked.
        asked: Tickets that they had.
        answered: Tickets that they answered.
        approved: Of those, the ones that they approved.
        edited: Of those, the ones that they edited.
        denied: Of those, the ones that they denied.
        retried: Of those, the ones that had failed work tried again.
        dropped: Of those, the ones that dropped failed work.
        expired: Tickets that ended because they did not answer in time.
        passed_on: Tickets that went to somebody else because they did not answer in time.
        void: Tickets that were no longer about what waited.
        open: Tickets that still wait for them.
        median: Seconds in which half of the answers came; None without an answer.
        longest: Seconds that the slowest answer took; None without an answer.
        in_time: Share of the answers among all that were given or missed; None without either.
    """

    ask: str
    asked: int
    answered: int
    approved: int
    edited: int
    denied: int
    retried: int
    dropped: int
    expired: int
    passed_on: int
    void: int
    open: int
    median: float | None
    longest: float | None
    in_time: float | None


@dataclass(slots=True)
class _Tally:
    """What is counted for one who is asked."""

    ends: dict[TicketStatus, int] = field(default_factory=dict[TicketStatus, int])
    passed_on: int = 0
    seconds: list[float] = field(default_factory=list[float])

    def level(self, ask: str) -> ServiceLevel:
        answered = sum(self.ends.get(answer, 0) for answer in ANSWERS)
        missed = self.ends.get("expired", 0) + self.passed_on
        return ServiceLevel(
            ask=ask,
            asked=sum(self.ends.values()) + self.passed_on,
            answered=answered,
            approved=self.ends.get("approved", 0),
            edited=self.ends.get("edited", 0),
            denied=self.ends.get("denied", 0),
            retried=self.ends.get("retried", 0),
            dropped=self.ends.get("dropped", 0),
            expired=self.ends.get("expired", 0),
            passed_on=self.passed_on,
            void=self.ends.get("void", 0),
            open=self.ends.get("open", 0),
            median=median(self.seconds) if self.seconds else None,
            longest=max(self.seconds, default=None),
            in_time=answered / (answered + missed) if answered + missed else None,
        )


def service_levels(tickets: Iterable[TicketRow]) -> tuple[ServiceLevel, ...]:
    """How quickly everybody who was asked has answered, by their names.

    Args:
        tickets: Of any status; read once, in any order.
    """
    tallies: dict[str, _Tally] = {}
    for ticket in tickets:
        since = ticket.opened
        for ask, at in ticket.body.get("late", ()):
            tallies.setdefault(ask, _Tally()).passed_on += 1
            since = at
        tally = tallies.setdefault(ticket.ask, _Tally())
        tally.ends[ticket.status] = tally.ends.get(ticket.status, 0) + 1
        if ticket.status in ANSWERS:
            took = from_stamp(ticket.closed) - from_stamp(since)
            tally.seconds.append(max(took.total_seconds(), 0.0))
    return tuple(tallies[ask].level(ask) for ask in sorted(tallies))
