from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from deals import Deal, Offer, lifecycle, record_sale, selling
from pydantic import BaseModel, TypeAdapter
from recordings import always, model, recorded

from signoff import Accept, Boundary, Reject, Runtime, Transactional
from signoff.boundary import Question
from signoff.clock import stamp
from signoff.ledger import Proposed
from signoff.proposers import Function
from signoff.replay import Questions, questions_of
from signoff.testing import FakeClock, Scripted

DEAL = TypeAdapter(Deal)


def read(runtime: Runtime, adapter: Any = DEAL, **more: Any) -> Any:
    return questions_of(runtime.ledger, "deal.sell", adapter, **more)


def test_a_question_is_what_the_proposer_was_asked(store_url: str) -> None:
    heard: list[Question[Any]] = []

    def say(question: Question[Deal]) -> Offer:
        heard.append(question)
        return Offer(price=5)

    async def main() -> None:
        boundary = selling().proposed_by(Function(say))
        deals = [Deal(id="a"), Deal(id="b", limit=7)]
        async with recorded(boundary, deals, store=store_url) as runtime:
            found = await read(runtime)
            asked = sorted(found.asked, key=lambda each: each.subject.id)
            assert [each.question(boundary.schema) for each in asked] == heard
            assert [each.question(boundary.schema).cross for each in asked] == [None, None]
            assert [each.proposal for each in asked] == [{"price": 5}] * 2
            assert [each.verdict for each in asked] == ["accepted"] * 2
            assert asked[0].fingerprint["model"].endswith("say")

    asyncio.run(main())


def test_later_attempts_are_asked_with_what_had_been_objected() -> None:
    boundary = selling(Offer(price=50), "no JSON", Offer(price=5))
    heard = boundary.proposer.asked

    async def main() -> None:
        async with recorded(boundary, [Deal()]) as runtime:
            (first,) = (await read(runtime)).asked
            assert first.attempt == 1
            assert (first.verdict, first.feedback) == ("over_limit", ())
            found = await read(runtime, revisions=True)
            asked = sorted(found.asked, key=lambda each: each.attempt)
            assert [each.question(boundary.schema) for each in asked] == heard
            assert [each.key for each in asked] == [
                first.crossing, f"{first.crossing}/2", f"{first.crossing}/3"
            ]  # fmt: skip
            assert [each.verdict for each in asked] == ["over_limit", "malformed", "accepted"]
            assert asked[1].raw == "no JSON"

    asyncio.run(main())


def test_every_answer_but_the_baselines_first_has_luck_of_its_own() -> None:
    async def main() -> None:
        async with recorded(selling(Offer(price=5)), [Deal()]) as runtime:
            (asked,) = (await read(runtime)).asked
            crossings = {
                (lane, number): asked.question({}, lane=lane, number=number).crossing
                for lane in ("baseline", "candidate")
                for number in (1, 2, 3)
            }
            assert crossings["baseline", 1] == asked.crossing
            assert len(set(crossings.values())) == 6

    asyncio.run(main())


def test_values_that_were_stored_apart_are_brought_back() -> None:
    class Letter(BaseModel):
        id: str
        text: str

    def read_it(offer: Offer, letter: Letter, write: Any) -> int:
        return offer.price

    boundary: Any = Boundary(
        "letter.read", proposer=always(5), verifiers=[], commit=Transactional(read_it),
        subject=Letter,
    )  # fmt: skip

    async def main() -> None:
        async with Runtime("sqlite://:memory:") as runtime:
            letter = Letter(id="l", text="long " * 20_000)
            await runtime.run(boundary, letter)
            bodies = [entry.body async for entry in runtime.ledger.of_subject("l")]
            assert any("$payload" in body for body in bodies)
            found = await questions_of(runtime.ledger, "letter.read", TypeAdapter(Letter))
            assert [each.subject for each in found.asked] == [letter]

    asyncio.run(main())


def test_a_subject_that_moved_meanwhile_is_taken_as_each_attempt_saw_it() -> None:
    heard: list[Question[Any]] = []

    async def main() -> None:
        async with Runtime("sqlite://:memory:", clock=FakeClock()) as runtime:
            row: Any = await runtime.start(lifecycle(), Deal(limit=7))

            async def say(question: Question[Deal]) -> Offer:
                heard.append(question)
                if len(heard) == 1:  # judged twice: it fits what was seen, and not what is there
                    await runtime.change(
                        row, lambda deal: deal.model_copy(update={"limit": 5}), because="lowered"
                    )
                return Offer(price=7 - len(heard))

            boundary = selling(commit=Transactional(record_sale)).proposed_by(Function(say))
            await runtime.advance(row, "sold", through=boundary)
            found = await read(runtime, revisions=True)
            asked = sorted(found.asked, key=lambda each: each.attempt)
            assert [each.question(boundary.schema) for each in asked] == heard
            assert [each.subject.limit for each in asked] == [7, 5]
            assert [each.verdict for each in asked] == ["accepted", "accepted"]

    asyncio.run(main())


