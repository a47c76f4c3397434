from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bounded import PRINCIPALS
from fans import (
    HOUR,
    NEVER,
    PATIENT,
    Case,
    Decision,
    Panel,
    Score,
    decide,
    owner,
    run_past_the_deadline,
    settled,
    weigh,
)

from signoff import (
    Accept,
    Boundary,
    Budget,
    Committed,
    External,
    Reject,
    Rejected,
    Runtime,
    Suspended,
    Transactional,
    Verdict,
)
from signoff.boundary import Question, crossing_id
from signoff.control import Approval, KillSwitch, Throttle
from signoff.coordination import Delegation, Merged, ScatterGather, Specialist
from signoff.errors import StorageUnavailable, UsageError
from signoff.proposers import Function
from signoff.storage import storage_at
from signoff.testing import Scripted

TWICE = Budget(attempts=2, seconds=None)


def delegation(panel: Panel, *verifiers: Any, budget: Budget = PATIENT, **more: Any) -> Any:
    options = {"merge": weigh, "deadline": HOUR, **more}
    return Delegation(owner(*verifiers, budget=budget), panel.boundaries, **options)


def at_most_ten(decision: Decision, case: Case) -> Verdict:
    return Accept() if decision.risk <= 10 else Reject("too_risky", "ten at most")


async def committed_parts(runtime: Runtime, outcome: Any) -> dict[str, str]:
    return {name: part["state"] for name, part in outcome.parts.items()}


# Definitions


def test_a_specialist_has_no_retries_of_its_own() -> None:
    panel = Panel(a=1)
    with pytest.raises(UsageError, match=r"specialist a .* attempts=1"):
        Delegation(owner(), [panel.boundary("a", budget=Budget(attempts=2))], merge=weigh)


def test_a_delegation_that_retries_cannot_be_a_specialist() -> None:
    inner = delegation(Panel(a=1), budget=TWICE)
    with pytest.raises(UsageError, match="attempts=1"):
        Delegation(owner(), [inner], merge=weigh)


def test_two_specialists_have_two_names() -> None:
    panel = Panel(a=1)
    with pytest.raises(UsageError, match="named a"):
        Delegation(owner(), [panel.boundary("a"), panel.boundary("a")], merge=weigh)
    named = Specialist(boundary=panel.boundary("a"), name="b")
    assert len(Delegation(owner(), [panel.boundary("a"), named], merge=weigh).boundaries) == 2


class Merging:
    async def __call__(self, parts: Any, case: Case) -> Decision:
        return weigh(parts, case)


async def merging(parts: Any, case: Case) -> Decision:
    return weigh(parts, case)


