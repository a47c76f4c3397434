"""One run on one database: capacity, then hours of faults, then rest, then the account."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.endurance._disk import Disk, small_disk
from benchmarks.endurance._files import Files
from benchmarks.endurance._postgres import Postgres
from benchmarks.endurance._processes import Child, resident, server_memory
from benchmarks.endurance._schedule import ON_POSTGRES, ON_SQLITE, Fault, Kind, drawn
from benchmarks.endurance.account import settled
from benchmarks.endurance.orders import ENDED, lines, times
from benchmarks.figures import quantile
from benchmarks.machine import ROOT, child_environment
from signoff.errors import SignoffError
from signoff.reading import existing

#: Part of the measured capacity at which the run goes.
LOAD = 0.8

#: Orders that are open while capacity is measured.
OPEN = 300

#: Seconds of load that may be open before no more orders are placed; those that were placed while
#: the clock was an hour ahead are open for an hour.
MOST_OPEN = 600

#: Seconds by which clocks are wrong.
HOUR = 3600


@dataclass(frozen=True)
class Plan:
    """How a run goes.

    Attributes:
        database: `sqlite` or `postgres`.
        seed: Of the faults.
        seconds: With faults.
        capacity_seconds: In which capacity is measured.
        dead_after: Seconds after which a worker is taken for dead.
        rest: Seconds at most until everything has ended.
        megabytes: Of the disk.
    """

    database: str
    seed: int
    seconds: float
    capacity_seconds: float
    dead_after: float = 20.0
    rest: float = 1800.0
    megabytes: int = 16384


class Course:
    """The processes, the faults and the figures of one run."""

    def __init__(self, plan: Plan, home: Path, disk: Disk) -> None:
        self._plan, self._disk = plan, disk
        self._files = Files(home)
        self._postgres: Postgres | None = None
        self._children: list[Child] = []
        self._agents: list[Child] = []
        self._samples: list[dict[str, Any]] = []
        self._happened: list[dict[str, Any]] = []
        self._ended_by_themselves: list[str] = []
        self._rate = 0.0
        self._hours = 0
        self._began = time.monotonic()

    @property
    def store(self) -> str:
        """URL of the store that it runs on."""
        return self._store

    @property
    def files(self) -> Files:
        """Where its processes find each other's words."""
        return self._files

    # The parts

    def begin(self) -> None:
        home, plan = self._files.folder, self._plan
        self._files.say(self._files.pace, {})
        self._files.say(self._files.weather, "0")
        self._store = f"sqlite:///{self._disk.folder / 'signoff.db'}"
        if plan.database == "postgres":
            self._postgres = Postgres(home, self._disk.folder / "data")
            self._postgres.start()
            self._postgres.await_ready()
            self._store = self._postgres.url
            words = [sys.executable, "-m", "signoff", "store", "init", "--workers"]
            subprocess.run(
                [*words, "--store", self._store], check=True, capture_output=True, cwd=ROOT,
                env=child_environment(),
            )  # fmt: skip
        services = Child(
            "services", ["benchmarks.endurance.services", str(home), str(plan.seed)], home
        )
        services.start()
        self._services = services.first_line()
        parts = {"agent": (True, True)}
        if plan.database == "postgres":
            parts = {"front": (True, False), "worker-1": (False, True), "worker-2": (False, True)}
        self._agents = [self._agent(name, *does) for name, does in parts.items()]
        person = Child("person", ["benchmarks.endurance.person", self._store], home)
        self._children = [services, *self._agents, person]
        for child in self._children[1:]:
            child.start()
            child.first_line()

    def _agent(self, name: str, places: bool, works: bool) -> Child:
        said = {
            "store": self._store, "folder": str(self._files.folder), "name": name,
            "services": self._services, "places": places, "works": works,
            "dead_after": self._plan.dead_after,
        }  # fmt: skip
        return Child(name, ["benchmarks.endurance.agent", json.dumps(said)], self._files.folder)

    def end(self) -> None:
        for child in reversed(self._children):
            child.stop()
        if self._postgres is not None:
            self._postgres.stop(signal.SIGINT)

    # The run

    def run(self) -> dict[str, Any]:
        plan = self._plan
        faults = drawn(plan.seed, plan.seconds, self.kinds)
        self._tell(f"seed {plan.seed}: {len(faults)} faults in {plan.seconds:g} s")
        for fault in faults:
            self._tell(f"  {fault.at:8.1f} s  {fault.kind} ({fault.takes:g} s, {fault.whom:.2f})")
        capacity = self._capacity()
        self._rate = max(LOAD * capacity, 0.5)
        self._tell(f"capacity {capacity:.1f} orders/s; the run goes at {self._rate:.1f}/s")
        self._files.say(self._files.pace, {"rate": self._rate})
        self._began = began = time.monotonic()
        started = time.time()
        for fault in faults:
            self._pass(began + fault.at - time.monotonic())
            self._happen(fault)
        self._pass(began + plan.seconds - time.monotonic())
        self._files.say(self._files.pace, {})
        self._tell(f"{lines(self._files.accepted)} orders accepted; now they come to rest")
        rested = self._rest()
        statuses = self._stop_agents()
        account = asyncio.run(settled(self._store, self._files))
        account["stuck"] += [] if rested else [f"not at rest after {plan.rest:g} s"]
        return {
            "plan": asdict(plan),
            "faults": [asdict(fault) for fault in faults],
            "happened": self._happened,
            "can_be_filled": self._disk.can_be_filled,
            "capacity": capacity,
            "rate": LOAD * capacity,
            "latency": self._latency(started),
            "ended_by_themselves": self._ended_by_themselves,
            "statuses": statuses,
            "account": account,
            "samples": self._samples,
        }

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What can go wrong here."""
        kinds = ON_POSTGRES if self._plan.database == "postgres" else ON_SQLITE
        return tuple(k for k in kinds if k != "disk full" or self._disk.can_be_filled)

    def _capacity(self) -> float:
        self._files.say(self._files.pace, {"open": OPEN})
        self._pass(self._plan.capacity_seconds / 3)
        began, done = time.monotonic(), lines(self._files.done)
        self._pass(self._plan.capacity_seconds * 2 / 3)
        return (lines(self._files.done) - done) / (time.monotonic() - began)

    def _pass(self, seconds: float) -> None:
        """Let time pass: look at everything, and begin again what has ended."""
        until = time.monotonic() + seconds
        every = max(self._plan.seconds / 720, 0.5)
        while (left := until - time.monotonic()) > 0:
            if not self._samples or time.monotonic() - self._sampled > every:
                self._sample()
            self._look_after()
            time.sleep(min(0.25, max(left, 0)))

    def _look_after(self) -> None:
        at = time.monotonic() - self._began
        if self._postgres is not None and self._postgres.start_if_gone():
            self._ended_by_themselves.append(f"{at:.0f} s: the server")
        for child in self._children:
            if child.start_if_gone():
                self._ended_by_themselves.append(f"{at:.0f} s: {child.name}: {child.ended[-1]}")

    def _sample(self) -> None:
        self._sampled = time.monotonic()
        accepted, done = lines(self._files.accepted), lines(self._files.done)
        if self._rate:
            most = max(MOST_OPEN * self._rate, OPEN)
            held = accepted - done > most
            self._files.say(self._files.pace, {"rate": 0 if held else self._rate})
        sample = {
            "at": round(self._sampled - self._began, 1),
            "accepted": accepted,
            "done": done,
            "megabytes": round(self._size(), 2),
            "memory": {child.name: round(child.megabytes, 1) for child in self._children},
        }
        if self._postgres is not None:
            sample["memory"]["server"] = round(
                resident(self._postgres.pid) + server_memory(self._postgres.pid), 1
            )
        self._samples.append(sample)
        with (self._files.folder / "samples.jsonl").open("a") as file:
            file.write(json.dumps(sample) + "\n")

    def _size(self) -> float:
        """Of the store, without what is only its log, in MB."""
        if self._postgres is None:
            return float((self._disk.folder / "signoff.db").stat().st_size) / 1e6
        base = self._disk.folder / "data" / "base"
        total = 0
        for file in base.rglob("*"):
            try:
                total += file.stat().st_size
            except OSError:
                continue
        return total / 1e6

    # What goes wrong

    def _happen(self, fault: Fault) -> None:
        whom = self._agents[int(fault.whom * len(self._agents))]
        began = time.monotonic()
        said = ""
        match fault.kind:
            case "worker killed":
                whom.kill()
                said = whom.name
            case "disk full":
                self._disk.fill()
                self._pass(fault.takes)
                self._disk.empty()
            case "clock an hour ahead" | "clock an hour behind":
                by = HOUR if fault.kind == "clock an hour ahead" else -HOUR
                # Everybody's at one half of the times, otherwise that of one process.
                wrong = self._agents if fault.whom < 0.5 else [whom]
                self._step(wrong, by)
                self._pass(fault.takes)
                self._step(wrong, 0)
                said = ", ".join(child.name for child in wrong)
            case "services fail":
                share = 0.3 + 0.6 * fault.whom
                self._files.say(self._files.weather, f"{share:.3f}")
                self._pass(fault.takes)
                self._files.say(self._files.weather, "0")
                said = f"{share:.0%} of requests"
            case "connections cut":
                assert self._postgres is not None
                said = f"{self._postgres.cut()} connections"
            case "server restarted" | "server stopped at once":
                assert self._postgres is not None
                how = signal.SIGINT if fault.kind == "server restarted" else signal.SIGQUIT
                self._postgres.stop(how)
                self._postgres.start()
                self._postgres.await_ready()
        took = time.monotonic() - began
        self._happened.append(
            {"at": round(began - self._began, 1), "kind": fault.kind, "took": round(took, 1),
             "said": said}
        )  # fmt: skip
        self._tell(f"{began - self._began:8.1f} s  {fault.kind}: {said} ({took:.1f} s)")

    def _step(self, agents: list[Child], seconds: float) -> None:
        for child in agents:
            self._files.say(self._files.clock(child.name), str(seconds))

    # The end

    def _rest(self) -> bool:
        """Let the work come to its end; an hour goes by every few seconds."""
        self._rate = 0.0
        until = time.monotonic() + self._plan.rest
        while time.monotonic() < until:
            if asyncio.run(_is_at_rest(self._store)):
                return True
            self._pass(3)
            self._hours += 1
            self._step(self._agents, self._hours * HOUR)
        return False

    def _stop_agents(self) -> dict[str, int]:
        self._sample()
        return {child.name: child.stop() for child in reversed(self._children)}

    def _latency(self, started: float) -> dict[str, Any]:
        """Seconds from the acknowledgement to the end, of orders that were placed in the run."""
        done = times(self._files.done)
        taken: dict[int, list[float]] = {}
        for order, at in times(self._files.accepted).items():
            if at >= started and order in done:
                taken.setdefault(int((at - started) / 60), []).append(done[order] - at)
        every = [one for minute in taken.values() for one in minute]
        return {
            "all": _quantiles(every),
            "by_minute": {minute: _quantiles(these) for minute, these in sorted(taken.items())},
        }

    def _tell(self, text: str) -> None:
        print(f"{self._plan.database}: {text}", flush=True)


def _quantiles(taken: list[float]) -> dict[str, float]:
    if not taken:
        return {}
    parts = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
    return {name: round(quantile(taken, part), 3) for name, part in parts.items()} | {
        "n": len(taken)
    }


async def _is_at_rest(store: str) -> bool:
    try:
        async with existing(store) as storage:
            states = await storage.rows_by_state("order")
            return set(states) <= set(ENDED) and not await storage.pending()
    except SignoffError:
        return False


@contextmanager
def prepared(plan: Plan, home: Path) -> Iterator[Course]:
    """A run whose processes are begun, and ended at the end of the block."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(home, plan.megabytes))
        course = Course(plan, home, disk)
        stack.callback(course.end)
        course.begin()
        yield course
