"""Never executed: what a type checker must infer about the public names, checked by two of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, assert_never, assert_type

from pydantic import BaseModel, Field

from signoff import (
    Accept,
    Boundary,
    Budget,
    Committed,
    External,
    Outcome,
    Reject,
    Rejected,
    Runtime,
    Suspended,
    Transactional,
    Unknown,
    Verdict,
    Verifier,
    Write,
    run_sync,
)
from signoff.boundary import Answer, Evidence, Proposer, Question, Rejection, Strength, Ticket
from signoff.clock import Clock
from signoff.ledger import Fingerprint, Ledger
from signoff.proposers import Function, Local, Model, Rates, Simulated
from signoff.state import After, At, Handle, StateMachine
from signoff.testing import FakeClock, Scripted


class Renewal(BaseModel):
    id: str
    cap: float = 0.30
    ends: datetime


class Offer(BaseModel):
    discount: float = Field(ge=0, le=1)


def within_cap(offer: Offer, renewal: Renewal) -> Verdict:
    if offer.discount <= renewal.cap:
        return Accept()
    return Reject("over_cap", "too much", then="stop", path="discount", details={"cap": 0.3})


def in_credit(offer: Offer, renewal: Renewal, facts: Evidence) -> Verdict:
    return Accept() if facts["balance"] >= 0 else Reject("in_debt", "the customer owes")


async def balance(offer: Offer, renewal: Renewal) -> float:
    return 0.0


async def send(offer: Offer, renewal: Renewal, key: str) -> str:
    return f"{renewal.id}/{key}"


async def find(key: str) -> str | None:
    return key


def keep(offer: Offer, renewal: Renewal, write: Write[Renewal]) -> float:
    write.replace(renewal)
    assert_type(write.key, str)
    assert_type(write.enqueue(mail, offer), str)
    assert_type(write.execute("SELECT 1", []), list[tuple[Any, ...]])
    return offer.discount


def suggest(question: Question[Renewal]) -> Offer:
    assert_type(question.subject, Renewal)
    return Offer(discount=question.subject.cap)


async def suggest_later(question: Question[Renewal]) -> Offer:
    return suggest(question)


def suggest_text(question: Question[Renewal]) -> str:
    return '{"discount": 0.1}'


mail = External(send, reconcile=find, idempotent=True, tries=2, timeout=5.0, name="mail")

# Proposers know what they propose; those that read any subject fit every boundary.

model = Model("openai:gpt-5", proposes=Offer, instructions="Propose a fair offer.")
local = Local(proposes=Offer, instructions="Propose a fair offer.")
scripted = Scripted(Offer(discount=0.9), "not JSON", TimeoutError, repeat=True)
simulated = Simulated(suggest, proposes=Offer, rates=Rates.evenly(0.2))

assert_type(model, Model[Offer])
assert_type(local, Local[Offer])
assert_type(scripted, Scripted[Offer])
assert_type(Scripted("one", "two", proposes=Offer), Scripted[Offer])
assert_type(Scripted("one", TimeoutError, proposes=Offer), Scripted[Offer])
assert_type(simulated, Simulated[Renewal, Offer])
assert_type(Function(suggest), Function[Renewal, Offer])
assert_type(Function(suggest_later), Function[Renewal, Offer])
assert_type(Function(suggest_text, proposes=Offer), Function[Renewal, Offer])

proposer: Proposer[Renewal, Offer] = scripted
assert_type(proposer.fingerprint, Fingerprint)
assert_type(proposer.proposes, type[Offer])


class Quoter:
    """A proposer of one's own; nothing is inherited."""

    @property
    def proposes(self) -> type[Offer]:
        return Offer

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(model="quoter", version="1")

    async def __call__(self, question: Question[Renewal], /) -> Answer:
        return Answer(content=Offer(discount=question.subject.cap))


# `Boundary[Renewal, Offer, str]` is never written: it follows from the arguments.

asked = Boundary("renewal.offer", proposer=model, verifiers=[within_cap], commit=send)
assert_type(asked, Boundary[Renewal, Offer, str])
assert_type(asked.strength, Strength)

