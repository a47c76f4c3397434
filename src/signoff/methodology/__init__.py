"""Methodology owns the choice of a composition: questions, predicates, and the decision record.

Everything here is a plain function of values. The five steps are those of Srinivasan, A Methodology
for Selecting and Composing Runtime Architecture Patterns for Production LLM Agents (2026),
arXiv:2605.20173.
"""

from signoff.methodology._check import Checked, Drift, Gravity, PatternFound, check
from signoff.methodology._compared import Comparison, Difference, compare
from signoff.methodology._decision_record import DecisionRecord
from signoff.methodology._line import Alternative, Line, Predicate, Value
from signoff.methodology._markdown import read_record
from signoff.methodology._patterns import NUMBERS
from signoff.methodology._questions import QUESTIONS, Kind, Question, Step
from signoff.methodology._select import select
from signoff.methodology._span import span_of, spelled
from signoff.methodology._why_not import Change, WhyNot, why_not
from signoff.methodology._wiring import Role, Wired, Wiring, is_crossed, wiring_of
from signoff.methodology._workload import (
    PLANES,
    Consequence,
    Contradiction,
    Plane,
    Workload,
    workload_of,
)

__all__ = [
    "NUMBERS",
    "PLANES",
    "QUESTIONS",
    "Alternative",
    "Change",
    "Checked",
    "Comparison",
    "Consequence",
    "Contradiction",
    "DecisionRecord",
    "Difference",
    "Drift",
    "Gravity",
    "Kind",
    "Line",
    "PatternFound",
    "Plane",
    "Predicate",
    "Question",
    "Role",
    "Step",
    "Value",
    "WhyNot",
    "Wired",
    "Wiring",
    "Workload",
    "check",
    "compare",
    "is_crossed",
    "read_record",
    "select",
    "span_of",
    "spelled",
    "why_not",
    "wiring_of",
    "workload_of",
]
