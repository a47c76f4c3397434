"""Control owns who may stop, delay or ask before a commit happens.

What is behind this door is loaded when it is first used, so that `import signoff` stays quick.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signoff.control._answering import (
        POLICIES,
        Answer,
        Refusal,
        announce,
        answer,
        see_to_deadline,
    )
    from signoff.control._approval import Approval, Escalation
    from signoff.control._cases import Case, CaseResult, read_cases
    from signoff.control._email import email
    from signoff.control._errors import BadPolicy, Problem
    from signoff.control._fields import Field, Fields
    from signoff.control._gate import Gate
    from signoff.control._heartbeat import Heartbeat, Heartbeats
    from signoff.control._kill_switch import KillSwitch, lift, throw
    from signoff.control._kinds import Kind
    from signoff.control._notify import Notice
    from signoff.control._policy import Policy
    from signoff.control._policy_file import Rule, RuleSet
    from signoff.control._predicate import Ask, Complaint, Conditions, Language, Misread
    from signoff.control._principals import Listed, Principal, Principals
    from signoff.control._supervisor import Backoff, Child, Escalated, Supervisor, described
    from signoff.control._throttle import Throttle
    from signoff.control._webhook import verify_signature, webhook
    from signoff.control._work import Work, give_up, settle_work

_LATER = {
    "_answering": "POLICIES Answer Refusal announce answer see_to_deadline",
    "_approval": "Approval Escalation",
    "_cases": "Case CaseResult read_cases",
    "_email": "email",
    "_errors": "BadPolicy Problem",
    "_fields": "Field Fields",
    "_gate": "Gate",
    "_heartbeat": "Heartbeat Heartbeats",
    "_kill_switch": "KillSwitch lift throw",
    "_kinds": "Kind",
    "_notify": "Notice",
    "_policy": "Policy",
    "_policy_file": "Rule RuleSet",
    "_predicate": "Ask Complaint Conditions Language Misread",
    "_principals": "Listed Principal Principals",
    "_supervisor": "Backoff Child Escalated Supervisor described",
    "_throttle": "Throttle",
    "_webhook": "verify_signature webhook",
    "_work": "Work give_up settle_work",
}
_MODULE_OF = {name: module for module, names in _LATER.items() for name in names.split()}


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found


__all__ = [
    "POLICIES",
    "Answer",
    "Approval",
    "Ask",
    "Backoff",
    "BadPolicy",
    "Case",
    "CaseResult",
    "Child",
    "Complaint",
    "Conditions",
    "Escalated",
    "Escalation",
    "Field",
    "Fields",
    "Gate",
    "Heartbeat",
    "Heartbeats",
    "KillSwitch",
    "Kind",
    "Language",
    "Listed",
    "Misread",
    "Notice",
    "Policy",
    "Principal",
    "Principals",
    "Problem",
    "Refusal",
    "Rule",
    "RuleSet",
    "Supervisor",
    "Throttle",
    "Work",
    "announce",
    "answer",
    "described",
    "email",
    "give_up",
    "lift",
    "read_cases",
    "see_to_deadline",
    "settle_work",
    "throw",
    "verify_signature",
    "webhook",
]
