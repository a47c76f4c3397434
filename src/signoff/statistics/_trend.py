"""A straight line through what was measured over time, with what is not known about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from signoff.errors import UsageError
from signoff.statistics._interval import Interval, checked_confidence, checked_values
from signoff.statistics._quantile import chi_square_quantile, student_t_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A fitted line, and the noise around it.

    Attributes:
        slope: Change of the value per unit of time.
        slope_interval: Of the slope.
        intercept: Value at time 0.
        noise: Standard deviation of one point of mean weight around the line.
        noise_interval: Of the noise.
        points: How many points it was fitted to.
        middle: Weighted mean of the times.
        error: Standard error of the slope.
        confidence: Of the intervals.
        weight: Sum of the weights, their mean being 1.
    """

    slope: float
    slope_interval: Interval
    intercept: float
    noise: float
    noise_interval: Interval
    points: int
    middle: float
    error: float
    confidence: float
    weight: float

    def at(self, time: float) -> float:
        """The line's value."""
        return self.intercept + self.slope * time

    def band(self, time: float) -> Interval:
        """The interval of the line's value at one time.

        Source: Draper and Smith 1998, Applied Regression Analysis, section 3.1.
        """
        t = student_t_quantile((1.0 + self.confidence) / 2.0, self.points - 2)
        variance = self.noise**2 / self.weight + (self.error * (time - self.middle)) ** 2
        reach = t * sqrt(variance)
        return Interval(self.at(time) - reach, self.at(time) + reach)


def least_squares(
    times: Sequence[float],
    values: Sequence[float],
    *,
    weights: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> Line:
    """Fit a line by least squares, with the t interval of its slope.

    Exact for independent normal noise whose variance is inverse to the weight. The noise itself has
    the chi-square interval, which leans on the noise being normal much more than the slope does.

    Source: Gauss 1809; Draper and Smith 1998, Applied Regression Analysis, sections 1.4 and 9.2.

    Args:
        times: In any unit.
        values: One per time.
        weights: How much each point counts, such as the number of trials behind it; by default all
            the same.
        confidence: Between 0 and 1.

    Raises:
        BadInput: If a number is NaN or infinite.
        UsageError: For fewer than three points, all at one time, or weights that are not above 0.
    """
    xs, ys = checked_values(times, "time"), checked_values(values, "value")
    ws = checked_values(weights, "weight") if weights is not None else [1.0] * len(xs)
    points = len(xs)
    if not points == len(ys) == len(ws):
        raise UsageError("a line takes one value, and one weight if any, for each time")
    if points < 3 or min(xs) == max(xs):
        raise UsageError("a line with an interval takes three points, not all at one time")
    if min(ws) <= 0.0:
        raise UsageError("weights are more than 0")
    tail = (1.0 - checked_confidence(confidence)) / 2.0
    scale = points / fsum(ws)
    ws = [weight * scale for weight in ws]
    middle = fsum(w * x for w, x in zip(ws, xs, strict=True)) / points
    level = fsum(w * y for w, y in zip(ws, ys, strict=True)) / points
    across = fsum(w * (x - middle) ** 2 for w, x in zip(ws, xs, strict=True))
    slope = (
        fsum(w * (x - middle) * (y - level) for w, x, y in zip(ws, xs, ys, strict=True)) / across
    )
    missed = fsum(
        w * (y - level - slope * (x - middle)) ** 2 for w, x, y in zip(ws, xs, ys, strict=True)
    )
    freedom = points - 2
    error = sqrt(missed / freedom / across)
    reach = student_t_quantile(1.0 - tail, freedom) * error
    return Line(
        slope=slope,
        slope_interval=Interval(slope - reach, slope + reach),
        intercept=level - slope * middle,
        noise=sqrt(missed / freedom),
        noise_interval=Interval(
            sqrt(missed / chi_square_quantile(1.0 - tail, freedom)),
            sqrt(missed / chi_square_quantile(tail, freedom)),
        ),
        points=points,
        middle=middle,
        error=error,
        confidence=confidence,
        weight=float(points),
    )
