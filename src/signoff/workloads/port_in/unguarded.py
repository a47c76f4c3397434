"""The same port-in without a boundary: the code that one would write first.

It asks the same model, takes what parses as JSON, acts on it, and tries again when something goes
wrong. It has no verifier, no key, no undo and no ledger. It is here to be compared with.
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
from signoff.workloads._shipped import Unguarded
from signoff.workloads.contract_renewal.services import ServiceError, ServicePort
from signoff.workloads.port_in.audit import audit
from signoff.workloads.port_in.boundary import Outside, Port, entry_of
from signoff.workloads.port_in.proposers import model_for
from signoff.workloads.port_in.world import World, world_of

_TRIES: Final = 3
_ROUNDS: Final = 4


async def run_unguarded(plan: Plan) -> Unguarded:
    """Lead every port without any boundary, in a world of its own."""
    began = time.perf_counter()
    with plan.placed() as plan, world_of(plan, "systems-unguarded") as world:
        meter = Meter()
        model = meter.proposer(model_for(plan))
        for done, port in enumerate(world.ports.values(), 1):
            await _one(port, world, world.outside(), model)
            plan.progress(done, plan.rows, 0)
        damage = audit(world)
    return Unguarded(damage=damage, calls=meter.calls, seconds=time.perf_counter() - began)


async def _one(port: Port, world: World, outside: Outside, model: Proposer[Port, Any]) -> None:
    lent = await _act(outside.pool, "reserve", entry_of(port, "reserve"))
    port = port.model_copy(update={"temporary": lent})
    filed, about = port.opened, port.id
    corrected: dict[str, Any] = {}
    for _ in range(_ROUNDS):
        order = {**entry_of(port, "file"), **corrected, "subject": about}
        await _act(outside.donor, "file", order)
        port = port.model_copy(update={"order": port.order + 1})
        letters = world.letters_about(order, filed)
        if not letters:
            return
        if letters[0].confirms:  # the first word counts
            await _act(outside.network, "activate", entry_of(port, "activate"))
            await _act(outside.donor, "confirm", entry_of(port, "confirm"))
            await _act(outside.pool, "release", entry_of(port, "release"))
            return
        filed = letters[0].at + timedelta(days=1)
        port = port.model_copy(update={"said": letters[0].text})
        said = await _asked(model, port)
        about = str(said.get("port") or port.id)
        match said.get("action"):
            case "correct":
                for field in ("account", "holder", "date"):
                    if said.get("field") == field:
                        corrected[field] = said.get("value")
            case "ask_customer":
                await world.customer_says(port)
                port = port.model_copy(update={"asked_about": port.said})
            case _:
                return


async def _asked(model: Proposer[Port, Any], port: Port) -> dict[str, Any]:
    for attempt in range(1, _TRIES + 1):
        question = Question(
            subject=port, crossing=f"unguarded/{port.id}/{port.order}", attempt=attempt
        )
        try:
            text = str((await model(question)).content)
            said: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
        except (TimeoutError, Refused, ValueError):
            continue
        return said
    return {}


async def _act(service: ServicePort, action: str, told: Mapping[str, object]) -> str:
    for _ in range(_TRIES):
        try:
            return await service.perform(action, told)
        except (TimeoutError, ServiceError):
            continue
    return ""
