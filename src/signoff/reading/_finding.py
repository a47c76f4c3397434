"""One thing that doctor checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Fine; worth knowing; broken.
Verdict = Literal["OK", "--", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do about it."""

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""
