"""The same agent without a boundary: the code that one would write first.

It asks the same model, takes what parses as JSON, sends it, and sends it again when in doubt. It
has no verifier, no key and no ledger. It is here to be compared with, not to be used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from signoff.boundary import Proposer, Question, Refused
from signoff.workloads._meter import Meter
from signoff.workloads._plan import Plan
from signoff.workloads._running import BEGINS
from signoff.workloads._shipped import Unguarded
from signoff.workloads.contract_renewal.services import ServiceError, ServicePort
from signoff.workloads.lead_warming.audit import audit
from signoff.workloads.lead_warming.boundary import WITHIN_DAYS, Standing, key_of, note_of
from signoff.workloads.lead_warming.lifecycle import standing_of
from signoff.workloads.lead_warming.proposers import model_for
from signoff.workloads.lead_warming.workload import WORKLOAD
from signoff.workloads.lead_warming.world import world_of

_TRIES: Final = 3


async def run_unguarded(plan: Plan) -> Unguarded:
    """Warm every lead without any boundary, in a world of its own."""
    began = time.perf_counter()
    with plan.placed() as plan, world_of(plan, "crm-unguarded") as world:
        meter = Meter()
        model = meter.proposer(model_for(plan, world))
        for number in range(WORKLOAD.horizon.days + 1):
            today = (BEGINS + timedelta(days=number)).date()
            await world.morning(today)
            log = world.log()
            ended = 0
            for id, since in world.leads.items():
                standing = standing_of(id, since, log.get(id, ()), today)
                ended += bool(standing.ended)
                if standing.replied and not standing.ended:
                    await _sent(world.crm, "hand_over", note_of(standing))
                elif standing.due <= today and not standing.ended:
                    said = await _asked(model, standing)
                    heard = {name: said.get(name) for name in ("days", "words")}
                    note = note_of(standing) | heard | {"subject": said.get("lead")}
                    await _sent(world.crm, said.get("channel"), note)
            plan.progress(ended, plan.rows, number)
        damage = audit(world)
    return Unguarded(damage=damage, calls=meter.calls, seconds=time.perf_counter() - began)


async def _asked(model: Proposer[Standing, Any], standing: Standing) -> dict[str, Any]:
    for attempt in range(1, _TRIES + 1):
        question = Question(subject=standing, crossing=key_of(standing), attempt=attempt)
        try:
            text = str((await model(question)).content)
            said: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
        except (TimeoutError, Refused, ValueError):
            continue
        return said
    return {"lead": standing.id, "channel": "wait", "days": WITHIN_DAYS}


async def _sent(crm: ServicePort, action: Any, entry: Mapping[str, object]) -> None:
    for _ in range(_TRIES):
        try:
            await crm.perform(action, entry)
        except (TimeoutError, ServiceError):
            continue
        except TypeError:
            return  # the answer names no action: this touch is lost
        return
