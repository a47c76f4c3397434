"""The same crossing where every flush takes 4 ms longer, on both sides (a preloaded library)."""

from __future__ import annotations

from typing import Any

from benchmarks import many_callers, one_caller
from benchmarks.figures import Figure
from benchmarks.machine import scratch, slow_flush_library

WHERE = "flushes slowed by 4 ms"


def measure() -> tuple[list[Figure], dict[str, Any]]:
    with scratch() as folder:
        library = slow_flush_library(folder)
        if library is None:
            skipped = "skipped: no gcc to build the library that slows fsync for both sides"
            return [Figure("one crossing on a slow disk", skipped, "<= 1.5 x")], {}
        slow = {"LD_PRELOAD": str(library)}
        one, raw_one = one_caller.measured(WHERE, slow, each=20, rounds=10)
        many, raw_many = many_callers.measured(WHERE, slow, each=6, rounds=8)
        return one + many, {"one_caller": raw_one, "many_callers": raw_many}
