"""The renewals on a state machine: the row holds what was offered, whoever offered it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from signoff.boundary import Boundary, Transactional, Write
from signoff.clock import Clock
from signoff.runtime import Runtime
from signoff.state import StateMachine
from signoff.workloads.contract_renewal.spines import _agent
from signoff.workloads.contract_renewal.spines._agent import Billed, Mailed, Outside
from signoff.workloads.contract_renewal.spines._versions import Models
from signoff.workloads.contract_renewal.subject import Closing, Offer, Renewal

Stage: TypeAlias = Literal["open", "offered", "closed"]


def _lifecycle() -> StateMachine[Stage]:
    return StateMachine[Stage](
        "experiment", {"open": {"offered"}, "offered": {"closed"}}, start="open", subject=Renewal
    )


def _boundaries(
    models: Models, outside: Outside
) -> tuple[Boundary[Any, Any, Any], Boundary[Any, Any, Any]]:
    mail, bill = outside.mail, outside.bill

    def send(offer: Offer, renewal: Renewal, write: Write[Renewal]) -> str:
        write.replace(renewal.model_copy(update={"discount": offer.discount}))
        return write.enqueue(mail, Mailed(discount=offer.discount))

    def close(closing: Closing, renewal: Renewal, write: Write[Renewal]) -> str:
        write.replace(renewal.model_copy(update={"resolution": closing.resolution}))
        billed = Billed(resolution=closing.resolution, price=closing.monthly_price)
        return write.enqueue(bill, billed)

    return (
        _agent.offering(models, Transactional(send, effects=(mail,))),
        _agent.closing(models, Transactional(close, effects=(bill,))),
    )


async def offer_all(
    store: str,
    clock: Clock,
    renewals: Sequence[Renewal],
    models: Models,
    outside: Outside,
    tell: Callable[[], None],
) -> None:
    """Before the pause."""
    offering, closing = _boundaries(models, outside)
    lifecycle = _lifecycle()
    async with Runtime(store, clock=clock, knows=[lifecycle, offering, closing]) as runtime:

        async def offer(renewal: Renewal) -> None:
            before_the_reply = renewal.model_copy(update={"reply": ""})
            handle = await runtime.start(lifecycle, before_the_reply)
            await runtime.advance(handle, "offered", through=offering)
            tell()

        await asyncio.gather(*(offer(renewal) for renewal in renewals))
        await runtime.drain()


async def close_all(
    store: str,
    clock: Clock,
    renewals: Sequence[Renewal],
    models: Models,
    outside: Outside,
    tell: Callable[[], None],
) -> None:
    """After the pause: another process, and perhaps another model."""
    offering, closing = _boundaries(models, outside)
    lifecycle = _lifecycle()
    async with Runtime(store, clock=clock, knows=[lifecycle, offering, closing]) as runtime:

        async def close(renewal: Renewal) -> None:
            handle = await runtime.start(lifecycle, renewal)
            if handle.state == "offered":
                await runtime.change(
                    handle,
                    lambda row: row.model_copy(update={"reply": renewal.reply}),
                    because="the customer replied",
                )
                await runtime.advance(handle, "closed", through=closing)
            tell()

        await asyncio.gather(*(close(renewal) for renewal in renewals))
        await runtime.drain()
