from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deals import Deal, Offer, selling
from recordings import always, model, recorded

from signoff.boundary import Answer, Question
from signoff.errors import BadInput, UsageError
from signoff.ledger import Usage
from signoff.proposers import Function, Rates
from signoff.replay import Examination, Progress, ReplayReport, replay
from signoff.storage import SQLiteStorage
from signoff.testing import FakeClock

MANY = tuple(Deal(id=f"d{n}") for n in range(60))


def asking(boundary: Any, deals: Any = MANY[:10], **more: Any) -> ReplayReport:
    """Record a crossing about every deal, and replay them."""

    async def main() -> ReplayReport:
        async with recorded(boundary, deals) as runtime:
            return await replay(boundary, runtime.ledger, **more)

    return asyncio.run(main())


def counting(price: int, *, usd: float = 0.0, fails_after: int = 10**9) -> Any:
    """A model that counts what it is asked, and may stop answering half-way."""
    asked: list[str] = []

    def say(question: Question[Deal]) -> Answer:
        asked.append(question.crossing)
        if len(asked) > fails_after:
            raise TimeoutError("the provider is silent")
        usage = Usage(tokens_in=10, tokens_out=5, usd=usd)
        return Answer(content={"price": price}, usage=usage)

    proposer: Any = Function(say, proposes=Offer, name=f"counting:{price}")
    proposer.asked = asked
    return proposer


# Decisions


def test_a_model_that_answers_alike_ships() -> None:
    report = asking(selling().proposed_by(always(5)), MANY, model=always(5), n=2, margin=0.1)
    assert (report.decision, report.status, report.partial) == ("SHIP", 0, False)
    assert report.divergences == ()
    assert str(report).endswith("60 replayed, 60 agree, 0 diverge")


def test_a_model_that_breaks_the_rules_is_held_and_examples_say_where() -> None:
    report = asking(selling().proposed_by(always(5)), MANY, model=always(50), n=2)
    assert (report.decision, report.status) == ("HOLD", 1)
    divergence = report.divergences[0]
    assert len(report.divergences) == 60
    assert (divergence.kind, divergence.recorded) == ("verdict", 'accepted: {"price":5}')
    assert divergence.replayed == 'over_limit: {"price":50}'
    assert divergence.because == "within_limit: 50 asked, 10 allowed"


def test_too_few_questions_to_tell_are_a_case_for_review() -> None:
    report = asking(selling().proposed_by(always(5)), MANY[:3], model=always(5), n=2)
    assert (report.decision, report.status) == ("REVIEW", 3)


def test_another_model_that_does_the_same_in_other_words_is_told_by_level() -> None:
    report = asking(
        selling().proposed_by(always(5)),
        MANY,
        model=always(6),
        n=2,
        margin=0.1,
        effect_of=lambda offer, deal: "sold",
    )
    assert report.decision == "SHIP"
    assert report.comparison.kinds == {"proposal": 60}
    held = asking(selling().proposed_by(always(5)), MANY, model=always(6), n=2, margin=0.1)
    assert held.decision != "SHIP"
    assert held.comparison.kinds == {"effect": 60}


def test_variance_is_told_from_divergence() -> None:
    noisy = model(misbehaves=0.4)
    same = asking(selling().proposed_by(noisy), MANY, model=noisy.like(seed=7), n=6)
    worse = asking(selling().proposed_by(noisy), MANY, model=always(4), n=6)
    for report, diverges in ((same, False), (worse, True)):
        proposals = report.comparison.levels[0]
        assert proposals.baseline_variance is not None
        assert proposals.baseline_variance > 0.2
        assert proposals.p is not None
        assert (proposals.p < 0.001) is diverges


