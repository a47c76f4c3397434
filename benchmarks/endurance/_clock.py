"""A clock that is set wrong from outside, while its process works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from signoff.clock import SystemClock

#: Seconds after which the file is looked at again.
_LOOK_EVERY = 0.1


class SteppedClock(SystemClock):
    """The real time and the seconds that a file says.

    Args:
        offset: The file; without it, nothing is added.
    """

    def __init__(self, offset: Path) -> None:
        self._offset = offset
        self._looked, self._added = -1.0, timedelta()

    def now(self) -> datetime:
        elapsed = self.elapsed()
        if elapsed - self._looked > _LOOK_EVERY:
            self._looked = elapsed
            try:
                self._added = timedelta(seconds=float(self._offset.read_text() or 0))
            except OSError:
                self._added = timedelta()
        return datetime.now(UTC) + self._added
