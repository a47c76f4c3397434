"""What follows from a comparison, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from signoff.replay._compared import (
    Acceptance,
    Decision,
    LaneSummary,
    Level,
    LevelComparison,
    Shift,
)

_TOLD_FAILURES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a decision rests on."""

    lanes: tuple[LaneSummary, LaneSummary]
    alone: tuple[int, int]
    acceptance: Acceptance | None
    levels: tuple[LevelComparison, ...]
    shifts: tuple[Shift, ...]
    confidence: float
    margin: float
    allow: frozenset[Level]
    incomplete: str

    @property
    def alpha(self) -> float:
        return round(1 - self.confidence, 12)

    @property
    def divergent(self) -> tuple[LevelComparison, ...]:
        """Levels that diverge beyond variance with confidence."""
        return tuple(
            level
            for level in self.levels
            if level.baseline_variance is not None and level.p is not None and level.p <= self.alpha
        )


def decide(evidence: Evidence) -> tuple[Decision, tuple[str, ...], tuple[str, ...]]:
    """The decision, its reasons and its notes; the rule is told at `compare`."""
    decision, reason = _ruled(evidence)
    reasons = (reason, *_divergences(evidence), *_moves(evidence))
    return decision, reasons, tuple(_notes(evidence))


def _ruled(evidence: Evidence) -> tuple[Decision, str]:
    found = evidence.acceptance
    if found is None:
        return "REVIEW", "no input was judged in both lanes: nothing can be said about acceptance"
    told = _told(found)
    allowed = f"{evidence.margin:.1%} worse is allowed"
    if (
        found.difference < -evidence.margin
        and found.interval.high < 0
        and found.p <= evidence.alpha
    ):
        return "HOLD", f"the candidate is accepted less often: {told}; {allowed}"
    if found.interval.low <= -evidence.margin:
        return "REVIEW", f"not enough evidence that the candidate is no worse: {told}; {allowed}"
    if evidence.incomplete:
        return "REVIEW", f"the lanes are incomplete ({evidence.incomplete}); so far {told}"
    if found.floor <= -evidence.margin:
        return "REVIEW", (
            f"too much is missing: {told}, but the lower end would be {found.floor:+.1%} if what "
            f"is missing had gone against the candidate; {allowed}"
        )
    if barred := [level for level in evidence.divergent if level.level not in evidence.allow]:
        names = " and ".join(level.level for level in barred)
        return (
            "REVIEW",
            f"accepted {_how_often(found)} ({told}), but the {names} is another: have a look",
        )
    for level in evidence.levels:
        if (
            level.level not in evidence.allow
            and level.baseline_variance is None
            and level.differing
        ):
            return "REVIEW", (
                f"accepted {_how_often(found)} ({told}), but the {level.level} differs on "
                f"{_inputs(level.differing)}, and nobody knows how much of that is chance"
            )
    return "SHIP", f"the candidate is accepted {_how_often(found)}: {told}; {allowed}"


def _how_often(found: Acceptance) -> str:
    if found.interval.low > 0:
        return "more often"
    if found.interval.high < 0:
        return "less often, but no more so than is allowed"
    return "as often"


def _told(found: Acceptance) -> str:
    return (
        f"{found.baseline:.1%} before, {found.candidate:.1%} now on {_inputs(found.inputs)}, "
        f"a difference of {found.difference:+.1%} ({found.interval.low:+.1%} to "
        f"{found.interval.high:+.1%}, p {_p(found.p)})"
    )


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _inputs(number: int) -> str:
    return f"{number:,} {'input' if number == 1 else 'inputs'}"


def _divergences(evidence: Evidence) -> Iterator[str]:
    for level in evidence.divergent:
        yield (
            f"{level.level} divergence: answers of different lanes differ in {level.across:.1%} of "
            f"pairs, {level.divergence:.1%} beyond what the lanes vary by themselves "
            f"(p {_p(level.p or 0.0)})"
        )
    for level in evidence.levels:
        if level not in evidence.divergent and level.baseline_variance and level.across:
            yield (
                f"{level.level} variance: answers of different lanes differ in {level.across:.1%} "
                f"of pairs, those of the baseline alone in {level.baseline_variance:.1%}: no more "
                "than chance, as far as can be told"
            )


def _moves(evidence: Evidence) -> Iterator[str]:
    for shift in evidence.shifts[:3]:
        told = f"{_inputs(shift.inputs)} moved from `{shift.baseline}` to `{shift.candidate}`"
        if shift.same_proposal * 2 > shift.inputs:
            told += (
                f"; on {shift.same_proposal:,} of them the proposal is the same: its format or its "
                "judging changed, not what it says"
            )
        yield told


def _notes(evidence: Evidence) -> Iterator[str]:
    if evidence.incomplete:
        yield f"partial: {evidence.incomplete}"
    for lane, name in zip(evidence.lanes, ("baseline", "candidate"), strict=True):
        if not lane.trials:
            yield f"the {name} has no trials"
        elif lane.unjudged:
            yield f"{lane.unjudged:,} of {lane.trials:,} trials of the {name} were never judged"
        if lane.failures:
            most = list(lane.failures.items())[:_TOLD_FAILURES]
            told = ", ".join(f"{words} ({number:,})" for words, number in most)
            more = len(lane.failures) - len(most)
            told += f", and {more:,} other kinds" if more else ""
            yield f"errors of the {name}: {sum(lane.failures.values()):,}, {told}"
    for number, name in zip(evidence.alone, ("baseline", "candidate"), strict=True):
        if number:
            yield f"{_inputs(number)} only in the {name}"
    if all(evidence.lanes[lane].trials for lane in (0, 1)):
        yield from _unmeasured(evidence)


def _unmeasured(evidence: Evidence) -> Iterator[str]:
    known = [level for level in evidence.levels if level.inputs]
    if known and all(level.baseline_variance is None for level in known):
        yield (
            "the baseline answered every input once, so its variance is not known: lanes that "
            "differ may do so by chance, and only the paired test of acceptance supports a claim"
        )
    missing = [level.level for level in evidence.levels if not level.inputs]
    if missing:
        yield f"not on record in both lanes, so not compared: {', '.join(missing)}"