def test_the_answers_on_record_can_be_the_baseline_and_nobody_is_asked_for_them() -> None:
    own = counting(5)
    candidate = counting(50)

    async def main() -> ReplayReport:
        async with recorded(selling().proposed_by(own)) as runtime:
            own.asked.clear()
            boundary = selling().proposed_by(own)
            return await replay(boundary, runtime.ledger, model=candidate, baseline="recorded", n=2)

    report = asyncio.run(main())
    assert own.asked == []
    assert len(candidate.asked) == 20
    assert (report.baseline.label, report.baseline.answers) == ("on record", 10)
    assert report.comparison.baseline.accepted == 10
    assert not report.comparison.variance_measured


# What is told


def test_a_report_is_a_page_a_document_and_a_test_result() -> None:
    report = asking(
        selling().proposed_by(always(5)),
        model=always(50),
        n=2,
        since=timedelta(days=9),
        clock=FakeClock(),
    )
    document = json.loads(json.dumps(report.as_json()))
    assert document["decision"] == "HOLD" or document["decision"] == report.decision
    assert document["about"]["boundary"] == "deal.sell"
    assert document["lanes"]["candidate"]["answers"] == 20
    assert len(document["divergences"]) == 10
    assert report.as_markdown().startswith(f"# {report.decision}\n")
    suite = ElementTree.fromstring(report.as_junit())
    assert len(list(suite.iter("testcase"))) == 11


def test_verifiers_that_have_changed_since_are_told() -> None:
    async def main() -> None:
        async with recorded(selling().proposed_by(always(9))) as runtime:

            def stricter(offer: Offer, deal: Deal) -> Any:
                from signoff import Accept, Reject

                return Accept() if offer.price < 7 else Reject("strict", "too dear")

            now = selling(verifiers=[stricter]).proposed_by(always(9))
            report = await replay(now, runtime.ledger, model=always(6), n=1)
            assert any(
                note.startswith("10 recorded answers would be judged otherwise today")
                for note in report.notes
            )

    asyncio.run(main())


def test_a_baseline_that_is_not_who_answered_is_told() -> None:
    async def main() -> None:
        async with recorded(selling().proposed_by(always(9))) as runtime:
            now = selling().proposed_by(always(5))
            report = await replay(now, runtime.ledger, model=always(6), n=1)
            (note,) = [note for note in report.notes if "not by the baseline" in note]
            assert note.startswith("the answers on record are by always:9")

    asyncio.run(main())


def test_progress_has_cost_and_time_left() -> None:
    told: list[Progress] = []
    report = asking(
        selling().proposed_by(counting(5, usd=0.01)), model=counting(6, usd=0.03), tell=told.append
    )
    assert [progress.done for progress in told] == list(range(1, 81))
    assert {progress.of for progress in told} == {80}
    assert told[-1].usd == pytest.approx(report.usd) == pytest.approx(40 * 0.01 + 40 * 0.03)
    assert told[-1].left == 0
    assert told[0].left is not None


# Bounds


def test_a_bound_in_dollars_is_kept() -> None:
    report = asking(
        selling().proposed_by(counting(5, usd=0.01)),
        MANY,
        model=counting(6, usd=0.03),
        max_usd=0.5,
    )
    assert 0.4 < report.usd <= 0.5
    assert report.stopped == ("the budget of $0.5 does not pay for another answer",)
    assert (report.partial, report.decision) == (True, "REVIEW")
    assert "partial" in str(report)


def test_without_a_price_a_bound_in_dollars_stops_at_once() -> None:
    candidate = counting(6)
    report = asking(selling().proposed_by(counting(5)), MANY, model=candidate, max_usd=0.5)
    assert len(candidate.asked) <= 2
    assert "no price is known for counting" in report.stopped[0]


def test_a_candidate_that_fails_half_way_leaves_what_it_said() -> None:
    candidate = counting(5, fails_after=40)
    report = asking(selling().proposed_by(always(5)), MANY, model=candidate, n=2, concurrency=1)
    assert report.candidate.answers == 40
    assert report.baseline.answers == 120
    assert (report.partial, report.decision) == (True, "REVIEW")
    assert "the candidate failed 5 times in a row" in report.stopped[0]
    assert "the provider is silent" in report.stopped[0]


