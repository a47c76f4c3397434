"""What is done all along: orders that are offered, approved, charged, settled and counted.

Everything that can go wrong is in it: an outbox effect, an external commit, a saga, timers, people,
an event log. Whose work it is follows from the order's number alone.
"""

from __future__ import annotations

import os
import time
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from signoff import (
    Accept,
    Boundary,
    Committed,
    EffectRefused,
    External,
    Reject,
    Rejected,
    Runtime,
    Suspended,
    Transactional,
    Verdict,
    Write,
)
from signoff.boundary import Question
from signoff.control import Approval
from signoff.coordination import Compensated, Saga, Step
from signoff.errors import NotNow
from signoff.proposers import Function
from signoff.state import After, Consumer, Delivery, Event, EventLog, Handle, StateMachine
from signoff.workloads.contract_renewal.services import (
    LOCKED,
    RemoteService,
    ServiceError,
    Services,
)

State = Literal["placed", "asked", "offered", "charged", "closed", "refused", "undone"]
ENDED = ("closed", "refused", "undone")


class Order(BaseModel):
    id: str
    charges: int = 0
    settlings: int = 0


class Offer(BaseModel):
    percent: int


class Offered(BaseModel):
    percent: int


class Counted(BaseModel):
    order: str


OrderHandle = Handle[Any, Any]
log = EventLog[Offered | Counted]("orders", events=(Offered, Counted))


def share(what: str, order: str) -> float:
    """A number between 0 and 1 that follows from the order."""
    return zlib.crc32(f"{what} {order}".encode()) / 2**32


def is_deep(offer: Offer, order: Order) -> bool:
    return share("deep", order.id) < 0.05


def is_liked(order: str) -> bool:
    """Whether the person says yes."""
    return share("liked", order) < 0.8


def is_doomed(order: Order) -> bool:
    """Whether billing refuses it, so that its contract is taken back."""
    return share("doomed", order.id) < 0.02


def modest(offer: Offer, order: Order) -> Verdict:
    return Accept() if offer.percent <= 20 else Reject("too_much", "at most 20 percent")


def propose(question: Question[Order]) -> Offer:
    too_much = question.attempt == 1 and share("greedy", question.subject.id) < 0.1
    return Offer(percent=90 if too_much else 10)


