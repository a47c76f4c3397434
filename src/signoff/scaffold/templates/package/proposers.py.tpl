"""Who proposes: simulated models that misbehave now and then. Put real ones in their place."""

from __future__ import annotations

from dataclasses import dataclass

from signoff.boundary import Proposer, Question
from signoff.proposers import Rates, Simulated

from $package.proposals import Decision
%% if delegation
from $package.proposals import Risk
%% end
from $package.subject import $Subject


@dataclass(frozen=True, slots=True)
class Proposers:
    """Who proposes what."""

    decision: Proposer[$Subject, Decision]
%% if delegation
    risk: Proposer[$Subject, Risk]
%% end


def decision(question: Question[$Subject]) -> Decision:
    """A good answer, by rule of thumb."""
    subject = question.subject
%% if gather
    worth = subject.limit / 2 if subject.estimate is None else subject.estimate
    amount = round(min(worth, subject.limit), 2)
%% else
    amount = round(subject.limit / 2, 2)
%% end
    return Decision(subject_id=subject.id, amount=amount, reason="it is what this is worth")
%% if delegation


def risk(question: Question[$Subject]) -> Risk:
    """A good answer, by rule of thumb."""
    subject = question.subject
    return Risk(subject_id=subject.id, share=0.2 if subject.limit < 500 else 0.4)
%% end


def simulated(*, seed: int = 0, misbehaves: float = 0.0) -> Proposers:
    """Models that answer well, except for a share of their answers.

    A real one is `signoff.proposers.Model("openai:gpt-5", proposes=Decision, instructions="...")`.
    """
    rates = Rates.evenly(misbehaves)
    wrong = {"subject_id": "another"}
    return Proposers(
        decision=Simulated(
            decision,
            proposes=Decision,
            seed=seed,
            rates=rates,
            exaggerate={"amount": 9_999.0},
            wrong=wrong,
        ),
%% if delegation
        risk=Simulated(
            risk,
            proposes=Risk,
            seed=seed,
            rates=rates,
            exaggerate={"share": 9.0},
            wrong=wrong,
        ),
%% end
    )
