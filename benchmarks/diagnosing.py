"""Diagnosis of a long ledger: the records of real renewals, copied until there are enough of them.

All signatures, one pass. Each copy has subjects of its own; what one renewal wrote stays in its
order, and the renewals of one copy are interleaved as they were. The chains of the copies do not
verify, which diagnosis does not look at.
"""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.machine import ROOT, in_child, scratch

RECORDS = 1_000_000
SECONDS, MEGABYTES = 20.0, 500

#: Renewals that are really run, 90 days each.
_RENEWALS = 300

_COLUMNS = "seq, at, crossing, type, body, hash"


def measure() -> tuple[list[Figure], dict[str, Any]]:
    raw: dict[str, Any] = {}
    with scratch() as folder:
        store = folder / "ledger.db"
        raw["written"] = write(store, RECORDS // 4)
        quarter = in_child("diagnosing", "diagnosed", path=str(store))
        raw["written"] = write(store, RECORDS)
        rounds = [in_child("diagnosing", "diagnosed", path=str(store)) for _ in range(3)]
    raw |= {"quarter": quarter, "rounds": rounds}
    best = min(rounds, key=lambda each: float(each["seconds"]))
    seconds, cpu = best["seconds"], best["cpu"]
    memory = max(each["megabytes"] for each in rounds)
    return [
        Figure(
            f"diagnosis of {best['records']:,} records, all signatures",
            f"{seconds:.1f} s",
            f"< {SECONDS:.0f} s",
            seconds < SECONDS,
            f"one process, {cpu:.1f} s of CPU, {best['crossings']:,} crossings; best of 3, the "
            f"slowest {max(each['seconds'] for each in rounds):.1f} s",
        ),
        Figure(
            "memory of the same",
            f"{memory:.0f} MB",
            f"< {MEGABYTES} MB",
            memory < MEGABYTES,
            f"peak of the process; {quarter['megabytes']:.0f} MB for a quarter of the records",
        ),
    ], raw


def write(store: Path, records: int) -> int:
    """A ledger of at least so many records; how many there are."""
    if not store.exists():
        command = [sys.executable, "-m", "signoff", "renewals", "run", "--json"]
        options = ["--rows", str(_RENEWALS), "--store", f"sqlite:///{store}"]
        subprocess.run([*command, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with sqlite3.connect(store) as db:
        (base,) = db.execute("SELECT max(position) FROM signoff_records").fetchone()
        copies = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'original'").fetchone()
        if not copies[0]:
            db.execute("CREATE TABLE original AS SELECT * FROM signoff_records ORDER BY position")
        (length,) = db.execute("SELECT count(*) FROM original").fetchone()
        copy = base // length
        while base < records:
            copy += 1
            db.execute(
                f"INSERT INTO signoff_records (position, subject, {_COLUMNS}) "
                f"SELECT position + ?, subject || ?, {_COLUMNS} FROM original ORDER BY position",
                [base, f"/{copy}"],
            )
            (base,) = db.execute("SELECT max(position) FROM signoff_records").fetchone()
        (written,) = db.execute("SELECT count(*) FROM signoff_records").fetchone()
    return int(written)


def diagnosed(path: str) -> dict[str, Any]:
    """Look at it once; for a child process."""
    return asyncio.run(_diagnosed(path))


async def _diagnosed(path: str) -> dict[str, Any]:
    from signoff.diagnosis import diagnose
    from signoff.storage import storage_at

    storage = storage_at(f"sqlite:///{path}")
    await storage.open(exclusive=False)
    began, cpu = time.perf_counter(), time.process_time()
    diagnosis = await diagnose(storage)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    await storage.close()
    return {
        "records": diagnosis.records,
        "crossings": diagnosis.crossings,
        "findings": [[f.signature.code, f.where, f.count, f.of] for f in diagnosis.findings],
        "unreadable": diagnosis.unreadable,
        "seconds": round(seconds, 3),
        "cpu": round(cpu, 3),
        "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
