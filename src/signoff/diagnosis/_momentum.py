"""Reliability over calendar time: `y(t) = mu * t + sigma * xi(t)`, estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from signoff.clock import stamp
from signoff.diagnosis._tally import Tally
from signoff.statistics import Interval, Line, least_squares, wilson

#: Days that mu is told for.
MONTH = 30.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one window of calendar time held.

    Attributes:
        at: When it began, as text.
        day: Days from the first window's middle to this one's.
        share: Share of its trials that were accepted.
        interval: Of the share, as if its trials were independent.
        trials: How many there were.
    """

    at: str
    day: float
    share: float
    interval: Interval
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Momentum:
    """The trend of one model's reliability in one group over calendar time.

    `y(t) = mu * t + sigma * xi(t)` of Srinivasan (arXiv:2605.20173) is a stylised model: a share
    cannot rise or fall along a line for ever, days need not be independent, and a change in what is
    asked looks like a change of who answers. It is fitted by least squares to the share of each
    window, weighted by its trials; the noise between windows that this leaves is measured, not
    assumed, so that days which differ by more than luck widen the interval.

    Attributes:
        group: Which group; empty for all together.
        model: Which model; empty for all together.
        mu: Change of the share in 30 days; None if it cannot be told.
        interval: Of mu.
        noise: Standard deviation of a window of average size around the line: sigma of the model
            above, for windows. None if it cannot be told.
        noise_interval: Of the noise.
        because: Why mu cannot be told; empty if it can.
        points: What was measured, by time.
        timeless: Trials without a time, which are left out.
        line: The fitted line over days since the first window.
    """

    group: str
    model: str
    mu: float | None
    interval: Interval | None
    noise: float | None
    noise_interval: Interval | None
    because: str
    points: tuple[Point, ...]
    timeless: int
    line: Line | None


def momentum(tally: Tally, *, group: str, model: str, window: float, confidence: float) -> Momentum:
    """The trend of what was counted.

    Args:
        tally: What was counted.
        group: Its name.
        model: Its name.
        window: Days of one window.
        confidence: Of the intervals.
    """
    points = _points(tally.times, window, confidence)
    line: Line | None = None
    because = ""
    if not points:
        because = "no trial has a time on record"
    elif len(points) < 3:
        because = f"a trend takes trials of at least three days; there are {len(points)}"
        if window != 1.0:
            because = f"a trend takes at least three windows of {window:g} days"
    else:
        line = least_squares(
            [point.day for point in points],
            [point.share for point in points],
            weights=[point.trials for point in points],
            confidence=confidence,
        )
    return Momentum(
        group=group,
        model=model,
        mu=line.slope * MONTH if line else None,
        interval=_monthly(line.slope_interval) if line else None,
        noise=line.noise if line else None,
        noise_interval=line.noise_interval if line else None,
        because=because,
        points=points,
        timeless=tally.timeless,
        line=line,
    )


def _monthly(interval: Interval) -> Interval:
    return Interval(interval.low * MONTH, interval.high * MONTH)


def _points(times: Mapping[int, list[int]], window: float, confidence: float) -> tuple[Point, ...]:
    first = min(times, default=0)
    return tuple(
        Point(
            at=stamp(_EPOCH + timedelta(days=number * window)),
            day=(number - first) * window,
            share=successes / trials,
            interval=wilson(successes, trials, confidence=confidence),
            trials=trials,
        )
        for number, (successes, trials) in sorted(times.items())
    )
