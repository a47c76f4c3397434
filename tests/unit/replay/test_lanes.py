from __future__ import annotations

import asyncio
from typing import Any

import pytest
from deals import Deal, Offer, selling, within_limit
from recordings import Deeds, always, everything, model, recorded

from signoff import Reject, Verdict
from signoff.boundary import Answer, Control, Question, Refused
from signoff.control import Approval, Gate
from signoff.diagnosis import Trial
from signoff.errors import UsageError
from signoff.ledger import Fingerprint, Usage
from signoff.proposers import Function
from signoff.replay import ask_lane, compare, questions_of, replay
from signoff.testing import Scripted


def lane(boundary: Any, proposer: Any, n: int = 1, **more: Any) -> list[Trial]:
    """What a proposer answers to what is on record of a boundary about ten deals."""

    async def main() -> list[Trial]:
        async with recorded(boundary) as runtime:
            found = await questions_of(runtime.ledger, "deal.sell", boundary.subject_adapter)
            return await ask_lane(boundary, found.asked, proposer, n, **more)

    return asyncio.run(main())


def verdicts(boundary: Any, proposer: Any) -> set[tuple[str, bool | None]]:
    return {(trial.verdict, trial.ok) for trial in lane(boundary, proposer)}


def test_answers_are_judged_as_a_crossing_judges_them() -> None:
    plain = selling().proposed_by(always(5))
    assert verdicts(plain, always(6)) == {("accepted", True)}
    assert verdicts(plain, always(50)) == {("over_limit", False)}
    text = Function(lambda question: "no JSON", proposes=Offer)
    assert verdicts(plain, text) == {("malformed", False)}
    fenced = Function(lambda question: '```json\n{"price": 3}\n```', proposes=Offer)
    assert verdicts(plain, fenced) == {("accepted", True)}


def test_gates_judge_and_approvals_are_told_apart_from_rejections() -> None:
    from datetime import timedelta

    def no_nines(offer: Offer, deal: Deal) -> Verdict:
        from signoff import Accept

        return Accept() if offer.price != 9 else Reject("nine", "not this one", then="stop")

    def dear(offer: Offer, deal: Deal) -> bool:
        return offer.price > 7

    bounded = selling().proposed_by(always(5)).bounded_by(
        Gate(no_nines), Approval(when=dear, ask="dana", within=timedelta(hours=1))
    )  # fmt: skip
    assert verdicts(bounded, always(6)) == {("accepted", True)}
    assert verdicts(bounded, always(9)) == {("nine", False)}
    assert verdicts(bounded, always(8)) == {("asks_person", False)}
    assert verdicts(bounded, always(50)) == {("over_limit", False)}


def test_a_control_that_only_a_transaction_can_ask_is_named() -> None:
    class Own(Control):
        name = "own"

    boundary = selling().proposed_by(always(5)).bounded_by(Own())

    async def main() -> None:
        async with recorded(boundary) as runtime:
            report = await replay(boundary, runtime.ledger, model=always(5), n=1)
            assert "not judged by own: only a transaction can ask it" in report.notes

    asyncio.run(main())


def test_a_refusal_is_an_answer_and_a_timeout_is_none() -> None:
    plain = selling().proposed_by(always(5))

    def refuse(question: Question[Deal]) -> Offer:
        raise Refused("I would rather not")

    async def sleep(question: Question[Deal]) -> Offer:
        await asyncio.sleep(60)
        return Offer(price=1)

    def crash(question: Question[Deal]) -> Offer:
        raise ConnectionError("no route")

    assert verdicts(plain, Function(refuse)) == {("no_proposal", False)}
    (slow, *_) = lane(plain, Function(sleep), timeout=0.05)
    assert (slow.ok, slow.verdict, slow.error) == (None, "", "timeout: no answer in time")
    (failed, *_) = lane(plain, Function(crash))
    assert (failed.ok, failed.error) == (None, "ConnectionError: no route")


def test_a_proposer_that_keeps_failing_is_not_asked_for_ever() -> None:
    asked: list[str] = []

    def crash(question: Question[Deal]) -> Offer:
        asked.append(question.crossing)
        raise ConnectionError("no route")

    trials = lane(selling().proposed_by(always(5)), Function(crash), 4, concurrency=1)
    assert len(asked) == len(trials) == 5


