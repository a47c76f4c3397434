"""Where the CPU of 1,500 renewals goes: the loop's thread, and the writer's.

`python -m benchmarks.profile_renewals [CUSTOMERS]`
"""

from __future__ import annotations

import cProfile
import io
import pstats
import sys
import time
from collections import defaultdict

from benchmarks.renewals import run
from signoff.storage import SQLiteStorage, _sqlite

LINES = 30


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    statements = _count_statements()
    plain = run(customers)
    print(
        f"{customers:,} renewals: {plain['wall']:.1f} s, CPU {plain['cpu']:.1f} s "
        f"({plain['cpu_system']:.1f} in the kernel), {plain['commits']:,} commits, "
        f"{plain['records']:,} records\n"
    )
    print("statements by wall time, waiting for the interpreter lock and the disk included\n")
    for name, (count, seconds) in sorted(statements.items(), key=lambda item: -item[1][1])[:LINES]:
        print(f"{name:24} {count:8,} {seconds:8.3f} s {seconds / count * 1e6:8.1f} us each")
    writer, loop = cProfile.Profile(time.thread_time), cProfile.Profile(time.thread_time)
    work = SQLiteStorage._work

    def profiled(self: SQLiteStorage) -> None:
        writer.enable()
        try:
            work(self)
        finally:
            writer.disable()

    SQLiteStorage._work = profiled  # type: ignore[method-assign]
    loop.runcall(run, customers)
    for name, profile in (("the loop's thread", loop), ("the writer's thread", writer)):
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(LINES)
        print(f"\n{name}, CPU\n{text.getvalue()}")


def _count_statements() -> dict[str, list[float]]:
    """Have every named statement counted and timed from now on."""
    found: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for method in ("run", "run_many", "control"):
        _time(method, found)
    return found


def _time(method: str, found: dict[str, list[float]]) -> None:
    plain = getattr(_sqlite.SQLiteConnection, method)

    def timed(self: object, name: str, *params: object) -> object:
        began = time.perf_counter()
        try:
            return plain(self, name, *params)
        finally:
            entry = found[name.split(" ")[0]]
            entry[0] += 1
            entry[1] += time.perf_counter() - began

    setattr(_sqlite.SQLiteConnection, method, timed)


if __name__ == "__main__":
    main()
