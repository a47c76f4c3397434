"""Durations in classes, so that their quantiles can be told from counts."""

from __future__ import annotations

import math
from collections.abc import Mapping

#: Classes per doubling of a duration: each is 15 % wide.
_PER_DOUBLING = 5

#: Seconds; shorter durations are of this class.
_SHORTEST = 1e-4


def span_class(seconds: float) -> int:
    """The class of a duration."""
    return round(_PER_DOUBLING * math.log2(max(seconds, _SHORTEST)))


def quantile(spans: Mapping[int, float], share: float) -> float | None:
    """Seconds that a share of the durations does not exceed, to half a class; None without any.

    Args:
        spans: How many there are of each class.
        share: From 0 to 1.
    """
    total, before = sum(spans.values()), 0.0
    for number in sorted(spans):
        before += spans[number]
        if before >= share * total:
            return math.exp2(number / _PER_DOUBLING)
    return None
