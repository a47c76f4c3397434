"""The same agent without a boundary: the code that one would write first.

It asks the same model, takes what parses as JSON, acts on it, and tries again when something goes
wrong. It has no verifier, no key and no ledger. It is here to be compared with, not to be used.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel

from signoff.boundary import Answer, Proposer, Question, Refused
from signoff.workloads.contract_renewal.boundary import (
    Call,
    Ports,
    Proposers,
    calls_for_closing,
    calls_for_offer,
)
from signoff.workloads.contract_renewal.customers import Customer
from signoff.workloads.contract_renewal.run import BEGINS, Progress
from signoff.workloads.contract_renewal.services import ServiceError, ServicePort
from signoff.workloads.contract_renewal.subject import WINDOW, Closing, Offer, Renewal
from signoff.workloads.contract_renewal.world import World

_TRIES: Final = 3


async def run_unguarded(
    customers: list[Customer],
    services: Ports,
    proposers: Proposers,
    *,
    progress: Progress = lambda done, total, day: None,
    concurrency: int = 64,
) -> None:
    """Lead every renewal from offer to closing without any boundary."""
    world = World({customer.customer_id: customer for customer in customers})
    slots = asyncio.Semaphore(concurrency)
    done = 0

    async def lead(customer: Customer) -> None:
        nonlocal done
        async with slots:
            await _one(Renewal.opened(customer, ends=BEGINS + WINDOW), services, proposers, world)
        done += 1
        progress(done, len(customers), 0)

    async with asyncio.TaskGroup() as group:
        for customer in customers:
            group.create_task(lead(customer))


async def _one(renewal: Renewal, services: Ports, proposers: Proposers, world: World) -> None:
    if World.product_ends(renewal):
        renewal = renewal.model_copy(update={"product": "Fiber optic", "ended_product": "DSL"})
    said = await _ask(proposers.offer, renewal, "offer")
    if said is not None:
        offer = Offer.model_construct(None, **_known(Offer, {"message": "", "product": "", **said}))
        await _act(services.mailer, lambda: calls_for_offer(offer, renewal))
        renewal = renewal.model_copy(update={"discount": said.get("discount", 0.0)})
    renewal = renewal.model_copy(update={"reply": world.reply_of(renewal.id)})
    said = await _ask(proposers.closing, renewal, "close")
    if said is None or said.get("resolution") == "escalated":
        return
    closing = Closing.model_construct(None, **_known(Closing, said))
    for index, service in enumerate(services):

        def call(index: int = index) -> Call:
            return calls_for_closing(closing, renewal)[index]

        await _act(service, call)


async def _ask(
    proposer: Proposer[Renewal, Any], renewal: Renewal, what: str
) -> dict[str, Any] | None:
    for attempt in range(1, _TRIES + 1):
        question = Question(
            subject=renewal, crossing=f"unguarded/{what}/{renewal.id}", attempt=attempt
        )
        try:
            answer: Answer = await proposer(question)
            text = str(answer.content)
            said: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
        except (TimeoutError, Refused, ValueError, TypeError):
            continue
        return said
    return None


def _known(proposal: type[BaseModel], said: dict[str, Any]) -> dict[str, Any]:
    """The fields that the code reads; whatever else was said goes unnoticed."""
    return {name: value for name, value in said.items() if name in proposal.model_fields}


async def _act(service: ServicePort, call: Callable[[], Call]) -> None:
    for _ in range(_TRIES):
        try:
            made = call()
            await service.perform(made.action, made.payload)
        except (TimeoutError, ServiceError):
            continue
        except (AttributeError, KeyError, TypeError, ValueError):
            return  # the answer lacks a field, or has another type there: this renewal is lost
        else:
            return