def test_a_decisive_part_decides() -> None:
    candidate = counting(50, fails_after=80)
    report = asking(selling().proposed_by(always(5)), MANY, model=candidate, n=2, concurrency=1)
    assert report.partial
    assert report.decision == "HOLD"


# Going on


def test_the_same_call_goes_on_where_it_was_and_asks_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "replay.jsonl"
    boundary = selling().proposed_by(always(5))

    async def main() -> None:
        async with recorded(boundary, clock=FakeClock()) as runtime:
            clock = FakeClock()

            def call(candidate: Any, **more: Any) -> Any:
                return replay(
                    boundary, runtime.ledger, model=candidate, n=4, journal=path, clock=clock,
                    since=timedelta(days=30), **more,
                )  # fmt: skip

            silent = counting(6, fails_after=13)
            first = await call(silent, concurrency=1)
            assert first.candidate.answers == 13
            await clock.advance(days=2)  # `since` would mean another window now
            there = counting(6)
            second = await call(there)
            assert len(there.asked) == 27
            assert not set(there.asked) & set(silent.asked[:13])
            assert not second.partial
            third = await call(counting(6, fails_after=0))
            assert third.comparison == second.comparison
            assert third.notes == (f"80 answers are those of an earlier run, kept in {path}",)

    asyncio.run(main())


def test_an_interruption_keeps_what_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "replay.jsonl"
    boundary = selling().proposed_by(always(5))
    slow = counting(6)

    async def main() -> None:
        async with recorded(boundary, clock=FakeClock()) as runtime:
            done = asyncio.Event()

            def tell(progress: Progress) -> None:
                if progress.done == 9:
                    done.set()

            async def patiently(question: Question[Deal]) -> Answer:
                await asyncio.sleep(0.005)
                return await slow(question)

            candidate = Function(patiently, proposes=Offer, name="patient")
            task = asyncio.create_task(
                replay(boundary, runtime.ledger, model=candidate, journal=path, tell=tell,
                       clock=FakeClock())
            )  # fmt: skip
            waiting = asyncio.create_task(done.wait())
            await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
            assert done.is_set(), task.exception()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            kept = len(path.read_text().splitlines()) - 1
            assert 9 <= kept < 80
            before = len(slow.asked)
            report = await replay(
                boundary, runtime.ledger, model=candidate, journal=path, clock=FakeClock()
            )
            assert report.candidate.answers == 40
            in_journal = sum('"lane":"candidate"' in line for line in
                             path.read_text().splitlines()[: kept + 1])  # fmt: skip
            assert len(slow.asked) - before == 40 - in_journal

    asyncio.run(main())


def test_more_answers_to_each_question_are_added_to_the_same_journal(tmp_path: Path) -> None:
    path = tmp_path / "replay.jsonl"
    boundary = selling().proposed_by(always(5))

    async def main() -> None:
        async with recorded(boundary) as runtime:
            for n, asked in ((1, 10), (3, 20), (2, 0)):
                candidate = counting(6)
                report = await replay(boundary, runtime.ledger, model=candidate, n=n, journal=path)
                assert len(candidate.asked) == asked
                assert report.candidate.answers == 10 * n

    asyncio.run(main())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": always(7)}, "candidate"),
        ({"baseline": always(7)}, "baseline"),
        ({"most": 3}, "sample"),
        ({"until": timedelta(days=1)}, "time window"),
        ({"effect_of": lambda offer, deal: 1}, "verifiers and controls"),
    ],
)
def test_a_journal_of_another_replay_is_refused_with_the_reason(
    tmp_path: Path, change: dict[str, Any], what: str
) -> None:
    path = tmp_path / "replay.jsonl"
    boundary = selling().proposed_by(always(5))

    async def main() -> None:
        clock = FakeClock()
        async with recorded(boundary, clock=clock) as runtime:
            await clock.advance(days=2)
            given: dict[str, Any] = {"model": always(6), "journal": path, "clock": clock, "n": 1}
            await replay(boundary, runtime.ledger, **given)
            before = path.read_bytes()
            with pytest.raises(BadInput, match=f"another replay: its {what} w"):
                await replay(boundary, runtime.ledger, **{**given, **change})
            assert path.read_bytes() == before

    asyncio.run(main())


