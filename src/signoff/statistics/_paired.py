"""Did it change? Tests and an interval for the same inputs answered twice, and for two groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import comb, fsum, sqrt
from random import Random

from signoff.errors import UsageError
from signoff.statistics._interval import Interval, checked_confidence, checked_values
from signoff.statistics._quantile import beta_below, student_t_quantile

#: Differences of shares lie between these.
_SHARES = Interval(-1.0, 1.0)

#: Largest common denominator of the differences that is looked for.
_FINEST = 2520

#: Bytes that the exact sign-flip distribution may move about: about half a second.
_WORK = 3_000_000_000

#: Changes up to which McNemar's binomial is summed in whole numbers.
_SUMMED = 200

#: Arrangements of two groups that are gone through one by one.
_ARRANGEMENTS = 20_000


def mcnemar_exact(worse: int, better: int) -> float:
    """Two-sided p-value that as many inputs changed for the worse as for the better.

    Only inputs whose answer changed count. The test is exact and therefore conservative: with few
    changes it rejects less often than its nominal level.

    Source: McNemar 1947, Psychometrika 12, 153-157, with the exact binomial distribution.

    Raises:
        UsageError: For negative counts.
    """
    if worse < 0 or better < 0:
        raise UsageError(f"counts are 0 or more; they are {worse} and {better}")
    changed, fewer = worse + better, min(worse, better)
    if worse == better:
        return 1.0
    if changed <= _SUMMED:
        return min(1.0, 2 * sum(comb(changed, i) for i in range(fewer + 1)) / (1 << changed))
    return min(1.0, 2.0 * beta_below(0.5, changed - fewer, fewer + 1))


def sign_flip(differences: Sequence[float], *, seed: int = 0, rounds: int = 10_000) -> float:
    """Two-sided p-value that differences of pairs are symmetric around zero, by flipping signs.

    Exact where the distribution can be counted: differences of shares nearly always, others if
    at most 16 are not zero. Else `rounds` random flips, the observed one counted among them, so
    that the p-value is never 0. Exact tests on few differences are conservative.

    Source: Fisher 1935, The Design of Experiments, section 21; Phipson and Smyth 2010, Statistical
    Applications in Genetics and Molecular Biology 9, article 39, for the random flips.

    Args:
        differences: One per input; zeros carry no information.
        seed: Of the random flips.
        rounds: How many random flips.

    Raises:
        BadInput: If a difference is NaN or infinite.
    """
    kept = [abs(d) for d in checked_values(differences, "difference") if d != 0.0]
    if not kept:
        return 1.0
    observed = abs(fsum(differences))
    scale = _scale(kept)
    if scale:
        steps = [round(value * scale) for value in kept]
        if len(steps) ** 2 // 8 * sum(steps) <= _WORK:
            return _counted(steps, round(observed * scale))
    near = observed * (1.0 - 1e-12) - 1e-15
    if len(kept) <= 16:
        sums = [0.0]
        for value in kept:
            sums = [total + signed for total in sums for signed in (value, -value)]
        return sum(abs(total) >= near for total in sums) / len(sums)
    return _at_random(kept, near, Random(seed), rounds)


def _scale(values: Sequence[float]) -> int:
    """The least whole number that makes all values whole, or 0."""
    distinct = {round(value, 12) for value in values}
    if len(distinct) > 200:
        return 0
    for scale in range(1, _FINEST + 1):
        if all(abs(value * scale - round(value * scale)) < 1e-9 for value in distinct):
            return scale if min(distinct) * scale >= 0.5 else 0
    return 0


def _counted(steps: Sequence[int], observed: int) -> float:
    """Counts all sign patterns at once: coefficients of the product of (1 + x^step)."""
    if observed == 0:
        return 1.0
    sizes = Counter(steps)
    if len(sizes) == 1:
        surplus = observed // steps[0]
        return mcnemar_exact((len(steps) - surplus) // 2, (len(steps) + surplus) // 2)
    width = len(steps) // 8 + 1  # bytes that hold any one coefficient
    product = 1
    for step, number in sizes.items():
        product *= (1 + (1 << (8 * width * step))) ** number
    lowest = (sum(steps) - observed) // 2
    low = product & ((1 << (8 * width * (lowest + 1))) - 1)
    digits = low.to_bytes(width * (lowest + 1), "little")
    ways = sum(
        int.from_bytes(digits[at : at + width], "little") for at in range(0, len(digits), width)
    )
    return min(1.0, 2 * ways / (1 << len(steps)))


def _at_random(values: Sequence[float], near: float, chance: Random, rounds: int) -> float:
    groups = [(value, number) for value, number in Counter(values).items()]
    extreme = 0
    for _ in range(rounds):
        total = 0.0
        for value, number in groups:
            total += value * (2 * chance.getrandbits(number).bit_count() - number)
        extreme += abs(total) >= near
    return (extreme + 1) / (rounds + 1)


def cluster_interval(
    differences: Sequence[float], *, confidence: float = 0.95, bounds: Interval = _SHARES
) -> Interval:
    """The interval of a mean over inputs, each of which gives one difference, however often tried.

    Student's t over inputs, cut to the bounds. Where no input differs from another, t would claim
    certainty: then the interval holds the means that could have been if inputs which were not
    seen, as frequent as `1 - (alpha / 2)^(1 / inputs)`, lay at a bound.

    Source: Student 1908, Biometrika 6, 1-25, over clusters (Miller 2024, arXiv:2411.00640,
    section 2.2); Clopper and Pearson 1934 for the frequency of what was never seen.

    Args:
        differences: One per input.
        confidence: Between 0 and 1.
        bounds: What a difference cannot leave; those of shares by default.

    Raises:
        BadInput: If a difference is NaN or infinite.
        UsageError: If a difference leaves the bounds.
    """
    kept = checked_values(differences, "difference")
    tail = (1.0 - checked_confidence(confidence)) / 2.0
    inputs = len(kept)
    if inputs == 0:
        return bounds
    if min(kept) < bounds.low or max(kept) > bounds.high:
        raise UsageError(f"a difference leaves the bounds {bounds.low} to {bounds.high}")
    mean = fsum(kept) / inputs
    if min(kept) == max(kept):
        unseen = 1.0 - tail ** (1.0 / inputs)
        mean = kept[0]
        return Interval(mean - unseen * (mean - bounds.low), mean + unseen * (bounds.high - mean))
    deviation = sqrt(fsum((value - mean) ** 2 for value in kept) / (inputs - 1))
    reach = student_t_quantile(1.0 - tail, inputs - 1) * deviation / sqrt(inputs)
    return Interval(max(mean - reach, bounds.low), min(mean + reach, bounds.high))


def permutation_test(
    first: Sequence[float], second: Sequence[float], *, seed: int = 0, rounds: int = 10_000
) -> float:
    """Two-sided p-value that two independent groups have the same mean, by exchanging members.

    Exact for groups of zeros and ones and for small groups, else by `rounds` random exchanges with
    the observed one counted among them. An empty group says nothing: 1.

    Source: Pitman 1937, Supplement to the Journal of the Royal Statistical Society 4, 119-130;
    Phipson and Smyth 2010 for the random exchanges.

    Args:
        first: Values of one group.
        second: Values of the other.
        seed: Of the random exchanges.
        rounds: How many random exchanges.

    Raises:
        BadInput: If a value is NaN or infinite.
    """
    one, other = checked_values(first, "value"), checked_values(second, "value")
    everyone = one + other
    if not one or not other or min(everyone) == max(everyone):
        return 1.0
    size, total = len(one), fsum(everyone)
    expected = total * size / len(everyone)
    near = abs(fsum(one) - expected) * (1.0 - 1e-12) - 1e-12
    if set(everyone) == {0.0, 1.0}:
        return _exchanged(round(total), len(everyone), size, near)
    if comb(len(everyone), size) <= _ARRANGEMENTS:
        sums = [fsum(chosen) for chosen in combinations(everyone, size)]
        return sum(abs(chosen - expected) >= near for chosen in sums) / len(sums)
    chance, extreme = Random(seed), 0
    for _ in range(rounds):
        extreme += abs(fsum(chance.sample(everyone, size)) - expected) >= near
    return (extreme + 1) / (rounds + 1)


def _exchanged(ones: int, everyone: int, size: int, near: float) -> float:
    """The hypergeometric distribution of how many ones the first group holds."""
    expected = ones * size / everyone
    ways = sum(
        comb(ones, held) * comb(everyone - ones, size - held)
        for held in range(max(0, size - everyone + ones), min(ones, size) + 1)
        if abs(held - expected) >= near
    )
    return ways / comb(everyone, size)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The p-values, raised so that all may be compared with one level at once, in their order.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    Raises:
        UsageError: If one is not from 0 to 1.
    """
    if any(not 0.0 <= p <= 1.0 for p in p_values):
        raise UsageError("a p-value lies between 0 and 1")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return tuple(adjusted)
