"""Billing & payment assist: what it accepts, and what comes of a seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from awaited import awaited

pytest.importorskip("cel_expr_python")

from signoff.boundary import Accept, Reject, Rejected, Suspended, Verdict
from signoff.errors import BadInput
from signoff.methodology import check, wiring_of
from signoff.storage import storage_at
from signoff.workloads import Meter, Plan, WorkloadReport, shipped
from signoff.workloads._running import running
from signoff.workloads.billing_assist import decided
from signoff.workloads.billing_assist.boundary import boundaries
from signoff.workloads.billing_assist.lifecycle import Assistant
from signoff.workloads.billing_assist.proposers import counted, simulated
from signoff.workloads.billing_assist.turn import Message, Reply, Told, Turn, words_for
from signoff.workloads.billing_assist.verifiers import (
    about_this_customer,
    amount_is_right,
    nothing_that_did_not_happen,
    plan_within_policy,
    within_what_was_paid,
)
from signoff.workloads.billing_assist.world import COLLEAGUES, World, audit, opened, turns

TURN = Turn(
    id="t", customer="c-1", message="?", wants="refund", paid=100, overcharged=20.0, owes=90.0
)
TOLD = Told(id="t", customer="c-1", done="refund", amount=20.0)


def code(verdict: Verdict) -> str:
    assert isinstance(verdict, Accept | Reject)
    return "" if isinstance(verdict, Accept) else verdict.code


def reply(action: str, amount: float = 0.0, instalments: int = 0, customer: str = "c-1") -> Reply:
    fields = {"action": action, "amount": amount, "instalments": instalments}
    return Reply.model_validate({"customer": customer, **fields})


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(20.0, ""), (19.0, ""), (20.01, "over_owed"), (0.0, "over_owed"), (100.5, "over_paid")],
)
def test_a_refund_is_within_what_was_charged_by_mistake(amount: float, expected: str) -> None:
    assert code(within_what_was_paid(reply("refund", amount), TURN)) == expected


@pytest.mark.parametrize(
    ("amount", "instalments", "expected"),
    [
        (90.0, 3, ""),
        (90.0, 9, ""),
        (90.0, 10, "small_instalment"),
        (90.0, 1, "too_many_instalments"),
        (90.0, 13, "too_many_instalments"),
        (80.0, 4, "not_what_is_owed"),
    ],
)
def test_a_plan_is_within_the_policy(amount: float, instalments: int, expected: str) -> None:
    assert code(plan_within_policy(reply("plan", amount, instalments), TURN)) == expected


def test_a_reply_is_about_whoever_wrote() -> None:
    assert code(about_this_customer(reply("explain"), TURN)) == ""
    assert code(about_this_customer(reply("explain", customer="c-2"), TURN)) == "wrong_customer"


def test_a_message_claims_nothing_that_did_not_happen() -> None:
    message = Message(customer="c-1", text=words_for(TOLD))
    phantom = {"claimed": "billing.refund", "words": "I have refunded", "status": "rejected"}
    assert code(nothing_that_did_not_happen(message, TOLD, {"phantoms": []})) == ""
    found = nothing_that_did_not_happen(message, TOLD, {"phantoms": [phantom]})
    assert code(found) == "phantom_success"
    assert code(amount_is_right(message, TOLD)) == ""
    other = Message(customer="c-1", text="I have refunded 25.00 to you.")
    assert code(amount_is_right(other, TOLD)) == "wrong_amount"


def test_the_world_is_the_same_for_the_same_seed() -> None:
    assert turns(50, 7) == turns(50, 7)
    assert turns(50, 7)[:20] == turns(20, 7)
    assert turns(50, 7) != turns(50, 8)


@contextmanager
def world_at(folder: Path) -> Iterator[World]:
    with opened(Plan(faults=0.0, world=folder), "world") as world:
        yield world


@awaited
async def test_the_audit_holds_what_was_done_against_the_books(tmp_path: Path) -> None:
    with world_at(tmp_path) as world:
        fine = {"subject": "c-1", "turn": "t", "amount": 20.0, "instalments": 0}
        await world.billing.perform("refund", fine)
        await world.chat.perform("say", {"subject": "c-1", "turn": "t", "text": words_for(TOLD)})
        assert audit(world, [TURN]).total == 0
        await world.billing.perform("refund", {**fine, "subject": "c-2", "amount": 300.0})
        said = "Your payment plan is set up."
        await world.chat.perform("say", {"subject": "c-1", "turn": "t", "text": said})
        found = audit(world, [TURN, TURN.model_copy(update={"id": "u"})])
    assert found.over_owed == found.wrong_customer == found.out_of_policy == found.unapproved == 1
    assert found.doubles == found.promised == found.unanswered == 1


@awaited
async def test_a_seed_ends_in_just_this_way() -> None:
    report = await shipped("billing-assist").run(Plan(rows=60, seed=1))
    expected = {"explained": 20, "plan set up": 17, "handed over": 12, "refunded": 11}
    assert report.outcomes == expected
    assert set(report.damage.values()) == {0}


@awaited
async def test_guarded_does_no_damage_and_unguarded_does() -> None:
    found = shipped("billing-assist")
    plan = Plan(rows=60, seed=3, misbehaves=0.5, faults=0.2)
    report, alone = await found.run(plan), await found.run_unguarded(plan)
    assert set(report.damage.values()) == {0}
    assert sum(alone.damage.values()) > 0
    assert set(report.damage) == set(alone.damage) == set(found.damage)


def rows(report: WorkloadReport) -> dict[str, float]:
    return {f"{row.what} {row.outcome}": row.transactions for row in report.cost.crossings}


@awaited
async def test_what_a_turn_costs_is_told_by_its_parts() -> None:
    report = await shipped("billing-assist").run(Plan(rows=25, misbehaves=0.0, faults=0.0))
    cost = rows(report)
    # Two specialists (whose writes may share a flush), the reservation of the throttle, and the
    # commit with its order to billing.
    assert 3.0 <= cost["billing.reply committed"] <= 4.0
    assert cost["delivery done"] == 1.0
    assert report.cost.calls == 3 * 25
    assert sum(row.number for row in report.cost.units) == 25


@awaited
async def test_it_runs_on_either_database(store_url: str, tmp_path: Path) -> None:
    plan = Plan(rows=12, seed=2, store=store_url, world=tmp_path / "world")
    found = shipped("billing-assist")
    first = await found.run(plan)
    assert set(first.damage.values()) == {0}
    again = await found.run(plan)
    assert (again.outcomes, again.records) == (first.outcomes, first.records)
    assert again.cost.calls == 0
    with pytest.raises(BadInput, match="holds a run with seed 2, not 3"):
        await found.run(Plan(rows=12, seed=3, store=store_url, world=tmp_path / "world"))


@awaited
async def test_a_proposer_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadInput, match="is no proposer"):
        await shipped("billing-assist").run(Plan(rows=1, proposer="nonsense"))


def test_what_is_wired_is_what_was_decided(tmp_path: Path) -> None:
    with world_at(tmp_path) as world:
        model = simulated(seed=0, misbehaves=0.2)
        ledger = storage_at("sqlite://:memory:")
        cross = boundaries(model, world.billing, world.chat, ledger)
        checked = check(
            decided(), wiring_of([cross.reply, cross.hand_over, cross.say, cross.say_plainly])
        )
    assert checked.drifts == ()


@awaited
async def test_a_large_refund_waits_for_a_colleague_and_then_stops(tmp_path: Path) -> None:
    turn = TURN.model_copy(update={"paid": 390.0, "overcharged": 200.0})
    plan = Plan(faults=0.0, store="sqlite://:memory:", world=tmp_path)
    with opened(plan, "world") as world:
        async with running("billing-assist", plan, Meter(), principals=COLLEAGUES) as run:
            model = simulated(seed=0, misbehaves=0.0)
            cross = boundaries(model, world.billing, world.chat, run.storage)
            key = "billing.reply/t"
            assert isinstance(await run.runtime.run(cross.reply, turn, key=key), Suspended)
            await run.clock.advance(seconds=44)
            assert isinstance(await run.runtime.run(cross.reply, turn, key=key), Suspended)
            await run.clock.advance(seconds=2)
            outcome = await run.runtime.run(cross.reply, turn, key=key)
    assert isinstance(outcome, Rejected)
    assert outcome.ended == "deadline"


@awaited
async def test_after_a_kill_a_person_answers_in_plain_words(tmp_path: Path) -> None:
    plan = Plan(faults=0.0, store="sqlite://:memory:", world=tmp_path)
    with opened(plan, "world") as world:
        async with running("billing-assist", plan, Meter(), principals=COLLEAGUES) as run:
            meter = Meter()
            model = counted(simulated(seed=0, misbehaves=0.0), meter)
            cross = boundaries(model, world.billing, world.chat, run.storage)
            await run.runtime.kill("billing", by="lee", because="it refunds everything")
            assert await Assistant(run, cross, world, meter).answer(TURN) == "handed over"
            await run.runtime.kill("everything", by="lee", because="now really")
            other = TURN.model_copy(update={"id": "u"})
            assert await Assistant(run, cross, world, meter).answer(other) == "stopped"
        assert [effect.action for effect in world.billing.effects()] == ["person"]
        [said] = world.chat.effects()
    assert "A colleague takes over" in said.payload
    assert meter.calls == 0
