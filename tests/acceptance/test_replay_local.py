"""A real stochastic model on recorded renewals: variance and divergence are told apart.

A handful of questions; `python -m benchmarks.replay_local` asks a hundred.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from signoff.boundary import Question
from signoff.diagnosis import Trial
from signoff.errors import MissingExtra
from signoff.proposers import Function, weights
from signoff.replay import Comparison, ask_lane, compare, questions_of
from signoff.storage import storage_at
from signoff.workloads.contract_renewal import proposers
from signoff.workloads.contract_renewal.customers import read_customers
from signoff.workloads.contract_renewal.examinations import examination
from signoff.workloads.contract_renewal.run import run_renewals
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.services import Faults, open_services
from signoff.workloads.contract_renewal.subject import Renewal, Score

BOUNDARY = "renewal.churn"


def certain(question: Question[Renewal]) -> Score:
    """Another model, which always says the same."""
    return Score(customer_id=question.subject.id, churn_risk=0.987)


def _installed() -> bool:
    try:
        weights()
    except MissingExtra:
        return False
    return True


async def record(folder: Path, rows: int) -> str:
    """Renewals of made-up customers, with the simulated model; the store's URL."""
    customers = list(read_customers(write_sample(folder / "customers.csv", rows, 0)))
    url = f"sqlite:///{folder / 'renewals.db'}"
    with open_services(folder / "services", Faults.none()) as services:
        await run_renewals(customers, storage_at(url), services, digest="sample", seed=0)
    return url


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not _installed(), reason="not installed: run `signoff local install`")
def test_variance_and_divergence_of_a_real_model_are_told_apart(tmp_path: Path) -> None:
    own: Any = proposers.local(seed=0).score
    examined = examination(BOUNDARY, proposers.local(seed=0))
    lanes = {
        "own": own,
        "again": own.like(),
        "certain": Function(certain),
    }

    async def main() -> dict[str, list[Trial]]:
        storage = storage_at(await record(tmp_path, 20))
        await storage.open(exclusive=False)
        try:
            found = await questions_of(storage, BOUNDARY, examined.subject, most=6)
        finally:
            await storage.close()
        assert len(found.asked) == 6
        return {
            lane: await ask_lane(
                examined,
                found.asked,
                proposer,
                2,
                name="baseline" if lane == "own" else "candidate",
                concurrency=1,
                timeout=300,
            )
            for lane, proposer in lanes.items()
        }

    trials = asyncio.run(main())
    assert not [trial for lane in trials.values() for trial in lane if trial.error]
    again, other = (compare(trials["own"], trials[lane]) for lane in list(lanes)[1:])
    # The same model, settings and seed: what differs is variance, and the report says so.
    assert _p(again) > 0.05
    assert not any(reason.startswith("proposal divergence") for reason in again.reasons)
    # Another one says something else, beyond what the model varies by itself.
    assert _p(other) < 0.05
    assert any(reason.startswith("proposal divergence") for reason in other.reasons)


def _p(comparison: Comparison) -> float:
    p = comparison.levels[0].p
    assert p is not None
    return p
