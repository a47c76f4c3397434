"""Trials counted once, in every way that a statistic asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, TypeAlias

from signoff.diagnosis._trial import Trial
from signoff.errors import BadInput, UsageError

#: What a trial that ended in an error counts as: a failure, or nothing.
Errors: TypeAlias = Literal["fail", "skip"]

#: (group, input): equal inputs of two groups are two questions.
Key: TypeAlias = tuple[str, str]

#: [successes, trials]
Count: TypeAlias = list[int]

#: The model of trials that do not say whose they are.
UNNAMED = "unnamed"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Tally:
    """What one model did in one group, or in all.

    Attributes:
        inputs: Successes and trials of each input.
        times: Successes and trials of each window of calendar time, by its number.
        first: The first run's answer to each input: (number, accepted).
        unknown: Trials of which nobody knows whether they were accepted.
        errors: Trials that ended in an error, whether they count or not.
        timeless: Counted trials without a time that can be read.
        earliest: The first time on record.
    """

    inputs: dict[Key, Count] = field(default_factory=dict[Key, Count])
    times: dict[int, Count] = field(default_factory=dict[int, Count])
    first: dict[Key, tuple[int, bool]] = field(default_factory=dict[Key, tuple[int, bool]])
    unknown: int = 0
    errors: int = 0
    timeless: int = 0
    earliest: str = ""

    @property
    def trials(self) -> int:
        return sum(trials for _, trials in self.inputs.values())

    def add(self, key: Key, number: int, ok: bool, window: int | None) -> None:
        count = self.inputs.get(key)
        if count is None:
            count = self.inputs[key] = [0, 0]
        count[0] += ok
        count[1] += 1
        seen = self.first.get(key)
        if seen is None or number < seen[0]:
            self.first[key] = (number, ok)
        if window is None:
            self.timeless += 1
            return
        point = self.times.get(window)
        if point is None:
            point = self.times[window] = [0, 0]
        point[0] += ok
        point[1] += 1


def judged(trial: Trial, errors: Errors) -> bool | None:
    """Whether a trial counts as accepted; None if it is left out."""
    if trial.error and trial.ok is not True:
        return False if errors == "fail" else None
    return trial.ok


def tallied(
    trials: Iterable[Trial], *, errors: Errors, window: float
) -> Mapping[tuple[str, str], Tally]:
    """Count trials by (group, model).

    Args:
        trials: Read once.
        errors: What a trial that ended in an error counts as.
        window: Days of one window of calendar time.

    Raises:
        BadInput: If something in it is no trial.
    """
    if errors not in ("fail", "skip"):
        raise UsageError(f"errors count as `fail` or are left out as `skip`, not {errors!r}")
    tallies: dict[tuple[str, str], Tally] = {}
    for trial in trials:
        if not isinstance(trial, Trial):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadInput(f"a trial is a signoff.diagnosis.Trial, not {type(trial).__name__}")
        place = (trial.group, trial.model or UNNAMED)
        tally = tallies.get(place)
        if tally is None:
            tally = tallies[place] = Tally()
        if trial.error:
            tally.errors += 1
        ok = judged(trial, errors)
        if ok is None:
            tally.unknown += not trial.error
            continue
        at = trial.at
        if at and (not tally.earliest or at < tally.earliest):
            tally.earliest = at
        tally.add((trial.group, trial.input), trial.number, ok, _window(at, window) if at else None)
    return tallies


def _window(at: str, days: float) -> int | None:
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return int((instant - _EPOCH).total_seconds() // (86_400.0 * days))


def together(tallies: Iterable[Tally]) -> Tally:
    """Several groups of one model as one; their inputs stay apart."""
    whole = Tally()
    for tally in tallies:
        whole.inputs.update(tally.inputs)
        whole.first.update(tally.first)
        for window, (successes, trials) in tally.times.items():
            point = whole.times.setdefault(window, [0, 0])
            point[0] += successes
            point[1] += trials
        whole.unknown += tally.unknown
        whole.errors += tally.errors
        whole.timeless += tally.timeless
        known = [at for at in (whole.earliest, tally.earliest) if at]
        whole.earliest = min(known, default="")
    return whole


def across(wholes: Mapping[str, Tally]) -> Tally:
    """All models as one; an input that two models answered is there for each of them."""
    return together(
        replace(
            whole,
            inputs={(g, f"{asked}\0{model}"): c for (g, asked), c in whole.inputs.items()},
            first={},
        )
        for model, whole in wholes.items()
    )


def by_input(values: Mapping[Key, float]) -> list[float]:
    """One value per input: the mean over the models that answered it."""
    if not any("\0" in asked for _, asked in islice(values, 1)):
        return list(values.values())
    gathered: dict[Key, list[float]] = {}
    for (group, asked), value in values.items():
        gathered.setdefault((group, asked.partition("\0")[0]), []).append(value)
    return [sum(several) / len(several) for several in gathered.values()]


def usual_trials(tallies: Iterable[Tally], most: int = 8) -> int:
    """The number of trials that at least half of the inputs have, at most `most`."""
    sizes = Counter(trials for tally in tallies for _, trials in tally.inputs.values())
    half, seen = (sum(sizes.values()) + 1) // 2, 0
    for size in sorted(sizes, reverse=True):
        seen += sizes[size]
        if seen >= half:
            return max(1, min(size, most))
    return 1
