"""A log of orders, an order as its stream tells it, and an agent that offers discounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from signoff import Accept, Boundary, Reject, Transactional, Verdict, Write
from signoff.boundary import Question
from signoff.proposers import Function
from signoff.state import Consumer, Event, EventLog, Watermark


class Placed(BaseModel):
    amount: int


class Paid(BaseModel):
    amount: int


class Offered(BaseModel):
    discount: int
    total: int = 0


class Order(BaseModel):
    id: str
    placed: int = 0
    paid: int = 0
    offers: int = 0


class Discount(BaseModel):
    percent: int


def tell(order: Order | None, event: Event[Any]) -> Order:
    order = order or Order(id=event.stream)
    match event.data:
        case Placed(amount=amount):
            return order.model_copy(update={"placed": order.placed + amount})
        case Paid(amount=amount):
            return order.model_copy(update={"paid": order.paid + amount})
        case _:
            return order.model_copy(update={"offers": order.offers + 1})


OrderEvent = Placed | Paid | Offered

orders = EventLog[OrderEvent]("orders", events=(Placed, Paid, Offered), fold=tell)


def modest(discount: Discount, order: Order) -> Verdict:
    return Accept() if discount.percent <= 20 else Reject("too_much", "at most 20 percent")


def keep(discount: Discount, order: Order, write: Write[Order]) -> int:
    write.append(orders, Offered(discount=discount.percent, total=order.placed))
    return discount.percent


class Model:
    """Answers by rule, counts how often it is asked, and can be another one tomorrow."""

    def __init__(self, percent: int = 10, name: str = "first") -> None:
        self.percent = percent
        self.name = name
        self.asked: list[str] = []

    def boundary(self, **more: Any) -> Boundary[Order, Discount, int]:
        def answer(question: Question[Order]) -> Discount:
            self.asked.append(question.subject.id)
            return Discount(percent=min(self.percent + question.subject.placed % 3, 99))

        return Boundary(
            "order.discount",
            proposer=Function(answer, name=self.name),
            verifiers=[modest],
            commit=Transactional(keep),
            **more,
        )

    def consumer(self, late: Watermark | None = None, **more: Any) -> Consumer[Any]:
        boundary = self.boundary(**more)
        return Consumer("discounts", orders, through=boundary, on=Placed, late=late)


def hour() -> timedelta:
    return timedelta(hours=1)
