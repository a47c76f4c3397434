"""Replay owns asking recorded questions again, without a commit to call.

`replay` asks what is on a ledger; `compare` decides about trials wherever they come from.
"""

from signoff.replay._asking import ask_lane
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
from signoff.replay._examination import EffectOf, Examination, Finding
from signoff.replay._lanes import LaneName, Reply
from signoff.replay._progress import Progress, Tell
from signoff.replay._questions import Misfit, Questions, RecordedQuestion
from signoff.replay._recordings import questions_of
from signoff.replay._replay import When, recorded_reply, replay
from signoff.replay._replay_report import Divergence, LaneFacts, ReplayReport
from signoff.replay._report import as_json, as_junit, as_markdown
from signoff.replay._tables import Table, tables

__all__ = [
    "Acceptance",
    "Compared",
    "Comparison",
    "Decision",
    "Divergence",
    "EffectOf",
    "Examination",
    "Example",
    "Finding",
    "GroupAcceptance",
    "Kind",
    "LaneFacts",
    "LaneName",
    "LaneSummary",
    "Level",
    "LevelComparison",
    "Misfit",
    "Progress",
    "Questions",
    "RecordedQuestion",
    "ReplayReport",
    "Reply",
    "Said",
    "Shift",
    "Table",
    "Tell",
    "When",
    "as_json",
    "as_junit",
    "as_markdown",
    "ask_lane",
    "compare",
    "questions_of",
    "recorded_reply",
    "replay",
    "tables",
]
