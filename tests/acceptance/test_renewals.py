"""The renewal agent over many renewals: exact outcomes, whatever is done to its process."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from random import Random

import pytest
from renewal_world import FAULTS, World, customers, kill_again_and_again

from signoff.storage import storage_at
from signoff.workloads.contract_renewal.audit import audit
from signoff.workloads.contract_renewal.customers import file_digest, read_customers
from signoff.workloads.contract_renewal.run import run_renewals
from signoff.workloads.contract_renewal.services import open_services

TELCO = Path(__file__).parents[3] / "shared" / "data" / "telco_customer_churn.csv"

PUBLISHED = {
    "renewed": 2858,
    "renewed_with_offer": 2053,
    "churned": 1655,
    "restructured": 263,
    "escalated": 214,
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not TELCO.exists(), reason="the IBM Telco file is not beside the checkout")
def test_all_7043_real_renewals_end_as_their_rows_say(tmp_path: Path) -> None:
    people = list(read_customers(TELCO))
    storage = storage_at(f"sqlite:///{tmp_path / 'x.db'}")
    with open_services(tmp_path / "services", FAULTS) as services:
        report = asyncio.run(
            run_renewals(people, storage, services, digest=file_digest(TELCO), misbehaves=0.20)
        )
        damage = audit(services, people)
    assert report.endings == PUBLISHED
    assert damage.total == 0
    assert report.objections["over_cap"] > 100
    assert report.objections["wrong_customer"] > 100
    # What four systems, three specialists and three settling steps went through meanwhile.
    assert report.objections["no_quorum"] > 100
    assert report.objections["compensated"] > 100


def test_a_kill_at_any_moment_changes_nothing(tmp_path: Path, store_url: str) -> None:
    people = customers(tmp_path, 60)
    undisturbed = World(f"sqlite:///{tmp_path / 'calm.db'}", tmp_path / "calm", people)
    expected = undisturbed.run()
    world = World(store_url, tmp_path / "services", people)
    kill_again_and_again(world, kills=12, within=0.15, luck=Random(1))
    assert world.run().endings == expected.endings
    assert world.effects() == undisturbed.effects()
    assert world.damage().total == 0
    assert asyncio.run(world.left_over()) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_kills_in_one_run_of_500_renewals_change_nothing(
    tmp_path: Path, store_url: str
) -> None:
    people = customers(tmp_path, 500)
    undisturbed = World(f"sqlite:///{tmp_path / 'calm.db'}", tmp_path / "calm", people)
    began = time.monotonic()
    expected = undisturbed.run()
    took = time.monotonic() - began
    world = World(store_url, tmp_path / "services", people)
    # Opening again takes a share of every life; what is left must add up to the run.
    within = 2 * (took / 120 + 0.04)
    killed = kill_again_and_again(world, kills=60, within=within, luck=Random(2))
    assert killed >= 50
    assert world.run().endings == expected.endings
    assert world.effects() == undisturbed.effects()
    assert world.damage().total == 0
    assert asyncio.run(world.left_over()) == []


@pytest.mark.timeout(300)
def test_two_processes_on_one_postgresql_do_nothing_twice(
    tmp_path: Path, postgres_database: str
) -> None:
    people = customers(tmp_path, 200)
    undisturbed = World(f"sqlite:///{tmp_path / 'calm.db'}", tmp_path / "calm", people)
    expected = undisturbed.run()
    world = World(postgres_database, tmp_path / "services", people)
    children = [world.fork(), world.fork()]
    ended = [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children]
    assert ended == [0, 0]
    assert world.run().endings == expected.endings
    assert world.effects() == undisturbed.effects()
    assert asyncio.run(world.left_over()) == []