def test_a_ledger_whose_questions_are_others_does_not_fit_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "replay.jsonl"
    boundary = selling().proposed_by(always(5))

    async def once(deals: Any) -> None:
        async with recorded(boundary, deals) as runtime:
            clock = FakeClock(FakeClock.epoch + timedelta(days=1))
            await replay(boundary, runtime.ledger, model=always(6), n=1, journal=path, clock=clock)

    asyncio.run(once(MANY[:3]))
    with pytest.raises(BadInput, match="its questions were"):
        asyncio.run(once(MANY[:4]))


# Input


def test_nothing_to_ask_says_what_there_is() -> None:
    async def main() -> None:
        clock = FakeClock()
        async with recorded(selling().proposed_by(always(5)), clock=clock) as runtime:
            await clock.advance(days=9)
            boundary = selling().proposed_by(always(5))
            with pytest.raises(BadInput, match="the last was opened at 2026-01-01T00:00:00"):
                await replay(
                    boundary, runtime.ledger, model=always(6), clock=clock, since=timedelta(days=1)
                )
            other = Examination[Any, Any].of(boundary)
            import dataclasses

            misspelt = dataclasses.replace(other, name="deal.sel")
            with pytest.raises(
                BadInput, match=r"no crossing of deal\.sel at all; it knows deal\.s"
            ):
                await replay(misspelt, runtime.ledger, model=always(6))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing would differ"),
        ({"model": always(6), "n": 0}, "at least 1"),
        ({"model": always(6), "max_usd": 0.0}, "dollars above 0"),
        ({"model": always(6), "prompt": "Be kind."}, "its own words"),
        ({"model": "gpt"}, "is no model"),
        ({"prompt": "Be kind."}, "has no prompt that could be replaced"),
        ({"model": always(6), "timeout": 0}, "takes some time"),
        ({"model": always(6), "margin": 2.0}, "margin lies between"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asking(selling().proposed_by(always(5)), MANY[:1], **given)


def test_a_name_is_enough_where_words_carry_over() -> None:
    own = model(misbehaves=0.1)
    report = asking(selling().proposed_by(own), model="simulated", n=1)
    assert report.candidate.fingerprint == own.fingerprint.body()
    other = asking(selling().proposed_by(own), model=own.like(rates=Rates.evenly(0.9)), n=1)
    assert other.candidate.fingerprint != own.fingerprint.body()


def test_a_subject_type_that_nothing_fits_is_told_with_an_example() -> None:
    from pydantic import BaseModel

    class Ticket(BaseModel):
        id: str
        text: str

    def commit(offer: Offer, ticket: Any, write: Any) -> int:
        return 1

    from signoff import Boundary, Transactional

    apply: Any = commit
    other: Any = Boundary(
        "deal.sell", proposer=always(5), verifiers=[], commit=Transactional(apply), subject=Ticket
    )

    async def main() -> None:
        async with recorded(selling().proposed_by(always(5))) as runtime:
            await replay(other, runtime.ledger, model=always(6))

    with pytest.raises(BadInput, match="10 do not fit the types of now, such as: Ticket: text"):
        asyncio.run(main())


def test_a_store_that_is_open_for_reading_only_is_enough(tmp_path: Path) -> None:
    boundary = selling().proposed_by(always(5))

    async def main() -> None:
        store = f"sqlite:///{tmp_path / 'signoff.db'}"
        async with recorded(boundary, store=store):
            pass
        storage = SQLiteStorage(tmp_path / "signoff.db")
        await storage.open(exclusive=False)
        try:
            report = await replay(
                boundary,
                storage,
                model=always(5),
                n=1,
                since=datetime.fromisoformat("2025-01-01T00:00Z"),
            )
            assert report.questions == 10
        finally:
            await storage.close()

    asyncio.run(main())
