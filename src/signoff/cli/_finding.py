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


def took(seconds: float) -> str:
    """A duration: `0.21 ms`, `3.4 s`, `2 h`, `12 days`."""
    if seconds < 1:
        return f"{seconds * 1000:.2f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
