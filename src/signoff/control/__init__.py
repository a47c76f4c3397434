"""Control owns who may stop, delay or ask before a commit happens."""

from signoff.control._cases import Case, CaseResult, read_cases
from signoff.control._errors import BadPolicy, Problem
from signoff.control._fields import Field, Fields
from signoff.control._kinds import Kind
from signoff.control._policy import Policy
from signoff.control._policy_file import Rule, RuleSet
from signoff.control._predicate import Ask, Complaint, Conditions, Language, Misread

__all__ = [
    "Ask",
    "BadPolicy",
    "Case",
    "CaseResult",
    "Complaint",
    "Conditions",
    "Field",
    "Fields",
    "Kind",
    "Language",
    "Misread",
    "Policy",
    "Problem",
    "Rule",
    "RuleSet",
    "read_cases",
]
