"""Measure the figures of the design, print them as a Markdown table, keep the raw numbers."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.figures import Figure, as_json, table

#: In the order of the table. Each is a module here, and its docstring says what it measures.
NAMES = (
    "flushes",
    "one_caller",
    "slow_disk",
    "many_callers",
    "bookkeeping",
    "same_key",
    "gate",
    "telemetry",
    "fan_out",
    "no_scan",
    "growth",
    "partitions",
    "diagnosing",
    "console",
    "renewals",
    "corpus_replay",
    "footprint",
    "postgres",
    "workers",
)

RESULTS = Path(__file__).with_name("results")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument(
        "--only", action="append", choices=NAMES, help="this one; may be repeated"
    )
    arguments.add_argument(
        "--quick", action="store_true", help="smaller, where there is a choice; no results are kept"
    )
    arguments.add_argument("--json", type=Path, metavar="FILE", help="also write everything here")
    given = arguments.parse_args()
    figures: list[Figure] = []
    everything: dict[str, object] = {}
    for name in given.only or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        began = time.perf_counter()
        about = machine.describe()
        measure = importlib.import_module(f"benchmarks.{name}").measure
        quick = given.quick and "quick" in inspect.signature(measure).parameters
        measured, raw = measure(quick=True) if quick else measure()
        kept = {
            "command": f"python -m benchmarks --only {name}",
            "machine": about,
            "seconds": round(time.perf_counter() - began, 1),
            "figures": [as_json(figure) for figure in measured],
            "raw": raw,
        }
        if not quick:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
        everything[name] = kept
        figures += measured
    if given.json:
        given.json.write_text(json.dumps(everything, indent=1) + "\n")
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    print(f"`{command}`, {machine.in_words(machine.describe())}\n")
    print(table(figures))


if __name__ == "__main__":
    main()
