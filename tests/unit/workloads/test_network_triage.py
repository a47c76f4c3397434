"""Network incident triage: what a picture supports, and what comes of a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from awaited import awaited

pytest.importorskip("cel_expr_python")

from signoff.boundary import Accept, Committed, Rejected
from signoff.ledger import Entry
from signoff.methodology import check, wiring_of
from signoff.state import Event
from signoff.workloads import Meter, Plan, shipped
from signoff.workloads._running import Running, running
from signoff.workloads.network_triage import decided
from signoff.workloads.network_triage.boundary import boundaries, supported_by_the_picture
from signoff.workloads.network_triage.incident import (
    INCIDENTS,
    Incident,
    Picture,
    Remedy,
    remedy_for,
)
from signoff.workloads.network_triage.lifecycle import Triage
from signoff.workloads.network_triage.proposers import named
from signoff.workloads.network_triage.world import (
    DUTY,
    Alarm,
    Kind,
    Network,
    alarms,
    audit,
    opened,
    payload_of,
)


@pytest.mark.parametrize(
    ("picture", "supported"),
    [
        (Picture(loss=0.01, hung=0, neighbours_down=0, config_age=900), "wait"),
        (Picture(loss=0.9, hung=1, neighbours_down=0, config_age=900), "restart"),
        (Picture(loss=0.9, hung=1, neighbours_down=0.5, config_age=900), "escalate"),
        (Picture(loss=0.9, hung=1, config_age=900), "escalate"),
        (Picture(loss=0.9, hung=0, neighbours_down=0, config_age=3), "rollback"),
        (Picture(loss=0.9, hung=0, neighbours_down=0, config_age=900), "escalate"),
        (Picture(loss=0.9, neighbours_down=0, config_age=3), "escalate"),
    ],
)
def test_a_picture_supports_one_remedy_or_a_person(picture: Picture, supported: str) -> None:
    assert remedy_for(picture) == supported
    incident = Incident(id="i", site="s", picture=picture)
    for action in ("restart", "rollback", "wait", "escalate"):
        verdict = supported_by_the_picture(Remedy(site="s", action=action), incident)  # type: ignore[arg-type]
        assert isinstance(verdict, Accept) == (action in ("escalate", supported))


def test_the_world_is_the_same_for_the_same_seed() -> None:
    assert alarms(80, 7) == alarms(80, 7)
    assert alarms(80, 7)[:30] == alarms(30, 7)
    assert {alarm.kind for alarm in alarms(80, 7)} == {
        "stuck",
        "fragile",
        "bad_config",
        "cascade",
        "flapping",
    }


async def done(network: Network, incident: Incident, *actions: str) -> None:
    at = incident.model_copy(update={"touched": "2026-01-01T00:00:00.000000Z"})
    for action in actions:
        await network.does.perform(action, payload_of(at))


def of(raised: list[Alarm], kind: Kind, tier: str = "edge") -> Incident:
    return next(a.incident for a in raised if a.kind == kind and a.incident.tier == tier)


@awaited
async def test_the_network_follows_from_what_was_done(tmp_path: Path) -> None:
    plan = Plan(rows=120, faults=0.0, world=tmp_path)
    with opened(plan, "world") as (network, raised):
        stuck, fragile = of(raised, "stuck"), of(raised, "fragile")
        assert not network.healthy(stuck)
        await done(network, stuck, "drain", "restart", "undrain")
        await done(network, fragile, "drain", "restart")
        assert network.healthy(stuck)
        assert not network.healthy(fragile)
        about = [a for a in raised if a.incident.id in (stuck.id, fragile.id)]
        found = audit(network, about)
        assert (found.needless, found.left, found.unattended) == (1, 1, 1)
        await done(network, fragile, "restore", "undrain")
        await network.desk.perform("call", payload_of(fragile))
        assert audit(network, about).total == 0
        core = of(raised, "stuck", tier="core")
        await done(network, core, "drain", "restart", "restart", "undrain")
        found = audit(network, [*about, next(a for a in raised if a.incident.id == core.id)])
        assert (found.core, found.doubles, found.total) == (1, 1, 2)


@awaited
async def test_a_seed_ends_in_just_this_way() -> None:
    report = await shipped("network-triage").run(Plan(rows=60, seed=1))
    assert report.outcomes == {"cleared": 30, "escalated": 15, "resolved": 14, "rolled back": 1}
    assert set(report.damage.values()) == {0}


@awaited
async def test_guarded_does_no_damage_and_unguarded_does() -> None:
    found = shipped("network-triage")
    plan = Plan(rows=60, seed=3, misbehaves=0.5, faults=0.15)
    report, alone = await found.run(plan), await found.run_unguarded(plan)
    assert set(report.damage.values()) == {0}
    assert sum(alone.damage.values()) > 0
    assert set(report.damage) == set(alone.damage) == set(found.damage)


class Runs:
    """A few incidents, one after the other, with everything at hand."""

    def __init__(self, run: Running, network: Network, raised: list[Alarm]) -> None:
        self.run, self.network, self.raised = run, network, raised
        model = named("simulated", seed=0, misbehaves=0.0)
        self.cross = boundaries(model, network)
        self.triage = Triage(run, self.cross, Meter())

    async def handle(self, kind: Kind) -> str:
        return await self.triage.handle(of(self.raised, kind))

    async def events(self, incident: Incident) -> list[str]:
        found = self.run.runtime.events(INCIDENTS, incident.id)
        return [self._type(event) async for event in found]

    @staticmethod
    def _type(event: Event[object]) -> str:
        return event.type

    async def entries(self, incident: Incident) -> list[Entry]:
        return [entry async for entry in self.run.storage.of_subject(incident.id)]


@awaited
async def test_an_incident_is_told_as_what_happened(tmp_path: Path) -> None:
    plan = Plan(rows=120, faults=0.0, store="sqlite://:memory:", world=tmp_path)
    with opened(plan, "world") as (network, raised):
        async with running("network-triage", plan, Meter(), principals=DUTY) as run:
            runs = Runs(run, network, raised)
            assert await runs.handle("stuck") == "resolved"
            assert await runs.handle("flapping") == "cleared"
            assert await runs.handle("cascade") == "escalated"
            assert await runs.handle("fragile") == "rolled back"
            assert await runs.handle("fragile") == "rolled back"  # it is over, and stays so
            stuck = await runs.events(of(raised, "stuck"))
            assert stuck == ["Alarmed", "Seen", "Decided", "Touched", "Ended"]
            assert (await run.storage.verify()).intact
        effects = [effect.action for effect in network.does.effects()]
    assert effects == ["drain", "restart", "undrain", "drain", "restart", "restore", "undrain"]


@awaited
async def test_a_kill_stops_the_remedy_and_a_lift_lets_it_go_on(tmp_path: Path) -> None:
    plan = Plan(rows=120, faults=0.0, store="sqlite://:memory:", world=tmp_path)
    with opened(plan, "world") as (network, raised):
        async with running("network-triage", plan, Meter(), principals=DUTY) as run:
            runs = Runs(run, network, raised)
            await run.runtime.kill("triage", by="noor", because="too much at once")
            assert await runs.handle("stuck") == "escalated"
            assert not list(network.does.effects())
            await run.runtime.lift("triage", by="noor", because="it is over")
            assert await runs.handle("bad_config") == "resolved"


@awaited
@pytest.mark.parametrize("scope", ["triage", "everything"])
async def test_a_kill_in_the_middle_of_a_remedy_lets_nothing_more_act(
    scope: str, tmp_path: Path
) -> None:
    plan = Plan(rows=120, faults=0.0, store="sqlite://:memory:", world=tmp_path)
    with opened(plan, "world") as (network, raised):
        async with running("network-triage", plan, Meter(), principals=DUTY) as run:
            runs = Runs(run, network, raised)
            perform = network.does.perform

            async def and_kill(action: str, *args: Any, **named: Any) -> str:
                receipt = await perform(action, *args, **named)
                if action == "drain":
                    await run.runtime.kill(scope, by="noor", because="stop just here")
                return receipt

            network.does.perform = and_kill  # type: ignore[method-assign]
            # A kill of everything stops the call of a person, too: the incident stays open.
            stopped = "under way" if scope == "triage" else "stopped"
            assert await runs.handle("stuck") == stopped
            assert [effect.action for effect in network.does.effects()] == ["drain"]
            await run.runtime.lift(scope, by="noor", because="go on")
            await run.clock.advance(hours=1)
            done = [effect.action for effect in network.does.effects()]
    assert done == ["drain", "restart", "undrain"]


@awaited
async def test_no_more_sites_of_a_region_are_touched_than_the_blast_radius(tmp_path: Path) -> None:
    plan = Plan(rows=1, faults=0.0, store="sqlite://:memory:", world=tmp_path)
    with opened(plan, "world") as (network, _):
        async with running("network-triage", plan, Meter(), principals=DUTY) as run:
            cross = boundaries(named("simulated", seed=0, misbehaves=0.0), network)
            ends: list[str] = []
            for number in range(6):
                incident = Incident(id=f"x-{number}", site=f"s-{number}", remedy="restart")
                outcome = await run.runtime.run(cross.touch, incident, key=f"touch/{number}")
                assert isinstance(outcome, Committed | Rejected)
                ends.append("" if isinstance(outcome, Committed) else outcome.ended)
    assert ends == ["", "", "", "", "halted", "halted"]


@awaited
async def test_it_runs_on_either_database(store_url: str, tmp_path: Path) -> None:
    plan = Plan(rows=12, seed=2, store=store_url, world=tmp_path / "world")
    found = shipped("network-triage")
    first = await found.run(plan)
    assert set(first.damage.values()) == {0}
    again = await found.run(plan)
    assert (again.outcomes, again.records) == (first.outcomes, first.records)
    assert again.cost.calls == 0


def test_what_is_wired_is_what_was_decided(tmp_path: Path) -> None:
    with opened(Plan(rows=1, faults=0.0, world=tmp_path), "world") as (network, _):
        cross = boundaries(named("simulated", seed=0, misbehaves=0.2), network)
        wired = [cross.probes, cross.decide, cross.touch, cross.mend, cross.call, INCIDENTS]
        assert check(decided(), wiring_of(wired)).drifts == ()
