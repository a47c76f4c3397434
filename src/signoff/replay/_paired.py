"""Whether a candidate is accepted as often as a baseline, input by input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import fsum, sqrt

from signoff.replay._answers import Answers
from signoff.replay._compared import Acceptance, GroupAcceptance
from signoff.statistics import Interval, cluster_interval, mcnemar_exact, sign_flip

#: A pair of pseudo-inputs whose squares sum to 1: half an input worse, half an input better.
_PSEUDO = (sqrt(0.5), -sqrt(0.5))


def acceptance(
    inputs: Mapping[str, tuple[Answers, Answers]], *, confidence: float, seed: int
) -> Acceptance | None:
    """The paired comparison over the inputs that both lanes have a judged trial of."""
    pairs = [(b, c) for b, c in inputs.values() if b.judged and c.judged]
    if not pairs:
        return None
    differences = [c.rate - b.rate for b, c in pairs]
    worse, better = sum(d < 0 for d in differences), sum(d > 0 for d in differences)
    single = all(b.judged == 1 and c.judged == 1 for b, c in pairs)
    return Acceptance(
        inputs=len(pairs),
        baseline=fsum(b.rate for b, _ in pairs) / len(pairs),
        candidate=fsum(c.rate for _, c in pairs) / len(pairs),
        difference=fsum(differences) / len(pairs),
        interval=_interval(differences, confidence),
        p=mcnemar_exact(worse, better) if single else sign_flip(differences, seed=seed),
        test="mcnemar" if single else "sign_flip",
        worse=worse,
        better=better,
        floor=_interval(list(_at_worst(inputs.values())), confidence).low,
    )


def by_group(inputs: Mapping[str, tuple[Answers, Answers]]) -> tuple[GroupAcceptance, ...]:
    """The same means for each group, if there is more than one."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for baseline, candidate in inputs.values():
        if baseline.judged and candidate.judged:
            pair = (baseline.rate, candidate.rate)
            groups.setdefault(baseline.group or candidate.group, []).append(pair)
    if len(groups) < 2:
        return ()
    return tuple(
        GroupAcceptance(
            group=group,
            inputs=len(pairs),
            baseline=fsum(b for b, _ in pairs) / len(pairs),
            candidate=fsum(c for _, c in pairs) / len(pairs),
            worse=sum(c < b for b, c in pairs),
            better=sum(c > b for b, c in pairs),
        )
        for group, pairs in sorted(groups.items())
    )


def _interval(differences: Sequence[float], confidence: float) -> Interval:
    return cluster_interval([*differences, *_PSEUDO], confidence=confidence)


def _at_worst(inputs: Iterable[tuple[Answers, Answers]]) -> Iterable[float]:
    """Differences, had every missing answer of the candidate been rejected and the other's not."""
    for baseline, candidate in inputs:
        kept = baseline.accepted + baseline.unjudged
        before = kept / baseline.trials if baseline.trials else 1.0
        after = candidate.accepted / candidate.trials if candidate.trials else 0.0
        yield after - before
