"""How leads are warmed without a spine: every day, where each stands is read from the touch log.

There is no row, no event log and no timer: the spine's absence is what the record decided, because
a touch log that somebody else keeps anyway says all of it. What a crash interrupts is found due
again, under the same key, because a key is the lead and the number of its touches.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from signoff.boundary import Boundary, Rejected
from signoff.runtime import Runtime
from signoff.storage import without_password
from signoff.words import count
from signoff.workloads._meter import Meter
from signoff.workloads._plan import Plan
from signoff.workloads._running import BEGINS, running
from signoff.workloads._shipped import WorkloadReport
from signoff.workloads.contract_renewal.services import ServiceError, ServicePort
from signoff.workloads.lead_warming.audit import audit
from signoff.workloads.lead_warming.boundary import (
    MOST_IN_ALL,
    WITHIN_DAYS,
    Standing,
    key_of,
    next_touch,
    note_of,
)
from signoff.workloads.lead_warming.proposers import model_for
from signoff.workloads.lead_warming.workload import WORKLOAD
from signoff.workloads.lead_warming.world import CONTACTS, Entry, World, world_of

_DAYS: Final = WORKLOAD.horizon.days
_QUIET: Final = timedelta(days=14)
_TRIES: Final = 5


def standing_of(id: str, since: date, entries: Sequence[Entry], today: date) -> Standing:
    """Where a lead stands: a plain function of its entries in the log, and of the day."""
    done = {entry.action for entry in entries}
    own = [entry for entry in entries if entry.by_the_agent]
    contacts = [entry.day for entry in own if entry.action in CONTACTS]
    calls = [entry.day for entry in own if entry.action == "call"]
    standing = Standing(
        id=id,
        today=today,
        touches=len(own),
        contacts=len(contacts),
        recent=sum((today - day).days < WITHIN_DAYS for day in contacts),
        called=calls[-1] if calls else None,
        due=own[-1].day + timedelta(days=own[-1].days) if own else since,
        left="unsubscribe" in done,
        replied="reply" in done,
    )
    if "hand_over" in done:
        return standing.model_copy(update={"ended": "handed over"})
    if standing.left and not standing.replied:
        return standing.model_copy(update={"ended": "unsubscribed"})
    if len(contacts) >= MOST_IN_ALL and today - contacts[-1] >= _QUIET and not standing.replied:
        return standing.model_copy(update={"ended": "gone quiet"})
    return standing


class Scheduler:
    """Looks at every lead, every day; keeps nothing between two looks.

    Args:
        world: The CRM and its leads.
        runtime: Through which touches cross.
        touching: The boundary.
        meter: Of what guarding costs.
    """

    def __init__(
        self, world: World, runtime: Runtime, touching: Boundary[Any, Any, str], meter: Meter
    ) -> None:
        self._world, self._runtime = world, runtime
        self._touching, self._meter = touching, meter

    async def look(self, today: date) -> dict[str, Standing]:
        """One look at everybody: whoever is due gets the next touch."""
        await self._world.morning(today)
        log = self._world.log()
        found: dict[str, Standing] = {}
        for id, since in self._world.leads.items():
            standing = standing_of(id, since, log.get(id, ()), today)
            found[id] = standing
            if standing.replied and not standing.ended:
                await _noted(self._world.crm, "hand_over", note_of(standing), f"hand_over/{id}")
            elif standing.due <= today and not standing.ended:
                await self._touch(standing)
        return found

    async def _touch(self, standing: Standing) -> None:
        crossing = self._runtime.run(self._touching, standing, key=key_of(standing))
        outcome = await self._meter.measure(standing.id, self._touching.name, crossing)
        if not isinstance(outcome, Rejected) or outcome.ended == "halted":
            return
        # Under this key nothing will ever be sent; the log has to say so, or it is asked for again.
        # That the lead has unsubscribed it says already.
        if all(rejection.code != "no_consent" for rejection in outcome):
            note = note_of(standing) | {"days": WITHIN_DAYS, "words": outcome.code}
            await _noted(self._world.crm, "skip", note, f"{key_of(standing)}/skip")


async def run(plan: Plan) -> WorkloadReport:
    """Warm every lead for its days, or go on with a run that was interrupted.

    The store may be deleted meanwhile: the touch log says where to go on.
    """
    began = time.perf_counter()
    with plan.placed() as placed, world_of(placed, "crm") as world:
        meter = Meter()
        proposer = meter.proposer(model_for(placed, world))
        touching = next_touch(proposer, meter.service(world.crm))
        async with running("lead-warming", placed, meter, knows=[touching]) as run:
            scheduler = Scheduler(world, run.runtime, touching, meter)
            found: dict[str, Standing] = {}
            for number in range(_first_day(world), _DAYS + 1):
                day = BEGINS + timedelta(days=number)
                await run.clock.advance_to(max(day, run.clock.now()))
                found = await scheduler.look(day.date())
                plan.progress(sum(bool(s.ended) for s in found.values()), plan.rows, number)
            await run.clock.advance(days=1)  # whatever was in doubt is settled
            ends = {id: standing.ended or "still warm" for id, standing in found.items()}
            records, root = await run.told()
        given_up = sum(entry.action == "skip" for entry in world.entries())
        return WorkloadReport(
            units=plan.rows,
            outcomes=dict(Counter(ends.values())),
            damage=audit(world),
            cost=meter.cost(ends),
            seconds=time.perf_counter() - began,
            store=without_password(plan.store),
            records=records,
            root=root,
            notes={
                "touches in the log": str(len(list(world.entries()))),
                "given up": count(given_up, "touch", "touches"),
            },
        )


def _first_day(world: World) -> int:
    """Where to go on: at the last day of the log."""
    days = [entry.day for entry in world.entries()]
    return (max(days) - BEGINS.date()).days if days else 0


async def _noted(crm: ServicePort, action: str, entry: Mapping[str, object], key: str) -> None:
    """Write into the log by decision of code; what cannot be written now is due again tomorrow."""
    for _ in range(_TRIES):
        try:
            await crm.perform(action, entry, key=key)
        except (TimeoutError, ServiceError):
            continue
        return
