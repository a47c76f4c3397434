"""64 concurrent callers: the ratio to hand-written SQL with the same group commit."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.figures import Figure, micro, quantile, ratios
from benchmarks.machine import in_child
from benchmarks.side_by_side import all_latencies, per_crossing, summed

CALLERS = 64
TARGET = 0.5
P99 = 0.050


def measure() -> tuple[list[Figure], dict[str, Any]]:
    return measured("this disk", {}, each=20, rounds=12)


def measured(
    where: str, environment: dict[str, str], *, each: int, rounds: int
) -> tuple[list[Figure], dict[str, Any]]:
    figures: list[Figure] = []
    raw: dict[str, Any] = {}
    for shape in ("plain", "spine"):
        said = in_child(
            "side_by_side", "compare", environment=environment,
            shape=shape, callers=CALLERS, each=each, rounds=rounds,
        )  # fmt: skip
        blocks = said["blocks"]
        ours, hand = blocks["ours"], blocks["by_hand"]
        # Throughput: ours over theirs is their time over ours.
        ratio, low, high = ratios(per_crossing(hand, "wall"), per_crossing(ours, "wall"))
        rate = {
            name: 1 / statistics.median(per_crossing(blocks[name], "wall"))
            for name in ("ours", "by_hand")
        }
        latencies = all_latencies(ours)
        p50, p99 = quantile(latencies, 0.50), quantile(latencies, 0.99)
        hand_p99 = quantile(all_latencies(hand), 0.99)
        cpu = statistics.median(per_crossing(ours, "cpu"))
        hand_cpu = statistics.median(per_crossing(hand, "cpu"))
        commits = sum(b["commits"] for b in ours) / sum(b["crossings"] for b in ours)
        raw[shape] = {
            "blocks": summed(blocks), "rows": said["rows"], "p50": p50, "p99": p99,
            "by_hand_p99": hand_p99, "rate": rate, "commits_per_crossing": commits,
            "ratio": {"median": ratio, "low": low, "high": high},
            "cpu": {"ours": cpu, "by_hand": hand_cpu},
        }  # fmt: skip
        figures.append(
            Figure(
                f"{CALLERS} callers, {shape}, {where}",
                f"{ratio:.2f} x by hand ({rate['ours']:,.0f}/s)",
                f">= {TARGET} x",
                ratio >= TARGET,
                f"by hand with the same group commit {rate['by_hand']:,.0f}/s; CPU {micro(cpu)} "
                f"against {micro(hand_cpu)} each; {commits:.3f} commits per crossing; "
                f"{rounds} pairs of blocks, {low:.2f} to {high:.2f}",
            )
        )
        figures.append(
            Figure(
                f"{CALLERS} callers, {shape}, p99 latency, {where}",
                f"{p99 * 1e3:.1f} ms",
                "< 50 ms",
                p99 < P99,
                f"p50 {p50 * 1e3:.1f} ms; by hand p99 {hand_p99 * 1e3:.1f} ms",
            )
        )
    return figures, raw
