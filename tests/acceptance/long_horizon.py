"""Runs of the two workloads that last months, in one piece, killed, or stopped on a day."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from signoff.storage import storage_at
from signoff.workloads import Meter, Plan, WorkloadReport, shipped
from signoff.workloads.lead_warming import world as leads
from signoff.workloads.port_in import world as ports


class Stopped(Exception):
    """The run was stopped on a day."""


def plan(store: str, world: Path, *, rows: int = 24, seed: int = 1) -> Plan:
    world.mkdir(exist_ok=True)
    return Plan(rows=rows, seed=seed, faults=0.10, store=store, world=world)


def run(name: str, plan: Plan) -> WorkloadReport:
    return asyncio.run(shipped(name).run(plan))


def run_until(name: str, plan: Plan, day: int) -> None:
    """Run, and stop in the middle of things on a day."""

    def stop(done: int, total: int, at: int) -> None:
        if at >= day:
            raise Stopped

    try:
        run(name, replace(plan, progress=stop))
    except Stopped:
        return
    raise AssertionError(f"it ended before day {day}")


def kill_again_and_again(work: Callable[[], object], *, kills: int, luck: Random) -> int:
    """Do work in children, each of which kills itself at some statement; how often one did."""
    killed = 0
    for _ in range(kills):
        after = luck.randint(30, 250)
        child = os.fork()
        if not child:
            status = 70
            try:
                _doom(after)
                work()
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed += 1
        elif os.WEXITSTATUS(status):
            raise AssertionError(f"a child failed with status {os.WEXITSTATUS(status)}")
    return killed


def _doom(left: int) -> None:
    """Have this process kill itself before so many statements."""
    counted = Meter.statement

    def statement(meter: Meter, name: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        counted(meter, name)

    Meter.statement = statement  # type: ignore[assignment, method-assign]


def done_to_leads(plan: Plan) -> Counter[str]:
    """Every entry of the CRM's log, with how often it is there."""
    with leads.world_of(plan, "crm") as world:
        return Counter(str(entry) for entry in world.entries())


def done_to_ports(plan: Plan) -> Counter[str]:
    """Every effect on the systems; which number of the pool was lent is a matter of order."""
    found: Counter[str] = Counter()
    with ports.world_of(plan, "systems") as world:
        for name in world.books:
            for action, told in world.entries(name):
                told.pop("lent", None)
                found[f"{name} {action} {json.dumps(told, sort_keys=True)}"] += 1
    return found


DONE = {"lead-warming": done_to_leads, "port-in": done_to_ports}


async def left_over(store: str) -> list[str]:
    """Whatever should not be there after a finished run."""
    storage = storage_at(store)
    await storage.open(exclusive=False)
    try:
        found = [f"pending {row}" for row in await storage.pending() if row[0] == "effect"]
        for boundary, status, count, _ in await storage.crossings_by_status():
            if status in ("open", "intended", "unknown"):
                found.append(f"{count} of {boundary} {status}")
        return found + [str(fault) for fault in (await storage.verify()).faults]
    finally:
        await storage.close()
