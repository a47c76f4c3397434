"""What a decision does in three systems: all of it, or none of it stays."""

from __future__ import annotations

from signoff.coordination import Saga, Step

from $package.subject import $Subject
from $package.systems import Systems


def settlement(systems: Systems) -> Saga[$Subject]:
    """The saga. A step is taken back in reverse order; what cannot be comes last."""
    stock, billing, mail = systems.stock, systems.billing, systems.mail

    async def reserve(subject: $Subject, key: str) -> str:
        return await stock.perform("reserve", subject.id, key)

    async def release(receipt: str, subject: $Subject, key: str) -> str:
        return await stock.perform("release", subject.id, key)

    async def charge(subject: $Subject, key: str) -> str:
        return await billing.perform("charge", subject.id, key)

    async def refund(receipt: str, subject: $Subject, key: str) -> str:
        return await billing.perform("refund", subject.id, key)

    async def confirm(subject: $Subject, key: str) -> str:
        return await mail.perform("confirm", subject.id, key)

    return Saga(
        "$package.settle",
        Step(reserve, undo=release, idempotent=True, reconcile=stock.find),
        Step(charge, undo=refund, idempotent=True, reconcile=billing.find),
        Step(confirm, idempotent=True, reconcile=mail.find),
    )
