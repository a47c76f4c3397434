"""Distribution functions and their inverses, so that no interval needs a heavy package."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import exp, inf, lgamma, log, log1p, sqrt
from statistics import NormalDist

from signoff.errors import UsageError

_TINY = 1e-300
_CLOSE = 1e-16
_MOST = 100_000

_normal = NormalDist()


def normal_quantile(share: float) -> float:
    """The value below which this share of a standard normal distribution lies.

    Source: Wichura 1988, algorithm AS 241, as `statistics.NormalDist` has it.
    """
    return _normal.inv_cdf(_checked(share))


@lru_cache(maxsize=1024)
def student_t_quantile(share: float, freedom: float) -> float:
    """The value below which this share of Student's t distribution lies.

    Source: Abramowitz and Stegun 1964, 26.7.1, by way of the incomplete beta function.

    Args:
        share: Between 0 and 1, both excluded.
        freedom: Degrees of freedom, more than 0.
    """
    outside = 2.0 * min(_checked(share), 1.0 - share)
    if freedom <= 0:
        raise UsageError(f"degrees of freedom are more than 0; they are {freedom}")
    if outside >= 1.0:
        return 0.0
    sign = -1.0 if share < 0.5 else 1.0
    # t^2 / (freedom + t^2); its complement where that is the more exact of the two.
    part = beta_quantile(1.0 - outside, 0.5, freedom / 2.0)
    if part <= 0.5:
        return sign * sqrt(freedom * part / (1.0 - part))
    rest = beta_quantile(outside, freedom / 2.0, 0.5)
    return sign * sqrt(freedom * (1.0 - rest) / rest)


@lru_cache(maxsize=1024)
def chi_square_quantile(share: float, freedom: float) -> float:
    """The value below which this share of the chi-square distribution lies.

    Source: Abramowitz and Stegun 1964, 26.4.19, by way of the incomplete gamma function.

    Args:
        share: Between 0 and 1, both excluded.
        freedom: Degrees of freedom, more than 0.
    """
    if freedom <= 0:
        raise UsageError(f"degrees of freedom are more than 0; they are {freedom}")
    shape = freedom / 2.0
    high = shape + 1.0
    while gamma_below(high, shape) < _checked(share):
        high *= 2.0
    return 2.0 * _inverse(
        lambda x: gamma_below(x, shape),
        lambda x: exp((shape - 1.0) * log(x) - x - lgamma(shape)),
        share,
        high,
    )


def beta_quantile(share: float, a: float, b: float) -> float:
    """The value below which this share of a beta distribution lies."""
    normaliser = -_log_beta(a, b)
    return _inverse(
        lambda x: beta_below(x, a, b),
        lambda x: exp(normaliser + (a - 1.0) * log(x) + (b - 1.0) * log1p(-x)),
        _checked(share),
        1.0,
    )


def beta_below(x: float, a: float, b: float) -> float:
    """The share of a beta distribution below x: the regularised incomplete beta function.

    Source: NIST Digital Library of Mathematical Functions, 8.17.22 and 8.17.4.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = exp(a * log(x) + b * log1p(-x) - _log_beta(a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def _log_beta(a: float, b: float) -> float:
    """Logarithm of the beta function, without the digits that large gammas would cancel.

    Source: DiDonato and Morris 1992, ACM Transactions on Mathematical Software 18, 360-373.
    """
    small, large = min(a, b), max(a, b)
    if large < 20.0:
        return lgamma(a) + lgamma(b) - lgamma(a + b)
    ratio = small - (large - 0.5) * log1p(small / large) - small * log(small + large)
    return lgamma(small) + ratio + _stirling(large) - _stirling(small + large)


def _stirling(x: float) -> float:
    """What the formula of Stirling lacks of log gamma, for x of 20 or more (DLMF 5.11.1)."""
    y = 1.0 / (x * x)
    return (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y / 1680))) / x


def _beta_fraction(x: float, a: float, b: float) -> float:
    """DLMF 8.17.22 by the modified method of Lentz (Thompson and Barnett 1986)."""
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _MOST):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _not_zero(1.0 + term * d)
            c = _not_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return value


def gamma_below(x: float, shape: float) -> float:
    """The share of a gamma distribution (scale 1) below x: the regularised incomplete gamma.

    Source: NIST Digital Library of Mathematical Functions, 8.11.4 and 8.9.2.
    """
    if x <= 0.0:
        return 0.0
    front = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1.0:
        term = total = 1.0 / shape
        for m in range(1, _MOST):
            term *= x / (shape + m)
            total += term
            if term < total * _CLOSE:
                break
        return front * total
    b = x + 1.0 - shape
    c, d = 1.0 / _TINY, 1.0 / b
    value = d
    for m in range(1, _MOST):
        term = -m * (m - shape)
        b += 2.0
        d = 1.0 / _not_zero(term * d + b)
        c = _not_zero(b + term / c)
        value *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return 1.0 - front * value


def _inverse(
    below: Callable[[float], float], density: Callable[[float], float], share: float, high: float
) -> float:
    """Newton's method, kept inside a bracket that bisection narrows."""
    low, x = 0.0, high / 2.0
    for _ in range(500):
        beyond = below(x) - share
        low, high = (low, x) if beyond > 0 else (x, high)
        slope = density(x)
        step = x - beyond / slope if 0.0 < slope < inf else low
        if not low < step < high:
            step = (low + high) / 2.0
        if abs(step - x) <= 2e-16 * step:
            return step
        x = step
    return x


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _checked(share: float) -> float:
    if not 0.0 < share < 1.0:
        raise UsageError(f"a quantile is asked for a share between 0 and 1; it is {share}")
    return share
