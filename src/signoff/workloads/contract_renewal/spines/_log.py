"""The renewals on an event log: where one stands is read from its events, or asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from signoff.boundary import Transactional, Write
from signoff.clock import Clock
from signoff.runtime import Runtime
from signoff.state import Compared, Consumer, Event, EventLog
from signoff.workloads.contract_renewal.customers import Ending
from signoff.workloads.contract_renewal.spines import _agent
from signoff.workloads.contract_renewal.spines._agent import Billed, Mailed, Outside
from signoff.workloads.contract_renewal.spines._versions import Models
from signoff.workloads.contract_renewal.subject import Closing, Offer, Renewal, Reply


class Opened(BaseModel):
    """The window of a renewal opened."""

    renewal: Renewal


class Offered(BaseModel):
    """A discount was offered."""

    discount: float


class Replied(BaseModel):
    """The customer replied."""

    reply: Reply


class Closed(BaseModel):
    """The renewal was closed."""

    resolution: Ending


def _fold(stands: Renewal | None, event: Event[Any]) -> Renewal:
    data = event.data
    if isinstance(data, Opened):
        return data.renewal
    assert stands is not None, "a renewal that never opened"
    if isinstance(data, Offered):
        return stands.model_copy(update={"discount": data.discount})
    if isinstance(data, Replied):
        return stands.model_copy(update={"reply": data.reply})
    return stands.model_copy(update={"resolution": data.resolution})


RENEWALS = EventLog[Opened | Offered | Replied | Closed](
    "experiment", events=(Opened, Offered, Replied, Closed), fold=_fold
)


def _offering(models: Models, outside: Outside) -> Consumer[Any]:
    mail = outside.mail

    def send(offer: Offer, renewal: Renewal, write: Write[Renewal]) -> str:
        write.append(RENEWALS, Offered(discount=offer.discount))
        return write.enqueue(mail, Mailed(discount=offer.discount))

    boundary = _agent.offering(models, Transactional(send, effects=(mail,)))
    return Consumer("experiment.offering", RENEWALS, on=Opened, through=boundary)


def _closing(models: Models, outside: Outside) -> Consumer[Any]:
    bill = outside.bill

    def close(closing: Closing, renewal: Renewal, write: Write[Renewal]) -> str:
        write.append(RENEWALS, Closed(resolution=closing.resolution))
        billed = Billed(resolution=closing.resolution, price=closing.monthly_price)
        return write.enqueue(bill, billed)

    boundary = _agent.closing(models, Transactional(close, effects=(bill,)))
    return Consumer("experiment.closing", RENEWALS, on=Replied, through=boundary)


async def offer_all(
    store: str,
    clock: Clock,
    renewals: Sequence[Renewal],
    models: Models,
    outside: Outside,
    tell: Callable[[], None],
) -> None:
    """Before the pause."""
    async with Runtime(store, clock=clock, knows=[_offering(models, outside)]) as runtime:
        for renewal in renewals:
            before_the_reply = renewal.model_copy(update={"reply": ""})
            await runtime.append(RENEWALS, renewal.id, Opened(renewal=before_the_reply), expected=0)
            tell()
        await runtime.drain()


async def close_all(
    store: str,
    clock: Clock,
    renewals: Sequence[Renewal],
    models: Models,
    outside: Outside,
    tell: Callable[[], None],
    *,
    asking_again: bool,
) -> Compared | None:
    """After the pause: another process, and perhaps another model.

    `asking_again` finds out where each renewal stands by asking the model of today what it would
    have offered, in place of reading what was offered; the answer is what differed then.
    """
    offering, closing = _offering(models, outside), _closing(models, outside)
    compared: Compared | None = None
    async with Runtime(store, clock=clock, knows=[offering]) as runtime:
        if asking_again:
            compared = await runtime.ask_again(offering)

        async def reply(renewal: Renewal) -> None:
            stands = await runtime.standing(RENEWALS, renewal.id)
            events = [event async for event in runtime.events(RENEWALS, renewal.id)]
            if any(isinstance(event.data, Offered) for event in events):
                if asking_again:
                    await _rebuild(runtime, renewal.id, stands)
                await runtime.append(RENEWALS, renewal.id, Replied(reply=renewal.reply))
            tell()

        await asyncio.gather(*(reply(renewal) for renewal in renewals))
        await runtime.consume(closing)
        await runtime.drain()
    return compared


async def _rebuild(runtime: Runtime, id: str, stands: Renewal) -> None:
    """Put what the model of today would have offered where the renewal stands."""
    async for event in runtime.asked_again(RENEWALS, id):
        if isinstance(event.data, Offered) and event.data.discount != stands.discount:
            await runtime.append(RENEWALS, id, event.data)
