"""What one lane answered to one input, counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from signoff.diagnosis import Trial
from signoff.replay._compared import Level, Said

LEVELS: tuple[Level, ...] = ("proposal", "verdict", "effect")

_SHOWN = 3


@dataclass(slots=True)
class Answers:
    """The trials of one input in one lane."""

    group: str = ""
    trials: int = 0
    judged: int = 0
    accepted: int = 0
    # Plain dicts: there are four of them for each input of each lane.
    seen: dict[Level, dict[str, int]] = field(
        default_factory=lambda: {level: {} for level in LEVELS}
    )
    said: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    @property
    def unjudged(self) -> int:
        return self.trials - self.judged

    @property
    def rate(self) -> float:
        return self.accepted / self.judged if self.judged else 0.0

    def add(self, trial: Trial) -> None:
        self.group = self.group or trial.group
        self.trials += 1
        verdict = verdict_of(trial)
        if trial.ok is not None:
            self.judged += 1
            self.accepted += trial.ok
        for level, value in zip(LEVELS, (trial.proposal, verdict, trial.effect), strict=True):
            if value:
                seen = self.seen[level]
                seen[value] = seen.get(value, 0) + 1
        said = verdict or "no answer", trial.shown or trial.error
        self.said[said] = self.said.get(said, 0) + 1

    def usual(self, level: Level) -> str:
        """The most frequent value, the smallest of several; empty if there is none."""
        counts = self.seen[level]
        return min(counts, key=lambda value: (-counts[value], value)) if counts else ""

    def shown(self) -> tuple[Said, ...]:
        """A few of the different answers, the most frequent first."""
        most = sorted(self.said.items(), key=lambda item: -item[1])[:_SHOWN]
        return tuple(Said(verdict=verdict, shown=text) for (verdict, text), _ in most)


def verdict_of(trial: Trial) -> str:
    """The verdict on record, or the one that follows from whether it was accepted."""
    if trial.verdict or trial.ok is None:
        return trial.verdict
    return "accepted" if trial.ok else "rejected"


def paired(
    baseline: Iterable[Trial], candidate: Iterable[Trial]
) -> dict[str, tuple[Answers, Answers]]:
    """Every input with what either lane answered, in the order of the lanes."""
    inputs: dict[str, tuple[Answers, Answers]] = {}
    for lane, trials in enumerate((baseline, candidate)):
        for trial in trials:
            if (both := inputs.get(trial.input)) is None:
                both = inputs[trial.input] = (Answers(), Answers())
            both[lane].add(trial)
    return inputs