class Agent:
    """The boundaries, the machine and the consumer, over one set of services.

    Args:
        services: Of the renewals, behind HTTP.
        done: A file that gets a line for each order that has ended.
    """

    def __init__(self, services: Services[RemoteService], done: Path) -> None:
        self._services = services
        self._done = os.open(done, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        mail = External(
            self._mail, reconcile=services.mailer.find, idempotent=True, timeout=5, name="mail"
        )

        def keep(offer: Offer, order: Order, write: Write[Order]) -> str:
            write.append(log, Offered(percent=offer.percent))
            return write.enqueue(mail, offer)

        self.offer = Boundary(
            "order.offer",
            proposer=Function(propose),
            verifiers=[modest],
            commit=Transactional(keep, effects=(mail,)),
            subject=Order,
        ).bounded_by(Approval(ask="dana", when=is_deep, within=timedelta(minutes=30)))
        self.charge = Boundary(
            "order.charge",
            proposer=Function(propose),
            verifiers=[modest],
            commit=External(
                self._charge, reconcile=services.billing.find, idempotent=True, timeout=5
            ),
            subject=Order,
        )
        self.settlement = Saga(
            "order.settle",
            Step(self._contract, undo=self._void, reconcile=services.crm.find, idempotent=True),
            Step(self._book, undo=self._unbook, reconcile=services.billing.find, idempotent=True),
            Step(self._confirm, reconcile=services.mailer.find, idempotent=True),
        )
        self.machine = StateMachine[State](
            "order",
            {
                "placed": {"offered", "asked", "refused"},
                "asked": {"offered", "refused"},
                "offered": {"charged"},
                "charged": {"closed", "undone"},
            },
            start="placed",
            subject=Order,
            timers=[
                After(timedelta(seconds=0.1), at="placed", do=self._do_offer),
                After(timedelta(seconds=5), at="asked", do=self._do_offer),
                After(timedelta(seconds=0.1), at="offered", do=self._do_charge),
                After(timedelta(seconds=0.1), at="charged", do=self._do_settle),
            ],
        )
        self.counting = Consumer("counting", log, on=Offered, handle=_count)
        self.knows: list[Any] = [
            self.machine,
            self.offer,
            self.charge,
            self.settlement,
            self.counting,
        ]

    # What the timers do

    async def _do_offer(self, runtime: Runtime, order: OrderHandle) -> None:
        outcome = await runtime.advance(
            order, "offered", through=self.offer, key=f"offer/{order.id}", waits_in="asked"
        )
        match outcome:
            case Suspended() if order.state == "asked":
                raise NotNow("dana has not answered")
            case Rejected(code="stale_version"):
                pass
            case Rejected() if order.state in ("placed", "asked"):
                if await runtime.move(order, "refused", because="it was refused"):
                    self._end(order.id)
            case _:
                pass

    async def _do_charge(self, runtime: Runtime, order: OrderHandle) -> None:
        key = f"charge/{order.id}/{order.subject.charges}"
        outcome = await runtime.advance(order, "charged", through=self.charge, key=key)
        match outcome:
            case Committed() | Rejected(code="stale_version"):
                pass
            case Rejected():
                await runtime.change(order, _charged_again, because="billing has failed")
                raise NotNow("billing has failed")
            case _:
                raise NotNow("billing is in doubt")

    async def _do_settle(self, runtime: Runtime, order: OrderHandle) -> None:
        key = f"settle/{order.id}/{order.subject.settlings}"
        outcome = await runtime.run(self.settlement, order.subject, key=key)
        match outcome:
            case Committed():
                await self._close(runtime, order, "closed")
            case Compensated() if is_doomed(order.subject):
                await self._close(runtime, order, "undone")
            case Compensated():
                await runtime.change(order, _settled_again, because="it was undone")
                raise NotNow("it was undone")
            case _:
                raise NotNow("what is under way has to end first")

    async def _close(self, runtime: Runtime, order: OrderHandle, to: State) -> None:
        if await runtime.move(order, to, because="it is settled"):
            self._end(order.id)

    def _end(self, order: str) -> None:
        os.write(self._done, line(order, time.time()))

    # What is done in the services

    async def _mail(self, offer: Offer, order: Order, key: str) -> str:
        return await self._ask("mailer", "send_offer", order, key)

    async def _charge(self, offer: Offer, order: Order, key: str) -> str:
        return await self._ask("billing", "reserve_price", order, key)

    async def _contract(self, order: Order, key: str) -> str:
        return await self._ask("crm", "issue_contract", order, key)

    async def _void(self, receipt: str, order: Order, key: str) -> str:
        return await self._ask("crm", "void_contract", order, key)

    async def _book(self, order: Order, key: str) -> str:
        if is_doomed(order):
            raise EffectRefused("no_credit", "billing has no credit for it")
        return await self._ask("billing", "book_invoice", order, key)

    async def _unbook(self, receipt: str, order: Order, key: str) -> str:
        return await self._ask("billing", "void_invoice", order, key)

    async def _confirm(self, order: Order, key: str) -> str:
        return await self._ask("mailer", "send_confirmation", order, key)

    async def _ask(self, service: str, action: str, order: Order, key: str) -> str:
        reached: RemoteService = getattr(self._services, service)
        try:
            return await reached.perform(action, {"subject": order.id}, key=key)
        except ServiceError as error:
            # A record that is locked will not be so for ever: that is no answer yet.
            if error.status < 500 and error.status != LOCKED:
                raise EffectRefused(f"http_{error.status}", error.message) from error
            raise


async def _count(delivery: Delivery, event: Event[Offered]) -> None:
    delivery.append(log, Counted(order=event.stream), stream=f"count-{event.stream}")


def _charged_again(order: Order) -> Order:
    return order.model_copy(update={"charges": order.charges + 1})


def _settled_again(order: Order) -> Order:
    return order.model_copy(update={"settlings": order.settlings + 1})


def name_of(number: int) -> str:
    return f"order-{number:09d}"


#: Bytes of a line, so that lines can be counted without reading them.
LINE = 31


def line(order: str, at: float) -> bytes:
    return f"{order} {at:014.3f}\n".encode()


def lines(path: Path) -> int:
    return path.stat().st_size // LINE if path.exists() else 0


def times(path: Path) -> dict[str, float]:
    """When each order was noted first."""
    found: dict[str, float] = {}
    if path.exists():
        for text in path.read_text().splitlines():
            order, at = text.split()
            found.setdefault(order, float(at))
    return found
