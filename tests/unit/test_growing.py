"""A run whose memory grows, or what it stores for each order, is found; the kept ones are flat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.endurance.__main__ import is_wrong
from benchmarks.endurance._growing import growing
from benchmarks.machine import ROOT

KEPT = ROOT / "benchmarks" / "results" / "endurance.json"


def _run(memory: float = 0.0, stored: float = 0.0, seconds: int = 3600) -> dict[str, Any]:
    """An hour; so much more at its end, in proportion."""
    samples: list[dict[str, Any]] = []
    for at in range(0, seconds, 5):
        part = at / seconds
        megabytes = at * 0.01 * (1 + stored * part)
        held = {"agent": 60.0 * (1 + memory * part)}
        samples.append({"at": at, "accepted": at, "megabytes": megabytes, "memory": held})
    account: dict[str, Any] = {"lost": [], "doubled": [], "stuck": [], "chain": {"status": 0}}
    return {"samples": samples, "account": account}


def test_what_grows_is_found() -> None:
    assert growing(_run()) == []
    (memory,) = growing(_run(memory=2.0))
    assert "memory of agent" in memory
    (stored,) = growing(_run(stored=2.0))
    assert "stored for each order" in stored
    assert is_wrong(_run(stored=2.0))
    assert growing(_run(memory=9.0, seconds=60)) == [], "a minute says nothing"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_the_kept_runs_are_flat(database: str) -> None:
    assert growing(json.loads(KEPT.read_text())["runs"][database]) == []
