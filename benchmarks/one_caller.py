"""One crossing, transactional commit, one caller: the ratio to hand-written SQL."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.figures import Figure, micro, ratios
from benchmarks.machine import in_child
from benchmarks.side_by_side import all_latencies, per_crossing, summed

TARGET = 1.5


def measure() -> tuple[list[Figure], dict[str, Any]]:
    return measured("this disk", {}, each=60, rounds=24)


def measured(
    where: str, environment: dict[str, str], *, each: int, rounds: int
) -> tuple[list[Figure], dict[str, Any]]:
    figures: list[Figure] = []
    raw: dict[str, Any] = {}
    for shape in ("plain", "spine"):
        said = in_child(
            "side_by_side", "compare", environment=environment,
            shape=shape, callers=1, each=each, rounds=rounds,
        )  # fmt: skip
        blocks = said["blocks"]
        raw[shape] = {"blocks": summed(blocks), "rows": said["rows"]}
        ours, hand = blocks["ours"], blocks["by_hand"]
        wall, low, high = ratios(per_crossing(ours, "wall"), per_crossing(hand, "wall"))
        cpu, _, _ = ratios(per_crossing(ours, "cpu"), per_crossing(hand, "cpu"))
        latency = {
            name: statistics.median(all_latencies(blocks[name])) for name in ("ours", "by_hand")
        }
        spent = {
            name: statistics.median(per_crossing(blocks[name], "cpu"))
            for name in ("ours", "by_hand")
        }
        raw[shape]["wall_ratio"] = {"median": wall, "low": low, "high": high}
        raw[shape]["cpu_ratio"] = cpu
        raw[shape]["median_latency"] = latency
        raw[shape]["cpu"] = spent
        figures.append(
            Figure(
                f"one crossing, one caller, {shape}, {where}",
                f"{wall:.2f} x by hand",
                f"<= {TARGET} x",
                wall <= TARGET,
                f"{micro(latency['ours'])} against {micro(latency['by_hand'])} (median); CPU "
                f"{micro(spent['ours'])} against {micro(spent['by_hand'])}, {cpu:.1f} x; median of "
                f"{rounds} pairs of blocks, {low:.2f} to {high:.2f}",
            )
        )
    return figures, raw
