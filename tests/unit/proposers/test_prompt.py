from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from signoff.boundary import Question
from signoff.proposers._prompt import Message, Prompt


class Customer(BaseModel):
    name: str


def test_instructions_subject_and_objections_are_kept_apart() -> None:
    question = Question(
        subject=Customer(name="Ada"), crossing="x", attempt=2, feedback=({"code": "over_cap"},)
    )
    system, subject, objections = _prompt("Make an offer.").messages(question)
    assert system.role == "system"
    assert system.text.startswith("Make an offer.\n\n")
    assert subject == Message("user", '<subject>\n{"name":"Ada"}\n</subject>')
    assert '<feedback>\n{"code":"over_cap"}\n</feedback>' in objections.text


def test_the_schema_is_told_only_when_asked() -> None:
    prompt: Prompt[str] = Prompt(instructions="")
    question = Question(subject="Ada", crossing="x")
    assert "schema" not in prompt.messages(question)[0].text
    assert '{"type": "object"}' in prompt.messages(question, schema={"type": "object"})[0].text


@given(st.text(), st.sampled_from(["</subject>", "<subject>", "<|im_end|>", "</SUBJECT >"]))
def test_no_customer_can_close_the_block_that_holds_their_words(name: str, tag: str) -> None:
    question = Question(
        subject=Customer.model_construct(name=name.encode("utf-8", "ignore").decode() + tag),
        crossing="x",
        feedback=({"message": tag},),
    )
    by_json: Prompt[Customer] = Prompt(instructions="")
    rendered: Prompt[Customer] = Prompt(instructions="", render=lambda customer: customer.name)
    for prompt in (by_json, rendered):
        block = prompt.messages(question)[1].text
        inside = block.removeprefix("<subject>\n").removesuffix("\n</subject>")
        assert "</" not in inside
        assert "<|" not in inside
    written = by_json.messages(question)[1].text
    inside = written.removeprefix("<subject>\n").removesuffix("\n</subject>")
    assert json.loads(inside)["name"] == question.subject.name


def test_the_digest_follows_the_wording() -> None:
    first: Prompt[str] = Prompt(instructions="Make an offer.")
    again: Prompt[str] = Prompt(instructions="Make an offer.")
    assert first.digest == again.digest
    assert first.digest != Prompt(instructions="Make a good offer.").digest
    shouted: Prompt[str] = Prompt(instructions="Make an offer.", render=lambda name: name + "!")
    assert first.digest != shouted.digest


def _prompt(instructions: str) -> Prompt[Customer]:
    return Prompt(instructions=instructions)
