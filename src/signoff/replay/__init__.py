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
from signoff.replay._report import as_json, as_junit, as_markdown
from signoff.replay._tables import Table, tables

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
    "Table",
    "as_json",
    "as_junit",
    "as_markdown",
    "compare",
    "tables",
]
