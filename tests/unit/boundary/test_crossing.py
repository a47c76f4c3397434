"""The one loop: open(key), propose, parse, verify, commit, record."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from deals import Deal, Offer, always, asked, record_sale, running, sell, selling, story
from pydantic import BaseModel

from signoff import (
    Accept,
    Budget,
    Committed,
    Reject,
    Rejected,
    Suspended,
    Transactional,
    Verdict,
    Verifier,
    Write,
)
from signoff.boundary import Answer, Refused, crossing_id
from signoff.errors import BadInput, UsageError
from signoff.ledger import Usage
from signoff.testing import Scripted

FINE, DEAR, DEARER = Offer(price=7), Offer(price=50), Offer(price=60)


def test_a_proposal_that_everybody_accepts_is_committed_in_one_transaction(
    sqlite_url: str,
) -> None:
    async def main() -> None:
        async with running(sqlite_url) as runtime:
            outcome = await runtime.run(selling(FINE), Deal())
            assert outcome == Committed(7, crossing_id("deal.sell/d"), 1)
            assert await story(runtime) == ["opened", "proposed", "judged", "committed"]
            assert runtime.ledger.commits == 1  # type: ignore[attr-defined]

    asyncio.run(main())


def test_the_key_exists_before_the_proposer_is_asked() -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(FINE)
            await runtime.run(boundary, Deal(), key="order 1")
            assert boundary.proposer.asked[0].crossing == crossing_id("order 1")

    asyncio.run(main())


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 1001, "\ud800"])
def test_a_key_that_cannot_name_a_crossing_is_refused_before_anybody_is_asked(key: str) -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(FINE)
            with pytest.raises(BadInput):
                await runtime.run(boundary, Deal(), key=key)
            assert asked(boundary) == 0

    asyncio.run(main())


def test_the_same_key_again_asks_nobody_and_records_nothing() -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(FINE)
            first = await runtime.run(boundary, Deal())
            again = [await runtime.run(boundary, Deal()) for _ in range(5)]
            assert again == [first] * 5
            assert asked(boundary) == 1
            assert len(await story(runtime)) == 4

    asyncio.run(main())


def test_a_rejection_is_answered_again_too() -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(DEAR, attempts=1)
            first = await runtime.run(boundary, Deal())
            assert isinstance(first, Rejected)
            assert await runtime.run(boundary, Deal()) == first
            assert await runtime.outcome(boundary, "deal.sell/d") == first
            assert asked(boundary) == 1

    asyncio.run(main())


def test_the_same_key_at_the_same_time_asks_once() -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(FINE)
            outcomes = await asyncio.gather(*(runtime.run(boundary, Deal()) for _ in range(20)))
            assert set(map(repr, outcomes)) == {repr(outcomes[0])}
            assert asked(boundary) == 1

    asyncio.run(main())


def test_a_key_names_one_boundary_and_one_subject_for_ever() -> None:
    async def main() -> None:
        async with running() as runtime:
            answered = asyncio.Event()

            async def slow(question: Any) -> Offer:
                await answered.wait()
                return FINE

            boundary = selling(slow)
            under_way = asyncio.create_task(runtime.run(boundary, Deal(), key="k"))
            await asyncio.sleep(0)
            for _ in range(2):
                with pytest.raises(UsageError, match="cannot name one"):
                    await runtime.run(boundary, Deal(id="other"), key="k")
                answered.set()
                await under_way

    asyncio.run(main())


def test_one_callers_impatience_does_not_cancel_anothers_crossing() -> None:
    async def main() -> None:
        async with running() as runtime:
            answered = asyncio.Event()

            async def slow(question: Any) -> Offer:
                await answered.wait()
                return FINE

            boundary = selling(slow)
            impatient = asyncio.create_task(runtime.run(boundary, Deal()))
            await asyncio.sleep(0)
            patient = asyncio.create_task(runtime.run(boundary, Deal()))
            await asyncio.sleep(0)
            impatient.cancel()
            await asyncio.sleep(0)
            answered.set()
            with pytest.raises(asyncio.CancelledError):
                await impatient
            assert isinstance(await patient, Committed)
            assert asked(boundary) == 1

    asyncio.run(main())


def test_a_cancelled_crossing_leaves_nothing_and_can_be_run_again() -> None:
    async def main() -> None:
        async with running() as runtime:
            was_asked = asyncio.Event()

            async def never(question: Any) -> Offer:
                was_asked.set()
                await asyncio.Event().wait()
                raise AssertionError

            boundary = selling(never, FINE)
            task = asyncio.create_task(runtime.run(boundary, Deal()))
            await was_asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await story(runtime) == []
            assert isinstance(await runtime.run(boundary, Deal()), Committed)

    asyncio.run(main())


# Verifiers


def test_every_verifier_is_asked_and_the_proposer_sees_all_objections() -> None:
    async def main() -> None:
        async with running() as runtime:
            first = Verifier(always(Reject("a", "first")), name="first")
            second = Verifier(always(Reject("b", "second", path="price")), name="second")
            boundary = selling(FINE, DEAR, verifiers=[first, second], attempts=2)
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert [(r.code, r.by, r.attempt) for r in outcome] == [
                ("a", "first", 1), ("b", "second", 1), ("a", "first", 2), ("b", "second", 2),
            ]  # fmt: skip
            (told,) = boundary.proposer.asked[1].feedback
            assert [no["code"] for no in told["rejections"]] == ["a", "b"]
            assert told["rejections"][1]["path"] == "price"

    asyncio.run(main())


class Nod(Accept):
    """Looks like an acceptance, and is none."""


class Yes:
    def __bool__(self) -> bool:
        return True


@pytest.mark.parametrize(
    "answer", [None, True, 1, "accept", Accept, Nod(), Yes(), [Accept()], {"accept": True}]
)
def test_nothing_but_accept_passes(answer: object) -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(FINE, verifiers=[always(answer)], attempts=1)
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert outcome.code == "unanswered"

    asyncio.run(main())


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError(), UsageError(), StopIteration()])
def test_a_verifier_that_raises_rejects_without_telling_the_model_why(error: Exception) -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(FINE, FINE, verifiers=[always(error)], attempts=2)
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert outcome.rejections[0].code == "verifier_failed"
            assert outcome.rejections[0].details == {"error": type(error).__name__}
            assert "secret" not in json.dumps(boundary.proposer.asked[1].feedback)

    asyncio.run(main())


def test_a_verifier_that_does_not_come_back_in_time_rejects() -> None:
    async def main() -> None:
        stuck = threading.Event()

        def slow(offer: Offer, deal: Deal) -> Verdict:
            stuck.wait(30)
            return Accept()

        try:
            async with running() as runtime:
                boundary = selling(FINE, verifiers=[Verifier(slow, timeout=0.02)], attempts=1)
                outcome = await runtime.run(boundary, Deal())
                assert isinstance(outcome, Rejected)
                assert outcome.code == "unanswered"
        finally:
            stuck.set()

    asyncio.run(main())


def test_details_that_json_cannot_say_do_not_save_a_proposal() -> None:
    async def main() -> None:
        async with running() as runtime:
            odd = Reject("odd", "no", then="stop", details={"when": object()})
            outcome = await runtime.run(selling(FINE, verifiers=[always(odd)]), Deal())
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.rejections[0].details) == (
                "odd",
                {"unreadable": ["when"]},
            )

    asyncio.run(main())


# Evidence


def test_evidence_is_given_to_the_verifiers_and_kept() -> None:
    async def main() -> None:
        async def stock(offer: Offer, deal: Deal) -> int:
            return 3

        def in_stock(offer: Offer, deal: Deal, evidence: Any) -> Verdict:
            return Accept() if evidence["stock"] else Reject("sold_out", "none left")

        async with running() as runtime:
            outcome = await runtime.run(
                selling(FINE, verifiers=[in_stock], evidence=[stock]), Deal()
            )
            assert isinstance(outcome, Committed)
            entries = [entry async for entry in runtime.ledger.of_subject("d")]
            judged = json.loads(next(entry.body for entry in entries if entry.type == "judged"))
            assert judged["evidence"] == {"stock": 3}

    asyncio.run(main())


def test_evidence_that_cannot_be_had_rejects() -> None:
    async def main() -> None:
        async def broken(offer: Offer, deal: Deal) -> int:
            raise OSError("secret")

        async def hangs(offer: Offer, deal: Deal) -> int:
            await asyncio.Event().wait()
            raise AssertionError

        async def unsayable(offer: Offer, deal: Deal) -> float:
            return float("nan")

        async with running() as runtime:
            for lookup in (broken, hangs, unsayable):
                budget = Budget(attempts=1, seconds=0.05)
                boundary = selling(FINE, evidence=[lookup], budget=budget)
                outcome = await runtime.run(boundary, Deal(), key=lookup.__name__)
                assert isinstance(outcome, Rejected)
                assert outcome.code == "evidence_failed"
                assert "secret" not in str(outcome)

    asyncio.run(main())


# Proposals


@pytest.mark.parametrize(
    "said", ["", "sorry", '{"price": "dear"}', "[1,2]", '{"price": 1', "\ud800", '{"price":null}']
)
def test_a_malformed_answer_is_a_rejection_and_the_proposer_may_try_again(said: str) -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(said, '{"price": 7}')
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Committed)
            assert outcome.attempts == 2
            (told,) = boundary.proposer.asked[1].feedback
            assert told["rejections"][0]["code"] == "malformed"
            assert (told["status"], told["retry"]) == ("not_done", True)

    asyncio.run(main())


class Loose(BaseModel):
    price: float = 0.0
    more: Any = None


@pytest.mark.parametrize(
    "said", ['{"price": NaN}', '{"more": [Infinity]}', Loose(price=float("inf"))]
)
def test_a_number_that_json_cannot_say_is_malformed(said: object) -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(
                said, commit=Transactional(sell), verifiers=[always(Accept())], attempts=1
            ).proposed_by(Scripted(said, proposes=Loose))
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert outcome.code == "malformed"

    asyncio.run(main())


def test_hostile_text_in_a_proposal_is_kept_as_it_is() -> None:
    async def main() -> None:
        async with running() as runtime:
            text = 'nul \x00, quote ", escape \\u0000, \U0001f600, $payload'
            said = Loose(more={"$payload": "0" * 64, "characters": 3, "text": text})
            boundary = selling(said, verifiers=[always(Reject("no", text, then="stop"))])
            outcome = await runtime.run(
                boundary.proposed_by(Scripted(said, proposes=Loose)), Deal()
            )
            assert isinstance(outcome, Rejected)
            assert outcome.rejections[0].message == text

    asyncio.run(main())


@pytest.mark.parametrize(
    ("raised", "why"),
    [(TimeoutError(), "timeout"), (Refused("no"), "refused"), (OSError("down"), "error")],
)
def test_a_proposer_that_brings_nothing_is_a_rejection(raised: Exception, why: str) -> None:
    async def main() -> None:
        async with running() as runtime:
            outcome = await runtime.run(selling(raised, attempts=1), Deal())
            assert isinstance(outcome, Rejected)
            assert outcome.code == "no_proposal"
            assert outcome.rejections[0].details["why"] == why

    asyncio.run(main())


def test_a_proposer_that_is_used_wrongly_says_so() -> None:
    async def main() -> None:
        async with running() as runtime:
            with pytest.raises(UsageError, match="mine"):
                await runtime.run(selling(UsageError("mine")), Deal())
            assert await story(runtime) == []

    asyncio.run(main())


def test_an_answer_that_is_late_does_not_count() -> None:
    async def main() -> None:
        async def slow(question: Any) -> Offer:
            await asyncio.Event().wait()
            return FINE

        async with running() as runtime:
            outcome = await runtime.run(selling(slow, budget=Budget(seconds=0.02)), Deal())
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.ended, outcome.attempts) == ("no_proposal", "budget", 1)

    asyncio.run(main())


# Budgets


def test_the_attempts_are_finite_and_cost_a_transaction_each(sqlite_url: str) -> None:
    async def main() -> None:
        async with running(sqlite_url) as runtime:
            boundary = selling(DEAR, DEARER, Offer(price=70), attempts=3)
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert (outcome.ended, outcome.attempts, len(outcome.rejections)) == ("budget", 3, 3)
            assert runtime.ledger.commits == 3  # type: ignore[attr-defined]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("usage", "budget"),
    [
        (Usage(tokens_in=30, tokens_out=20), Budget(attempts=9, tokens=100)),
        (Usage(usd=0.5), Budget(attempts=9, usd=1.0)),
    ],
)
def test_tokens_and_money_end_a_crossing_as_attempts_do(usage: Usage, budget: Budget) -> None:
    async def main() -> None:
        async with running() as runtime:
            answers = [Answer(content=Offer(price=50 + n), usage=usage) for n in range(9)]
            boundary = selling(*answers, budget=budget)
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert (outcome.ended, outcome.attempts) == ("budget", 2)

    asyncio.run(main())


def test_the_same_proposal_after_the_same_objection_ends_the_loop() -> None:
    async def main() -> None:
        async with running() as runtime:
            boundary = selling(DEAR, DEARER, DEAR, FINE, attempts=9)
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.ended, outcome.attempts) == (
                "no_progress", "no_progress", 3,
            )  # fmt: skip

    asyncio.run(main())


def test_the_same_nonsense_twice_ends_the_loop() -> None:
    async def main() -> None:
        async with running() as runtime:
            outcome = await runtime.run(selling("hm", "hm", FINE, attempts=9), Deal())
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "no_progress"

    asyncio.run(main())


# Consequences


def test_stop_ends_the_crossing_at_once() -> None:
    async def main() -> None:
        async with running() as runtime:
            no = Reject("forbidden", "never", then="stop")
            boundary = selling(FINE, verifiers=[always(no)], attempts=5)
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.ended, outcome.attempts) == ("forbidden", "stop", 1)

    asyncio.run(main())


def test_escalation_outweighs_stop_and_waits_durably_for_a_person(store_url: str) -> None:
    async def main() -> None:
        stop = Verifier(always(Reject("b", "never", then="stop")), name="stop")
        ask = Verifier(always(Reject("a", "ask", then="escalate")), name="ask")
        boundary = selling(FINE, verifiers=[ask, stop])
        async with running(store_url) as runtime:
            first = await runtime.run(boundary, Deal())
            assert isinstance(first, Suspended)
            assert first.ticket.because == "a: ask (ask, attempt 1)"
        async with running(store_url) as runtime:
            assert await runtime.run(boundary, Deal()) == first
            assert asked(boundary) == 1
            assert (await story(runtime))[-1] == "suspended"

    asyncio.run(main())


# Crash and resume


def test_after_a_crash_the_crossing_goes_on_where_it_stood(store_url: str) -> None:
    async def main() -> None:
        def die(question: Any) -> Offer:
            raise asyncio.CancelledError

        spent = Usage(tokens_in=40)
        first = selling(Answer(content=DEAR, usage=spent), die, budget=Budget(tokens=100))
        async with running(store_url) as runtime:
            with pytest.raises(asyncio.CancelledError):
                await runtime.run(first, Deal())
            assert await story(runtime) == ["opened", "proposed", "judged"]
            assert await runtime.outcome(first, "deal.sell/d") is None
        second = selling(
            Answer(content=DEARER, usage=spent),
            Answer(content=FINE, usage=spent),
            budget=Budget(tokens=80),
        )
        async with running(store_url) as runtime:
            outcome = await runtime.run(second, Deal())
            assert isinstance(outcome, Rejected)
            assert (outcome.ended, outcome.attempts) == ("budget", 2)
            (question,) = second.proposer.asked
            assert question.attempt == 2
            assert question.feedback[0]["rejections"][0]["code"] == "over_limit"
            assert (await story(runtime)).count("opened") == 1

    asyncio.run(main())


def test_a_repeated_proposal_is_recognised_across_a_crash(store_url: str) -> None:
    async def main() -> None:
        def die(question: Any) -> Offer:
            raise asyncio.CancelledError

        async with running(store_url) as runtime:
            with pytest.raises(asyncio.CancelledError):
                await runtime.run(selling(DEAR, die), Deal())
        async with running(store_url) as runtime:
            outcome = await runtime.run(selling(DEAR, FINE), Deal())
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "no_progress"

    asyncio.run(main())


# Commits


def test_a_commit_that_raises_leaves_nothing_and_the_crossing_can_be_run_again() -> None:
    async def main() -> None:
        fails = [ValueError("mine"), StopIteration()]

        def flaky(offer: Offer, deal: Deal, write: Write[Deal]) -> str:
            write.execute("CREATE TABLE IF NOT EXISTS traces (id TEXT)")
            if fails:
                raise fails.pop()
            return "done"

        async with running() as runtime:
            boundary = selling(FINE, FINE, FINE, commit=Transactional(flaky))
            with pytest.raises(RuntimeError, match="StopIteration"):
                await runtime.run(boundary, Deal())
            with pytest.raises(ValueError, match="mine"):
                await runtime.run(boundary, Deal())
            assert await story(runtime) == []
            outcome = await runtime.run(boundary, Deal())
            assert isinstance(outcome, Committed)
            assert outcome.receipt == "done"

    asyncio.run(main())


def test_a_receipt_that_json_cannot_say_is_no_commit_in_a_transaction() -> None:
    async def main() -> None:
        def odd(offer: Offer, deal: Deal, write: Write[Deal]) -> object:
            return object()

        def nan(offer: Offer, deal: Deal, write: Write[Deal]) -> float:
            return float("nan")

        async with running() as runtime:
            for apply in (odd, nan):
                with pytest.raises(UsageError, match="JSON cannot say"):
                    await runtime.run(selling(FINE, commit=Transactional(apply)), Deal())
            assert await story(runtime) == []

    asyncio.run(main())


def test_a_subject_without_a_spine_cannot_be_replaced() -> None:
    async def main() -> None:
        async with running() as runtime:
            with pytest.raises(UsageError, match="no spine"):
                await runtime.run(selling(FINE, commit=Transactional(record_sale)), Deal())
            assert await story(runtime) == []

    asyncio.run(main())