def test_wrong_use_is_raised_and_not_counted() -> None:
    with pytest.raises(UsageError, match="Asked 2 times, but the script has 1"):
        lane(selling().proposed_by(always(5)), Scripted(Offer(price=1)))


def test_trials_come_by_question_and_number_whatever_came_first() -> None:
    async def uneven(question: Question[Deal]) -> Offer:
        await asyncio.sleep(int(question.crossing[:2], 16) / 10_000)
        return Offer(price=5)

    trials = lane(selling().proposed_by(always(5)), Function(uneven), 3, concurrency=7)
    assert [trial.number for trial in trials] == [1, 2, 3] * 10
    assert all(len({t.input for t in trials[at : at + 3]}) == 1 for at in range(0, 30, 3))
    assert {trial.group for trial in trials} == {"deal.sell"}


def test_no_more_questions_are_out_than_were_allowed() -> None:
    out = most = 0

    async def count(question: Question[Deal]) -> Offer:
        nonlocal out, most
        out += 1
        most = max(most, out)
        await asyncio.sleep(0.001)
        out -= 1
        return Offer(price=5)

    lane(selling().proposed_by(always(5)), Function(count), 4, concurrency=3)
    assert most == 3
    with pytest.raises(UsageError, match="at least 1"):
        lane(selling().proposed_by(always(5)), Function(count), concurrency=0)


def test_the_same_proposal_has_the_same_digest_in_any_spelling() -> None:
    spelled = Function(lambda question: '{"price":   5}', proposes=Offer)
    plain = selling().proposed_by(always(5))
    (one, *_), (other, *_) = lane(plain, always(5)), lane(plain, spelled)
    assert one.proposal == other.proposal
    assert one.effect == other.effect != ""
    assert one.model != other.model


def test_who_served_is_who_is_named() -> None:
    served = Fingerprint(model="gpt", version="of-today")

    def say(question: Question[Deal]) -> Answer:
        return Answer(content={"price": 5}, fingerprint=served, usage=Usage(usd=0.01))

    (trial, *_) = lane(selling().proposed_by(always(5)), Function(say, proposes=Offer))
    assert trial.model.startswith("gpt@of-today #")


def test_a_model_with_the_same_luck_twice_varies_and_does_not_diverge() -> None:
    async def main() -> None:
        boundary = selling().proposed_by(model(misbehaves=0.3))
        deals = [Deal(id=f"d{n}") for n in range(40)]
        async with recorded(boundary, deals) as runtime:
            before = await everything(runtime)
            found = await questions_of(runtime.ledger, "deal.sell", boundary.subject_adapter)
            lanes = [
                await ask_lane(boundary, found.asked, model(misbehaves=0.3), 6, name=name)
                for name in ("baseline", "candidate")
            ]
            compared = compare(*lanes)
            proposals = compared.levels[0]
            assert proposals.baseline_variance
            assert proposals.p is not None
            assert proposals.p > 0.05
            assert await everything(runtime) == before

    asyncio.run(main())


def test_an_effect_is_what_would_be_done() -> None:
    deeds = Deeds()
    boundary = deeds.boundary(always(5), verifiers=[within_limit])

    def bands(offer: Offer, deal: Deal) -> str:
        return "cheap" if offer.price < 8 else "dear"

    async def main() -> None:
        async with recorded(boundary) as runtime:
            for price, kind in ((6, "proposal"), (9, "effect"), (50, "verdict"), (5, "same")):
                report = await replay(
                    boundary, runtime.ledger, model=always(price), n=2, effect_of=bands
                )
                assert report.comparison.kinds == {kind: 10}

    asyncio.run(main())


def test_an_effect_that_cannot_be_told_is_a_mistake() -> None:
    boundary = Deeds().boundary(always(5))

    def broken(offer: Offer, deal: Deal) -> str:
        raise KeyError("oops")

    async def main() -> None:
        async with recorded(boundary) as runtime:
            await replay(boundary, runtime.ledger, model=always(6), effect_of=broken)

    with pytest.raises(UsageError, match=r"deal\.sell would do cannot be told: KeyError"):
        asyncio.run(main())
