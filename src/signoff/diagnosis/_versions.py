"""What another model, or version, changed on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import fsum

from signoff.diagnosis._tally import Tally
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


def version_effects(
    models: Sequence[tuple[str, Tally]], *, confidence: float, seed: int
) -> tuple[VersionEffect, ...]:
    """Every model with every later one, in the order given, where both answered an input."""
    found = [
        effect
        for (before, old), (after, new) in combinations(models, 2)
        if (effect := _effect(before, old, after, new, confidence, seed)) is not None
    ]
    raised = holm([effect[1] for effect in found])
    return tuple(
        VersionEffect(
            before=before, after=after, inputs=inputs, difference=difference, interval=interval,
            p=p, p_holm=p_holm, worse=worse, better=better,
            p_mcnemar=mcnemar_exact(worse, better),
        )
        for ((before, after, inputs, difference, interval, worse, better), p), p_holm in zip(
            found, raised, strict=True
        )
    )  # fmt: skip


def _effect(
    before: str, old: Tally, after: str, new: Tally, confidence: float, seed: int
) -> tuple[tuple[str, str, int, float, Interval, int, int], float] | None:
    common = [key for key in old.inputs if key in new.inputs]
    if not common:
        return None
    differences: list[float] = []
    worse = better = 0
    for key in common:
        c1, n1 = old.inputs[key]
        c2, n2 = new.inputs[key]
        differences.append(c2 / n2 - c1 / n1)
        was, now = old.first[key][1], new.first[key][1]
        worse += was and not now
        better += now and not was
    interval = cluster_interval(differences, confidence=confidence)
    difference = fsum(differences) / len(common)
    told = (before, after, len(common), difference, interval, worse, better)
    return told, sign_flip(differences, seed=seed)
