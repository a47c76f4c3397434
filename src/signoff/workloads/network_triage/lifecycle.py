"""An incident from its alarm to its end. Its spine is an event log.

What the probes saw cannot be had again from the alarm, so that it is kept; several read how an
incident went, so that it is kept as what happened, one event after the other. Nothing waits longer
than minutes, so that there is no row that would have to survive a pause. After a crash an incident
goes on from where its stream stands; a remedy that was under way goes on by itself, or is undone.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias, TypeVar

from signoff.boundary import Boundary, Committed, Outcome, Rejected
from signoff.clock import from_stamp, stamp
from signoff.coordination import Compensated, ScatterGather, boundary_of
from signoff.storage import without_password
from signoff.workloads._meter import Meter
from signoff.workloads._plan import Plan
from signoff.workloads._running import BEGINS, Running, running
from signoff.workloads._shipped import WorkloadReport
from signoff.workloads.network_triage.boundary import Boundaries, boundaries
from signoff.workloads.network_triage.incident import (
    INCIDENTS,
    Alarmed,
    Ended,
    Incident,
    Seen,
    Stands,
)
from signoff.workloads.network_triage.proposers import named
from signoff.workloads.network_triage.world import DUTY, audit, opened

Ending: TypeAlias = Literal[
    "resolved", "cleared", "rolled back", "escalated", "under way", "stopped"
]

R = TypeVar("R")

#: How long a remedy that is under way is waited for, before a person is called as well.
_PATIENCE: Final = timedelta(minutes=15)

#: How often the desk is called, if it cannot be reached.
_CALLS: Final = 10


@dataclass(frozen=True, slots=True)
class Triage:
    """Leads incidents to their end; holds no state of its own.

    Attributes:
        run: The runtime and its calendar.
        cross: What has to be crossed.
        meter: Told what each step cost.
    """

    run: Running
    cross: Boundaries
    meter: Meter

    async def handle(self, alarm: Incident) -> str:
        """From the alarm, or from wherever the incident's stream stands."""
        at: Stands | None = await self.run.runtime.standing(INCIDENTS, alarm.id)
        if at is not None and at.ended:
            return at.ended
        if at is None:
            await self._keep(alarm, Alarmed(site=alarm.site))
        ending = await self._lead(alarm, at or Stands())
        if ending != "stopped":
            await self._keep(alarm, Ended(how=ending))
        return ending

    async def _lead(self, alarm: Incident, at: Stands) -> Ending:
        incident = await self._look(alarm, at)
        if incident is None:
            return await self._call(alarm)
        if incident.remedy is None:
            decided = await self._cross(self.cross.decide, incident)
            if not isinstance(decided, Committed):
                return await self._call(incident)
            incident = incident.model_copy(update={"remedy": decided.receipt})
        if incident.remedy == "wait":
            return "cleared"
        if incident.remedy == "escalate" or not await self._may_touch(incident, at):
            return await self._call(incident)
        at = await self.run.runtime.standing(INCIDENTS, alarm.id)
        return await self._mend(incident.model_copy(update={"touched": at.touched}))

    async def _look(self, alarm: Incident, at: Stands) -> Incident | None:
        """The incident with what the probes saw; None if too few of them answered."""
        if at.picture is None:
            seen = await self._cross(self.cross.probes, alarm)
            if not isinstance(seen, Committed):
                return None
            at = Stands(picture=seen.receipt, seen=stamp(self.run.clock.now()))
            await self._keep(alarm, Seen(picture=seen.receipt, at=at.seen))
        age = self.run.clock.now() - from_stamp(at.seen)
        return alarm.model_copy(
            update={
                "picture": at.picture,
                "remedy": at.remedy,
                "age_seconds": int(age.total_seconds()),
            }
        )

    async def _may_touch(self, incident: Incident, at: Stands) -> bool:
        if at.touched:
            return True
        now = stamp(self.run.clock.now())
        incident = incident.model_copy(update={"touched": now})
        return isinstance(await self._cross(self.cross.touch, incident), Committed)

    async def _mend(self, incident: Incident) -> Ending:
        key = f"{boundary_of(self.cross.mend).name}/{incident.id}"
        until = self.run.clock.now() + _PATIENCE
        while True:
            outcome = await self.meter.measure(
                incident.id,
                boundary_of(self.cross.mend).name,
                self.run.runtime.run(self.cross.mend, incident, key=key),
            )
            match outcome:
                case Committed():
                    return "resolved"
                case Compensated():
                    called = await self._call(incident)
                    return "rolled back" if called == "escalated" else called
                case _ if self.run.clock.now() >= until:
                    called = await self._call(incident)
                    # The saga goes on by itself, to its end or back.
                    return "under way" if called == "escalated" else called
                case _:
                    await self.run.clock.advance(minutes=1)

    async def _call(self, incident: Incident) -> Ending:
        """A person hears of it. If the desk cannot be reached, it is tried again and again."""
        for number in range(1, _CALLS + 1):
            outcome = await self._cross(self.cross.call, incident, again=f"/{number}")
            match outcome:
                case Committed():
                    return "escalated"
                case Rejected() if outcome.ended == "effect":
                    await self.run.clock.advance(minutes=1)
                case _:
                    break
        return "stopped"

    async def _cross(
        self,
        what: Boundary[Incident, Any, R] | ScatterGather[Incident, R],
        incident: Incident,
        *,
        again: str = "",
    ) -> Outcome[R]:
        """Once per incident, whichever process it is: the key says so for ever."""
        name = boundary_of(what).name
        work = self.run.runtime.run(what, incident, key=f"{name}/{incident.id}{again}")
        return await self.meter.measure(incident.id, name, work)

    async def _keep(self, alarm: Incident, event: Alarmed | Seen | Ended) -> None:
        key = f"{type(event).__name__}/{alarm.id}"
        work = self.run.runtime.append(INCIDENTS, alarm.id, event, key=key)
        await self.meter.measure(alarm.id, "an event", work)


async def run_incidents(plan: Plan) -> WorkloadReport:
    """Lead every alarm to its end, or go on with a run that was interrupted."""
    meter = Meter()
    began = time.perf_counter()
    ended: dict[str, str] = {}
    with plan.placed() as placed, opened(placed, "world") as (network, raised):
        model = named(
            placed.proposer,
            seed=placed.seed,
            misbehaves=placed.misbehaves,
            base_url=placed.base_url,
        )
        async with running("network-triage", placed, meter, principals=DUTY) as run:
            cross = boundaries(meter.proposer(model), network, meter)
            run.runtime.know(cross.probes, cross.decide, cross.touch, cross.mend, cross.call)
            await run.runtime.drain()
            triage = Triage(run, cross, meter)
            due = BEGINS
            for done, alarm in enumerate(raised, 1):
                due += alarm.after
                await run.clock.advance_to(max(due, run.clock.now()))
                ended[alarm.incident.id] = await triage.handle(alarm.incident)
                placed.progress(done, len(raised), 0)
            await run.clock.advance(hours=2)  # what is under way ends by then
            records, root = await run.told()
        damage = audit(network, raised)
    return WorkloadReport(
        units=len(raised),
        outcomes=dict(Counter(ended.values())),
        damage=asdict(damage),
        cost=meter.cost(ended),
        seconds=time.perf_counter() - began,
        store=without_password(plan.store),
        records=records,
        root=root,
    )
