"""Flushes per crossing, from the kernel's counters, in a child with and without the crossings."""

from __future__ import annotations

from typing import Any

from benchmarks.figures import Figure
from benchmarks.machine import counted, counters

REPEATS = 3


def measure() -> tuple[list[Figure], dict[str, Any]]:
    figures: list[Figure] = []
    raw: dict[str, Any] = {"counters": counters()}
    for shape in ("plain", "spine"):
        for callers, each, target in ((1, 1000, 1.02), (64, 60, 0.05)):
            runs = {how: _flushes(how, shape, callers, each) for how in counters()}
            raw[f"{shape} {callers}"] = runs
            if "perf" not in runs and "strace" not in runs:
                figures.append(
                    Figure(f"flushes per crossing, {callers} callers", "no counter here")
                )
                continue
            first = "perf" if "perf" in runs else "strace"
            worst = max(run["per_crossing"] for run in runs[first])
            said = [
                f"{how} " + "/".join(f"{run['per_crossing']:.3f}" for run in runs[how])
                for how in runs
            ]
            figures.append(
                Figure(
                    f"flushes per crossing, {callers} caller{'s' if callers > 1 else ''}, {shape}",
                    f"{worst:.3f}",
                    "1.0 (2 % for checkpoints)" if callers == 1 else "<= 0.05",
                    worst <= target,
                    f"fsync + fdatasync calls, worst of {REPEATS} by {first}; {', '.join(said)}; "
                    "a child's count less that of one that only opens and closes"
                    + (
                        "; the device also counts its journal's and everybody's"
                        if "device" in runs
                        else ""
                    ),
                )
            )
    return figures, raw


def _flushes(how: str, shape: str, callers: int, each: int) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    for _ in range(REPEATS):
        without, _ = counted(
            how, "side_by_side", "cross_many", shape=shape, callers=callers, each=0
        )
        with_, block = counted(
            how, "side_by_side", "cross_many", shape=shape, callers=callers, each=each
        )
        crossings = callers * each
        run = {"without": without, "with": with_, "commits": block["commits"]}
        runs.append({**run, "per_crossing": (with_ - without) / crossings})
    return runs