@pytest.mark.parametrize("merge", [merging, Merging(), partial(merging)])
def test_a_merge_is_a_plain_function(merge: Any) -> None:
    with pytest.raises(UsageError, match="is async"):
        Delegation(owner(), Panel(a=1).boundaries, merge=merge)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"partial": "substitute"}, "specialist a has no substitute="),
        ({"partial": "ignore"}, "partial='ignore'"),
        ({"deadline": timedelta()}, "no time"),
        ({"deadline": timedelta(seconds=-1)}, "no time"),
    ],
)
def test_what_cannot_work_is_refused_at_once(more: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        delegation(Panel(a=1), **more)


def test_somebody_has_to_be_asked() -> None:
    with pytest.raises(UsageError, match="nobody is asked"):
        Delegation(owner(), [], merge=weigh)


def test_an_owner_is_not_crossed_without_its_delegation() -> None:
    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            with pytest.raises(UsageError, match="run the delegation"):
                await runtime.run(owner(), Case())

    asyncio.run(main())


def test_a_delegation_needs_a_runtime() -> None:
    thing = delegation(Panel(a=1))
    with pytest.raises(UsageError, match="asked by a runtime"):
        asyncio.run(thing(Question(subject=Case(), crossing="c")))


# What becomes of it


def test_the_merge_sees_declared_order_and_weights(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(a=1, b=2, c=3)
        arrived: list[str] = []
        second = asyncio.Event()

        async def waits(question: Question[Case]) -> int:
            await second.wait()
            return 1

        async def comes_first(question: Question[Case]) -> int:
            second.set()
            return 2

        panel.plan["a"], panel.plan["b"] = [waits], [comes_first]

        def merge(parts: Any, case: Case) -> Decision:
            arrived.extend(parts)
            return weigh(parts, case)

        heavy = Specialist(boundary=panel.boundary("b"), weight=10)
        asked = [panel.boundary("a"), heavy, panel.boundary("c")]
        thing = Delegation(owner(), asked, merge=merge)
        async with Runtime(store_url) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Committed)
            assert outcome.receipt == 1 + 20 + 3
            assert arrived == ["a", "b", "c"]
            assert outcome.parts["b"]["weight"] == 10
            assert outcome.parts["a"]["crossing"] == crossing_id("k/1/a")

    asyncio.run(main())


@pytest.mark.parametrize("missing", [NEVER, 5000, ValueError("no idea")])
def test_a_missing_answer_is_handled_as_declared(missing: Any, store_url: str) -> None:
    state = "late" if missing == NEVER else "rejected"

    async def main(partial: Any) -> Any:
        panel = Panel(a=1, b=missing)
        asked = [
            Specialist(boundary=boundary, substitute=Score(risk=40))
            for boundary in panel.boundaries
        ]
        thing = Delegation(owner(), asked, merge=weigh, partial=partial, deadline=HOUR)
        case = Case(id=partial)
        async with Runtime(store_url) as runtime:
            if missing == NEVER:
                outcome = await run_past_the_deadline(runtime, thing, case, "a", key=partial)
            else:
                outcome = await runtime.run(thing, case, key=partial)
            assert outcome.parts["a"]["state"] == "answered"
            assert outcome.parts["b"]["state"] == state
            assert await runtime.outcome(thing.boundary, partial) == outcome
            return outcome

    failed = asyncio.run(main("fail"))
    assert isinstance(failed, Rejected)
    assert failed.code == "partial"
    assert f"b {state}" in failed.rejections[-1].message
    assert asyncio.run(main("drop")).receipt == 1
    substituted = asyncio.run(main("substitute"))
    assert substituted.receipt == 41
    assert substituted.parts["b"]["substituted"] is True
    assert "substituted" not in substituted.parts["a"]


def test_dropping_everybody_leaves_nothing_to_merge() -> None:
    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            thing = delegation(Panel(a=5000, b=ValueError()), partial="drop")
            outcome = await runtime.run(thing, Case())
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.rejections[-1].message) == ("partial", "nobody answered")

    asyncio.run(main())


def test_objections_to_the_whole_reach_the_specialists(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(a=[20, 2], b=3)
        thing = delegation(panel, at_most_ten, budget=TWICE)
        async with Runtime(store_url) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Committed)
            assert (outcome.receipt, outcome.attempts) == (5, 2)
            assert panel.asked == {"a": 2, "b": 2}
            first, second = (q for name, q in panel.questions if name == "a")
            assert first.feedback == ()
            assert "too_risky" in str(second.feedback)

    asyncio.run(main())


def test_the_same_merge_after_the_same_objection_ends_it() -> None:
    async def main() -> None:
        panel = Panel(a=20)
        thing = delegation(panel, at_most_ten, budget=Budget(attempts=5, seconds=None))
        async with Runtime("sqlite://:memory:") as runtime:
            outcome = await runtime.run(thing, Case())
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "no_progress"
            assert panel.asked["a"] == 2

    asyncio.run(main())


def test_a_merge_that_raises_is_an_objection_with_its_parts_and_costs() -> None:
    def fails(parts: Any, case: Case) -> Decision:
        raise ZeroDivisionError("by zero")

    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            thing = delegation(Panel(usd=0.25, a=1), merge=fails)
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Rejected)
            assert outcome.code == "merge_failed"
            assert "fails raised ZeroDivisionError: by zero" in str(outcome.rejections[-1])
            assert outcome.parts["a"]["state"] == "answered"
            recorded = await runtime.ledger.crossing(crossing_id("k"))
            assert recorded is not None
            assert recorded.state["usage"]["usd"] == 0.25

    asyncio.run(main())


