"""Two lanes of answers to the same inputs become one decision: ship, hold, or look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from math import fsum

from signoff.diagnosis import Trial
from signoff.errors import UsageError
from signoff.replay._answers import LEVELS, Answers, paired
from signoff.replay._compared import (
    Compared,
    Comparison,
    Example,
    Kind,
    LaneSummary,
    Level,
    LevelComparison,
    Shift,
)
from signoff.replay._decision import Evidence, decide
from signoff.replay._divergence import Shares, exchange_p, shares
from signoff.replay._paired import acceptance, by_group
from signoff.statistics import cluster_interval, wilson

#: How much of what the lanes of one input disagree on must be beyond variance to name it divergent.
_MOSTLY = 0.5

_FIRST_WORDS = 60

_Inputs = Mapping[str, tuple[Answers, Answers]]


def compare(
    baseline: Sequence[Trial],
    candidate: Sequence[Trial],
    *,
    confidence: float = 0.95,
    margin: float = 0.02,
    allow: Collection[Level] = ("proposal", "verdict"),
    incomplete: str = "",
    examples: int = 3,
    seed: int = 0,
) -> Comparison:
    """Say whether the candidate may take the baseline's place.

    `alpha` is `1 - confidence`; `d` is candidate minus baseline, the mean over inputs of the
    difference of their shares accepted, with its interval; `p` is that of the paired test.

    * `HOLD`: `d` is below `-margin`, the interval's upper end is below 0, and `p <= alpha`: worse
      with confidence, and by more than the margin as far as can be told.
    * `SHIP`: the interval's lower end is above `-margin` (non-inferiority), also when everything
      that is missing is counted against the candidate; no level outside `allow` diverges with
      `p <= alpha`, or differs at all where variance is not known; and the lanes are not
      `incomplete`.
    * `REVIEW`: everything else.

    Divergence is claimed only beyond variance, which takes two trials of the baseline on some
    input. With a single one the lanes are counted as different where they are, and only the paired
    test of acceptance supports a claim.

    Args:
        baseline: What the present proposer answered; `Trial.model` is only shown.
        candidate: What the other one answered to the same inputs.
        confidence: Of every interval; the tests hold at 1 minus it.
        margin: How much less often the candidate may be accepted, from 0 to 1.
        allow: Levels at which the lanes may diverge and still ship.
        incomplete: Why the lanes were cut short, in words; empty if they were not.
        examples: How many are kept of each kind of divergence.
        seed: Of the tests that draw.

    Raises:
        UsageError: If confidence or margin is not between 0 and 1, or a level does not exist.
    """
    _check(confidence, margin, allow)
    inputs = paired(baseline, candidate)
    accepted = acceptance(inputs, confidence=confidence, seed=seed)
    levels = tuple(_level(level, inputs, confidence, seed) for level in LEVELS)
    compared = tuple(_compared(input, *both) for input, both in inputs.items())
    shifts = _shifts(inputs)
    lanes = (_summary(baseline, confidence), _summary(candidate, confidence))
    evidence = Evidence(
        lanes=lanes,
        alone=(
            sum(not c.trials for _, c in inputs.values()),
            sum(not b.trials for b, _ in inputs.values()),
        ),
        acceptance=accepted,
        levels=levels,
        shifts=shifts,
        confidence=confidence,
        margin=margin,
        allow=frozenset(allow),
        incomplete=incomplete,
    )
    decision, reasons, notes = decide(evidence)
    return Comparison(
        decision=decision,
        reasons=reasons,
        notes=notes,
        baseline=lanes[0],
        candidate=lanes[1],
        acceptance=accepted,
        levels=levels,
        kinds=dict(Counter(each.kind for each in compared)),
        shifts=shifts,
        groups=by_group(inputs),
        examples=_examples(compared, inputs, examples),
        inputs=compared,
        confidence=confidence,
        margin=margin,
    )


def _check(confidence: float, margin: float, allow: Collection[Level]) -> None:
    if not 0 < confidence < 1:
        raise UsageError(f"a confidence lies between 0 and 1, such as 0.95; it is {confidence}")
    if not 0 <= margin < 1:
        raise UsageError(f"a margin lies between 0 and 1, such as 0.02; it is {margin}")
    if unknown := sorted(set(allow) - set(LEVELS)):
        raise UsageError(f"there is no level {unknown[0]!r} to allow; write {', '.join(LEVELS)}")


def _summary(trials: Sequence[Trial], confidence: float) -> LaneSummary:
    judged = sum(trial.ok is not None for trial in trials)
    accepted = sum(trial.ok is True for trial in trials)
    failures = Counter(_first_words(trial.error) for trial in trials if trial.error)
    return LaneSummary(
        models=tuple(sorted({trial.model for trial in trials})),
        inputs=len({trial.input for trial in trials}),
        trials=len(trials),
        judged=judged,
        accepted=accepted,
        interval=wilson(accepted, judged, confidence=confidence) if judged else None,
        failures=dict(failures.most_common()),
        unjudged=len(trials) - judged,
    )


def _first_words(error: str) -> str:
    """`timeout: after 30 s` counts as `timeout`: what follows differs every time."""
    return error.strip().partition("\n")[0].partition(":")[0][:_FIRST_WORDS] or "error"


def _level(level: Level, inputs: _Inputs, confidence: float, seed: int) -> LevelComparison:
    both = ((b.seen[level], c.seen[level]) for b, c in inputs.values())
    pairs = [(b, c) for b, c in both if b and c]
    found = [shares(b, c) for b, c in pairs]
    divergences = [d for each in found if (d := each.divergence) is not None]
    enough = len(divergences) > 1
    return LevelComparison(
        level=level,
        inputs=len(found),
        across=_mean([each.across for each in found]),
        baseline_variance=_mean([v for each in found if (v := each.baseline) is not None]),
        candidate_variance=_mean([v for each in found if (v := each.candidate) is not None]),
        measured=len(divergences),
        divergence=_mean(divergences),
        interval=cluster_interval(divergences, confidence=confidence) if enough else None,
        p=exchange_p(pairs, seed=seed) if divergences else None,
        differing=sum(each.across > 0 for each in found),
    )


def _mean(values: Sequence[float]) -> float | None:
    return fsum(values) / len(values) if values else None


def _compared(input: str, baseline: Answers, candidate: Answers) -> Compared:
    return Compared(
        input=input,
        group=baseline.group or candidate.group,
        kind=_kind(baseline, candidate),
        worse=bool(baseline.judged and candidate.judged and candidate.rate < baseline.rate),
    )


def _kind(baseline: Answers, candidate: Answers) -> Kind:
    kind: Kind = "alone"
    for level in LEVELS:  # the gravest comes last
        seen = baseline.seen[level], candidate.seen[level]
        if not all(seen):
            continue
        found = shares(*seen)
        if _diverges(found):
            kind = level
        elif kind in ("alone", "same"):
            alike = not found.across and not found.within
            kind = "same" if alike else "variance"
    return kind


def _diverges(found: Shares) -> bool:
    beyond = found.across if found.divergence is None else found.divergence
    return found.across == 1 and beyond >= _MOSTLY


def _shifts(inputs: _Inputs) -> tuple[Shift, ...]:
    moved, alike = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for baseline, candidate in inputs.values():
        move = baseline.usual("verdict"), candidate.usual("verdict")
        if all(move) and move[0] != move[1]:
            moved[move] += 1
            proposals = baseline.usual("proposal"), candidate.usual("proposal")
            alike[move] += bool(proposals[0]) and proposals[0] == proposals[1]
    return tuple(
        Shift(baseline=move[0], candidate=move[1], inputs=number, same_proposal=alike[move])
        for move, number in sorted(moved.items(), key=lambda item: (-item[1], item[0]))
    )


def _examples(compared: Sequence[Compared], inputs: _Inputs, most: int) -> tuple[Example, ...]:
    kept: dict[Kind, list[Example]] = {"effect": [], "verdict": [], "proposal": []}
    # What got worse is what somebody wants to see first.
    for each in sorted(compared, key=lambda each: not each.worse):
        if each.kind in kept and len(kept[each.kind]) < most:
            baseline, candidate = inputs[each.input]
            example = Example(
                input=each.input,
                group=each.group,
                kind=each.kind,
                baseline=baseline.shown(),
                candidate=candidate.shown(),
            )
            kept[each.kind].append(example)
    return tuple(example for examples in kept.values() for example in examples)
