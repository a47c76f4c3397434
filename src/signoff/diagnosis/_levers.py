"""What would help: pass^k with less variance, with a stronger boundary, and at the horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import asinh, comb, cosh, exp, fsum, log, log1p, sinh, sqrt

from signoff.diagnosis._momentum import MONTH, Momentum
from signoff.diagnosis._tally import Key, Tally, by_input
from signoff.errors import UsageError
from signoff.statistics import Interval, clustered_share, pass_k, variance_shares

_STEPS = 4000

#: Inputs that a group needs to be the best that was seen, if any group has as many.
_ENOUGH = 20

#: Less variance between inputs than this is none.
_POINT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """What one change would do to pass^k, all else equal.

    Attributes:
        lever: `sigma` (its half), `boundary` (one group made stronger) or `mu` (the trend goes on).
        model: Whose; empty for all together.
        group: The group that is made stronger; empty for the other levers.
        level: The share of accepted trials that the group would reach, or the days of the horizon;
            None for sigma.
        k: How many trials in a row.
        before: pass^k as it is.
        after: pass^k as it would be.
        interval: Of `after`, over inputs, taking the change itself as certain; None for sigma,
            which rests on a fitted distribution.
        because: Why there is no answer; empty if there is one.
    """

    lever: str
    model: str
    group: str
    level: float | None
    k: int
    before: float | None
    after: float | None
    interval: Interval | None
    because: str = ""

    @property
    def change(self) -> float | None:
        """`after` less `before`."""
        if self.after is None or self.before is None:
            return None
        return self.after - self.before


def levers(
    whole: Tally,
    groups: Mapping[str, Tally],
    trend: Momentum,
    *,
    k: int,
    horizon: float,
    strengthen: Mapping[str, float],
    confidence: float,
) -> tuple[Lever, ...]:
    """The lever table of one model.

    Half of sigma: each input's variance `p (1 - p)` falls to a quarter and its share moves to the
    side where it already is, `p' = (1 +- sqrt(1 - p (1 - p))) / 2`. Inputs that mostly succeed gain
    and those that mostly fail lose. Shares of inputs are taken as beta-distributed, with the
    mean and the between-input variance that were measured (method of moments).

    A stronger boundary: a share c of the group's failures is caught and corrected, so that its mean
    reaches the level; `E[(c + (1 - c) p)^k]` is a sum of pass^1 to pass^k of each input, without
    bias. By default the level is that of the best group with at least 20 inputs.

    The trend: the mean moves by mu for the days of the horizon, in the same way.

    Args:
        whole: All groups together.
        groups: What was counted in each.
        trend: Over calendar time, of all groups together.
        k: How many trials in a row.
        horizon: Days ahead.
        strengthen: Level to reach, by group; the named groups instead of all.
        confidence: Of the intervals.

    Raises:
        UsageError: For a group that is not there, or a level that is not a share.
    """
    for name, level in strengthen.items():
        if name not in groups:
            raise UsageError(f"no group is called {name!r}; there are {', '.join(sorted(groups))}")
        if not 0.0 <= level <= 1.0:
            raise UsageError(f"a level is a share from 0 to 1; that of {name!r} is {level}")
    deep = {key: (c, n) for key, (c, n) in whole.inputs.items() if n >= k}
    model = trend.model
    if not deep:
        because = f"no input has {k} trials"
        return (Lever(lever="sigma", model=model, group="", level=None, k=k, before=None,
                      after=None, interval=None, because=because),)  # fmt: skip
    now = by_input({key: pass_k(c, n, k) for key, (c, n) in deep.items()})
    before = fsum(now) / len(now)

    def row(lever: str, group: str, level: float | None, shift: float, only: str | None) -> Lever:
        values = by_input({key: _shifted(c, n, k, shift if only in (None, key[0]) else 0.0)
                           for key, (c, n) in deep.items()})  # fmt: skip
        return Lever(
            lever=lever, model=model, group=group, level=level, k=k, before=before,
            after=fsum(values) / len(values),
            interval=clustered_share(values, confidence=confidence),
        )  # fmt: skip

    rows = [_half_sigma(model, deep, k, before)]
    means = {name: _mean(tally.inputs) for name, tally in groups.items() if tally.inputs}
    told = [mean for name, mean in means.items() if len(groups[name].inputs) >= _ENOUGH]
    best = max(told or means.values(), default=0.0)
    wanted = strengthen or {name: best for name, mean in means.items() if mean < best}
    for name, level in sorted(wanted.items()):
        mean = means.get(name, 1.0)
        correction = (level - mean) / (1.0 - mean) if mean < level else 0.0
        rows.append(row("boundary", name, level, correction, name))
    if trend.mu is not None:
        mean = _mean(whole.inputs)
        then = min(max(mean + trend.mu / MONTH * horizon, 0.0), 1.0)
        room = 1.0 - mean if then > mean else mean
        rows.append(row("mu", "", horizon, (then - mean) / room if room else 0.0, None))
    else:
        rows.append(
            Lever(lever="mu", model=model, group="", level=horizon, k=k, before=before,
                  after=None, interval=None, because=trend.because)
        )  # fmt: skip
    return tuple(rows)


def _mean(inputs: Mapping[Key, Sequence[int]]) -> float:
    return fsum(c / n for c, n in inputs.values()) / len(inputs)


def _shifted(successes: int, trials: int, k: int, shift: float) -> float:
    """pass^k of one input whose failures (shift > 0) or successes (< 0) turn with that chance."""
    if shift < 0.0:
        return float((1.0 + shift) ** k) * pass_k(successes, trials, k)
    if shift == 0.0:
        return pass_k(successes, trials, k)
    terms = [
        comb(k, j) * shift ** (k - j) * (1.0 - shift) ** j
        * (pass_k(successes, trials, j) if j else 1.0)
        for j in range(k + 1)
    ]  # fmt: skip
    return min(fsum(terms), 1.0)


def _half_sigma(model: str, inputs: Mapping[Key, tuple[int, int]], k: int, before: float) -> Lever:
    shares = variance_shares(inputs.values())
    after: float | None = None
    because = ""
    mean = _mean(inputs)
    if 2 * shares.inputs < len(inputs):
        because = f"only {shares.inputs} of {len(inputs)} inputs were answered twice"
    elif shares.between is None or shares.within is None:
        because = "sigma takes at least two inputs with two trials each"
    elif shares.within == 0.0:
        after = before
    else:
        now, then = _beta_pass(mean, shares.between, k)
        after = min(max(before + then - now, 0.0), 1.0)
    return Lever(
        lever="sigma", model=model, group="", level=None, k=k, before=before, after=after,
        interval=None, because=because,
    )  # fmt: skip


def _beta_pass(mean: float, between: float, k: int) -> tuple[float, float]:
    """Mean of p^k, and of p'^k with sigma halved, for a beta distribution of shares.

    By the trapezoidal rule over `asinh(logit p)`, in which the density has no poles.
    """
    if between < _POINT:
        return mean**k, _steadier(mean) ** k
    # More variance than zeros and ones could have is no beta distribution.
    size = 1.0 / min(between / (mean * (1.0 - mean)), 0.999) - 1.0
    a, b = mean * size, (1.0 - mean) * size
    reach = asinh(40.0 / min(a, b) + 5.0)
    # Of the log of the density: a hundred inputs that hardly differ would underflow without it.
    highest = a * log(mean) + b * log1p(-mean)
    weight = now = then = 0.0
    for step in range(_STEPS + 1):
        s = reach * (2.0 * step / _STEPS - 1.0)
        x = sinh(s)
        below = -max(-x, 0.0) - log1p(exp(-abs(x)))  # log p
        density = exp(a * below + b * (below - x) - highest) * cosh(s)
        p = exp(below)
        weight += density
        now += density * p**k
        then += density * _steadier(p) ** k
    return now / weight, then / weight


def _steadier(share: float) -> float:
    """The share on the same side of one half whose variance is a quarter."""
    reach = sqrt(1.0 - share * (1.0 - share)) / 2.0
    return 0.5 + reach if share >= 0.5 else 0.5 - reach
