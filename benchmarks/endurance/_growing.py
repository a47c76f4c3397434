"""Whether a run's memory, or what it stores for each order, grows while it goes on."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

#: Seconds below which a run says nothing about growth.
LEAST = 600

#: Between the second quarter and the last, memory may grow so much, and so many megabytes.
MEMORY, SLACK = 1.25, 16.0

#: So much may what is stored for each order.
STORED = 1.25


def growing(run: Mapping[str, Any]) -> list[str]:
    """What is not flat, in words; the first quarter is for warming up."""
    samples: Sequence[dict[str, Any]] = run["samples"]
    length = samples[-1]["at"] - samples[0]["at"] if samples else 0.0
    if length < LEAST:
        return []
    found: list[str] = []
    for process in samples[-1]["memory"]:
        early, late = _quarters(samples, partial(_memory, process))
        if late > early * MEMORY + SLACK:
            found.append(f"memory of {process}: {early:.0f} MB, and {late:.0f} MB at the end")
    early, late = _quarters(
        samples, lambda sample: sample["megabytes"] / sample["accepted"] * 1e3, least="accepted"
    )
    if late > early * STORED:
        found.append(f"stored for each order: {early:.1f} kB, and {late:.1f} kB at the end")
    return found


def _memory(process: str, sample: Mapping[str, Any]) -> float | None:
    return sample["memory"].get(process)


def _quarters(
    samples: Sequence[dict[str, Any]],
    value: Callable[[dict[str, Any]], float | None],
    least: str = "",
) -> tuple[float, float]:
    """Medians over the second quarter of a run and over its last."""
    quarter = len(samples) // 4
    parts = samples[quarter : 2 * quarter], samples[-quarter:]
    early, late = (
        [v for sample in part if not least or sample[least] if (v := value(sample)) is not None]
        for part in parts
    )
    return statistics.median(early or [0.0]), statistics.median(late or [0.0])
