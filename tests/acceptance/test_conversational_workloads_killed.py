"""Billing assist and network triage: killed at statement after statement, nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("cel_expr_python")

from signoff.storage import Storage, storage_at
from signoff.workloads import Meter, Plan, WorkloadReport, shipped

#: Lives that a run is given at most; each is longer than the one before it.
MOST_LIVES = 60


def run(name: str, plan: Plan) -> WorkloadReport:
    return asyncio.run(shipped(name).run(plan))


def life(name: str, plan: Plan, statements: int) -> bool:
    """Run in a child that kills itself at a statement; whether it came to the end before."""
    child = os.fork()
    if not child:
        left = statements

        def counted(meter: Meter, statement: str) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            meter.transactions += statement == "committed"

        status = 70
        try:
            Meter.statement = counted  # type: ignore[method-assign]
            run(name, plan)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a life failed"
    return not os.WIFSIGNALED(status)


async def intact(url: str) -> bool:
    storage: Storage = storage_at(url)
    await storage.open(exclusive=False)
    try:
        return (await storage.verify()).intact
    finally:
        await storage.close()


@pytest.mark.parametrize("name", ["billing-assist", "network-triage"])
def test_a_kill_at_any_statement_leaves_nothing_half_done(
    name: str, tmp_path: Path, store_url: str
) -> None:
    plan = Plan(
        rows=8, seed=5, misbehaves=0.3, faults=0.1, store=store_url, world=tmp_path / "world"
    )
    kills = next((n for n in range(MOST_LIVES) if life(name, plan, 60 + 53 * n)), MOST_LIVES)
    assert 5 <= kills < MOST_LIVES
    report = run(name, plan)
    assert set(report.damage.values()) == {0}
    assert sum(report.outcomes.values()) == plan.rows
    assert report.cost.calls == 0  # all of it is on record
    assert asyncio.run(intact(store_url))
