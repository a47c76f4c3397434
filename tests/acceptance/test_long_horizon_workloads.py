"""Lead warming and number port-in: exact ends, whatever is done to process and store."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from long_horizon import DONE, kill_again_and_again, left_over, plan, run, run_until

from signoff.workloads import Plan, shipped
from signoff.workloads.port_in import world as ports

NAMES = ("lead-warming", "port-in")


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("lead-warming", {"handed over": 12, "gone quiet": 7, "unsubscribed": 5}),
        ("port-in", {"ported": 20, "rejected": 1, "escalated": 2, "withdrawn": 1}),
    ],
)
def test_a_seed_has_one_outcome_and_does_no_damage(
    name: str, ends: dict[str, int], tmp_path: Path, store_url: str
) -> None:
    report = run(name, plan(store_url, tmp_path))
    assert report.outcomes == ends
    assert not any(report.damage.values())
    assert asyncio.run(left_over(store_url)) == []


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("lead-warming", ("after_unsubscribe", "too_many", "price_promised", "wrong_lead")),
        ("port-in", ("leaked", "unapproved", "live_twice", "lost")),
    ],
)
def test_the_same_agent_without_a_boundary_does_damage(name: str, harm: tuple[str, ...]) -> None:
    unguarded = asyncio.run(shipped(name).run_unguarded(Plan(rows=40, seed=1)))
    assert all(unguarded.damage[each] > 0 for each in harm)


@pytest.mark.parametrize(("seed", "misbehaves", "faults"), [(2, 0.6, 0.2), (4, 0.0, 0.0)])
def test_every_port_ends_as_its_case_says(seed: int, misbehaves: float, faults: float) -> None:
    asked = Plan(rows=20, seed=seed, misbehaves=misbehaves, faults=faults)
    with asked.placed() as placed:
        report = asyncio.run(shipped("port-in").run(placed))
        with ports.world_of(placed, "systems") as world:
            expected = Counter(ports.ENDS_OF[case] for case in world.case.values())
    assert report.outcomes == expected
    assert not any(report.damage.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_kill_at_any_moment_changes_nothing(name: str, tmp_path: Path, store_url: str) -> None:
    calm = plan(f"sqlite:///{tmp_path / 'calm.db'}", tmp_path / "calm", rows=16)
    expected = run(name, calm)
    killed = plan(store_url, tmp_path / "killed", rows=16)
    assert kill_again_and_again(lambda: run(name, killed), kills=10, luck=Random(1)) >= 8
    report = run(name, killed)
    assert report.outcomes == expected.outcomes
    assert DONE[name](killed) == DONE[name](calm)
    assert not any(report.damage.values())
    assert asyncio.run(left_over(store_url)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_was_stopped_goes_on_where_it_was(name: str, tmp_path: Path) -> None:
    calm = plan(f"sqlite:///{tmp_path / 'calm.db'}", tmp_path / "calm")
    stopped = plan(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "stopped")
    expected = run(name, calm)
    run_until(name, stopped, 4)
    report = run(name, stopped)
    assert report.outcomes == expected.outcomes
    assert DONE[name](stopped) == DONE[name](calm)


def test_lead_warming_goes_on_without_its_store_and_sends_nothing_twice(tmp_path: Path) -> None:
    calm = plan(f"sqlite:///{tmp_path / 'calm.db'}", tmp_path / "calm")
    expected = run("lead-warming", calm)
    bereft = plan(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "bereft")
    for day in (9, 30):
        run_until("lead-warming", bereft, day)
        for file in tmp_path.glob("x.db*"):
            file.unlink()
    report = run("lead-warming", bereft)
    assert report.outcomes == expected.outcomes
    assert DONE["lead-warming"](bereft) == DONE["lead-warming"](calm)
    assert not any(report.damage.values())
    # What is lost is the account of it: who proposed what, and what was said against it.
    assert report.records < expected.records / 2


def test_lead_warming_is_killed_and_loses_its_store_again_and_again(tmp_path: Path) -> None:
    calm = plan(f"sqlite:///{tmp_path / 'calm.db'}", tmp_path / "calm", rows=16)
    expected = run("lead-warming", calm)
    bereft = plan(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "bereft", rows=16)
    luck = Random(4)
    for _ in range(3):
        assert kill_again_and_again(lambda: run("lead-warming", bereft), kills=3, luck=luck) == 3
        for file in tmp_path.glob("x.db*"):
            file.unlink()
    assert run("lead-warming", bereft).outcomes == expected.outcomes
    assert DONE["lead-warming"](bereft) == DONE["lead-warming"](calm)
