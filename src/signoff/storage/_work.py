"""Work that is due, as whoever is to do it is told of it."""

from __future__ import annotations

from typing import NamedTuple


class Work(NamedTuple):
    """Work that is due.

    Attributes:
        queue: Name of the machine, boundary or effect: whoever does it has to know that.
        subject: What it is about; one piece of work at a time for each.
        due: When, as a stamp.
    """

    queue: str
    subject: str
    due: str
