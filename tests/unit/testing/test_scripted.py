from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from signoff.boundary import Answer, Proposer, Question
from signoff.errors import UsageError
from signoff.ledger import Usage
from signoff.testing._scripted import Scripted, ScriptExhausted


@dataclass
class Offer:
    discount: float


def ask(proposer: Proposer[str, Offer], attempt: int = 1) -> Answer:
    async def answer() -> Answer:
        return await proposer(Question(subject="c-1", crossing="x", attempt=attempt))

    return asyncio.run(answer())


async def later(question: Question[str]) -> Offer:
    return Offer(question.attempt / 10)


def test_answers_come_in_order() -> None:
    priced = Answer(content="{}", usage=Usage(tokens_in=1))
    script = Scripted(
        Offer(0.9), "not json", priced, lambda q: Offer(q.attempt / 10), later, proposes=Offer
    )
    assert isinstance(script, Proposer)
    said = [ask(script, attempt) for attempt in range(1, 6)]
    assert [answer.content for answer in said] == [
        Offer(0.9),
        "not json",
        "{}",
        Offer(0.4),
        Offer(0.5),
    ]
    assert said[2] is priced
    assert [question.attempt for question in script.asked] == [1, 2, 3, 4, 5]


def test_exceptions_are_raised_whether_made_or_named() -> None:
    script = Scripted(TimeoutError("late"), TimeoutError, lambda q: KeyError("k"), proposes=Offer)
    for expected in (TimeoutError, TimeoutError, KeyError):
        with pytest.raises(expected):
            ask(script)


def test_an_empty_script_says_so() -> None:
    script = Scripted(Offer(0.1))
    ask(script)
    with pytest.raises(ScriptExhausted, match="Asked 2 times, but the script has 1 answers"):
        ask(script)
    with pytest.raises(ScriptExhausted):
        ask(Scripted(proposes=Offer, repeat=True))


def test_the_last_answer_can_repeat() -> None:
    script = Scripted("no", Offer(0.1), repeat=True)
    assert [ask(script).content for _ in range(4)] == ["no", *[Offer(0.1)] * 3]


def test_the_first_typed_answer_says_what_is_proposed() -> None:
    assert Scripted("text", TimeoutError, Answer(content=Offer(0.1))).proposes is Offer
    assert Scripted("text", proposes=Offer).proposes is Offer
    with pytest.raises(UsageError, match="Pass `proposes=`"):
        Scripted("text", TimeoutError)


def test_the_fingerprint_is_constant() -> None:
    assert Scripted(Offer(0.1)).fingerprint == Scripted(Offer(0.2)).fingerprint
