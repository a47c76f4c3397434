"""Every way to get a yes that nobody gave: refused, and on the ledger."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bounded import (
    PRINCIPALS,
    YES,
    Order,
    Price,
    asked,
    bodies,
    running,
    selling,
    ship,
    types,
)
from stores import opened

from signoff import Accept, Committed, Reject, Rejected, Runtime, Suspended
from signoff.boundary import Ticket, digest_of
from signoff.clock import stamp
from signoff.control import Answer, Approval, Escalation, Gate, Refusal, Throttle, answer
from signoff.errors import NotAllowed, NotRegistered, UsageError
from signoff.state import StateMachine
from signoff.storage import Storage
from signoff.testing import FakeClock, Scripted

HOUR = timedelta(hours=1)


def approving(*controls: Any, **more: Any) -> Any:
    """A boundary that asks a lead about everything."""
    options = {"ask": "role:lead", "within": HOUR, **more}
    return selling(7).bounded_by(*controls, Approval(**options))


async def waits(runtime: Runtime, boundary: Any, id: str = "a", **more: Any) -> Ticket:
    outcome = await runtime.run(boundary, Order(id=id), **more)
    assert isinstance(outcome, Suspended)
    return outcome.ticket


async def refused(runtime: Runtime, answering: Awaitable[Any], code: str) -> None:
    """The answer is refused with this code, says the ledger too, and nothing commits by it."""
    before = await bodies(runtime, "answerrefused")
    commits = len(await bodies(runtime, "committed"))
    with pytest.raises(NotAllowed) as refusal:
        await answering
    assert refusal.value.code == code
    after = await bodies(runtime, "answerrefused")
    assert [told["code"] for told in after[len(before) :]] == [code]
    assert after[-1]["by"]
    assert after[-1]["because"]
    assert len(await bodies(runtime, "committed")) == commits


def execute(url: str, sql: str) -> None:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute(sql.replace("signoff.", "signoff_"))
    else:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(sql)


def tried(scenario: Callable[[Runtime, Any], Awaitable[None]], url: str, *knows: Any) -> None:
    async def main() -> None:
        async with running(url, *knows) as runtime:
            await scenario(runtime, runtime.clock)

    asyncio.run(main())


# Too often, too late


def test_a_ticket_is_good_for_one_answer(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        assert isinstance(await runtime.approve(ticket, by="omar", **YES), Committed)
        await refused(runtime, runtime.approve(ticket, by="omar", **YES), "answered")
        await refused(runtime, runtime.approve(ticket, by="dana", **YES), "answered")
        await refused(runtime, runtime.deny(ticket, by="dana", **YES), "answered")
        await refused(runtime, runtime.edit(ticket, Price(price=1), by="eve", **YES), "answered")
        assert (await types(runtime, "a")).count("committed") == 1

    tried(scenario, store_url)


def test_a_no_stays_a_no(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        boundary = approving()
        ticket = await waits(runtime, boundary)
        denied = await runtime.deny(ticket, by="omar", because="too dear")
        assert isinstance(denied, Rejected)
        assert (denied.ended, denied.rejections[-1].message) == ("denied", "too dear")
        await refused(runtime, runtime.approve(ticket, by="dana", **YES), "answered")
        assert await runtime.run(boundary, Order(id="a")) == denied

    tried(scenario, store_url)


def test_after_its_time_nothing_counts(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        clock._now += HOUR  # its time is over, and nobody has seen to it yet
        for late in (
            runtime.approve(ticket, by="omar", **YES),
            runtime.edit(ticket, Price(price=1), by="omar", **YES),
            runtime.deny(ticket, by="omar", **YES),
        ):
            await refused(runtime, late, "expired")
        await runtime.drain()
        await refused(runtime, runtime.approve(ticket, by="omar", **YES), "answered")

    tried(scenario, store_url)


def test_a_moment_before_it_counts(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        await clock.advance(seconds=HOUR.total_seconds() - 1e-6)
        assert isinstance(await runtime.approve(ticket, by="omar", **YES), Committed)

    tried(scenario, store_url)


# By the wrong one


@pytest.mark.parametrize("who", ["ike", "mallory", "role:lead", "signoff", "deadline", "lead"])
def test_only_who_was_asked_may_answer(store_url: str, who: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        await refused(runtime, runtime.approve(ticket, by=who, **YES), "no_role")
        await refused(runtime, runtime.edit(ticket, Price(price=1), by=who, **YES), "no_role")
        await refused(runtime, runtime.deny(ticket, by=who, **YES), "no_role")
        assert isinstance(await runtime.approve(ticket, by="omar", **YES), Committed)

    tried(scenario, store_url)


@pytest.mark.parametrize("principal", ["omar", {"id": "omar"}])
def test_under_four_eyes_whoever_asked_for_it_may_not_approve_it(
    store_url: str, principal: Any
) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving(four_eyes=True), principal=principal)
        await refused(runtime, runtime.approve(ticket, by="omar", **YES), "four_eyes")
        assert isinstance(await runtime.approve(ticket, by="dana", **YES), Committed)

    tried(scenario, store_url)


def test_under_four_eyes_nor_may_who_wrote_it_however_often_it_is_asked_anew(
    store_url: str,
) -> None:
    moves = {"open": {"sold"}, "sold": set[str]()}
    machine = StateMachine("order", moves, start="open", subject=Order)

    async def scenario(runtime: Runtime, clock: Any) -> None:
        boundary = approving(four_eyes=True)
        handle = await runtime.start(machine, Order(id="a"))
        outcome: Any = await runtime.advance(
            handle, "sold", through=boundary, principal="omar", key="k"
        )
        outcome = await runtime.edit(outcome.ticket, Price(price=8), by="dana", **YES)
        assert isinstance(outcome, Suspended)
        await refused(runtime, runtime.approve(outcome.ticket, by="dana", **YES), "four_eyes")
        await refused(runtime, runtime.approve(outcome.ticket, by="omar", **YES), "four_eyes")
        # The world moves; the question is asked anew, about the same words of dana's.
        await runtime.change(handle, lambda order: order, because="the world moved")
        stale = runtime.approve(outcome.ticket, by="eve", **YES)
        await refused(runtime, stale, "stale_version")
        await runtime.drain()
        outcome = await runtime.outcome(boundary, "k")
        assert isinstance(outcome, Suspended)
        await refused(runtime, runtime.approve(outcome.ticket, by="dana", **YES), "four_eyes")
        await refused(runtime, runtime.approve(outcome.ticket, by="omar", **YES), "four_eyes")
        done = await runtime.approve(outcome.ticket, by="eve", **YES)
        assert isinstance(done, Committed)
        assert done.receipt == 8
        assert asked(boundary) == 1

    tried(scenario, store_url, machine)


# For something else


def test_a_ticket_that_was_never_given_out(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        for forged in ("", "x", ticket.id + "0", ticket.id[:-1] + "2", "'; DROP TABLE x; --"):
            await refused(runtime, runtime.approve(forged, by="dana", **YES), "no_such_ticket")
            forgery = replace(ticket, id=forged)
            await refused(runtime, runtime.approve(forgery, by="dana", **YES), "no_such_ticket")

    tried(scenario, store_url)


def test_a_ticket_that_shows_something_else(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        other = replace(ticket, digest="0" * 64)
        await refused(runtime, runtime.approve(other, by="omar", **YES), "other_proposal")
        changed = runtime.edit(other, Price(price=1), by="omar", **YES)
        await refused(runtime, changed, "other_proposal")

    tried(scenario, store_url)


def test_a_proposal_that_was_exchanged_in_the_ticket(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        execute(store_url, """UPDATE signoff.tickets SET body = replace(body, ':7', ':99')""")
        await refused(runtime, runtime.approve(ticket, by="omar", **YES), "other_proposal")
        await refused(runtime, runtime.approve(ticket.id, by="omar", **YES), "other_proposal")
        assert isinstance(await runtime.deny(ticket, by="omar", **YES), Rejected)

    tried(scenario, store_url)


@pytest.mark.parametrize("table", ["tickets", "crossings"])
def test_a_proposal_or_digest_that_was_exchanged_somewhere(store_url: str, table: str) -> None:
    """An answer that was accepted is checked again by the crossing that it is for."""

    async def scenario(runtime: Runtime, clock: Any) -> None:
        boundary = approving()
        ticket = await waits(runtime, boundary)
        if table == "tickets":
            forged = digest_of({"price": 99, "usd": 0.0})
            execute(
                store_url,
                "UPDATE signoff.tickets SET body = "
                f"replace(replace(body, ':7', ':99'), '{ticket.digest}', '{forged}')",
            )
        else:
            execute(store_url, "UPDATE signoff.crossings SET state = replace(state, ':7', ':99')")
        outcome = await runtime.approve(ticket.id, by="omar", **YES)
        assert isinstance(outcome, Suspended), "nobody has said yes to what waits"
        assert outcome.ticket.id != ticket.id
        (told,) = await bodies(runtime, "answerrefused")
        assert told["code"] == "other_proposal"
        assert await bodies(runtime, "committed") == []

    tried(scenario, store_url)


# For another world


@pytest.mark.parametrize("waits_in", [None, "asking"])
@pytest.mark.parametrize("how", ["change", "move"])
def test_after_the_subject_went_on(store_url: str, how: str, waits_in: str | None) -> None:
    moves = {
        "open": {"asking", "sold", "late"},
        "asking": {"sold", "late"},
        "late": {"sold", "asking"},
        "sold": set[str](),
    }
    machine = StateMachine("order", moves, start="open", subject=Order)

    async def scenario(runtime: Runtime, clock: Any) -> None:
        boundary = approving()
        handle = await runtime.start(machine, Order(id="a"))
        more = {"through": boundary, "key": "k"}
        outcome = await runtime.advance(handle, "sold", waits_in=waits_in, **more)
        assert isinstance(outcome, Suspended)
        assert handle.state == (waits_in or "open")
        if how == "change":
            await runtime.change(handle, lambda order: order, because="the world moved")
        else:
            assert await runtime.move(handle, "late", because="the world moved")
        stale = runtime.approve(outcome.ticket, by="omar", **YES)
        await refused(runtime, stale, "stale_version")
        await refused(runtime, runtime.approve(outcome.ticket, by="omar", **YES), "answered")
        await runtime.drain()
        anew = await runtime.outcome(boundary, "k")
        assert isinstance(anew, Suspended), "it was judged anew, and asks anew"
        assert anew.ticket.id != outcome.ticket.id
        assert isinstance(await runtime.approve(anew.ticket, by="omar", **YES), Committed)
        assert handle.state == "sold"
        assert asked(boundary) == 1

    tried(scenario, store_url, machine)


POLICY = """
policy: p
version: "{version}"
default: allow
rules:
  - id: r
    code: dear
    then: stop
    when: proposal.price > {most}
    message: "too dear"
