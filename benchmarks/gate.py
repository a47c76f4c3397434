"""The gate: what a policy of twenty rules costs inside a commit, and what all controls cost.

The gate's own time is taken around `at_commit`, in the commit's transaction. What a crossing costs
with and without it is measured in turns, each side on a file of its own: one block without
controls, one with the gate, and one with a kill switch, the gate, a throttle and an approval that
never asks. What a throttle costs depends on the commits that it counts, so that there are two of
these: for one a second passes between two crossings, for the other next to nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, micro, quantile, ratios, spread
from benchmarks.machine import in_child, scratch
from benchmarks.orders import Approval as Offer
from benchmarks.orders import Order, plain
from signoff import Boundary, Committed, Runtime
from signoff.clock import SystemClock
from signoff.storage import SQLiteStorage

JUDGE, LOAD = 1e-3, 100e-3

#: Crossings in a block, and blocks of each side.
EACH, ROUNDS = 200, 25

#: Each side, and the seconds that pass between two of its crossings.
SIDES = {"bare": 1.0, "gate": 1.0, "all": 1.0, "crowded": 0.001}

#: Twenty rules over every type that the order and its approval have; none objects.
RULES = (
    ("over_limit", "proposal.amount > 500.0"),
    ("over_total", "proposal.amount > subject.total * 1.5"),
    ("negative", "proposal.amount < 0.0"),
    ("other_order", "proposal.order != subject.id"),
    ("no_note", "proposal.note == ''"),
    ("long_note", "proposal.note.size() > 500"),
    ("promises", "proposal.note.matches('(?i)guarantee|promise|forever')"),
    ("address", "proposal.note.matches('[a-z0-9.]+@[a-z0-9.]+')"),
    ("link", "proposal.note.contains('http')"),
    ("shouting", "proposal.note.matches('[A-Z]{12}')"),
    ("too_often", "subject.approvals > 20"),
    ("large_again", "subject.approvals > 5 && proposal.amount > 400.0"),
    ("small_total", "subject.total < 1.0 && proposal.amount > 1.0"),
    ("nobody", "subject.customer == ''"),
    ("blocked", "subject.customer in ['Mallory', 'Trudy', 'Eve']"),
    ("test_order", "subject.customer.startsWith('test-') && proposal.amount > 10.0"),
    ("round_sum", "proposal.amount == 499.0 && subject.approvals > 0"),
    ("no_total", "subject.total <= 0.0 || proposal.amount * 2.0 > 5000.0"),
    ("either", "proposal.note.startsWith('!') || proposal.note.endsWith('!')"),
    ("not_usual", "!proposal.note.contains('usual') && proposal.amount > 300.0"),
)


def measure() -> tuple[list[Figure], dict[str, Any]]:
    loads = [in_child("gate", "load", times=30) for _ in range(5)]
    said = in_child("gate", "compare", each=EACH, rounds=ROUNDS)
    judged: list[float] = said["judged"]
    p50, p99 = quantile(judged, 0.5), quantile(judged, 0.99)
    first = spread([load["first"] for load in loads])
    again = spread([seconds for load in loads for seconds in load["again"]])
    figures = [
        Figure(
            f"a gate of {len(RULES)} rules judges",
            f"p50 {micro(p50)}, p99 {micro(p99)}",
            "p99 < 1 ms",
            p99 < JUDGE,
            f"{len(judged):,} calls of `at_commit`, each within its commit's transaction",
        ),
        Figure(
            f"a policy of {len(RULES)} rules loads",
            f"{first['median'] * 1e3:.0f} ms",
            "< 100 ms",
            first["median"] < LOAD,
            f"the first in a process, CEL's import included, {first['low'] * 1e3:.0f} to "
            f"{first['high'] * 1e3:.0f}; again {again['median'] * 1e3:.1f} ms",
        ),
    ]
    for side, named in (
        ("gate", "a gate"),
        ("all", "kill switch, gate, throttle, approval; one a second"),
        ("crowded", f"the same; up to {EACH * (ROUNDS + 1):,} in the throttle's window"),
    ):
        cpu = ratios(said["cpu"][side], said["cpu"]["bare"])
        wall = ratios(said["wall"][side], said["wall"]["bare"])
        more = spread(_differences(said["cpu"][side], said["cpu"]["bare"]))
        figures.append(
            Figure(
                f"a crossing with {named}",
                f"{cpu[0]:.2f} x the CPU, {wall[0]:.2f} x the time",
                how=f"of one without controls, {ROUNDS} blocks of {EACH} in turns, "
                f"CPU {cpu[1]:.2f} to {cpu[2]:.2f}; that is {micro(more['median'])} more; "
                f"one caller, {said['folder']}",
            )
        )
    raw = {
        "judged": {"p50": p50, "p99": p99, "n": len(judged), "max": max(judged)},
        "loads": loads,
        **{name: said[name] for name in ("cpu", "wall", "folder")},
    }
    return figures, raw


def _differences(ours: list[float], theirs: list[float]) -> list[float]:
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def policy_file(folder: Path) -> Path:
    """The policy, written."""
    rules = [
        f'  - {{id: {id}, when: "{when}", code: {id}, message: "no: {id}", then: stop}}'
        for id, when in RULES
    ]
    head = ["policy: orders", 'version: "1"', "default: allow", "rules:"]
    path = folder / "orders.yaml"
    path.write_text("\n".join([*head, *rules, ""]))
    return path


def load(times: int) -> dict[str, Any]:
    """Seconds that the first load in this process takes, and the others; for a child process."""
    with scratch() as folder:
        path = policy_file(folder)
        taken: list[float] = []
        for _ in range(times + 1):
            began = time.perf_counter()
            from signoff.control import Policy

            Policy.load(path, proposal=Offer, subject=Order)
            taken.append(time.perf_counter() - began)
    return {"first": taken[0], "again": taken[1:]}


def compare(each: int, rounds: int) -> dict[str, Any]:
    """Blocks of crossings, in turns; for a child process."""
    if "BENCHMARK_DIR" not in os.environ and os.access("/dev/shm", os.W_OK):
        os.environ["BENCHMARK_DIR"] = "/dev/shm"  # the disk's time is not what is asked here
    with scratch() as folder:
        return {**asyncio.run(_compare(each, rounds, folder)), "folder": str(folder.parent)}


def boundaries(policy: Path, judged: list[float]) -> dict[str, Boundary[Order, Offer, str]]:
    """The same boundary without controls, with the gate, and twice with all of them."""
    from signoff.control import Approval, Gate, KillSwitch, Throttle

    gate: Gate[Offer, Order] = Gate(policy)
    controls: list[Any] = [
        KillSwitch("orders"),
        gate,
        Throttle(per_minute=1_000_000),
        Approval(ask="role:desk", within=timedelta(days=1), when=lambda offer, order: False),
    ]
    gated = plain.bounded_by(gate)
    _time(gated.controls[0], judged)
    bounded = plain.bounded_by(*controls)
    return {"bare": plain, "gate": gated, "all": bounded, "crowded": bounded}


class _Ticking(SystemClock):
    """The real clock, put forward by so much before every crossing."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def _time(gate: Any, taken: list[float]) -> None:
    asked: Callable[..., Any] = gate.at_commit

    def at_commit(tx: Any, passing: Any) -> Any:
        began = time.perf_counter()
        said = asked(tx, passing)
        taken.append(time.perf_counter() - began)
        return said

    gate.at_commit = at_commit


