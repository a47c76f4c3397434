from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

from signoff.boundary import Answer, Parsed, Proposer, Question, Refused, Unparsed, parse
from signoff.errors import UsageError
from signoff.proposers import Failure, Rates, Simulated


class Offer(BaseModel):
    discount: float
    customer_id: str


OFFER = TypeAdapter(Offer)
FAILURES: tuple[Failure, ...] = get_args(Failure)


def honest(question: Question[str]) -> Offer:
    return Offer(discount=0.1 * question.attempt, customer_id=question.subject)


def simulated(seed: int = 0, **rates: float) -> Simulated[str, Offer]:
    return Simulated(
        honest,
        proposes=Offer,
        seed=seed,
        rates=Rates(**rates),
        exaggerate={"discount": 0.9},
        wrong={"customer_id": lambda question: f"not-{question.subject}"},
        slow_seconds=0.001,
    )


def question(crossing: str = "x", attempt: int = 1) -> Question[str]:
    return Question(
        subject="c-1", crossing=crossing, attempt=attempt, feedback=({},) * (attempt - 1)
    )


def ask(proposer: Proposer[str, Offer], asked: Question[str]) -> str:
    async def answer() -> Answer:
        return await proposer(asked)

    return str(asyncio.run(answer()).content)


def test_without_rates_every_answer_is_honest() -> None:
    proposer = Simulated(honest, proposes=Offer)
    assert isinstance(proposer, Proposer)
    for attempt in (1, 2):
        asked = question(attempt=attempt)
        assert parse(ask(proposer, asked), OFFER) == Parsed(honest(asked))


@pytest.mark.parametrize("failure", ["malformed", "wrong_type", "unknown_field"])
def test_spoiled_shapes_do_not_parse(failure: str) -> None:
    proposer = simulated(**{failure: 1.0})
    for n in range(50):
        assert isinstance(parse(ask(proposer, question(f"x{n}")), OFFER), Unparsed)


@pytest.mark.parametrize(
    ("failure", "meant"),
    [
        ("exaggerated", Offer(discount=0.9, customer_id="c-1")),
        ("wrong_subject", Offer(discount=0.1, customer_id="not-c-1")),
        ("repeated", Offer(discount=0.9, customer_id="c-1")),
        ("prose", Offer(discount=0.1, customer_id="c-1")),
        ("slow", Offer(discount=0.1, customer_id="c-1")),
    ],
)
def test_what_parses_says_what_the_failure_means(failure: str, meant: Offer) -> None:
    parsed = parse(ask(simulated(**{failure: 1.0}), question()), OFFER)
    assert parsed == Parsed(meant, ("code_fence", "prose") if failure == "prose" else ())


def test_silence_is_raised() -> None:
    with pytest.raises(TimeoutError):
        ask(simulated(timeout=1.0), question())
    with pytest.raises(Refused):
        ask(simulated(refusal=1.0), question())


def test_a_repetition_is_the_attempt_before_word_for_word() -> None:
    proposer = simulated(repeated=0.5, malformed=0.2, exaggerated=0.2, timeout=0.1)
    repetitions = 0
    for n in range(200):
        first, second = question(f"x{n}", 1), question(f"x{n}", 2)
        if proposer.failure(f"x{n}", 2) == "repeated":
            repetitions += 1
            said = ask(proposer, second)
            if proposer.failure(f"x{n}", 1) == "timeout":
                assert json.loads(said)["discount"] == 0.9
            else:
                assert said == ask(proposer, first)
    assert repetitions > 50


def test_luck_depends_on_seed_crossing_and_attempt_only() -> None:
    rates = dict.fromkeys(FAILURES, 0.1)
    asked = [question(f"x{n}", attempt) for n in range(60) for attempt in (1, 2)]

    def answers(proposer: Simulated[str, Offer], order: list[Question[str]]) -> list[str]:
        async def gathered() -> list[Any]:
            return await asyncio.gather(*map(proposer, order), return_exceptions=True)

        return [repr(answer) for answer in asyncio.run(gathered())]

    first = answers(simulated(**rates), asked)
    assert answers(simulated(**rates), asked[::-1])[::-1] == first
    assert answers(simulated(seed=1, **rates), asked) != first


def test_the_rates_are_met() -> None:
    proposer = Simulated(
        honest,
        proposes=Offer,
        rates=Rates.evenly(0.2),
        exaggerate={"discount": 0.9},
        wrong={"customer_id": "c-9"},
    )
    seen = Counter(proposer.failure(f"x{n}") for n in range(20_000))
    for failure in FAILURES:
        assert 300 < seen[failure] < 500
    assert 15_700 < seen[None] < 16_300


def test_every_answer_has_a_plausible_cost() -> None:
    async def cost(asked: Question[str]) -> Answer:
        return await simulated()(asked)

    first, second = asyncio.run(cost(question())), asyncio.run(cost(question(attempt=2)))
    assert 300 < first.usage.tokens_in < second.usage.tokens_in < 700
    assert first.usage.tokens_out > 8
    assert 0 < first.usage.usd < 0.01


def test_answers_are_cheap_enough_for_a_benchmark() -> None:
    proposer = simulated(malformed=0.1, exaggerated=0.1)
    asked = [question(f"x{n}") for n in range(2000)]

    async def answer_all() -> float:
        begun = time.perf_counter()
        for one in asked:
            await proposer(one)
        return (time.perf_counter() - begun) / len(asked)

    assert min(asyncio.run(answer_all()) for _ in range(3)) < 200e-6


def test_the_fingerprint_tells_seeds_and_rates_apart() -> None:
    base = simulated(malformed=0.1).fingerprint
    assert base == simulated(malformed=0.1).fingerprint
    assert base.settings == {"seed": 0, "malformed": 0.1}
    assert base != simulated(malformed=0.2).fingerprint
    assert base != simulated(seed=1, malformed=0.1).fingerprint


def test_impossible_rates_are_refused() -> None:
    with pytest.raises(UsageError, match="not a share"):
        Rates(slow=-0.1)
    with pytest.raises(UsageError, match="not a share"):
        Rates(slow=float("nan"))
    with pytest.raises(UsageError, match=r"add up to 1\.200"):
        Rates(slow=0.6, prose=0.6)
    assert Rates.evenly(1.0).at(0.999) == "refusal"
    assert replace(Rates(), prose=1.0).at(0.0) == "prose"


def test_fields_to_spoil_must_be_named_and_known() -> None:
    with pytest.raises(UsageError, match="need `exaggerate=`"):
        Simulated(honest, proposes=Offer, rates=Rates(exaggerated=0.1))
    with pytest.raises(UsageError, match="need `wrong=`"):
        Simulated(honest, proposes=Offer, rates=Rates(wrong_subject=0.1))
    with pytest.raises(UsageError, match="does not have"):
        Simulated(honest, proposes=Offer, exaggerate={"rebate": 0.9})
    with pytest.raises(UsageError, match="not an object type"):
        Simulated(lambda question: [1.0], proposes=list[float])