def test_the_window_is_about_when_a_crossing_opened() -> None:
    async def main() -> None:
        clock = FakeClock()
        boundary = selling().proposed_by(always(5))
        async with recorded(boundary, [Deal(id="old")], clock=clock) as runtime:
            await clock.advance(days=10)
            middle = stamp(clock.now())
            await runtime.run(boundary, Deal(id="new"))
            after = await read(runtime, since=middle)
            before = await read(runtime, until=middle)
            assert [each.subject.id for each in after.asked] == ["new"]
            assert [each.subject.id for each in before.asked] == ["old"]
            late = stamp(clock.now() + timedelta(days=1))
            nothing = await read(runtime, since=late)
            assert (nothing.asked, nothing.last) == ((), middle)

    asyncio.run(main())


def test_a_sample_is_fixed_by_its_seed_and_keeps_its_members_as_it_grows() -> None:
    async def main() -> None:
        deals = [Deal(id=f"d{n}") for n in range(40)]
        async with recorded(selling().proposed_by(always(5)), deals) as runtime:
            keys: dict[tuple[int, int], list[str]] = {}
            for most in (10, 20):
                for seed in (0, 1):
                    found: Questions[Deal] = await read(runtime, most=most, seed=seed)
                    keys[most, seed] = [each.key for each in found.asked]
                    assert found.found == 40
            assert keys[20, 0][:10] == keys[10, 0]
            assert set(keys[10, 0]) != set(keys[10, 1])

    asyncio.run(main())


def test_a_record_that_no_longer_fits_is_counted_and_told() -> None:
    class Stricter(BaseModel):
        id: str
        limit: int
        currency: str

    async def main() -> None:
        async with recorded(selling().proposed_by(always(5)), [Deal()]) as runtime:
            found = await read(runtime, TypeAdapter(Stricter))
            assert found.asked == ()
            (misfit,) = found.misfits
            assert misfit.problem == "Stricter: currency: Field required"

    asyncio.run(main())


def test_a_record_of_another_form_is_a_misfit_and_not_a_crash() -> None:
    def altered(type: str, fields: dict[str, Any]) -> dict[str, Any]:
        if type == "judged" and "rejections" in fields:
            fields = {**fields, "rejections": [{"reason": "another version wrote it"}]}
        return fields

    async def main() -> None:
        boundary = selling(Offer(price=50), Offer(price=5))
        async with recorded(boundary, [Deal()], redact=altered) as runtime:
            found = await read(runtime)
            assert len(found.misfits) == 1

    asyncio.run(main())


@pytest.mark.parametrize("mark", ["[redacted]", "***", "REDACTED", "<removed>", "xxxxx"])
def test_what_looks_redacted_is_told(mark: str) -> None:
    class Patient(BaseModel):
        id: str
        name: str

    def redact(type: str, fields: dict[str, Any]) -> dict[str, Any]:
        if type == "opened":
            fields = {**fields, "subject": {**fields["subject"], "name": mark}}
        return fields

    def book(offer: Offer, patient: Patient, write: Any) -> int:
        return 1

    commit: Any = Transactional(book)
    boundary: Any = Boundary(
        "book", proposer=always(5), verifiers=[], commit=commit, subject=Patient
    )

    async def main() -> None:
        async with Runtime("sqlite://:memory:", redact=redact) as runtime:
            await runtime.run(boundary, Patient(id="p", name="Ada"))
            found = await questions_of(runtime.ledger, "book", TypeAdapter(Patient))
            (where,) = found.redacted.values()
            assert where == "subject.name"

    asyncio.run(main())


def test_an_answer_that_never_came_says_why() -> None:
    boundary = selling(TimeoutError, Offer(price=5))

    async def main() -> None:
        async with recorded(boundary, [Deal()]) as runtime:
            (asked,) = (await read(runtime)).asked
            assert (asked.proposal, asked.verdict, asked.why) == (None, "no_proposal", "timeout")

    asyncio.run(main())


def test_what_a_person_wrote_was_no_question_to_a_model() -> None:
    async def main() -> None:
        async with recorded(selling().proposed_by(always(5)), [Deal()]) as runtime:
            (asked,) = (await read(runtime)).asked

            def by_hand(tx: Any) -> None:
                edited = Proposed(
                    attempt=2, fingerprint={"model": "person:dana"}, proposal={"price": 4}
                )
                tx.append("d", asked.crossing, asked.at, [edited])

            await runtime.ledger.transact(by_hand)
            found = await read(runtime, revisions=True)
            assert (len(found.asked), found.by_person) == (1, 1)

    asyncio.run(main())


def test_questions_that_need_evidence_and_have_none_are_left_out() -> None:
    async def main() -> None:
        async with recorded(selling().proposed_by(model()), [Deal()]) as runtime:
            found = await read(runtime, needs_evidence=True)
            assert (found.asked, found.without_evidence) == ((), 1)

    asyncio.run(main())


def test_a_boundary_whose_name_is_part_of_anothers_is_not_taken_for_it() -> None:
    def sold(offer: Offer, deal: Deal, write: Any) -> int:
        return 1

    def verdict(offer: Offer, deal: Deal) -> Accept | Reject:
        return Accept()

    longer = Boundary(
        "deal.sell.again", proposer=Scripted(Offer(price=1)), verifiers=[verdict],
        commit=Transactional(sold),
    )  # fmt: skip

    async def main() -> None:
        async with recorded(selling().proposed_by(always(5)), [Deal()]) as runtime:
            await runtime.run(longer, Deal(id="e"))
            found = await read(runtime)
            assert [each.subject.id for each in found.asked] == ["d"]
            assert found.others == ("deal.sell.again",)

    asyncio.run(main())
