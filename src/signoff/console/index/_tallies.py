"""Counts of what happened at each boundary, by hour and by day."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any

from signoff.clock import from_stamp
from signoff.console.index._spans import span_class

#: Characters of a stamp that name an hour, and a day.
HOUR, DAY = 13, 10

_ENDED = ("committed", "rejected")
_MARKS = ("suspended", "unknown", *_ENDED)


class Tallies:
    """Counts of one batch of records. Nothing is written before `write`."""

    def __init__(self) -> None:
        self._hours: Counter[tuple[str, str, str]] = Counter()

    def opened(self, boundary: str, at: str) -> None:
        """A crossing began."""
        self._add(at, boundary, "opened")

    def proposed(self, boundary: str, at: str, usd: float) -> None:
        """A model answered, for so many dollars."""
        self._add(at, boundary, "attempts")
        if usd:
            self._add(at, boundary, "usd", usd)

    def objected(self, boundary: str, at: str, code: str) -> None:
        """An attempt was rejected with a code."""
        self._add(at, boundary, f"code:{code}")

    def became(self, boundary: str, at: str, type: str, opened: str) -> None:
        """A record of a type came of a crossing that was opened then."""
        if type in _MARKS:
            self._add(at, boundary, type)
        if type in _ENDED:
            seconds = (from_stamp(at) - from_stamp(opened)).total_seconds()
            self._add(at, boundary, f"span:{span_class(seconds)}")

    def _add(self, at: str, boundary: str, what: str, number: Any = 1) -> None:
        self._hours[at[:HOUR], boundary, what] += number

    def write(self, connection: sqlite3.Connection) -> None:
        """Add them to those that are there."""
        days: Counter[tuple[str, str, str]] = Counter()
        for (hour, boundary, what), number in self._hours.items():
            days[hour[:DAY], boundary, what] += number
        for table, counts in (("hours", self._hours), ("days", days)):
            connection.executemany(
                f"INSERT INTO {table} VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
                "SET number = number + excluded.number",
                [(*key, number) for key, number in counts.items()],
            )
