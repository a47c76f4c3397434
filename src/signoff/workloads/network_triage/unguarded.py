"""The same agent without a boundary: the code that one would write first.

It asks the same probes and the same model, takes what parses as JSON, acts on it, and tries again
when something goes wrong. It has no verifier, no key, no undo and no ledger. It is here to be
compared with, not to be used.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from signoff.boundary import Proposer, Question, Refused
from signoff.clock import stamp
from signoff.workloads._meter import Meter
from signoff.workloads._plan import Plan
from signoff.workloads._running import BEGINS
from signoff.workloads._shipped import Unguarded
from signoff.workloads.contract_renewal.services import ServiceError, ServicePort
from signoff.workloads.network_triage.incident import PROBES, Incident, Picture, Remedy
from signoff.workloads.network_triage.proposers import named
from signoff.workloads.network_triage.world import Network, audit, opened, payload_of

_TRIES: Final = 3


async def run_unguarded(plan: Plan) -> Unguarded:
    """Handle every alarm without any boundary."""
    meter = Meter()
    began = time.perf_counter()
    with plan.placed() as placed, opened(placed, "unguarded") as (network, raised):
        model = named(
            placed.proposer,
            seed=placed.seed,
            misbehaves=placed.misbehaves,
            base_url=placed.base_url,
        )
        due = BEGINS
        for done, alarm in enumerate(raised, 1):
            due += alarm.after
            await _handle(alarm.incident, network, meter.proposer(model), due)
            placed.progress(done, len(raised), 0)
        damage = audit(network, raised)
    return Unguarded(damage=asdict(damage), calls=meter.calls, seconds=time.perf_counter() - began)


async def _handle(
    incident: Incident, network: Network, model: Proposer[Incident, Remedy], at: datetime
) -> None:
    incident = incident.model_copy(
        update={"picture": _look(incident, network), "touched": stamp(at)}
    )
    said = await _ask(model, incident)
    action = "escalate" if said is None else str(said.get("action", "escalate"))
    if action == "escalate":
        await _act(network.desk, "call", payload_of(incident))
    elif action in ("restart", "rollback"):
        site = said.get("site") if said is not None else None
        for each in ("drain", action, "undrain"):
            await _act(network.does, each, payload_of(incident) | {"subject": site})


def _look(incident: Incident, network: Network) -> Picture:
    """Whoever does not answer has nothing to object to."""
    seen: dict[str, float] = {}
    for name in PROBES:
        try:
            seen[name] = network.probe(name, incident, f"unguarded/{incident.id}/{name}").value
        except TimeoutError:
            seen[name] = 0.0
    return Picture(**seen)


async def _ask(model: Proposer[Incident, Remedy], incident: Incident) -> dict[str, Any] | None:
    for attempt in range(1, _TRIES + 1):
        question = Question(subject=incident, crossing=f"unguarded/{incident.id}", attempt=attempt)
        try:
            text = str((await model(question)).content)
            said: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
        except (TimeoutError, Refused, ValueError, TypeError):
            continue
        return said
    return None


async def _act(service: ServicePort, action: str, payload: dict[str, Any]) -> None:
    for _ in range(_TRIES):
        try:
            await service.perform(action, payload)
        except (TimeoutError, ServiceError):
            continue
        return
