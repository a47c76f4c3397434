"""What a comparison of two lanes found, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from signoff.statistics import Interval

#: What to do: put the candidate in place; keep the baseline; have a person look.
Decision = Literal["SHIP", "HOLD", "REVIEW"]

#: Where two answers to one input can differ: what was said, how it was judged, what it would do.
Level = Literal["proposal", "verdict", "effect"]

#: What became of one input; `alone` if only one lane has anything to compare.
Kind = Literal["same", "variance", "proposal", "verdict", "effect", "alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSummary:
    """What one lane is made of.

    Attributes:
        models: Who answered: labels, sorted.
        inputs: Inputs with at least one trial.
        trials: All of them.
        judged: Those of which it is known whether they were accepted.
        accepted: Those that were.
        interval: Wilson's, for the share accepted, as if trials were independent; None if none was
            judged.
        failures: Why there was no answer, in the first words of each error -> how many trials.
        unjudged: Trials of which nobody knows whether they were accepted, failed ones included.
    """

    models: tuple[str, ...]
    inputs: int
    trials: int
    judged: int
    accepted: int
    interval: Interval | None
    failures: Mapping[str, int]
    unjudged: int

    @property
    def rate(self) -> float | None:
        """The share accepted; None if none was judged."""
        return self.accepted / self.judged if self.judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """How often either lane was accepted, input by input.

    Attributes:
        inputs: Inputs that both lanes have a judged trial of; everything here is about them.
        baseline: Mean over inputs of the share of the baseline's trials that were accepted.
        candidate: The same of the candidate's.
        difference: Candidate minus baseline.
        interval: For the difference, clustered by input, with two pseudo-inputs as in Agresti and
            Min (2005), so that a few equal inputs are not taken for a proof.
        p: Two-sided, that the lanes are accepted equally often.
        test: `mcnemar` if each lane has one trial per input, otherwise `sign_flip`.
        worse: Inputs that the candidate is accepted on less often.
        better: Inputs that it is accepted on more often.
        floor: The lower end, had everything that is missing gone against the candidate.
    """

    inputs: int
    baseline: float
    candidate: float
    difference: float
    interval: Interval
    p: float
    test: Literal["mcnemar", "sign_flip"]
    worse: int
    better: int
    floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelComparison:
    """How much the lanes disagree at one level, and how much of it each lane does by itself.

    Shares are of pairs of trials of one input, averaged over inputs.

    Attributes:
        level: Which one.
        inputs: Inputs that both lanes have on record at this level.
        across: Share of disagreeing pairs with one trial from each lane; None without inputs.
        baseline_variance: Share of disagreeing pairs within the baseline; None if no input has two
            trials there.
        candidate_variance: The same within the candidate.
        measured: Inputs of which the variance is known: divergence is about them.
        divergence: Share across minus the mean of the shares within; 0 in expectation if the lanes
            answer alike, and half the squared distance of their answers otherwise; None if nothing
            is measured.
        interval: For the divergence, clustered by input; None if fewer than two are measured.
        p: One-sided, that the lanes answer alike: trials exchanged between the lanes of an input.
        differing: Inputs on which some pair across disagrees.
    """

    level: Level
    inputs: int
    across: float | None
    baseline_variance: float | None
    candidate_variance: float | None
    measured: int
    divergence: float | None
    interval: Interval | None
    p: float | None
    differing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Inputs whose usual verdict moved from one to another.

    Attributes:
        baseline: The most frequent verdict there.
        candidate: The most frequent verdict here.
        inputs: How many moved so.
        same_proposal: On how many of them both lanes made the same proposal: what changed is how
            it was written or judged, not what it says.
    """

    baseline: str
    candidate: str
    inputs: int
    same_proposal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAcceptance:
    """How often either lane was accepted within one group; a breakdown, no decision.

    Attributes:
        group: Its name.
        inputs: Inputs that both lanes have a judged trial of.
        baseline: Mean share accepted.
        candidate: Mean share accepted.
        worse: Inputs that the candidate is accepted on less often.
        better: Inputs that it is accepted on more often.
    """

    group: str
    inputs: int
    baseline: float
    candidate: float
    worse: int
    better: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer of an example.

    Attributes:
        verdict: As it is on record.
        shown: A short text of the proposal, or the error.
    """

    verdict: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One input, and what became of it.

    Attributes:
        input: Which question.
        group: What it counts for.
        kind: `effect`, `verdict` or `proposal` if the lanes differ there by more than either does
            by itself, the gravest of them; `variance` if answers differ otherwise; `same`;
            `alone`.
        worse: Whether the candidate is accepted on it less often.
    """

    input: str
    group: str
    kind: Kind
    worse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An input on which the lanes diverge, with what they said.

    Attributes:
        input: Which question.
        group: What it counts for.
        kind: At which level.
        baseline: Its different answers, the most frequent first; a few.
        candidate: The same of the candidate.
    """

    input: str
    group: str
    kind: Kind
    baseline: tuple[Said, ...]
    candidate: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Whether a candidate may take a baseline's place, and what that rests on.

    Attributes:
        decision: `SHIP`, `HOLD` or `REVIEW`.
        reasons: Why, in words, the deciding one first.
        notes: What was partial, missing or not measurable, in words.
        baseline: The baseline lane.
        candidate: The candidate lane.
        acceptance: The paired comparison; None if no input was judged in both lanes.
        levels: Proposal, verdict, effect.
        kinds: Inputs of each kind.
        shifts: Verdicts that moved, the most frequent first.
        groups: Acceptance by group, if there is more than one.
        examples: A few inputs of each kind of divergence.
        inputs: Every input, in the order of the lanes.
        confidence: Of every interval, from 0 to 1.
        margin: How much worse acceptance may be, from 0 to 1.
    """

    decision: Decision
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    baseline: LaneSummary
    candidate: LaneSummary
    acceptance: Acceptance | None
    levels: tuple[LevelComparison, ...]
    kinds: Mapping[Kind, int]
    shifts: tuple[Shift, ...]
    groups: tuple[GroupAcceptance, ...]
    examples: tuple[Example, ...]
    inputs: tuple[Compared, ...]
    confidence: float
    margin: float

    @property
    def variance_measured(self) -> bool:
        """Whether the baseline answered some input twice, so that divergence can be claimed."""
        return any(level.baseline_variance is not None for level in self.levels)

    @property
    def status(self) -> int:
        """Exit status for a pipeline: 0 `SHIP`, 1 `HOLD`, 3 `REVIEW`."""
        return {"SHIP": 0, "HOLD": 1, "REVIEW": 3}[self.decision]
