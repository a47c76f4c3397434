"""What a record warns of is what the ledger shows, and what the world suffers, when it is done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from long_horizon import plan, run, run_until
from pydantic import BaseModel

from signoff.boundary import Boundary, Committed, External, Question, Transactional, Write
from signoff.coordination import Part, ScatterGather
from signoff.diagnosis import diagnose
from signoff.methodology import DecisionRecord
from signoff.proposers import Simulated
from signoff.runtime import Runtime
from signoff.state import Consumer, Delivery, Event, EventLog, Watermark
from signoff.storage import storage_at
from signoff.testing import FakeClock
from signoff.workloads import Meter, Plan
from signoff.workloads._running import BEGINS, running
from signoff.workloads.lead_warming import audit as leads_audited
from signoff.workloads.lead_warming import boundary as touching
from signoff.workloads.lead_warming import decided as leads_decided
from signoff.workloads.lead_warming import proposers as lead_models
from signoff.workloads.lead_warming import world as leads
from signoff.workloads.lead_warming.boundary import Standing, Touch, entry_of, key_of
from signoff.workloads.port_in import decided as ports_decided
from signoff.workloads.port_in import world as ports
from signoff.workloads.port_in.audit import audit as ports_audited
from signoff.workloads.port_in.boundary import Port
from signoff.workloads.port_in.boundary import entry_of as entry_of_port
from signoff.workloads.port_in.desk import PRINCIPALS
from signoff.workloads.port_in.lifecycle import (
    PortAgent,
    PortHandle,
    agent_of,
    pass_the_time,
)


def warned_of(record: DecisionRecord, pattern: str) -> tuple[str, ...]:
    """What the record says would show if this pattern had been taken, or left out."""
    each = [a for line in record.lines for a in line.alternatives if a.pattern == pattern]
    return each[0].expect


def found_in(store: str) -> set[str]:
    async def look() -> set[str]:
        storage = storage_at(store)
        await storage.open(exclusive=False)
        try:
            diagnosis = await diagnose(storage)
        finally:
            await storage.close()
        return {finding.signature.code for finding in diagnosis.findings}

    return asyncio.run(look())


# Lead warming on an event log that is asked again, in place of reading the CRM's own log


class Led(Standing):
    """A standing that is kept, with the days of its contacts."""

    days: tuple[date, ...] = ()


class Met(BaseModel):
    lead: Led


class Looked(BaseModel):
    day: date


class Touched(BaseModel):
    channel: str
    day: date
    days: int


def fold(stands: Led | None, event: Event[Any]) -> Led:
    data = event.data
    if isinstance(data, Met):
        return data.lead
    assert stands is not None
    if isinstance(data, Looked):
        recent = sum((data.day - day).days < touching.WITHIN_DAYS for day in stands.days)
        return stands.model_copy(update={"today": data.day, "recent": recent})
    days = (*stands.days, data.day) if data.channel in leads.CONTACTS else stands.days
    due = data.day + timedelta(days=data.days)
    changed = {"touches": stands.touches + 1, "days": days, "contacts": len(days), "due": due}
    return stands.model_copy(update=changed)


LEADS = EventLog[Met | Looked | Touched]("leads", events=(Met, Looked, Touched), fold=fold)


def patient(question: Question[Standing]) -> Touch:
    """The model of tomorrow: it waits where that of today writes."""
    return Touch(lead=question.subject.id, channel="wait", days=2, words="")


def consumer(world: leads.World, model: Any) -> Consumer[Any]:
    async def log_touch(entry: dict[str, Any], standing: Led, key: str) -> str:
        return await world.crm.perform(entry.pop("channel"), entry, key=key)

    crm: External[Any, Led, str] = External(log_touch, idempotent=True, name="crm")

    def touch(touch: Touch, standing: Led, write: Write[Led]) -> str:
        write.append(LEADS, Touched(channel=touch.channel, day=standing.today, days=touch.days))
        return write.enqueue(crm, entry_of(touch, standing) | {"channel": touch.channel})

    boundary: Boundary[Any, Any, str] = Boundary(
        "lead.touch",
        proposer=model,
        verifiers=[
            touching.about_this_lead,
            touching.within_contact_policy,
            touching.promises_no_price,
        ],
        commit=Transactional(touch, effects=(crm,)),
        attempts=4,
    )
    return Consumer("lead.touching", LEADS, on=Looked, through=boundary)


async def warm_on_an_event_log(asked: Plan, *, asks_again: bool) -> dict[str, int]:
    """Two looks, a restart with another model, a third look from where the leads stand then."""
    clock = FakeClock(BEGINS)
    today = Simulated(lead_models.honest, proposes=Touch, seed=asked.seed)
    tomorrow = Simulated(patient, proposes=Touch, seed=asked.seed)
    with leads.world_of(replace(asked, faults=0.0), "crm") as world:
        looking = consumer(world, today)
        async with Runtime(asked.store, clock=clock, knows=[looking]) as runtime:
            for id in world.leads:
                begin = clock.now().date()
                known = Led(
                    id=id, today=begin, touches=0, contacts=0, recent=0, called=None, due=begin,
                    left=False, replied=False,
                )  # fmt: skip
                await runtime.append(LEADS, id, Met(lead=known), expected=0)
            for _ in range(2):
                for id in world.leads:
                    await runtime.append(LEADS, id, Looked(day=clock.now().date()))
                await clock.advance(days=3)
        looking = consumer(world, tomorrow)
        async with Runtime(asked.store, clock=clock, knows=[looking]) as runtime:
            if asks_again:
                await runtime.ask_again(looking)
            crossing = touching.next_touch(today, world.crm)
            for id in world.leads:
                stands = await _standing(runtime, id, clock.now(), asks_again=asks_again)
                key = f"{key_of(stands)}/third"
                await runtime.run(
                    crossing, Standing(**stands.model_dump(exclude={"days"})), key=key
                )
        return leads_audited.audit(world)


async def _standing(runtime: Runtime, id: str, now: datetime, *, asks_again: bool) -> Led:
    """Where a lead stands: by what was done, or by what the model says today that it would do."""
    history = [event async for event in runtime.events(LEADS, id)]
    if asks_again:
        beside = [event async for event in runtime.asked_again(LEADS, id)]
        history = [event for event in history if not isinstance(event.data, Touched)]
        history += [event for event in beside if isinstance(event.data, Touched)]
    stands: Led | None = None
    for event in history:
        stands = fold(stands, event)
    assert stands is not None
    today = now.date()
    recent = sum((today - day).days < touching.WITHIN_DAYS for day in stands.days)
    return stands.model_copy(update={"today": today, "recent": recent})


def test_leads_rebuilt_by_asking_again_are_written_to_too_often(tmp_path: Path) -> None:
    asked = plan(f"sqlite:///{tmp_path / 'log.db'}", tmp_path / "log", rows=12)
    damage = asyncio.run(warm_on_an_event_log(asked, asks_again=True))
    assert "P3-divergence" in warned_of(leads_decided(), "event log")
    assert "P3-divergence" in found_in(asked.store)
    assert damage["too_many"] == 12


def test_leads_rebuilt_from_what_was_done_are_not(tmp_path: Path) -> None:
    asked = plan(f"sqlite:///{tmp_path / 'log.db'}", tmp_path / "log", rows=12)
    damage = asyncio.run(warm_on_an_event_log(asked, asks_again=False))
    assert not any(damage.values())
    assert found_in(asked.store) == set()


def test_leads_rebuilt_from_the_touch_log_bear_another_model_and_the_loss_of_the_store(
    tmp_path: Path,
) -> None:
    asked = plan(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "crm", rows=12)
    run_until("lead-warming", asked, 12)
    for file in tmp_path.glob("x.db*"):
        file.unlink()
    report = run("lead-warming", replace(asked, misbehaves=0.5))
    assert not any(report.damage.values())
    assert found_in(asked.store) == set()


# Number port-in whose beginning is no saga: a lent number stays lent when the donor says no


def together(parts: Mapping[str, Part], port: Port) -> dict[str, Any]:
    return {name.rpartition(".")[2]: part.value for name, part in parts.items()}


class WithoutUndo(PortAgent):
    """Lends a number and files the order side by side; what one of them did is left."""

    beginning: ScatterGather[Port, dict[str, Any]]

    async def begin(self, runtime: Runtime, port: PortHandle) -> None:
        outcome = await runtime.run(self.beginning, port.subject, key=f"port.begin/{port.id}")
        if not isinstance(outcome, Committed):
            await runtime.move(port, "rejected", because="the donor refused it")
            return
        lent = {"temporary": outcome.receipt["reserve"], "order": 1}
        filed = port.subject.model_copy(update=lent)
        await runtime.move(port, "asked", because="it is filed", subject=filed)


async def port_in_without_undo(asked: Plan) -> tuple[Counter[str], dict[str, int]]:
    with ports.world_of(asked, "systems") as world:
        meter = Meter()
        guarded = agent_of(asked, world, meter)
        crossed = guarded.crossed
        agent = WithoutUndo(crossed, world, meter)
        agent.beginning = ScatterGather(
            "port.begin", crossed.begin.boundaries[:2], aggregate=together, subject=Port
        )
        knows = [agent.beginning, *(known for known in agent.knows if known is not crossed.begin)]
        async with running("port-in", asked, meter, knows=knows, principals=PRINCIPALS) as at:
            ends = await pass_the_time(at, agent, world, asked)
        return Counter(ends.values()), ports_audited(world)


def test_a_port_without_undo_leaks_numbers_of_the_pool(tmp_path: Path) -> None:
    asked = plan(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "x", rows=60, seed=2)
    ends, damage = asyncio.run(port_in_without_undo(asked))
    assert "P2-partial-write" in warned_of(ports_decided(), "no scatter-gather + saga")
    assert found_in(asked.store) == {"P2-partial-write"}
    filed = sum(case == "inactive" for case in _cases(asked))  # they are rejected afterwards
    refused = ends["rejected"] - filed
    assert damage["leaked"] == refused > 0


# Number port-in on an event log: what was written before something else is late, and passed over


class Filed(BaseModel):
    order: int


class Reminded(BaseModel):
    days: int


class Wrote(BaseModel):
    text: str


PORTS = EventLog[Filed | Reminded | Wrote]("ports", events=(Filed, Reminded, Wrote))


def mail_of(world: ports.World, port: Port) -> list[tuple[datetime, datetime, Any]]:
    """What happens to a port, as (when we hear of it, when it happened, what)."""
    filed, a_day = port.opened, timedelta(days=1)
    order = {**entry_of_port(port, "file"), "order": 1}
    agreed = next(each for each in world.letters_about(order, filed) if each.confirms)
    heard: list[tuple[datetime, datetime, Any]] = [(filed, filed, Filed(order=1))]
    if agreed.at > filed + 3 * a_day:
        heard.append((filed + 3 * a_day, filed + 3 * a_day, Reminded(days=3)))
    # The donor wrote on the next day; whatever came later was in the post.
    return [*heard, (agreed.at, filed + a_day, Wrote(text=""))]


async def port_in_on_an_event_log(asked: Plan) -> tuple[set[str], set[str]]:
    """Ports whose letter was long in the post, and ports that were agreed to and not cut over."""
    clock = FakeClock(BEGINS)
    with ports.world_of(replace(asked, faults=0.0), "systems") as world:
        agreed = [port for id, port in world.ports.items() if world.case[id] == "clean"]

        async def read(delivery: Delivery, event: Event[Any]) -> None:
            if event.data == Wrote(text=""):
                told = {"subject": event.stream, "about": event.stream}
                await world.books["donor"].perform("confirm", told, key=delivery.key)

        reading = Consumer(
            "port.reading",
            PORTS,
            handle=read,
            on=(Filed, Reminded, Wrote),
            late=Watermark(timedelta(days=1), "drop"),
        )
        mail = [(*each, port.id) for port in agreed for each in mail_of(world, port)]
        async with Runtime(asked.store, clock=clock, knows=[reading]) as runtime:
            for heard, happened, event, id in sorted(mail, key=lambda each: (each[0], each[3])):
                await clock.advance_to(heard)
                await runtime.append(PORTS, id, event, happened=happened)
            await runtime.drain()
        confirmed = {told["about"] for act, told in world.entries("donor") if act == "confirm"}
        reminded = {id for _, _, event, id in mail if isinstance(event, Reminded)}
        return reminded, {port.id for port in agreed} - confirmed


def test_ports_on_an_event_log_lose_numbers_to_the_post(tmp_path: Path) -> None:
    asked = plan(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "x", rows=150, seed=2)
    late, lost = asyncio.run(port_in_on_an_event_log(asked))
    assert "P3-late-events" in warned_of(ports_decided(), "event log")
    assert found_in(asked.store) == {"P3-late-events"}
    assert lost == late != set()


def test_the_same_ports_with_undo_and_on_a_row_leak_and_lose_none(tmp_path: Path) -> None:
    asked = plan(f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "x", rows=60, seed=2)
    report = run("port-in", asked)
    assert found_in(asked.store) == set()
    assert report.damage["leaked"] == 0
    assert report.damage["lost"] == 0


def _cases(asked: Plan) -> list[str]:
    with ports.world_of(asked, "systems") as world:
        return list(world.case.values())
