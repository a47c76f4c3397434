"""Where the variance of zeros and ones comes from: within an input, or between inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum, sqrt

from signoff.statistics._interval import Interval, checked_confidence, checked_counts
from signoff.statistics._quantile import student_t_quantile
from signoff.statistics._share import clustered_share


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceShares:
    """The variance of one trial's outcome, split in two.

    Attributes:
        inputs: Inputs that were tried at least twice; the others say nothing about it.
        trials: Trials of those inputs.
        within: Variance of trials of one input: the mean of p (1 - p). None without inputs.
        within_interval: Of `within`.
        between: Variance of the inputs' own shares, at least 0. None below two inputs.
        between_interval: Of `between`, roughly: below its confidence where inputs are few or hardly
            differ (nine in ten for 50 inputs and 95 %). None below three inputs.
        flips: Share of pairs of trials of one input that disagree; twice `within`.
        flips_interval: Of `flips`.
    """

    inputs: int
    trials: int
    within: float | None
    within_interval: Interval
    between: float | None
    between_interval: Interval | None
    flips: float | None
    flips_interval: Interval

    @property
    def between_share(self) -> float | None:
        """Share of the variance that lies between inputs; None if there is none at all."""
        if self.within is None or self.between is None or self.within + self.between == 0:
            return None
        return self.between / (self.within + self.between)


def variance_shares(
    counts: Iterable[tuple[int, int]], *, confidence: float = 0.95
) -> VarianceShares:
    """Split the variance of zeros and ones, every input counting the same.

    Within: the mean over inputs of `p (1 - p) n / (n - 1)`, which has no bias. Between: the
    variance of the inputs' shares, less what the within variance adds to it, on average
    `p (1 - p) / (n - 1)`. For equally many trials per input these are the estimators of the one-way
    random effects analysis of variance, `MSW` and `(MSB - MSW) / n`. Intervals respect inputs as
    clusters: that of the flips is `clustered_share`, that of `between` a jackknife over inputs.

    Source: Searle, Casella and McCulloch 1992, Variance Components, sections 3.2 and 3.6; for zeros
    and ones Donner 1986, International Statistical Review 54, 67-82; the jackknife of Tukey 1958,
    Annals of Mathematical Statistics 29, 614.

    Args:
        counts: (successes, trials) of each input.
        confidence: Between 0 and 1.

    Raises:
        UsageError: For counts that cannot be.
    """
    checked_confidence(confidence)
    repeated: list[tuple[int, int]] = []
    for successes, trials in counts:
        checked_counts(successes, trials)
        if trials >= 2:
            repeated.append((successes, trials))
    flips = [2.0 * c * (n - c) / (n * (n - 1)) for c, n in repeated]
    trials = sum(n for _, n in repeated)
    interval = clustered_share(flips, trials=trials, confidence=confidence)
    mean = fsum(flips) / len(flips) if flips else None
    between, of_between = _between(repeated, confidence)
    return VarianceShares(
        inputs=len(repeated),
        trials=trials,
        within=None if mean is None else mean / 2.0,
        within_interval=Interval(interval.low / 2.0, interval.high / 2.0),
        between=between,
        between_interval=of_between,
        flips=mean,
        flips_interval=interval,
    )


def _between(
    repeated: list[tuple[int, int]], confidence: float
) -> tuple[float | None, Interval | None]:
    size = len(repeated)
    if size < 2:
        return None, None
    shares = [c / n for c, n in repeated]
    added = [c * (n - c) / (n * n * (n - 1)) for c, n in repeated]
    s, q, a = fsum(shares), fsum(share * share for share in shares), fsum(added)

    def estimate(s: float, q: float, a: float, m: int) -> float:
        return (q - s * s / m) / (m - 1) - a / m

    whole = estimate(s, q, a, size)
    if size < 3:
        return max(whole, 0.0), None
    pseudo = [
        size * whole - (size - 1) * estimate(s - p, q - p * p, a - e, size - 1)
        for p, e in zip(shares, added, strict=True)
    ]
    mean = fsum(pseudo) / size
    error = sqrt(fsum((value - mean) ** 2 for value in pseudo) / (size - 1) / size)
    reach = student_t_quantile((1.0 + confidence) / 2.0, size - 1) * error
    return max(whole, 0.0), Interval(max(mean - reach, 0.0), max(min(mean + reach, 0.25), 0.0))
