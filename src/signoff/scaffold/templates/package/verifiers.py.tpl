"""What every proposal has to hold to: plain functions that say `Accept()`, or why not."""

from __future__ import annotations

from signoff import Accept, Reject, Verdict

from $package.proposals import Decision
%% if gather
from $package.proposals import Finding
%% end
%% if delegation
from $package.proposals import Risk
%% end
from $package.subject import $Subject


%% if delegation
def about_this_one(proposal: Decision | Risk, subject: $Subject) -> Verdict:
%% else
def about_this_one(proposal: Decision, subject: $Subject) -> Verdict:
%% end
    if proposal.subject_id == subject.id:
        return Accept()
    return Reject(
        "wrong_subject",
        f"this is about {subject.id}, not {proposal.subject_id[:40]}",
        path="subject_id",
    )
%% if not gate


def within_limit(decision: Decision, subject: $Subject) -> Verdict:
    if decision.amount <= subject.limit:
        return Accept()
    return Reject(
        "over_limit",
        f"{decision.amount:.2f} proposed, {subject.limit:.2f} allowed",
        path="amount",
    )
%% end
%% if gather


def plausible(finding: Finding, subject: $Subject) -> Verdict:
    if finding.worth <= 2 * subject.limit:
        return Accept()
    return Reject("implausible", f"{finding.worth:.2f} is more than twice the limit", path="worth")
%% end
