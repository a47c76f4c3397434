"""An hour at four fifths of capacity while everything fails in turn; the seed draws what when.

`python -m benchmarks.endurance --minutes 60 --seed 7 --database both`
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.endurance._growing import growing
from benchmarks.endurance.course import Plan, prepared
from benchmarks.machine import ROOT, child_environment, scratch_parent

RESULTS = ROOT / "benchmarks" / "results" / "endurance.json"


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=None)
    arguments.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="where the figures are kept")
    arguments.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what processes said")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with everything that was begun
    seed = random.randrange(10**6) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    if given.database == "both":
        runs = _both(given.minutes, seed, given.keep)
    else:
        runs = {given.database: _one(given.database, given.minutes, seed, given.keep)}
    for name, run in runs.items():
        print(in_words(name, run))
    kept = {
        "command": f"python -m benchmarks.endurance --minutes {given.minutes:g} --seed {seed} "
        f"--database {given.database}",
        "machine": machine.describe(),
        "runs": runs,
    }
    (given.json or RESULTS).write_text(json.dumps(kept, indent=1) + "\n")
    return int(any(is_wrong(run) for run in runs.values()))


def _one(database: str, minutes: float, seed: int, keep: Path | None) -> dict[str, Any]:
    seconds = minutes * 60
    plan = Plan(database, seed, seconds, capacity_seconds=min(max(seconds / 10, 10), 90))
    with tempfile.TemporaryDirectory(prefix="signoff-endurance-", dir=scratch_parent()) as home:
        Path(home).chmod(0o755)
        try:
            with prepared(plan, Path(home)) as course:
                return course.run()
        finally:
            if keep is not None:
                for file in Path(home).glob("*.[elj]*"):  # errors, logs, samples
                    if file.suffix != ".img":
                        shutil.copy(file, keep / f"{database}-{file.name}")


def _both(minutes: float, seed: int, keep: Path | None) -> dict[str, Any]:
    """Side by side, each with half of the machine: capacity is measured at the same time, too."""
    with tempfile.TemporaryDirectory(prefix="signoff-endurance-") as folder:
        running = {}
        for name in ("sqlite", "postgres"):
            file = Path(folder, f"{name}.json")
            words = ["--minutes", str(minutes), "--seed", str(seed), "--database", name]
            words += ["--json", str(file), *(["--keep", str(keep)] if keep else [])]
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.endurance", *words],
                cwd=ROOT, env=child_environment(),
            )  # fmt: skip
            running[name] = (process, file)
        for process, _ in running.values():
            process.wait()
        return {
            name: json.loads(file.read_text())["runs"][name]
            for name, (_, file) in running.items()
            if file.exists()
        }


def is_wrong(run: dict[str, Any]) -> bool:
    account = run["account"]
    return bool(
        account["lost"]
        or account["doubled"]
        or account["stuck"]
        or account["chain"]["status"]
        or growing(run)
    )


def in_words(name: str, run: dict[str, Any]) -> str:
    account = run["account"]
    wrong = {what: account[what][:10] for what in ("lost", "doubled", "stuck") if account[what]}
    if grown := growing(run):
        wrong["growing"] = grown
    return (
        f"{name}: {account['accepted']:,} orders accepted, {account['orders']}; "
        f"{account['records']:,} records; {run['capacity']:.1f}/s capacity, {run['rate']:.1f}/s "
        f"asked; latency {run['latency']['all']}; {len(run['happened'])} faults; ended by "
        f"themselves: {run['ended_by_themselves']}; wrong: {wrong or 'nothing'}; {account['chain']}"
    )


if __name__ == "__main__":
    sys.exit(main())
