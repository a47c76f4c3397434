"""Signatures in ledgers that a runtime wrote: found where it happened, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import bounded
import pytest
from deals import Deal, Offer, always, lifecycle, record_sale, selling
from fans import Case as Fan
from fans import Panel
from fans import owner as chief
from orders import Model, Placed, orders
from saga_world import Case, World
from saga_world import running as sagas

from signoff import (
    Accept,
    Boundary,
    EffectRefused,
    External,
    Reject,
    Runtime,
    Transactional,
    Verdict,
    Write,
)
from signoff.boundary import Answer, Budget, Question
from signoff.clock import stamp
from signoff.control import Approval
from signoff.coordination import Delegation, Part, Saga, ScatterGather, Step
from signoff.diagnosis import Diagnosis, diagnose
from signoff.ledger import CONTROLS, Committed, Fingerprint, said
from signoff.state import After, StateMachine, Watermark
from signoff.testing import FakeClock

MEMORY = "sqlite://:memory:"

Work = Callable[[Runtime], Awaitable[None]]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def diagnosed(
    work: Work, running: Any = bounded.running, knows: Any = (), **options: Any
) -> Diagnosis:
    """What is found after some work, an hour later, in whose every record was read."""

    async def main() -> Diagnosis:
        clock = FakeClock()
        async with running(MEMORY, *knows, clock=clock, **options) as runtime:
            await work(runtime)
            now = stamp(clock.now() + timedelta(hours=1))
            diagnosis = await diagnose(runtime.ledger, now=now)
            assert diagnosis.unread == ()
            return diagnosis

    return asyncio.run(main())


def found(diagnosis: Diagnosis) -> list[tuple[str, str, int, int]]:
    return [(each.signature.code, each.where, each.count, each.of) for each in diagnosis.findings]


def test_an_effect_without_a_verifier() -> None:
    async def work(runtime: Runtime) -> None:
        bare = bounded.selling(name="bare", commit=External(bounded.ship), verifiers=[])
        kept = bounded.selling(name="kept", commit=External(bounded.ship))
        for boundary in (bare, kept):
            await runtime.run(boundary, bounded.Order(id="o"))

    assert found(diagnosed(work)) == [("SDB-no-verifier", "bare", 1, 1)]


def test_a_model_that_does_not_hear_the_objection() -> None:
    async def work(runtime: Runtime) -> None:
        for number in range(4):
            deaf = selling(Offer(price=50), Offer(price=50), Offer(price=5))
            await runtime.run(deaf, Deal(id=f"d{number}"))

    assert found(diagnosed(work)) == [("SDB-swallowed", "deal.sell", 4, 4)]


def test_a_model_that_mends_its_offer_is_healthy() -> None:
    async def work(runtime: Runtime) -> None:
        for number in range(6):
            await runtime.run(
                selling(Offer(price=50), Offer(price=20), Offer(price=5)), Deal(id=f"d{number}")
            )

    assert diagnosed(work).healthy


@pytest.mark.parametrize("otherwise", ["stop", "approve"])
def test_nobody_answers_in_time(otherwise: Any) -> None:
    asks = Approval(ask="role:lead", within=timedelta(hours=2), otherwise=otherwise)
    boundary = bounded.selling().bounded_by(asks)

    async def work(runtime: Runtime) -> None:
        for number in range(5):
            await runtime.run(boundary, bounded.Order(id=f"o{number}"))
        async for ticket in runtime.ledger.tickets("open"):
            if ticket.subject in ("o0", "o1"):
                await runtime.approve(ticket.id, by="omar", because="fine")
        await runtime.clock.advance(hours=3)  # type: ignore[attr-defined]

    assert found(diagnosed(work)) == [("P6-deadlines", "order.sell", 3, 5)]


def test_people_overturn_what_the_verifiers_accept() -> None:
    asks = Approval(ask="role:lead", within=timedelta(hours=2))
    boundary = bounded.selling().bounded_by(asks)

    async def work(runtime: Runtime) -> None:
        for number in range(6):
            outcome: Any = await runtime.run(boundary, bounded.Order(id=f"o{number}"))
            if number % 3 == 0:
                await runtime.deny(outcome.ticket, by="omar", because="too cheap")
            elif number % 3 == 1:
                price = bounded.Price(price=9)
                await runtime.edit(outcome.ticket, price, by="omar", because="dearer")
            else:
                await runtime.approve(outcome.ticket, by="omar", because="fine")

    assert found(diagnosed(work)) == [("SDB-weak-predicate", "order.sell", 4, 6)]


def test_an_effect_of_which_nobody_knows() -> None:
    async def cut_off(offer: bounded.Price, order: bounded.Order, key: str) -> str:
        raise ConnectionError("gone")

    async def work(runtime: Runtime) -> None:
        boundary = bounded.selling(commit=External(cut_off))
        for number in range(3):
            await runtime.run(boundary, bounded.Order(id=f"o{number}"))
        key = "seen to"
        await runtime.run(boundary, bounded.Order(id="o4"), key=key)
        await runtime.resolve(boundary, key, happened=True, by="dana", because="I asked them")

    assert found(diagnosed(work)) == [("SDB-unknown", "cut_off", 3, 4)]


def test_work_that_crashes_every_time() -> None:
    async def fails(runtime: Runtime, handle: Any) -> None:
        raise KeyError(handle.id)

    machine = StateMachine(
        "order",
        {"open": {"sold"}, "sold": set[str]()},
        start="open",
        timers=[After(timedelta(days=1), at="open", do=fails)],
        subject=bounded.Order,
    )

    async def work(runtime: Runtime) -> None:
        for number in range(2):
            await runtime.start(machine, bounded.Order(id=f"o{number}"))
        await runtime.clock.advance(days=3)  # type: ignore[attr-defined]

    (finding,) = diagnosed(work, max_restarts=3).findings
    assert (finding.signature.code, finding.count) == ("P4-same-crash", 2)
    assert "KeyError" in finding.where


def test_a_verifier_that_asks_somebody_else() -> None:
    def slow(offer: bounded.Price, order: bounded.Order) -> Verdict:
        threading.Event().wait(0.08)
        return Accept()

    async def work(runtime: Runtime) -> None:
        for number in range(4):
            await runtime.run(bounded.selling(verifiers=[slow]), bounded.Order(id=f"o{number}"))

    (finding,) = diagnosed(work).findings
    assert (finding.signature.code, finding.where) == ("P4-slow-gate", "order.sell")


def test_a_row_that_moves_under_every_crossing() -> None:
    machine = lifecycle()

    async def work(runtime: Runtime) -> None:
        for number in range(3):
            handle: Any = await runtime.start(machine, Deal(id=f"d{number}"))
            left = [4]

            async def lookup(
                offer: Offer, deal: Deal, handle: Any = handle, left: list[int] = left
            ) -> int:
                if left[0]:
                    left[0] -= 1
                    await runtime.change(handle, lambda d: d, because="the world moved")
                return left[0]

            boundary = selling(Offer(price=5), commit=Transactional(record_sale), evidence=[lookup])
            await runtime.advance(handle, "sold", through=boundary)

    assert found(diagnosed(work)) == [("P5-contention", "deal.sell", 3, 3)]


@pytest.mark.parametrize(
    ("merge", "expected"),
    [
        ("loudest", [("P1-weight", "case.decide/credit", 10, 10)]),
        ("mean", []),
    ],
)
def test_a_merge_that_follows_one_voice(merge: str, expected: list[Any]) -> None:
    risks = range(10, 20)
    panel = Panel(credit=list(risks), fraud=[2 * risk for risk in risks])

    def loudest(parts: Mapping[str, Part], case: Fan) -> Any:
        return {"risk": parts["credit"].value.risk, "by": ["all"]}

    def mean(parts: Mapping[str, Part], case: Fan) -> Any:
        return {"risk": sum(part.value.risk for part in parts.values()) // 2, "by": ["all"]}

    async def work(runtime: Runtime) -> None:
        merges = {"loudest": loudest, "mean": mean}
        delegation = Delegation(chief(), panel.boundaries, merge=merges[merge])
        for number in risks:
            await runtime.run(delegation, Fan(id=f"c{number}"))

    assert found(diagnosed(work)) == expected


def test_two_levels_that_retry_the_same() -> None:
    clerk = selling(
        *[Offer(price=50 + number) for number in range(40)],
        verifiers=(always(Reject("over_limit", "no")),),
        budget=Budget(attempts=2),
    )

    async def asks(question: Question[Deal]) -> Any:
        assert question.cross is not None
        crossed = await question.cross(clerk, question.subject, name="clerk")
        return Offer(price=crossed.outcome.attempts + question.attempt)

    class Chief:
        proposes = Offer
        fingerprint = Fingerprint(model="chief")
        __call__ = staticmethod(asks)

    def never(offer: Offer, deal: Deal) -> Verdict:
        return Reject("no", "as ever")

    async def work(runtime: Runtime) -> None:
        boundary: Any = Boundary(
            "deal.lead", proposer=Chief(), verifiers=[never], commit=Transactional(record_sale)
        )
        for number in range(3):
            await runtime.run(boundary, Deal(id=f"d{number}"))

    assert found(diagnosed(work)) == [("P1-double-retry", "deal.lead", 3, 3)]


def test_a_saga_that_is_taken_back_is_healthy() -> None:
    world = World()
    world.weather["book"] = "refused"

    async def work(runtime: Runtime) -> None:
        for number in range(10):
            await runtime.run(world.saga(), Case(id=f"c{number}"))

    diagnosis = diagnosed(work, sagas)
    assert diagnosis.healthy
    assert "un-reserve" in world.done


def test_a_saga_that_cannot_be_taken_back() -> None:
    world = World()
    world.weather |= {"book": "refused", "un-reserve": "refused"}

    async def work(runtime: Runtime) -> None:
        await runtime.run(world.saga(), Case(id="c"))

    (finding,) = diagnosed(work, sagas).findings
    assert (finding.signature.code, finding.where) == ("P2-partial-write", "case.close")
    assert finding.told == "still standing: reserve"


def test_an_undoing_that_takes_more_tries_than_the_action() -> None:
    world = World()
    world.weather["book"] = "refused"
    undo = world.undo("reserve")
    tries = 0

    async def stubborn(receipt: Any, case: Case, key: str) -> None:
        nonlocal tries
        tries += 1
        world.weather["un-reserve"] = "refused" if tries % 2 else "fine"
        await undo(receipt, case, key)

    step = world.step("reserve")
    step.undo = stubborn
    saga = Saga("case.close", step, world.step("book", undone=False))

    async def work(runtime: Runtime) -> None:
        for number in range(9):
            await runtime.run(saga, Case(id=f"c{number}"))

    assert found(diagnosed(work, sagas)) == [("P2-costly-undo", "case.close.reserve", 9, 9)]


def test_peers_with_effects_and_no_quorum() -> None:
    async def send(score: Any, case: Fan, key: str) -> str:
        return key

    panel = Panel(mail=1, letter=RuntimeError("down"))
    peers = [panel.boundary("mail", commit=External(send)), panel.boundary("letter")]

    def both(parts: Mapping[str, Part], case: Fan) -> dict[str, int]:
        return {"sent": len(parts)}

    async def work(runtime: Runtime) -> None:
        gather: Any = ScatterGather("case.tell", peers, aggregate=both, subject=Fan)
        await runtime.run(gather, Fan())

    assert found(diagnosed(work)) == [("P2-partial-write", "case.tell", 1, 1)]


def test_a_model_that_is_replaced_by_a_worse_one() -> None:
    def answers(model: str, price: int) -> Answer:
        return Answer(content=Offer(price=price), fingerprint=Fingerprint(model=model))

    async def work(runtime: Runtime) -> None:
        for number in range(60):
            model, good = ("old", number % 10) if number < 30 else ("new", number % 2)
            boundary = selling(answers(model, 5 if good else 50), budget=Budget(attempts=1))
            await runtime.run(boundary, Deal(id=f"d{number}"))

    (finding,) = diagnosed(work).findings
    assert (finding.signature.code, finding.where) == ("SDB-model-change", "deal.sell: new")
    assert "90% of 30 under old, 50% of 30 since" in finding.told


def test_a_message_that_claims_what_was_rejected() -> None:
    async def work(runtime: Runtime) -> None:
        claims = {"deal.sell": r"\bsold\b"}
        for id, price in (("good", 5), ("bad", 50)):
            boundary = selling(Offer(price=price), budget=Budget(attempts=1))
            await runtime.run(boundary, Deal(id=id))
            entries = [entry async for entry in runtime.ledger.of_subject(id)]
            record = said("I have sold it to you.", claims, entries)
            at = stamp(runtime.clock.now())
            await runtime.ledger.transact(
                lambda tx, id=id, at=at, record=record: tx.append(id, "", at, [record])
            )

    (finding,) = diagnosed(work).findings
    assert (finding.signature.code, finding.where) == ("SDB-phantom", "deal.sell")
    assert [each.subject for each in finding.evidence] == ["bad"]


def test_a_kill_that_holds_is_healthy_and_one_that_is_thrown_again_is_told() -> None:
    async def work(runtime: Runtime) -> None:
        await runtime.kill("order.sell", by="dana", because="prices are wrong")
        await runtime.run(bounded.selling(), bounded.Order(id="o"))
        await runtime.lift("order.sell", by="dana", because="mended")
        await runtime.run(bounded.selling(), bounded.Order(id="o"))

    assert diagnosed(work).healthy

    async def twice(runtime: Runtime) -> None:
        await work(runtime)
        await runtime.kill("order.sell", by="dana", because="not mended")

    assert found(diagnosed(twice)) == [("P6-killed-again", "order.sell", 1, 1)]


def test_a_commit_that_goes_around_the_kill() -> None:
    async def work(runtime: Runtime) -> None:
        await runtime.kill("tenant:acme", by="dana", because="a breach")
        boundary = bounded.selling()
        await runtime.run(boundary, bounded.Order(id="o", tenant="acme"))
        # As a program would that writes commits by itself.
        (crossing,) = [
            entry.crossing
            async for entry in runtime.ledger.of_subject("o")
            if entry.type == "opened"
        ]
        at = stamp(runtime.clock.now())
        await runtime.ledger.transact(lambda tx: tx.append("o", crossing, at, [Committed()]))
        assert [entry async for entry in runtime.ledger.of_subject(CONTROLS)]

    assert found(diagnosed(work)) == [("P6-after-kill", "tenant:acme", 1, 0)]


def test_a_loop_around_the_boundary() -> None:
    async def work(runtime: Runtime) -> None:
        for number in range(6):
            boundary = selling(Offer(price=50), budget=Budget(attempts=1))
            await runtime.run(boundary, Deal(), key=f"again {number}")

    assert found(diagnosed(work)) == [("SDB-unbounded", "deal.sell", 1, 6)]


def test_questions_that_come_out_otherwise_when_they_are_asked_again() -> None:
    then, now = Model(10, "then"), Model(12, "now")

    async def work(runtime: Runtime) -> None:
        for number in range(6):
            await runtime.append(orders, f"o-{number}", Placed(amount=number))
        await runtime.drain()
        await runtime.ask_again(then.consumer())
        assert (await diagnose(runtime.ledger)).healthy
        await runtime.ask_again(now.consumer())

    (finding,) = diagnosed(work, knows=[then.consumer()]).findings
    assert (finding.signature.code, finding.count, finding.of) == ("P3-divergence", 6, 12)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("drop", [("P3-late-events", "orders/discounts", 4, 4)]), ("escalate", [])],
)
def test_late_events_that_are_left_out(policy: Any, expected: list[Any]) -> None:
    late = Watermark(timedelta(minutes=10), policy)
    consumer = Model(10).consumer(late)

    async def work(runtime: Runtime) -> None:
        now = runtime.clock.now()
        for number in range(4):
            for back in (0, 2):
                happened = now - timedelta(hours=back)
                placed = Placed(amount=number)
                await runtime.append(orders, f"o-{number}", placed, happened=happened)
        await runtime.drain()

    assert found(diagnosed(work, knows=[consumer])) == expected


@pytest.mark.parametrize("refused", [False, True])
def test_what_a_saga_takes_back_tells_of_a_weak_predicate_unless_a_system_refused(
    refused: bool,
) -> None:
    async def refuse(offer: bounded.Price, order: bounded.Order, key: str) -> str:
        raise EffectRefused("down", "it is down")

    def void(receipt: Any, order: bounded.Order, write: Write[bounded.Order]) -> None:
        return None

    later = {"commit": External(refuse)} if refused else {"verifiers": [dear]}
    saga = Saga(
        "order.close",
        Step(bounded.selling(name="first"), undo=void),
        Step(bounded.selling(name="later", **later)),
    )

    async def work(runtime: Runtime) -> None:
        for number in range(4):
            await runtime.run(saga, bounded.Order(id=f"o{number}"))

    expected = [] if refused else [("SDB-weak-predicate", "first", 4, 4)]
    assert found(diagnosed(work)) == expected


def dear(offer: bounded.Price, order: bounded.Order) -> Verdict:
    return Reject("too_low", "more, please", then="stop")
