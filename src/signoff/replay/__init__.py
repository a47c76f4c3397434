"""Replay owns asking recorded questions again, without a commit to call."""

from signoff.replay._compared import (
    Acceptance,
    Compared,
    Comparison,
    Decision,
    Example,
    GroupAcceptance,
    Kind,
    LaneSummary,
    Level,
    LevelComparison,
    Said,
    Shift,
)
from signoff.replay._comparison import compare

__all__ = [
    "Acceptance",
    "Compared",
    "Comparison",
    "Decision",
    "Example",
    "GroupAcceptance",
    "Kind",
    "LaneSummary",
    "Level",
    "LevelComparison",
    "Said",
    "Shift",
    "compare",
]
