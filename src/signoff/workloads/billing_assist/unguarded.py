"""The same assistant without a boundary: the code that one would write first.

It asks the same model, takes what parses as JSON, acts on it, and tries again when something goes
wrong. It has no verifier, no key and no ledger. It is here to be compared with, not to be used.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any, Final

from signoff.boundary import Proposer, Question, Refused
from signoff.workloads._meter import Meter
from signoff.workloads._plan import Plan
from signoff.workloads._shipped import Unguarded
from signoff.workloads.billing_assist import proposers as people
from signoff.workloads.billing_assist.boundary import Proposers
from signoff.workloads.billing_assist.turn import Told, Turn
from signoff.workloads.billing_assist.world import World, audit, opened, turns
from signoff.workloads.contract_renewal.services import ServiceError, ServicePort

_TRIES: Final = 3


async def run_unguarded(plan: Plan) -> Unguarded:
    """Answer every customer without any boundary."""
    meter = Meter()
    began = time.perf_counter()
    with plan.placed() as placed, opened(placed, "unguarded") as world:
        model = people.named(
            placed.proposer,
            seed=placed.seed,
            misbehaves=placed.misbehaves,
            base_url=placed.base_url,
        )
        asked = turns(placed.rows, placed.seed)
        for done, turn in enumerate(asked, 1):
            await _answer(turn, world, people.counted(model, meter))
            placed.progress(done, len(asked), 0)
        damage = audit(world, asked)
    return Unguarded(damage=asdict(damage), calls=meter.calls, seconds=time.perf_counter() - began)


async def _answer(turn: Turn, world: World, proposers: Proposers) -> None:
    intent = await _ask(proposers.intent, turn, f"intent/{turn.id}")
    figures = await _ask(proposers.figures, turn, f"figures/{turn.id}")
    if intent is None or figures is None:
        return
    action = str(intent.get("action", "explain"))
    amount = {"refund": figures.get("refund"), "plan": turn.owes}.get(action, 0.0)
    payload = {
        "subject": intent.get("customer", turn.customer),
        "turn": turn.id,
        "amount": amount,
        "instalments": figures.get("instalments"),
    }
    await _act(world.billing, action, payload)
    told = Told.model_construct(
        None,
        id=turn.id,
        customer=turn.customer,
        done=action if action in ("refund", "plan", "explain", "person") else "explain",
        amount=amount if isinstance(amount, int | float) else 0.0,
        instalments=figures.get("instalments", 0),
    )
    said = await _ask(proposers.message, told, f"say/{turn.id}")
    if said is not None and "text" in said:
        text = {"subject": turn.customer, "turn": turn.id, "text": str(said["text"])}
        await _act(world.chat, "say", text)


async def _ask(proposer: Proposer[Any, Any], subject: Any, crossing: str) -> dict[str, Any] | None:
    for attempt in range(1, _TRIES + 1):
        question = Question(subject=subject, crossing=f"unguarded/{crossing}", attempt=attempt)
        try:
            text = str((await proposer(question)).content)
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
        except (TypeError, ValueError):
            return  # the answer lacks a field, or has another type there: this turn is lost
        return
