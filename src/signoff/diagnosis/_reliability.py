"""How reliable: pass^1 to pass^k, and where the rest comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Literal, TypeAlias

from signoff.diagnosis._levers import Lever, levers
from signoff.diagnosis._momentum import Momentum, momentum
from signoff.diagnosis._tally import (
    Errors,
    Tally,
    across,
    by_input,
    tallied,
    together,
    usual_trials,
)
from signoff.diagnosis._trial import Trial
from signoff.diagnosis._versions import VersionEffect, version_effects
from signoff.errors import UsageError
from signoff.statistics import (
    Interval,
    VarianceShares,
    clustered_share,
    pass_k,
    variance_shares,
)

#: Days; more than anybody looks ahead.
_CENTURY = 36_525.0

#: What a row of the answer stands for.
By: TypeAlias = Literal["group", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassK:
    """The chance that k answers in a row to one input are all accepted.

    Attributes:
        k: How many.
        inputs: Inputs that were tried at least k times; only those count.
        value: Mean over inputs of C(c, k) / C(n, k); None without inputs.
        interval: Of the value, over inputs (see `signoff.statistics.clustered_share`).
    """

    k: int
    inputs: int
    value: float | None
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What one model did in one group, or in all together.

    Attributes:
        group: Boundary, service or category; empty for all together.
        model: Which model; empty for all together.
        inputs: How many inputs have a trial that counts.
        trials: Trials that count.
        unknown: Trials of which nobody knows whether they were accepted; they do not count.
        errors: Trials that ended in an error; they count as `Reliability.errors` says.
        passes: pass^1 to pass^k.
        variance: Within and between inputs, and the flips: how often two answers of the same model
            to the same input disagree (A/A).
    """

    group: str
    model: str
    inputs: int
    trials: int
    unknown: int
    errors: int
    passes: tuple[PassK, ...]
    variance: VarianceShares

    @property
    def sigma(self) -> float | None:
        """Standard deviation of repeated answers to one input; None without repeated answers."""
        return None if self.variance.within is None else sqrt(self.variance.within)

    @property
    def sigma_interval(self) -> Interval:
        """Of sigma."""
        within = self.variance.within_interval
        return Interval(sqrt(within.low), sqrt(within.high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How reliable each model was, and what the rest comes from.

    Attributes:
        k: The largest k of pass^k.
        confidence: Of every interval.
        errors: `fail` if trials that ended in an error count as failures, `skip` if they are left
            out.
        slices: All groups of a model together, then each group; all models together first, where
            there are several, as if an input that two models answered were two inputs when it comes
            to variance.
        versions: Every model compared with every later one, on the inputs that both answered.
        momentum: The trend over calendar time, one for each slice.
        levers: What would help, model by model.
    """

    k: int
    confidence: float
    errors: Errors
    slices: tuple[Slice, ...]
    versions: tuple[VersionEffect, ...]
    momentum: tuple[Momentum, ...]
    levers: tuple[Lever, ...]


def reliability(
    trials: Iterable[Trial],
    *,
    k: int | None = None,
    confidence: float = 0.95,
    by: By = "group",
    errors: Errors = "fail",
    horizon: float = 90.0,
    strengthen: Mapping[str, float] | None = None,
    window: float = 1.0,
    seed: int = 0,
) -> Reliability:
    """Measure how reliable each model was, from recorded answers alone.

    Intervals respect that several answers to one input are alike: they are over inputs.

    Source: pass^k of Yao et al. 2024 (tau-bench, arXiv:2406.12045); the decomposition of Srinivasan
    (arXiv:2605.20173).

    Args:
        trials: Read once. Those with `ok` None are counted as unknown and left out.
        k: The largest k; by default the number of answers that half of the inputs have, at most 8.
        confidence: Between 0 and 1.
        by: `group` for a row per group and model as well, `model` for a row per model only.
        errors: `fail` counts a trial that ended in an error as a failure, unless it says that it
            was accepted; `skip` leaves it out. It is counted apart in either case.
        horizon: Days that the lever table looks ahead.
        strengthen: Level that a group would reach, by group, for the lever table; by default all
            groups reach that of the best.
        window: Days of calendar time that make one point of the trend.
        seed: Of the tests that are too large to be counted out.

    Raises:
        UsageError: For arguments that cannot be.
    """
    if k is not None and k < 1:
        raise UsageError(f"k of pass^k is 1 or more, not {k}")
    if not 0.0 <= horizon <= _CENTURY or not 0.0 < window <= _CENTURY:
        raise UsageError(f"a horizon and a window are days, at most {_CENTURY:,.0f} of them")
    if by not in ("group", "model"):
        raise UsageError(f"rows are by `group` or by `model`, not {by!r}")
    tallies = tallied(trials, errors=errors, window=window)
    groups: dict[str, dict[str, Tally]] = {}
    for (group, model), tally in tallies.items():
        groups.setdefault(model, {})[group] = tally
    wholes = {model: together(parts.values()) for model, parts in groups.items()}
    models = sorted(wholes, key=lambda model: (wholes[model].earliest, model))
    depth = k or usual_trials(wholes.values())
    known = {group for parts in groups.values() for group in parts}
    for name in strengthen or {}:
        if name not in known:
            raise UsageError(f"no group is called {name!r}; there are {', '.join(sorted(known))}")
    slices: list[Slice] = []
    trends: list[Momentum] = []
    table: list[Lever] = []
    for model, whole, parts in _rows(models, wholes, groups, tallies):
        rows = {"": whole}
        if by == "group":
            rows |= {group: parts[group] for group in sorted(parts) if group}
        for group, tally in rows.items():
            slices.append(_slice(group, model, tally, depth, confidence))
            trends.append(
                momentum(tally, group=group, model=model, window=window, confidence=confidence)
            )
        table += levers(
            whole, parts, trends[-len(rows)], k=depth, horizon=horizon, confidence=confidence,
            strengthen={name: level for name, level in (strengthen or {}).items() if name in parts},
        )  # fmt: skip
    return Reliability(
        k=depth,
        confidence=confidence,
        errors=errors,
        slices=tuple(slices),
        versions=version_effects(
            [(model, wholes[model]) for model in models], confidence=confidence, seed=seed
        ),
        momentum=tuple(trends),
        levers=tuple(table),
    )


def _rows(
    models: list[str],
    wholes: Mapping[str, Tally],
    groups: Mapping[str, Mapping[str, Tally]],
    tallies: Mapping[tuple[str, str], Tally],
) -> Iterator[tuple[str, Tally, Mapping[str, Tally]]]:
    """(model, all its groups as one, each of its groups), all models together first if several."""
    if len(models) > 1:
        names = {group for group, _ in tallies}
        yield (
            "",
            across(wholes),
            {
                name: across({m: groups[m][name] for m in models if name in groups[m]})
                for name in names
            },
        )
    for model in models:
        yield model, wholes[model], groups[model]


def _slice(group: str, model: str, tally: Tally, depth: int, confidence: float) -> Slice:
    return Slice(
        group=group,
        model=model,
        inputs=len(by_input(dict.fromkeys(tally.inputs, 0.0))),
        trials=tally.trials,
        unknown=tally.unknown,
        errors=tally.errors,
        passes=tuple(_pass(tally, k, confidence) for k in range(1, depth + 1)),
        variance=variance_shares(((c, n) for c, n in tally.inputs.values()), confidence=confidence),
    )


def _pass(tally: Tally, k: int, confidence: float) -> PassK:
    values = by_input({key: pass_k(c, n, k) for key, (c, n) in tally.inputs.items() if n >= k})
    return PassK(
        k=k,
        inputs=len(values),
        value=fsum(values) / len(values) if values else None,
        interval=clustered_share(values, trials=tally.trials, confidence=confidence),
    )
