from __future__ import annotations

from typing import Any

import pytest

from signoff.boundary import TicketRow
from signoff.control import service_levels


def at(minute: int) -> str:
    return f"2026-03-01T12:{minute:02}:00.000000Z"


def ticket(status: Any = "open", *, closed: int = 0, late: Any = (), ask: str = "a") -> TicketRow:
    return TicketRow(
        id="t", crossing="c", subject="s", boundary="b", status=status, ask=ask, because="x",
        opened=at(0), closed=at(closed) if status != "open" else "", body={"late": late},
    )  # fmt: skip


def test_nobody_was_asked() -> None:
    assert service_levels([]) == ()


def test_answers_are_counted_and_timed() -> None:
    tickets = [ticket("approved", closed=1), ticket("denied", closed=2), ticket("edited", closed=9)]
    [level] = service_levels(tickets)
    assert (level.asked, level.answered) == (3, 3)
    assert (level.approved, level.denied, level.edited) == (1, 1, 1)
    assert (level.median, level.longest, level.in_time) == (120.0, 540.0, 1.0)


@pytest.mark.parametrize("status", ["open", "void"])
def test_what_could_not_be_missed_does_not_lower_the_share(status: str) -> None:
    [level] = service_levels([ticket(status)])
    assert (level.asked, level.answered, level.in_time) == (1, 0, None)
    assert (level.median, level.longest) == (None, None)
    [level] = service_levels([ticket(status), ticket("approved", closed=1)])
    assert level.in_time == 1.0


def test_what_expired_was_not_in_time() -> None:
    [level] = service_levels([ticket("expired", closed=5), ticket("approved", closed=1)])
    assert (level.expired, level.in_time, level.longest) == (1, 0.5, 60.0)


def test_a_ticket_that_was_passed_on_counts_for_everybody_who_had_it() -> None:
    late = [["a", at(10)], ["b", at(20)]]
    first, second, third = service_levels([ticket("retried", closed=25, late=late, ask="c")])
    assert [level.ask for level in (first, second, third)] == ["a", "b", "c"]
    assert (first.asked, first.passed_on, first.in_time) == (1, 1, 0.0)
    assert (second.asked, second.passed_on, second.answered) == (1, 1, 0)
    assert (third.retried, third.longest, third.in_time) == (1, 300.0, 1.0)
