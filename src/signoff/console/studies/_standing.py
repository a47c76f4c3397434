"""Where a study stands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a study found.

    Attributes:
        at: When it began, as a stamp.
        seconds: How long it took.
        status: Exit status of the command.
        value: The JSON document that it printed; None if it printed none.
        error: What it said instead.
    """

    at: str
    seconds: float
    status: int
    value: Any = None
    error: str = ""

    def as_text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Found | None:
        """What was kept; None if somebody has made something else of it."""
        try:
            kept = json.loads(text)
        except ValueError:
            return None
        names = {field.name for field in fields(cls)}
        if not isinstance(kept, dict) or set(cast("dict[str, Any]", kept)) != names:
            return None
        return cls(**cast("dict[str, Any]", kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a study stands.

    Attributes:
        since: When it began that is under way or waits for another one, as a stamp; or empty.
        found: What the last one found that came to an end.
        failed: A later one that could not tell; what was found before stays.
    """

    since: str = ""
    found: Found | None = None
    failed: Found | None = None
