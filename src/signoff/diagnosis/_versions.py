"""What another model, or version, changed on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import fsum

from signoff.diagnosis._tally import Key, Tally
from signoff.statistics import Interval, cluster_interval, holm, mcnemar_exact, sign_flip


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEffect:
    """One model compared with another on the inputs that both answered.

    The sign-flip test uses all runs; McNemar's only the first of each, as somebody with single runs
    would. Both keep their level and are conservative with few changes; single runs miss changes
    that several runs show.

    Attributes:
        before: The model compared with.
        after: The model that is compared.
        inputs: Inputs that both answered.
        difference: Mean over inputs of the difference in share, after less before.
        interval: Of the difference, over inputs.
        p: Two-sided p-value of the sign-flip test over inputs.
        p_holm: The same, raised for the number of pairs that were compared (Holm).
        worse: Inputs whose first run turned from accepted to not.
        better: Inputs whose first run turned from not accepted to accepted.
        p_mcnemar: Two-sided p-value of McNemar's exact test of those.
    """

    before: str
    after: str
    inputs: int
    difference: float
    interval: Interval
    p: float
    p_holm: float
    worse: int
    better: int
    p_mcnemar: float


@dataclass(slots=True)
class _Answers:
    """One model's answers, in the form that a comparison takes: inputs by their numbers."""

    model: str
    shares: dict[int, float]
    passed: set[int]
    failed: set[int]

    @classmethod
    def of(cls, model: str, tally: Tally, numbers: dict[Key, int]) -> _Answers:
        inputs = {numbers.setdefault(key, len(numbers)): n for key, n in tally.inputs.items()}
        return cls(
            model,
            {number: successes / trials for number, (successes, trials) in inputs.items()},
            {numbers[key] for key, (_, ok) in tally.first.items() if ok},
            {numbers[key] for key, (_, ok) in tally.first.items() if not ok},
        )


def version_effects(
    models: Sequence[tuple[str, Tally]], *, confidence: float, seed: int
) -> tuple[VersionEffect, ...]:
    """Every model with every later one, in the order given, where both answered an input."""
    # Numbers, because thousands of comparisons would hash every input's text again.
    numbers: dict[Key, int] = {}
    answers = [_Answers.of(model, tally, numbers) for model, tally in models]
    found = [
        effect
        for before, after in combinations(answers, 2)
        if (effect := _effect(before, after, confidence, seed)) is not None
    ]
    raised = holm([effect.p for effect in found])
    return tuple(replace(effect, p_holm=p) for effect, p in zip(found, raised, strict=True))


def _effect(
    before: _Answers, after: _Answers, confidence: float, seed: int
) -> VersionEffect | None:
    new = after.shares
    differences = [new[key] - share for key, share in before.shares.items() if key in new]
    if not differences:
        return None
    worse, better = len(before.passed & after.failed), len(before.failed & after.passed)
    p = sign_flip(differences, seed=seed)
    return VersionEffect(
        before=before.model,
        after=after.model,
        inputs=len(differences),
        difference=fsum(differences) / len(differences),
        interval=cluster_interval(differences, confidence=confidence),
        p=p,
        p_holm=p,
        worse=worse,
        better=better,
        p_mcnemar=mcnemar_exact(worse, better),
    )