"""


@pytest.mark.parametrize("most", [100, 5])
@pytest.mark.parametrize("announced", [True, False])
def test_after_the_policy_changed(
    store_url: str, tmp_path: Path, most: int, announced: bool
) -> None:
    pytest.importorskip("cel_expr_python")
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.format(version="1", most=50))
    gate = Gate(path)

    async def scenario(runtime: Runtime, clock: Any) -> None:
        boundary = approving(gate)
        ticket = await waits(runtime, boundary)
        path.write_text(POLICY.format(version="2", most=most))
        gate.reload()
        if announced:
            await waits(runtime, boundary, "another") if most > 7 else await runtime.run(
                boundary, Order(id="another")
            )
        await refused(runtime, runtime.approve(ticket, by="omar", **YES), "policy_changed")
        await runtime.drain()
        anew = await runtime.outcome(boundary, "order.sell/a")
        if most == 5:
            assert isinstance(anew, Rejected), "the new policy says no"
            return
        assert isinstance(anew, Suspended)
        assert isinstance(await runtime.approve(anew.ticket, by="omar", **YES), Committed)

    tried(scenario, store_url)


def test_what_was_agreed_to_before_the_policy_changed_is_asked_again(
    store_url: str, tmp_path: Path
) -> None:
    pytest.importorskip("cel_expr_python")
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.format(version="1", most=50))
    gate = Gate(path)
    second = Approval(ask="role:boss", within=HOUR)

    async def scenario(runtime: Runtime, clock: Any) -> None:
        boundary = approving(gate).bounded_by(second)
        ticket = await waits(runtime, boundary)
        outcome: Any = await runtime.approve(ticket, by="omar", **YES)
        assert outcome.ticket.ask == "role:boss"
        path.write_text(POLICY.format(version="2", most=50))
        gate.reload()
        await refused(runtime, runtime.approve(outcome.ticket, by="eve", **YES), "policy_changed")
        await runtime.drain()
        outcome = await runtime.outcome(boundary, "order.sell/a")
        assert outcome.ticket.ask == "role:lead", "the first yes was for the old policy, too"

    tried(scenario, store_url)


def test_a_yes_that_was_halted_is_not_good_for_a_policy_that_came_meanwhile(
    store_url: str, tmp_path: Path
) -> None:
    pytest.importorskip("cel_expr_python")
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.format(version="1", most=50))
    gate = Gate(path)

    async def scenario(runtime: Runtime, clock: Any) -> None:
        throttle = Throttle(per_minute=1, name="both")
        boundary = approving(throttle, gate)
        ticket = await waits(runtime, boundary)
        await runtime.run(selling(1, name="other").bounded_by(throttle), Order(id="b"))
        outcome: Any = await runtime.approve(ticket, by="omar", **YES)
        assert isinstance(outcome, Rejected)
        assert outcome.code == "throttled"
        path.write_text(POLICY.format(version="2", most=50))
        gate.reload()
        await clock.advance(minutes=3)
        outcome = await runtime.outcome(boundary, "order.sell/a")
        assert isinstance(outcome, Suspended)
        assert outcome.ticket.id != ticket.id
        (told,) = await bodies(runtime, "answerrefused")
        assert told["code"] == "policy_changed"

    tried(scenario, store_url)


# At the same time


def test_of_two_reviewers_at_once_one_is_too_late(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        for n in range(10):
            ticket = await waits(runtime, approving(), f"{n}")
            answers = await asyncio.gather(
                runtime.approve(ticket, by="omar", **YES),
                runtime.approve(ticket, by="dana", **YES),
                runtime.deny(ticket, by="eve", **YES),
                return_exceptions=True,
            )
            late = [each for each in answers if isinstance(each, NotAllowed)]
            assert [each.code for each in late] == ["answered", "answered"]
            assert (await types(runtime, f"{n}")).count("resumed") == 1
            assert (await types(runtime, f"{n}")).count("answerrefused") == 2

    tried(scenario, store_url)


def test_nor_from_two_consoles_at_once(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        async with (
            opened(store_url, exclusive=False) as one,
            opened(store_url, exclusive=False) as two,
        ):

            async def say(storage: Storage, id: str, kind: Any, by: str) -> Any:
                said = Answer(kind=kind, by=by, because="of it")
                return await storage.transact(
                    lambda tx: answer(tx, id, said, PRINCIPALS, clock.now())
                )

            boundary = approving()
            for n in range(10):
                ticket = await waits(runtime, boundary, f"{n}")
                said = await asyncio.gather(
                    say(one, ticket.id, "approve", "omar"), say(two, ticket.id, "deny", "eve")
                )
                assert sum(isinstance(each, Refusal) for each in said) == 1
                await runtime.drain()
                ended = await runtime.outcome(boundary, f"order.sell/{n}")
                assert isinstance(ended, Rejected if isinstance(said[0], Refusal) else Committed)
                assert (await types(runtime, f"{n}")).count("resumed") == 1

    tried(scenario, store_url)


def test_two_processes_that_go_on_with_one_answer_commit_once(postgres_database: str) -> None:
    """The one that was told yes waits for the one whose worker was faster."""

    async def main() -> None:
        clock = FakeClock()
        started, finish = asyncio.Event(), asyncio.Event()

        async def ship_slowly(offer: Price, order: Order, key: str) -> str:
            started.set()
            await finish.wait()
            return await ship(offer, order, key)

        approval = Approval(ask="role:lead", within=HOUR)
        boundary = selling(7, commit=ship_slowly).bounded_by(approval)
        async with (
            running(postgres_database, boundary, clock=clock) as one,
            running(postgres_database, boundary, clock=clock) as two,
        ):
            ticket = await waits(one, boundary)
            said = one._said

            async def said_and_then(*args: Any) -> Any:
                row = await said(*args)
                asyncio.get_running_loop().call_later(0.2, finish.set)
                working.append(asyncio.create_task(two.drain()))
                await started.wait()
                return row

            working: list[asyncio.Task[int]] = []
            one._said = said_and_then  # type: ignore[method-assign, assignment]
            outcome = await one.approve(ticket, by="omar", **YES)
            await asyncio.gather(*working)
            assert isinstance(outcome, Committed)
            assert outcome.receipt == "shipped for 7"
            assert (await types(one, "a")).count("intended") == 1
            assert await one.ledger.pending() == []

    asyncio.run(main())


def test_a_process_that_was_still_asking_does_not_undo_an_answer(postgres_database: str) -> None:
    async def main() -> None:
        async with running(postgres_database) as one, running(postgres_database) as two:
            boundary = approving()
            tickets: list[Ticket] = []

            async def meanwhile(question: Any) -> Price:
                tickets.append(await waits(two, boundary))
                said = Answer(kind="approve", by="omar", because="fine")
                async with opened(postgres_database, exclusive=False) as console:
                    now = two.clock.now()
                    await console.transact(
                        lambda tx: answer(tx, tickets[0].id, said, PRINCIPALS, now)
                    )
                return Price(price=50)

            slow = boundary.proposed_by(Scripted(meanwhile, proposes=Price))
            outcome = await one.run(slow, Order(id="a"))
            assert isinstance(outcome, Committed)
            assert outcome.receipt == 7, "what the person has seen"
            (row,) = await one.ledger.tickets_of("a")
            assert row.status == "approved"
            await refused(one, one.approve(tickets[0], by="dana", **YES), "answered")

    asyncio.run(main())


# Past another control


def test_not_past_a_kill_and_the_ticket_stays(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        await runtime.kill("order.sell", by="dana", because="a drill")
        await refused(runtime, runtime.approve(ticket, by="omar", **YES), "killed")
        edit = runtime.edit(ticket, Price(price=1), by="omar", **YES)
        await refused(runtime, edit, "killed")
        await runtime.lift("order.sell", by="dana", because="over")
        assert isinstance(await runtime.approve(ticket, by="omar", **YES), Committed)

    tried(scenario, store_url)


def test_not_past_a_kill_that_comes_between_the_answer_and_the_commit(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        boundary = approving()
        ticket = await waits(runtime, boundary)
        said = Answer(kind="approve", by="omar", because="fine")
        async with opened(store_url, exclusive=False) as console:
            await console.transact(lambda tx: answer(tx, ticket.id, said, PRINCIPALS, clock.now()))
        await runtime.kill("everything", by="dana", because="a drill")
        await clock.advance(minutes=20)
        assert await bodies(runtime, "committed") == []
        await runtime.lift("everything", by="dana", because="over")
        await clock.advance(minutes=1)
        assert isinstance(await runtime.outcome(boundary, "order.sell/a"), Committed)
        assert await runtime.ledger.pending() == []
        assert asked(boundary) == 1

    tried(scenario, store_url)


def test_not_past_a_second_approval_nor_by_the_same_yes(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        boundary = approving().bounded_by(Approval(ask="role:boss", within=HOUR))
        first = await waits(runtime, boundary)
        outcome = await runtime.approve(first, by="omar", **YES)
        assert isinstance(outcome, Suspended)
        assert outcome.ticket.ask == "role:boss"
        await refused(runtime, runtime.approve(outcome.ticket, by="omar", **YES), "no_role")
        await refused(runtime, runtime.approve(first, by="omar", **YES), "answered")
        assert isinstance(await runtime.approve(outcome.ticket, by="eve", **YES), Committed)

    tried(scenario, store_url)


@pytest.mark.parametrize("then", ["stop", "revise", "escalate"])
def test_not_past_a_gate(store_url: str, then: Any) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        allowed = True

        def rule(offer: Price, order: Order) -> Any:
            return Accept() if allowed else Reject("closed", "not any more", then=then)

        boundary = approving(Gate(rule))
        ticket = await waits(runtime, boundary)
        allowed = False
        outcome = await runtime.approve(ticket, by="omar", **YES)
        assert isinstance(outcome, Suspended), "whoever said yes decides again, knowing why"
        assert "not any more" in outcome.ticket.because
        assert await bodies(runtime, "committed") == []

    tried(scenario, store_url)


def test_not_past_a_verifier_that_said_stop(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        outcome: Any = await runtime.edit(ticket, Price(price=500), by="omar", **YES)
        assert isinstance(outcome, Suspended)
        again = await runtime.approve(outcome.ticket, by="omar", **YES)
        assert isinstance(again, Suspended)
        assert await bodies(runtime, "committed") == []

    tried(scenario, store_url)


# And what a person may do


def test_after_a_restart_every_ticket_is_there_and_can_be_answered(store_url: str) -> None:
    boundary = approving()

    async def main() -> None:
        clock = FakeClock()
        async with running(store_url, clock=clock) as runtime:
            tickets = [await waits(runtime, boundary, f"{n}") for n in range(6)]
        async with running(store_url, boundary, clock=clock) as runtime:
            there = [row.id async for row in runtime.ledger.tickets("open")]
            assert sorted(there) == sorted(ticket.id for ticket in tickets)
            for n, ticket in enumerate(tickets):
                assert await waits(runtime, boundary, f"{n}") == ticket
            for ticket in tickets[:3]:
                assert isinstance(await runtime.approve(ticket, by="omar", **YES), Committed)
            for ticket in tickets[3:]:
                assert isinstance(await runtime.deny(ticket.id, by="omar", **YES), Rejected)
            assert asked(boundary) == 6
            assert await runtime.ledger.pending() == []

    asyncio.run(main())


def test_an_escalation_without_any_control_can_be_approved(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        def odd(offer: Price, order: Order) -> Any:
            return Reject("odd", "a person decides", then="escalate")

        ticket = await waits(runtime, selling(7, verifiers=[odd]))
        assert ticket.ask == "role:operator"
        assert ticket.digest
        assert isinstance(await runtime.approve(ticket, by="dana", **YES), Committed)

    tried(scenario, store_url)


def test_a_process_that_does_not_know_the_boundary_leaves_the_ticket_alone(store_url: str) -> None:

    async def main() -> None:
        clock = FakeClock()
        boundary = approving()
        async with running(store_url, clock=clock) as runtime:
            ticket = await waits(runtime, boundary)
        async with running(store_url, clock=clock) as runtime:
            with pytest.raises(NotRegistered):
                await runtime.approve(ticket, by="omar", **YES)
            runtime.know(boundary)
            assert isinstance(await runtime.approve(ticket, by="omar", **YES), Committed)

    asyncio.run(main())


def test_a_ticket_about_a_crossing_is_not_about_work(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        ticket = await waits(runtime, approving())
        for verb in (runtime.retry, runtime.drop):
            with pytest.raises(UsageError, match="approve, edit or deny"):
                await verb(ticket.id, by="omar", because="by the other door")
        assert isinstance(await runtime.approve(ticket, by="omar", **YES), Committed)

    tried(scenario, store_url)


def test_an_edit_is_asked_about_again_where_four_eyes_are_needed_and_else_is_a_yes(
    store_url: str,
) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        plain = await waits(runtime, approving(), "a")
        done = await runtime.edit(plain, Price(price=3), by="omar", **YES)
        assert isinstance(done, Committed)
        assert done.receipt == 3
        strict = await waits(runtime, approving(four_eyes=True, name="strict"), "b")
        assert isinstance(await runtime.edit(strict, Price(price=3), by="omar", **YES), Suspended)

    tried(scenario, store_url)


def test_whoever_is_asked_before_anything_is_proposed_writes_it(store_url: str) -> None:
    async def scenario(runtime: Runtime, clock: Any) -> None:
        desk = Escalation(ask="role:boss", before=lambda order: order.id == "a")
        ticket = await waits(runtime, selling(7).bounded_by(desk))
        await refused(runtime, runtime.approve(ticket, by="eve", **YES), "nothing_to_approve")
        done = await runtime.edit(ticket, Price(price=4), by="eve", **YES)
        assert isinstance(done, Committed)
        assert done.receipt == 4

    tried(scenario, store_url)


def test_a_due_time_is_text_that_sorts() -> None:
    assert stamp(FakeClock.epoch) < stamp(FakeClock.epoch + HOUR)
