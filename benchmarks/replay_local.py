"""Replay with a real stochastic model: variance and divergence of SmolLM2 on recorded renewals.

    python -m benchmarks.replay_local [--questions 100] [--answers 2] [--candidates 2]

Records renewals with the simulated model, and asks their terms of the local one: with the same
seed twice, with two seeds, at two temperatures and in two wordings. It takes about a quarter of an
hour on one core of its own, and the figures of the pairs that are done are kept meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from signoff.diagnosis import Trial
from signoff.proposers import Local
from signoff.replay import Comparison, ask_lane, compare, questions_of
from signoff.storage import storage_at
from signoff.workloads.contract_renewal import proposers
from signoff.workloads.contract_renewal.customers import read_customers
from signoff.workloads.contract_renewal.examinations import examination
from signoff.workloads.contract_renewal.run import run_renewals
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.services import Faults, open_services

BOUNDARY = "renewal.terms"
RESULT = Path(__file__).with_name("results") / "replay_local.json"

#: Other words for the task, that ask for something else.
OTHER_WORDS = (
    "You write the terms of telecom contracts. Nobody gets more than one month: answer with the "
    "customer's id, with the product Fiber optic, and with 1 month."
)


async def record(folder: Path, rows: int) -> str:
    """Renewals of made-up customers, with the simulated model; the store's URL."""
    customers = list(read_customers(write_sample(folder / "customers.csv", rows, 0)))
    url = f"sqlite:///{folder / 'renewals.db'}"
    with open_services(folder / "services", Faults.none()) as services:
        await run_renewals(customers, storage_at(url), services, digest="sample", seed=0)
    return url


def row(comparison: Comparison) -> dict[str, Any]:
    """What a comparison says, for the table."""
    levels = {
        level.level: {
            "across": level.across,
            "within_baseline": level.baseline_variance,
            "within_candidate": level.candidate_variance,
            "divergence": level.divergence,
            "p": level.p,
        }
        for level in comparison.levels
    }
    found = comparison.acceptance
    return {
        "decision": comparison.decision,
        "reasons": list(comparison.reasons),
        "kinds": dict(comparison.kinds),
        "levels": levels,
        "accepted": None if found is None else [found.baseline, found.candidate],
        "p": None if found is None else found.p,
    }


def keep(found: dict[str, Any], output: Path) -> None:
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(found, indent=1) + "\n")


async def measure(questions: int, answers: int, candidates: int, output: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = await record(folder, questions + questions // 4 + 10)
        own = proposers.local(seed=0).terms
        assert isinstance(own, Local)
        examined = examination(BOUNDARY, proposers.local(seed=0))
        storage = storage_at(url)
        await storage.open(exclusive=False)
        try:
            asked = await questions_of(storage, BOUNDARY, examined.subject, most=questions)
        finally:
            await storage.close()
    lanes: dict[str, Local[Any]] = {
        "seed 0": own,
        "seed 0 again": own.like(),
        "other words": own.like(instructions=OTHER_WORDS),
        "temperature 0.2": own.like(temperature=0.2),
        "seed 1": own.like(seed=1),
    }
    trials: dict[str, list[Trial]] = {}
    kept: dict[str, Any] = {
        "machine": machine.describe(),
        "boundary": BOUNDARY,
        "questions": len(asked.asked),
        "answers_of_baseline": answers,
        "answers_of_candidates": candidates,
        "seconds": {},
        "pairs": {},
    }
    for lane, proposer in lanes.items():
        began = time.perf_counter()
        trials[lane] = await ask_lane(
            examined,
            asked.asked,
            proposer,
            candidates if trials else answers,
            name="candidate" if trials else "baseline",
            concurrency=1,
            timeout=300,
        )
        kept["seconds"][lane] = round(time.perf_counter() - began, 1)
        print(f"{lane}: {len(trials[lane])} answers", flush=True)
        if lane != "seed 0":
            said = kept["pairs"][lane] = row(compare(trials["seed 0"], trials[lane]))
            print(f"seed 0 against {lane}: {said['decision']}", *said["reasons"], sep="\n  ")
        keep(kept, output)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--questions", type=int, default=100)
    arguments.add_argument("--answers", type=int, default=2, help="of the baseline")
    arguments.add_argument("--candidates", type=int, default=2, help="answers of each candidate")
    arguments.add_argument("--output", type=Path, default=RESULT)
    given = arguments.parse_args()
    asyncio.run(measure(given.questions, given.answers, given.candidates, given.output))


if __name__ == "__main__":
    main()
