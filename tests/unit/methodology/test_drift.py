"""Record against wiring: every part that is taken out is named, and a true record holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from workloads_told import FIRST

from signoff import Accept, Boundary, External, Transactional, Verdict, Write
from signoff.control import Approval, Escalation, Gate, KillSwitch, Supervisor, Throttle
from signoff.coordination import Delegation, Merged, Part, Saga, ScatterGather, Step
from signoff.errors import UsageError
from signoff.methodology import Checked, Workload, check, select, wiring_of
from signoff.proposers import Function
from signoff.state import Consumer, EventLog, StateMachine
from signoff.testing import Scripted


class Order(BaseModel):
    id: str


class Refund(BaseModel):
    amount: float


def small(refund: Refund, order: Order) -> Verdict:
    return Accept()


def large(refund: Refund, order: Order) -> bool:
    return refund.amount > 100


async def pay(refund: Refund, order: Order, key: str) -> str:
    return key


async def probe(key: str) -> str | None:
    return None


def book(refund: Refund, order: Order, write: Write[Order]) -> float:
    return refund.amount


def merge(parts: Mapping[str, Part], order: Order) -> Refund:
    return Refund(amount=1)


async def reserve(order: Order, key: str) -> str:
    return key


async def release(receipt: str, order: Order, key: str) -> None:
    return None


async def nothing() -> None:
    return None


PAYS = External(pay, reconcile=probe)
GATE = Gate(small)
CONTROLS = (
    KillSwitch("refunds"),
    GATE,
    Throttle(per_minute=30),
    Approval(when=large, ask="role:lead", within=timedelta(hours=1)),
    Escalation(name="budget", ask="role:desk", on_budget=True),
)


def part(name: str, **changed: Any) -> Boundary[Order, Refund, float]:
    given: dict[str, Any] = {
        "proposer": Scripted(Refund(amount=1)),
        "verifiers": [small],
        "commit": Transactional(book),
        "attempts": 1,
    }
    return Boundary(name, **given | changed)


def delegation(*controls: Any, **changed: Any) -> Delegation[Order, Refund, Any]:
    owner = part("refund", proposer=Merged(Refund), attempts=3, **{"commit": PAYS} | changed)
    return Delegation(owner.bounded_by(*controls), [part("amount")], merge=merge)


def gather() -> ScatterGather[Order, Refund]:
    return ScatterGather("rates", [part("one"), part("two")], aggregate=merge, quorum=1)


def saga() -> Saga[Order]:
    return Saga("settle", Step(reserve, undo=release, reconcile=probe))


Stage = Literal["open", "closed"]
MACHINE = StateMachine[Stage]("order", {"open": {"closed"}}, start="open")
LOG = EventLog("orders", events=(Order,))

EVERYTHING = (delegation(*CONTROLS), gather(), saga(), MACHINE)

RENEWAL_LIKE = Workload(
    **FIRST | {"peers_write": True, "partial_result_useful": True, "consequence": "financial"}
)
RECORD = select(RENEWAL_LIKE, on=date(2026, 3, 1), model="scripted")


def checked(*things: object, record: Any = RECORD) -> Checked:
    return check(record, wiring_of(things))


def codes(found: Checked, gravity: str = "drift") -> set[tuple[str, str]]:
    return {(each.code, each.where) for each in found.drifts if each.gravity == gravity}


def test_a_true_record_holds() -> None:
    found = checked(*EVERYTHING)
    assert found.drifts == ()
    assert found.holds
    declared = {each.pattern for each in found.patterns if each.declared}
    assert declared == {
        "state machine",
        "delegation",
        "scatter-gather + saga",
        "supervisor + gate",
        "kill switch",
        "escalation",
        "approval",
        "throttle",
    }


@pytest.mark.parametrize(
    ("without", "drift"),
    [
        (lambda: (delegation(*CONTROLS), gather(), saga()), ("absent", "state machine")),
        (lambda: (part("refund").bounded_by(*CONTROLS), gather(), saga(), MACHINE),
         ("absent", "delegation")),
        (lambda: (delegation(*CONTROLS), MACHINE), ("absent", "scatter-gather + saga")),
        (lambda: (delegation(*CONTROLS), gather(), MACHINE), ("absent", "saga")),
        (lambda: (delegation(*CONTROLS), saga(), MACHINE), ("absent", "scatter-gather")),
        (lambda: (delegation(*CONTROLS[:1], *CONTROLS[2:]), gather(), saga(), MACHINE),
         ("ungated", "refund")),
        (lambda: (delegation(*CONTROLS[:1], *CONTROLS[2:]), gather(), saga(), MACHINE),
         ("absent", "supervisor + gate")),
        (lambda: (delegation(*CONTROLS[:2], *CONTROLS[3:]), gather(), saga(), MACHINE),
         ("absent", "throttle")),
        (lambda: (delegation(*CONTROLS[:3], CONTROLS[4]), gather(), saga(), MACHINE),
         ("absent", "approval")),
        (lambda: (delegation(*CONTROLS[:4]), gather(), saga(), MACHINE), ("absent", "escalation")),
        (lambda: (*EVERYTHING, part("bare", verifiers=[])), ("no_verifier", "bare")),
        (lambda: (*EVERYTHING, part("bare", commit=pay).bounded_by(GATE)), ("no_commit", "bare")),
        (lambda: (delegation(*CONTROLS, commit=Transactional(book, effects=(External(pay),))),
                  gather(), saga(), MACHINE),
         ("no_commit", "refund")),
        (lambda: (delegation(*CONTROLS), gather(), Saga("settle", Step(reserve)), MACHINE),
         ("no_commit", "settle.reserve")),
        (lambda: (*EVERYTHING, part("extra", commit=PAYS)), ("ungated", "extra")),
        (lambda: (*EVERYTHING, LOG), ("undeclared", "event log")),
        (lambda: (*EVERYTHING, part("another", proposer=Function(small_refund))), None),
        (lambda: (), ("empty", "wiring")),
    ],
)  # fmt: skip
def test_what_is_taken_out_or_added_is_named(
    without: Callable[[], tuple[object, ...]], drift: tuple[str, str] | None
) -> None:
    found = checked(*without())
    if drift is None:
        assert found.holds
        return
    assert drift in codes(found)
    assert not found.holds
    assert all(each.says and each.remedy for each in found.drifts)


def small_refund(order: Order) -> Refund:
    return Refund(amount=1)


def test_a_part_is_gated_by_whoever_it_is_a_part_of() -> None:
    inner = part("amount", commit=PAYS)
    owner = part("refund", proposer=Merged(Refund), attempts=3).bounded_by(*CONTROLS)
    outer = Delegation(owner, [inner], merge=merge)
    found = checked(outer, gather(), saga(), MACHINE)
    assert found.holds
    [wired] = [each for each in found.wiring.boundaries if each.name == "amount"]
    assert wired.part_of == ("refund",)


def test_what_the_record_does_not_declare_is_drift_unless_it_only_bounds_more() -> None:
    record = select(
        Workload(
            **FIRST
            | {
                "rebuildable_from_input": True,
                "independent_subtasks": False,
                "asked_who_decided": False,
            }
        ),
        on=date(2026, 3, 1),
        model="scripted",
    )
    alone = part("refund", commit=PAYS).bounded_by(GATE)
    assert checked(alone, record=record).drifts == ()
    bounded = part("refund", commit=PAYS).bounded_by(*CONTROLS)
    more = checked(bounded, record=record)
    assert more.holds
    assert codes(more, "note") == {
        ("undeclared", "throttle"),
        ("undeclared", "approval"),
        ("undeclared", "escalation"),
    }
    for thing, pattern in (
        (MACHINE, "state machine"),
        (LOG, "event log"),
        (gather(), "scatter-gather + saga"),
    ):
        assert ("undeclared", pattern) in codes(checked(alone, thing, record=record))


def test_a_boundary_that_its_gate_alone_judges_is_named_without_failing() -> None:
    bare = delegation(*CONTROLS, verifiers=[])
    found = checked(bare, gather(), saga(), MACHINE)
    assert found.holds
    assert codes(found, "note") == {("no_verifier", "refund")}


def test_a_plane_that_is_deferred_may_be_absent() -> None:
    later = RENEWAL_LIKE.changed(deferred={"throttle": "volumes are small"})
    record = select(later, on=date(2026, 3, 1), model="scripted")
    controls = [each for each in CONTROLS if not isinstance(each, Throttle)]
    assert checked(delegation(*controls), gather(), saga(), MACHINE, record=record).holds
    [note] = checked(*EVERYTHING, record=record).drifts
    assert (note.gravity, note.where) == ("note", "throttle")
    assert "defers it" in note.says


def test_a_kill_reaches_every_boundary_so_that_the_switch_is_always_there() -> None:
    found = checked(delegation(*CONTROLS[1:]), gather(), saga(), MACHINE)
    assert found.holds


@pytest.mark.parametrize(
    ("model", "holds"),
    [
        ("scripted", True),
        ("scripted@1", False),
        ("openai:gpt-5", False),
        ("scripted, openai:gpt-5", False),
    ],
)
def test_the_model_of_the_record_is_the_one_that_is_asked(model: str, holds: bool) -> None:
    found = checked(*EVERYTHING, record=RECORD.dated(date(2026, 3, 1), model=model))
    assert found.holds is holds
    assert {code for code, _ in codes(found)} == (set() if holds else {"model"})


def test_a_version_counts_if_the_record_names_it() -> None:
    class Versioned(Scripted[Refund]):
        @property
        def fingerprint(self) -> Any:
            from signoff.ledger import Fingerprint

            return Fingerprint(model="openai:gpt-5", version="2026-02-01")

    boundary = part("refund", proposer=Versioned(Refund(amount=1)), commit=PAYS)
    things = (Delegation(part("owner", proposer=Merged(Refund)).bounded_by(*CONTROLS),
                         [boundary], merge=merge),
              saga(), ScatterGather("rates", [boundary], aggregate=merge), MACHINE)  # fmt: skip
    for model, holds in (
        ("openai:gpt-5", True),
        ("openai:gpt-5@2026-02-01", True),
        ("openai:gpt-5@2026-03-01", False),
        ("openai:gpt", False),
        ("openai", False),
    ):
        record = RECORD.dated(date(2026, 3, 1), model=model)
        assert checked(*things, record=record).holds is holds, model


@pytest.mark.parametrize("draft", [select(RENEWAL_LIKE), select(RENEWAL_LIKE, model="scripted")])
def test_a_draft_is_no_decision(draft: Any) -> None:
    assert codes(checked(*EVERYTHING, record=draft)) == {("draft", "date and model")}


def test_a_record_that_its_own_answers_do_not_select_is_outdated() -> None:
    from dataclasses import replace

    other = replace(RECORD, spine=replace(RECORD.spine, chosen=("event log",)))
    found = checked(*EVERYTHING, record=other)
    assert ("outdated", "spine") in codes(found)


# Reading the wiring


def test_the_wiring_says_what_is_there() -> None:
    consumer = Consumer("reader", LOG, through=part("read", subject=Order))
    read = wiring_of([delegation(*CONTROLS), saga(), consumer, Supervisor({"a": nothing})])
    assert [each.name for each in read.boundaries] == [
        "amount",
        "read",
        "refund",
        "settle",
        "settle.reserve",
        "settle.reserve.undo",
    ]
    refund = next(each for each in read.boundaries if each.name == "refund")
    assert refund.role == "delegation"
    assert refund.controls == ("kill switch", "gate", "throttle", "approval", "escalation")
    assert refund.effects == (("pay", "reconcilable"),)
    assert refund.verifiers == ("small",)
    assert (refund.model, read.models) == ("", ("scripted",))
    assert (read.machines, read.logs, read.supervisors) == ((), ("orders",), 1)
    undo = next(each for each in read.boundaries if each.name == "settle.reserve.undo")
    assert (undo.role, undo.part_of) == ("step", ("settle",))


def test_the_same_thing_twice_is_one() -> None:
    first = delegation(*CONTROLS)
    assert wiring_of([first, first, first.boundary]) == wiring_of([first])


def test_two_boundaries_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two different boundaries are named refund"):
        wiring_of([part("refund"), part("refund", verifiers=[])])


@pytest.mark.parametrize("thing", [7, "text", Order(id="1"), Boundary, small])
def test_what_is_nothing_of_the_kind_is_refused(thing: object) -> None:
    with pytest.raises(UsageError, match="is nothing that an application is wired from"):
        wiring_of([thing])
