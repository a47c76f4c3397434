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
    from signoff.control._letting_go import described
    from signoff.control._notify import Notice
    from signoff.control._policy import Policy
    from signoff.control._policy_file import Rule, RuleSet
    from signoff.control._policy_replay import (
        PolicyReplay,
        Replayed,
        ReplayKind,
        Unjudged,
        last_of_each_attempt,
    )
    from signoff.control._predicate import Ask, Complaint, Conditions, Language, Misread
    from signoff.control._principals import Listed, Principal, Principals, name_of_decider
    from signoff.control._pure import Judge, judges_of
    from signoff.control._recorded_policy import (
        AskedPolicy,
        Fired,
        Judgement,
        PolicyText,
        Waiver,
        asked_policies,
        fields_of_entry,
        fired,
        judgements,
        policy_texts,
        text_of,
    )
    from signoff.control._service_level import ServiceLevel, service_levels
    from signoff.control._supervisor import Backoff, Child, Escalated, Supervisor
    from signoff.control._throttle import Throttle
    from signoff.control._webhook import verify_signature, webhook
    from signoff.control._work import NEVER, OPERATOR, Work, give_up, settle_work
    from signoff.control._yaml import Document, read_yaml

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
    "_policy_replay": "PolicyReplay ReplayKind Replayed Unjudged last_of_each_attempt",
    "_predicate": "Ask Complaint Conditions Language Misread",
    "_principals": "Listed Principal Principals name_of_decider",
    "_pure": "Judge judges_of",
    "_service_level": "ServiceLevel service_levels",
    "_recorded_policy": (
        "AskedPolicy Fired Judgement PolicyText Waiver asked_policies fields_of_entry "
        "fired judgements policy_texts text_of"
    ),
    "_letting_go": "described",
    "_supervisor": "Backoff Child Escalated Supervisor",
    "_throttle": "Throttle",
    "_webhook": "verify_signature webhook",
    "_work": "NEVER OPERATOR Work give_up settle_work",
    "_yaml": "Document read_yaml",
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
    "NEVER",
    "OPERATOR",
    "POLICIES",
    "Answer",
    "Approval",
    "Ask",
    "AskedPolicy",
    "Backoff",
    "BadPolicy",
    "Case",
    "CaseResult",
    "Child",
    "Complaint",
    "Conditions",
    "Document",
    "Escalated",
    "Escalation",
    "Field",
    "Fields",
    "Fired",
    "Gate",
    "Heartbeat",
    "Heartbeats",
    "Judge",
    "Judgement",
    "KillSwitch",
    "Kind",
    "Language",
    "Listed",
    "Misread",
    "Notice",
    "Policy",
    "PolicyReplay",
    "PolicyText",
    "Principal",
    "Principals",
    "Problem",
    "Refusal",
    "ReplayKind",
    "Replayed",
    "Rule",
    "RuleSet",
    "ServiceLevel",
    "Supervisor",
    "Throttle",
    "Unjudged",
    "Waiver",
    "Work",
    "announce",
    "answer",
    "asked_policies",
    "described",
    "email",
    "fields_of_entry",
    "fired",
    "give_up",
    "judgements",
    "judges_of",
    "last_of_each_attempt",
    "lift",
    "name_of_decider",
    "policy_texts",
    "read_cases",
    "read_yaml",
    "see_to_deadline",
    "service_levels",
    "settle_work",
    "text_of",
    "throw",
    "verify_signature",
    "webhook",
]