@pytest.mark.parametrize("returned", [Score(risk=1), None, 3, "risk 3", {"risk": 1}])
def test_a_merge_of_another_type_is_no_proposal(returned: Any) -> None:
    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            thing = delegation(Panel(a=1), merge=lambda parts, case: returned)
            outcome = await runtime.run(thing, Case())
            assert isinstance(outcome, Rejected)
            assert outcome.code == "malformed"

    asyncio.run(main())


def test_a_merge_that_has_to_be_awaited_is_a_mistake() -> None:
    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            thing = delegation(Panel(a=1), merge=lambda parts, case: merging(parts, case))
            with pytest.raises(UsageError, match="has to be awaited"):
                await runtime.run(thing, Case())

    asyncio.run(main())


# Late, waiting, killed, in doubt


def test_a_late_answer_is_not_heard(store_url: str) -> None:
    """Even of one that will not be stopped, and commits its answer after the deadline."""

    async def main() -> None:
        begun, stopped = asyncio.Event(), asyncio.Event()

        async def stubborn(question: Question[Case]) -> int:
            begun.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            stopped.set()
            return 100

        panel = Panel(a=1, b=stubborn)
        thing = delegation(panel, partial="drop")
        async with Runtime(store_url) as runtime:
            outcome = await run_past_the_deadline(runtime, thing, Case(), "a", once=begun.is_set)
            assert stopped.is_set()
            assert await settled(runtime, "k/1/b") == "committed"
            assert outcome.receipt == 1
            assert outcome.parts["b"] == {"state": "late", "code": "late"}
        async with Runtime(store_url) as runtime:
            assert await runtime.run(thing, Case(), key="k") == outcome
        assert panel.asked == {"a": 1, "b": 1}

    asyncio.run(main())


def test_the_owner_s_budget_is_a_deadline_too() -> None:
    async def main() -> None:
        panel = Panel(a=1, b=NEVER)
        budget = Budget(attempts=1, seconds=60)
        thing = delegation(panel, partial="drop", budget=budget, deadline=None)
        async with Runtime("sqlite://:memory:") as runtime:
            outcome = await run_past_the_deadline(runtime, thing, Case(), "a", seconds=59.5)
            assert isinstance(outcome, Committed)
            assert outcome.parts["b"]["state"] == "late"

    asyncio.run(main())


def test_a_specialist_may_wait_for_a_person_and_is_not_asked_again(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(a=1, b=2)
        approval: Any = Approval(ask="role:lead", within=HOUR)
        asked = [panel.boundary("a"), panel.boundary("b").bounded_by(approval)]
        thing = Delegation(owner(budget=TWICE), asked, merge=weigh)
        async with Runtime(store_url, principals=PRINCIPALS) as runtime:
            outcome = await runtime.run(thing, Case(), key="k", principal="omar")
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "stop"
            assert outcome.parts["b"]["state"] == "waiting"
            assert panel.asked == {"a": 1, "b": 1}
            ticket = await runtime.outcome(asked[1], "k/1/b")
            assert isinstance(ticket, Suspended)
            # On whose behalf the whole runs, its parts run.
            recorded = await runtime.ledger.crossing(crossing_id("k/1/b"))
            assert recorded is not None
            assert recorded.state["waiting"]["principal"] == "omar"
            answered = await runtime.approve(ticket.ticket, by="dana", because="it is fine")
            assert isinstance(answered, Committed)
            assert await runtime.run(thing, Case(), key="k") == outcome

    asyncio.run(main())


def test_an_owner_that_waits_for_a_person_keeps_its_parts(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(a=1, b=ValueError())
        approval: Any = Approval(ask="role:lead", within=HOUR)
        bounded = owner().bounded_by(approval)
        thing = Delegation(bounded, panel.boundaries, merge=weigh, partial="drop")
        async with Runtime(store_url, principals=PRINCIPALS) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Suspended)
        async with Runtime(store_url, principals=PRINCIPALS, knows=[thing.boundary]) as runtime:
            done = await runtime.approve(outcome.ticket, by="dana", because="it is fine")
            assert isinstance(done, Committed)
            assert await committed_parts(runtime, done) == {"a": "answered", "b": "rejected"}
        assert panel.asked == {"a": 1, "b": 1}

    asyncio.run(main())


def test_a_killed_specialist_has_no_answer(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(a=1, b=2)
        switch: Any = KillSwitch("experts")
        asked = [panel.boundary("a"), panel.boundary("b").bounded_by(switch)]
        thing = Delegation(owner(), asked, merge=weigh, partial="drop")
        async with Runtime(store_url, principals=PRINCIPALS, knows=[thing.boundary]) as runtime:
            await runtime.kill("experts", by="dana", because="a drill")
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Committed)
            assert outcome.parts["b"]["code"] == "killed"
            assert panel.asked == {"a": 1}

    asyncio.run(main())


def test_a_kill_stops_the_whole_before_anybody_is_asked() -> None:
    async def main() -> None:
        panel = Panel(a=1)
        thing = delegation(panel)
        async with Runtime("sqlite://:memory:", principals=PRINCIPALS) as runtime:
            await runtime.kill("everything", by="dana", because="a drill")
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "halted"
            assert not panel.asked
            await runtime.lift("everything", by="dana", because="over")
            assert isinstance(await runtime.run(thing, Case(), key="k"), Committed)

    asyncio.run(main())


def test_an_effect_in_doubt_is_not_tried_again(store_url: str) -> None:
    async def main() -> None:
        tried: list[str] = []

        async def order(score: Score, case: Case, key: str) -> str:
            tried.append(key)
            raise ConnectionError

        panel = Panel(a=1, b=2)
        asked = [panel.boundary("a"), panel.boundary("b", commit=External(order, tries=1))]
        thing = Delegation(owner(budget=TWICE), asked, merge=weigh)
        async with Runtime(store_url) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Rejected)
            assert (outcome.ended, outcome.parts["b"]["state"]) == ("stop", "unknown")
            assert tried == ["k/1/b"]

    asyncio.run(main())