assert_type(
    Boundary("renewal.offer", proposer=local, verifiers=[within_cap], commit=mail),
    Boundary[Renewal, Offer, str],
)
assert_type(
    Boundary("renewal.offer", proposer=simulated, verifiers=[], commit=Transactional(keep)),
    Boundary[Renewal, Offer, float],
)
assert_type(
    Boundary(
        "renewal.offer",
        proposer=scripted,
        verifiers=[within_cap, in_credit],
        evidence=[balance],
        commit=Transactional(keep, effects=(mail,)),
        budget=Budget(attempts=2, tokens=10_000, usd=0.05, seconds=30.0),
        level="business rule",
    ),
    Boundary[Renewal, Offer, float],
)
assert_type(
    Boundary(
        "renewal.offer",
        proposer=Function(suggest_later),
        verifiers=[Verifier(within_cap, version="2", timeout=0.5), in_credit],
        commit=send,
        attempts=5,
    ),
    Boundary[Renewal, Offer, str],
)
assert_type(
    Boundary("renewal.offer", proposer=Quoter(), verifiers=[within_cap], commit=send),
    Boundary[Renewal, Offer, str],
)
assert_type(asked.proposed_by(scripted), Boundary[Renewal, Offer, str])
assert_type(asked.proposed_by(Quoter()), Boundary[Renewal, Offer, str])

# States are a closed set.

Stage = Literal["open", "offered", "renewed", "expired"]


def end(renewal: Renewal) -> datetime | None:
    return renewal.ends


async def remind(runtime: Runtime, renewal: Handle[Stage, Renewal]) -> None:
    await runtime.advance(renewal, "offered", through=asked)


lifecycle = StateMachine[Stage](
    "renewal",
    {"open": {"offered"}, "offered": {"renewed", "expired"}},
    start="open",
    subject=Renewal,
    timers=[
        After(timedelta(days=30), at="offered", go="expired"),
        At(end, at="offered", go="expired"),
        After(timedelta(days=1), at="open", do=remind),
    ],
)
assert_type(lifecycle, StateMachine[Stage])


async def crossing(runtime: Runtime, renewal: Renewal) -> str:
    outcome = await runtime.run(asked, renewal, key="renewal.offer/r-1")
    assert_type(outcome, Outcome[str])
    match outcome:
        case Committed(receipt):
            assert_type(receipt, str)
            return receipt
        case Rejected(rejections):
            assert_type(rejections, Sequence[Rejection])
            assert_type(outcome.code, str)
            return str(rejections[-1])
        case Suspended(ticket):
            assert_type(ticket, Ticket)
            return ticket.ask
        case Unknown(effect, key):
            assert_type(effect, str)
            return key
        case _:
            assert_never(outcome)


async def spine(runtime: Runtime, subject: Renewal) -> None:
    renewal = await runtime.start(lifecycle, subject)
    assert_type(renewal, Handle[Stage, Renewal])
    assert_type(renewal.state, Stage)
    assert_type(renewal.subject, Renewal)
    assert_type(renewal.version, int)
    assert_type(await runtime.find(lifecycle, "r-1", Renewal), Handle[Stage, Renewal] | None)
    assert_type(await runtime.advance(renewal, "offered", through=asked), Outcome[str])
    assert_type(await runtime.move(renewal, "expired", because="the contract ended"), bool)
    await runtime.change(renewal, lambda r: r.model_copy(update={"cap": 0.1}), because="merger")
    await runtime.refresh(renewal)
    assert_type(await runtime.outcome(asked, "renewal.offer/r-1"), Outcome[str] | None)
    assert_type(await runtime.drain(), int)


async def main() -> int:
    clock: Clock = FakeClock()
    async with Runtime("sqlite://:memory:", clock=clock, knows=[asked, lifecycle]) as runtime:
        assert_type(runtime, Runtime)
        ledger: Ledger = runtime.ledger
        assert_type((await ledger.verify()).intact, bool)
    return 0


assert_type(run_sync(main()), int)
