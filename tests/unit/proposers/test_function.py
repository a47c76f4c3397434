from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import pytest

from signoff.boundary import Answer, Proposer, Question
from signoff.errors import UsageError
from signoff.ledger import Usage
from signoff.proposers import Function


@dataclass
class Offer:
    discount: float


QUESTION = Question(subject="c-1", crossing="x")


def rule(question: Question[str]) -> Offer:
    return Offer(discount=0.1 if question.subject else 0.0)


async def lookup(question: Question[str]) -> Offer:
    await asyncio.sleep(0)
    return Offer(discount=0.2)


async def client(question: Question[str]) -> Answer:
    return Answer(content='{"discount": 0.3}', usage=Usage(tokens_in=7))


class Desk:
    def __call__(self, question: Question[str]) -> Offer:
        return Offer(discount=0.4)


@pytest.mark.parametrize(
    ("fn", "discount"), [(rule, 0.1), (lookup, 0.2), (Desk(), 0.4), (functools.partial(rule), 0.1)]
)
def test_the_return_annotation_is_what_it_proposes(fn: Any, discount: float) -> None:
    if isinstance(fn, functools.partial):
        proposer: Function[str, Offer] = Function(fn, proposes=Offer)
    else:
        proposer = Function(fn)
    assert isinstance(proposer, Proposer)
    assert proposer.proposes is Offer
    assert asyncio.run(_ask(proposer)) == Answer(content=Offer(discount))


def test_an_annotated_awaitable_is_looked_into() -> None:
    def started(question: Question[str]) -> Awaitable[Offer]:
        return lookup(question)

    assert Function(started).proposes is Offer


def test_an_annotation_that_cannot_be_found_is_no_annotation() -> None:
    def vague(question: Question[str]) -> Elsewhere:  # type: ignore[name-defined]  # noqa: F821
        return None

    with pytest.raises(UsageError, match="does not say which proposal type"):
        Function(vague)


def test_an_answer_with_its_cost_is_passed_on() -> None:
    proposer = Function(client, proposes=Offer)
    assert asyncio.run(_ask(proposer)).usage == Usage(tokens_in=7)


def test_without_a_type_it_says_what_to_do() -> None:
    for fn in (client, lambda question: "{}", functools.partial(client)):
        with pytest.raises(UsageError, match="pass `proposes=`"):
            Function(fn)


def test_the_fingerprint_changes_with_the_source_only() -> None:
    first, again, other = Function(rule), Function(rule), Function(lookup)
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint.model == f"function:{__name__}.rule"
    assert first.fingerprint.version != other.fingerprint.version
    assert Function(Desk()).fingerprint.model == f"function:{__name__}.Desk"
    assert Function(rule, name="house rule").fingerprint.model == "house rule"


def test_a_function_without_source_has_a_digest_too() -> None:
    namespace: dict[str, Any] = {}
    exec("def typed_in(question): return None", {"__name__": "nowhere"}, namespace)
    fingerprint = Function(namespace["typed_in"], proposes=Offer).fingerprint
    assert fingerprint.model == "function:nowhere.typed_in"
    assert len(fingerprint.version) == 64
    assert Function(len, proposes=Offer).fingerprint.version == ""  # type: ignore[arg-type]


async def _ask(proposer: Proposer[str, Any]) -> Answer:
    return await proposer(QUESTION)
