"""Intervals for one share, for a difference of two, and for a share that is watched as it grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb, inf, lgamma, log, log1p, sqrt

from signoff.errors import UsageError
from signoff.statistics._interval import (
    Interval,
    checked_confidence,
    checked_counts,
    checked_values,
)
from signoff.statistics._quantile import beta_quantile, normal_quantile, student_t_quantile

_NOTHING_KNOWN = Interval(0.0, 1.0)


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """The score interval of a share, for independent trials.

    Its coverage is close to what was asked for on average, above or below it for single shares;
    use `clopper_pearson` where it must never be below.

    Source: Wilson 1927, Journal of the American Statistical Association 22, 209-212.

    Raises:
        UsageError: For counts that cannot be, or a confidence outside 0 to 1.
    """
    checked_counts(successes, trials)
    z = normal_quantile((1.0 + checked_confidence(confidence)) / 2.0)
    return _score(successes / trials, trials, z) if trials else _NOTHING_KNOWN


def _score(share: float, size: float, z: float) -> Interval:
    spread = z * z / size
    middle = share + spread / 2.0
    reach = z * sqrt(share * (1.0 - share) / size + spread / (4.0 * size))
    low = 0.0 if share <= 0.0 else (middle - reach) / (1.0 + spread)
    high = 1.0 if share >= 1.0 else (middle + reach) / (1.0 + spread)
    return Interval(min(max(low, 0.0), share), max(min(high, 1.0), share))


def clopper_pearson(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """The exact interval of a share, for independent trials: never below its confidence.

    Source: Clopper and Pearson 1934, Biometrika 26, 404-413.

    Raises:
        UsageError: For counts that cannot be, or a confidence outside 0 to 1.
    """
    checked_counts(successes, trials)
    tail = (1.0 - checked_confidence(confidence)) / 2.0
    failures = trials - successes
    return Interval(
        beta_quantile(tail, successes, failures + 1) if successes else 0.0,
        beta_quantile(1.0 - tail, successes + 1, failures) if failures else 1.0,
    )


def newcombe(s1: int, n1: int, s2: int, n2: int, *, confidence: float = 0.95) -> Interval:
    """The interval of p2 - p1 for two independent groups.

    Not for the same inputs asked twice: take `cluster_interval` for those.

    Source: Newcombe 1998, Statistics in Medicine 17, 873-890, method 10.

    Args:
        s1: Successes of the first group.
        n1: Trials of the first group.
        s2: Successes of the second group.
        n2: Trials of the second group.
        confidence: Between 0 and 1.

    Raises:
        UsageError: For counts that cannot be, or a confidence outside 0 to 1.
    """
    first = wilson(s1, n1, confidence=confidence)
    second = wilson(s2, n2, confidence=confidence)
    if not n1 or not n2:
        return Interval(-1.0, 1.0)
    p1, p2 = s1 / n1, s2 / n2
    return Interval(
        p2 - p1 - sqrt((p2 - second.low) ** 2 + (first.high - p1) ** 2),
        p2 - p1 + sqrt((second.high - p2) ** 2 + (p1 - first.low) ** 2),
    )


def confidence_sequence(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """An interval of a share that stays valid however often, and whenever, it is looked at.

    Whoever recomputes a usual interval after every trial and stops when it suits is wrong more
    often than it says; this one holds at all times at once, and is wider for it.

    Source: the beta-binomial mixture (uniform mixing) of Robbins 1970, Annals of Mathematical
    Statistics 41, 1397-1409, made an interval by the inequality of Ville 1939; see Howard, Ramdas,
    McAuliffe and Sekhon 2021, Annals of Statistics 49, 1055-1080, section 3.

    Raises:
        UsageError: For counts that cannot be, or a confidence outside 0 to 1.
    """
    checked_counts(successes, trials)
    bar = -log(1.0 - checked_confidence(confidence))
    failures = trials - successes
    mixture = lgamma(successes + 1) + lgamma(failures + 1) - lgamma(trials + 2)

    def evidence(share: float) -> float:
        """Logarithm of the mixture's likelihood over that of the share."""
        said = successes * _log(share) if successes else 0.0
        return mixture - said - (failures * _log1m(share) if failures else 0.0)

    best = successes / trials if trials else 0.5
    return Interval(
        _edge(evidence, bar, 0.0, best) if successes else 0.0,
        _edge(evidence, bar, 1.0, best) if failures else 1.0,
    )


def _edge(evidence: Callable[[float], float], bar: float, outside: float, inside: float) -> float:
    for _ in range(200):
        middle = (outside + inside) / 2.0
        if middle in (outside, inside):
            break
        if evidence(middle) >= bar:
            outside = middle
        else:
            inside = middle
    return outside


def _log(share: float) -> float:
    return log(share) if share > 0.0 else -inf


def _log1m(share: float) -> float:
    return log1p(-share) if share < 1.0 else -inf


def clustered_share(
    shares: Sequence[float], *, trials: int | None = None, confidence: float = 0.95
) -> Interval:
    """The interval of a mean share over inputs, each of which was tried once or several times.

    Trials of one input are alike, so that inputs are counted, not trials: the score interval at the
    effective sample size `p (1 - p) / (s^2 / inputs)`, made smaller by `(z / t)^2`. Where no input
    differs from another, the size is that of the inputs if all are 0 or 1, else that of the trials.

    Source: Korn and Graubard 1998, Survey Methodology 24, 193-201 (the effective size), with Wilson
    1927 in place of Clopper and Pearson, as Dean and Pagano 2015, Journal of Survey Statistics and
    Methodology 3, 484-503, advise.

    Args:
        shares: One per input, from 0 to 1.
        trials: How many were made in all, more than which the effective size never is; by default
            it has no limit, and is that of the inputs where none differs from another.
        confidence: Between 0 and 1.

    Raises:
        BadInput: If a share is NaN.
        UsageError: If a share is not from 0 to 1.
    """
    kept = checked_values(shares, "share")
    if any(not 0.0 <= share <= 1.0 for share in kept):
        raise UsageError("a share of an input lies between 0 and 1")
    upper = (1.0 + checked_confidence(confidence)) / 2.0
    inputs = len(kept)
    if inputs < 2:
        return _NOTHING_KNOWN
    mean = sum(kept) / inputs
    spread = sum((share - mean) ** 2 for share in kept) / (inputs - 1)
    most = inf if trials is None else float(max(trials, inputs))
    z = normal_quantile(upper)
    if min(kept) == max(kept):
        flat = kept[0] in (0.0, 1.0) or trials is None
        return _score(kept[0], inputs if flat else most, z)
    size = mean * (1.0 - mean) * inputs / spread * (z / student_t_quantile(upper, inputs - 1)) ** 2
    return _score(mean, min(size, most), z)


def pass_k(successes: int, trials: int, k: int) -> float:
    """The chance that k trials of one input all succeed, estimated without bias.

    Source: Yao et al. 2024, tau-bench, arXiv:2406.12045, section 3: C(c, k) / C(n, k).

    Raises:
        UsageError: If there are fewer than k trials, or k is less than 1.
    """
    checked_counts(successes, trials)
    if not 1 <= k <= trials:
        raise UsageError(f"pass^{k} of an input takes at least {max(k, 1)} trials; it has {trials}")
    return comb(successes, k) / comb(trials, k)