def test_a_commit_that_raises_and_one_that_is_cancelled_from_within_failed() -> None:
    def breaks(score: Score, case: Case, write: Any) -> Score:
        raise RuntimeError("a bug")

    async def gives_up(question: Question[Case]) -> int:
        raise asyncio.CancelledError

    async def main() -> None:
        panel = Panel(a=1, b=2, c=gives_up)
        asked = [
            panel.boundary("a"),
            panel.boundary("b", commit=Transactional(breaks)),
            panel.boundary("c"),
        ]
        thing = Delegation(owner(), asked, merge=weigh, partial="drop")
        async with Runtime("sqlite://:memory:") as runtime:
            outcome = await runtime.run(thing, Case())
            assert isinstance(outcome, Committed)
            assert {name: part["state"] for name, part in outcome.parts.items()} == {
                "a": "answered", "b": "failed", "c": "failed",
            }  # fmt: skip

    asyncio.run(main())


# Within one another, and with what surrounds them


def test_specialists_may_be_delegations_and_gathers(store_url: str) -> None:
    async def main() -> None:
        panel = Panel(usd=0.5, a=1, b=2, c=3, d=4)

        def total(parts: Any, case: Case) -> int:
            return sum(part.value.risk for part in parts.values())

        gather = ScatterGather("peers", panel.boundaries[:2], aggregate=total)
        inner_owner = Boundary(
            "inner",
            proposer=Merged(Decision),
            verifiers=[],
            commit=Transactional(decide),
            attempts=1,
        )
        inner = Delegation(inner_owner, panel.boundaries[2:], merge=weigh)

        def sums(parts: Any, case: Case) -> Decision:
            return Decision(risk=sum(part.value for part in parts.values()), by=list(parts))

        thing = Delegation(owner(), [gather, inner], merge=sums)
        async with Runtime(store_url) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Committed)
            assert outcome.receipt == 10
            again = await runtime.outcome(gather.boundary, "k/1/peers")
            assert isinstance(again, Committed)
            assert await committed_parts(runtime, again) == {"a": "answered", "b": "answered"}
            recorded = await runtime.ledger.crossing(crossing_id("k"))
            assert recorded is not None
            assert recorded.state["usage"] == {"tokens_in": 40, "tokens_out": 4, "usd": 2.0}
            assert (await runtime.ledger.verify()).faults == ()
        assert set(panel.asked.values()) == {1}

    asyncio.run(main())


