"""Fan-out: transactions per specialist, a gather of 1,000 peers, and what durability costs.

Transactions are those that the writer ran, counted where it runs them; a flush holds several. The
gather is asked over SQLite at full durability, its flushes counted by the kernel in a child with
and without it. What the same answers cost in a plain `asyncio.TaskGroup`, which keeps nothing, is
measured in turns with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchmarks.figures import Figure, spread
from benchmarks.machine import counted, counters, in_child, scratch
from signoff import Boundary, Committed, Runtime, Transactional, Write
from signoff.boundary import Budget
from signoff.coordination import Delegation, Merged, Part, ScatterGather
from signoff.storage import SQLiteStorage
from signoff.testing import Scripted

SPECIALISTS, PEERS, ROUNDS = 100, 1000, 5

TRANSACTIONS = 2.0


class Case(BaseModel):
    id: str


class Score(BaseModel):
    risk: int


def keep(score: Score, case: Case, write: Write[Case]) -> int:
    return score.risk


def total(parts: Mapping[str, Part], case: Case) -> Score:
    return Score(risk=sum(part.value for part in parts.values()))


def asked(number: int) -> list[Boundary[Case, Score, int]]:
    """Boundaries whose proposers answer at once."""
    return [
        Boundary(
            f"expert.{n}",
            proposer=Scripted(Score(risk=n), repeat=True),
            verifiers=[],
            commit=Transactional(keep),
            budget=Budget(attempts=1, seconds=None),
        )
        for n in range(number)
    ]


def delegation() -> Delegation[Case, Score, int]:
    owner = Boundary(
        "decide", proposer=Merged(Score), verifiers=[], commit=Transactional(keep), attempts=1
    )
    return Delegation(owner, asked(SPECIALISTS), merge=total)


def measure() -> tuple[list[Figure], dict[str, Any]]:
    each = in_child("fan_out", "transactions")
    blocks = in_child("fan_out", "compare")
    ours, bare = spread(blocks["ours"]), spread(blocks["bare"])
    first = spread(blocks["first"])
    more = (ours["median"] - bare["median"]) / PEERS
    figures = [
        Figure(
            f"a delegation to {SPECIALISTS} specialists",
            f"{each['added'] / SPECIALISTS:.2f} transactions per specialist",
            f"< {TRANSACTIONS:.0f}",
            each["added"] < TRANSACTIONS * SPECIALISTS,
            f"{each['with']} of the writer's transactions for one run, less {each['without']} of a "
            f"crossing without specialists; {each['flushes']} commits of the database hold them",
        ),
        Figure(
            f"a gather of {PEERS:,} peers",
            f"{ours['median']:.2f} s",
            how=f"scripted peers, SQLite at full durability, {ROUNDS} runs in a process that knows "
            f"them, {ours['low']:.2f} to {ours['high']:.2f}; the first {first['median']:.2f} s; "
            f"{PEERS / ours['median']:,.0f} peers a second",
        ),
        Figure(
            "a peer against a task of a plain `asyncio.TaskGroup`",
            f"{more * 1e6:,.0f} us more",
            how=f"the same {PEERS:,} proposers without ledger or verdict, in turns: "
            f"{bare['median'] * 1e3:.1f} ms",
        ),
    ]
    flushes = _flushes()
    if flushes:
        how, runs = flushes
        worst = max(runs)
        figures.append(
            Figure(
                f"flushes of a gather of {PEERS:,} peers",
                f"{worst}",
                how=f"fsync + fdatasync calls by {how}, worst of {len(runs)} "
                f"({'/'.join(map(str, runs))}); {worst / PEERS:.3f} a peer; a child's count less "
                "that of one that only opens and closes",
            )
        )
    return figures, {"transactions": each, "blocks": blocks, "flushes": flushes}


def _flushes() -> tuple[str, list[int]] | None:
    how = next((name for name in ("perf", "strace") if name in counters()), None)
    if how is None:
        return None
    runs: list[int] = []
    for _ in range(3):
        without, _ = counted(how, "fan_out", "gather", runs=0)
        with_, _ = counted(how, "fan_out", "gather", runs=1)
        runs.append(with_ - without)
    return how, runs


# In child processes


class _Counting(SQLiteStorage):
    """Counts the transactions that it is given."""

    transactions = 0

    async def transact(self, script: Any) -> Any:
        self.transactions += 1
        return await super().transact(script)


def transactions() -> dict[str, int]:
    """Transactions of one delegation, and of a crossing that asks nobody else."""

    async def count(path: Path, *, specialists: bool) -> tuple[int, int]:
        storage = _Counting(str(path))
        async with Runtime(storage) as runtime:
            transactions, commits = storage.transactions, storage.commits
            if specialists:
                outcome = await runtime.run(delegation(), Case(id="c"))
            else:
                outcome = await runtime.run(asked(1)[0], Case(id="c"))
            assert isinstance(outcome, Committed), outcome
            return storage.transactions - transactions, storage.commits - commits

    with scratch() as folder:
        with_, flushes = asyncio.run(count(folder / "with.db", specialists=True))
        without, _ = asyncio.run(count(folder / "without.db", specialists=False))
    return {"with": with_, "without": without, "added": with_ - without, "flushes": flushes}


def gather(runs: int) -> dict[str, Any]:
    """Run a gather so often, each about a subject of its own."""
    with scratch() as folder:
        return {"seconds": asyncio.run(_gather(folder / "gather.db", runs))}


async def _gather(path: Path, runs: int) -> list[float]:
    thing = ScatterGather("gather", asked(PEERS), aggregate=total)
    taken: list[float] = []
    async with Runtime(SQLiteStorage(str(path))) as runtime:
        for number in range(runs):
            taken.append(await _timed(runtime, thing, f"case-{number}"))
    return taken


async def _timed(runtime: Runtime, thing: ScatterGather[Case, Score], id: str) -> float:
    began = time.perf_counter()
    outcome = await runtime.run(thing, Case(id=id))
    assert isinstance(outcome, Committed), outcome
    return time.perf_counter() - began


def compare() -> dict[str, list[float]]:
    """Seconds of gathers and of task groups, in turns; the first gather apart."""
    with scratch() as folder:
        return asyncio.run(_compare(folder / "gather.db"))


async def _compare(path: Path) -> dict[str, list[float]]:
    from signoff.boundary import Question

    peers = asked(PEERS)
    thing = ScatterGather("gather", peers, aggregate=total)
    ours: list[float] = []
    bare: list[float] = []
    async with Runtime(SQLiteStorage(str(path))) as runtime:
        for number in range(ROUNDS + 1):
            ours.append(await _timed(runtime, thing, f"case-{number}"))
            question = Question(subject=Case(id=f"bare-{number}"), crossing="")
            began = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_ask(peer, question)) for peer in peers]
            assert sum(task.result() for task in tasks) == sum(range(PEERS))
            bare.append(time.perf_counter() - began)
    return {"first": ours[:1], "ours": ours[1:], "bare": bare[1:]}


async def _ask(peer: Boundary[Case, Score, int], question: Any) -> int:
    answer = await peer.proposer(question)
    assert isinstance(answer.content, Score)
    return answer.content.risk