async def _compare(each: int, rounds: int, folder: Path) -> dict[str, Any]:
    judged: list[float] = []
    crossed = boundaries(policy_file(folder), judged)
    cpu: dict[str, list[float]] = {side: [] for side in SIDES}
    wall: dict[str, list[float]] = {side: [] for side in SIDES}
    clocks = {side: _Ticking() for side in SIDES}
    async with AsyncExitStack() as stack:
        opened = {
            side: await stack.enter_async_context(
                Runtime(SQLiteStorage(str(folder / f"{side}.db")), clock=clocks[side])
            )
            for side in SIDES
        }
        for turn in range(rounds + 1):
            for side in SIDES if turn % 2 else reversed(SIDES):
                orders = [Order(id=f"order-{turn}-{number}") for number in range(each)]
                used, began = time.process_time(), time.perf_counter()
                for order in orders:
                    clocks[side].ahead += timedelta(seconds=SIDES[side])
                    outcome = await opened[side].run(crossed[side], order)
                    assert isinstance(outcome, Committed), outcome
                cpu[side].append((time.process_time() - used) / each)
                wall[side].append((time.perf_counter() - began) / each)
            if not turn:  # the first blocks warm up
                for taken in (judged, *cpu.values(), *wall.values()):
                    taken.clear()
    return {"judged": judged, "cpu": cpu, "wall": wall}