def test_budgets_and_throttles_see_what_the_specialists_cost() -> None:
    async def main() -> None:
        panel = Panel(usd=0.4, a=ValueError(), b=[20, 20, 1])
        panel.plan["a"] = [1]
        thing = delegation(panel, at_most_ten, budget=Budget(attempts=9, usd=0.8, seconds=None))
        async with Runtime("sqlite://:memory:") as runtime:
            outcome = await runtime.run(thing, Case(id="1"), key="k")
            assert isinstance(outcome, Rejected)
            assert (outcome.ended, outcome.attempts) == ("budget", 1)
        throttle: Any = Throttle(per_day_usd=1.0, usd_each=0.8)
        bounded = Delegation(owner().bounded_by(throttle), Panel(usd=0.4, a=1, b=2).boundaries,
                             merge=weigh)  # fmt: skip
        async with Runtime("sqlite://:memory:") as runtime:
            assert isinstance(await runtime.run(bounded, Case(id="1")), Committed)
            outcome = await runtime.run(bounded, Case(id="2"))
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "halted"

    asyncio.run(main())


def test_what_rejected_specialists_cost_is_counted_too() -> None:
    async def main() -> None:
        thing = delegation(Panel(usd=0.5, a=1, b=5000))
        async with Runtime("sqlite://:memory:") as runtime:
            assert isinstance(await runtime.run(thing, Case(), key="k"), Rejected)
            recorded = await runtime.ledger.crossing(crossing_id("k"))
            assert recorded is not None
            assert recorded.state["usage"]["usd"] == 1.0

    asyncio.run(main())


def test_an_owner_may_act_outside(store_url: str) -> None:
    async def main() -> None:
        sent: list[str] = []

        async def send(decision: Decision, case: Case, key: str) -> str:
            sent.append(key)
            return key

        thing = Delegation(
            owner(commit=External(send, idempotent=True)), Panel(a=1).boundaries, merge=weigh
        )
        async with Runtime(store_url) as runtime:
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Committed)
            assert await committed_parts(runtime, outcome) == {"a": "answered"}
            assert await runtime.run(thing, Case(), key="k") == outcome
        assert sent == ["k"]

    asyncio.run(main())


def test_a_store_that_fails_spends_no_attempt(sqlite_url: str) -> None:
    """What had been answered is kept, and the same run again asks only the others."""
    broken = False

    def fault(statement: str) -> None:
        if broken and statement == "begin":
            raise StorageUnavailable("the disk is gone")

    async def main() -> None:
        nonlocal broken

        async def breaks(question: Question[Case]) -> int:
            nonlocal broken
            await settled(runtime, "k/1/a")
            broken = True
            return 2

        panel = Panel(a=1, b=[breaks, 2])
        thing = delegation(panel, budget=TWICE)
        async with Runtime(storage_at(sqlite_url, fault_point=fault)) as runtime:
            with pytest.raises(StorageUnavailable):
                await runtime.run(thing, Case(), key="k")
            broken = False
            outcome = await runtime.run(thing, Case(), key="k")
            assert isinstance(outcome, Committed)
            assert outcome.attempts == 1
        assert panel.asked == {"a": 1, "b": 2}

    asyncio.run(main())


def test_two_callers_at_once_ask_everybody_once() -> None:
    async def main() -> None:
        panel = Panel(a=1, b=2)
        thing = delegation(panel)
        async with Runtime("sqlite://:memory:") as runtime:
            one, other = await asyncio.gather(
                runtime.run(thing, Case(), key="k"), runtime.run(thing, Case(), key="k")
            )
            assert one == other
        assert panel.asked == {"a": 1, "b": 1}

    asyncio.run(main())


def test_a_model_s_fingerprint_is_part_of_the_delegation_s() -> None:
    def by(model: str) -> Any:
        async def answer(question: Question[Case]) -> Score:
            return Score(risk=1)

        boundary = Panel(a=1).boundary("a")
        return boundary.proposed_by(Function(answer, proposes=Score, name=model))

    one, other = (Delegation(owner(), [by(name)], merge=weigh) for name in ("m1", "m2"))
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == Delegation(owner(), [by("m1")], merge=weigh).fingerprint
    assert Delegation(owner(), [one], merge=weigh).fingerprint != one.fingerprint
    assert Scripted(Score(risk=1)).fingerprint != one.fingerprint
