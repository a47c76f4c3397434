from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from pydantic import BaseModel

from signoff.boundary import Question
from signoff.errors import MissingExtra, UsageError
from signoff.proposers import Function, Local, Model, Rates, Simulated, another, weights


class Offer(BaseModel):
    discount: float
    customer_id: str


def ten(question: Question[Any]) -> Offer:
    return Offer(discount=0.1, customer_id="c")


def facts(subject: Any) -> str:
    return f"customer {subject}"


def _has_weights() -> bool:
    try:
        weights()
    except MissingExtra:
        return False
    return True


needs_models = pytest.mark.skipif(
    importlib.util.find_spec("pydantic_ai") is None,
    reason="pydantic-ai is not installed: pip install 'signoff[models]'",
)
needs_weights = pytest.mark.skipif(
    not _has_weights(), reason="the local model is not installed: run `signoff local install`"
)
SIMULATED = Simulated(ten, proposes=Offer, seed=3, exaggerate={"discount": 9}, wrong={
    "customer_id": "x"
})  # fmt: skip


def provided(**more: Any) -> Model[Offer]:
    options: dict[str, Any] = {
        "instructions": "Offer.", "render": facts, "settings": {"temperature": 0.2}, **more
    }  # fmt: skip
    return Model("openai:gpt-5", proposes=Offer, **options)


@needs_models
def test_another_model_is_asked_in_the_same_words_with_the_same_settings() -> None:
    own = provided()
    other = another(own, "openai:gpt-5-mini")
    assert isinstance(other, Model)
    assert other.fingerprint.model == "openai:gpt-5-mini"
    assert (other.fingerprint.prompt, other.settings) == (own.fingerprint.prompt, own.settings)
    assert other.prompt.render is facts
    assert other.proposes is Offer


@needs_models
def test_other_words_change_the_prompt_and_nothing_else() -> None:
    own = provided()
    other = another(own, instructions="Offer less.")
    assert other.fingerprint.prompt != own.fingerprint.prompt
    assert other.fingerprint.body() | {"prompt": ""} == own.fingerprint.body() | {"prompt": ""}
    hot = another(own, temperature=1.5)
    assert hot.fingerprint.settings == {"temperature": 1.5}


@needs_models
def test_a_key_goes_to_no_other_provider() -> None:
    own = provided(base_url="http://127.0.0.1:1/v1", api_key="sk-secret")
    same: Any = another(own, "openai:gpt-5-mini")
    other: Any = another(own, "anthropic:claude-sonnet-4-6")
    assert (same._base_url, same._api_key) == (own._base_url, "sk-secret")
    assert (other._base_url, other._api_key) == (None, None)


@needs_models
@needs_weights
def test_words_carry_over_between_a_provider_and_this_machine() -> None:
    own = provided()
    here = another(own, "local", seed=4)
    assert isinstance(here, Local)
    assert here.fingerprint.prompt == own.fingerprint.prompt
    assert here.fingerprint.settings["seed"] == 4
    back = another(here, "openai:gpt-5")
    assert back.fingerprint.prompt == own.fingerprint.prompt


@needs_weights
def test_a_local_model_keeps_what_is_not_given() -> None:
    own = Local(proposes=Offer, instructions="Offer.", max_tokens=33, seed=1, render=facts)
    other: Any = another(own, temperature=0.1)
    assert other.fingerprint.settings == {"temperature": 0.1, "max_tokens": 33, "seed": 1}
    assert other.fingerprint.prompt == own.fingerprint.prompt
    assert another(own, seed=2).fingerprint.settings["seed"] == 2
    assert own.like().fingerprint == own.fingerprint


def test_a_simulated_model_has_other_rates_or_other_luck() -> None:
    other = another(SIMULATED, misbehaves=0.5)
    assert other.fingerprint.settings["seed"] == 3
    assert sum(Rates.evenly(0.5).body().values()) == pytest.approx(0.5)
    assert len(other.fingerprint.settings) == 11
    assert another(SIMULATED, "simulated", seed=9).fingerprint.settings == {"seed": 9}
    assert SIMULATED.like().fingerprint == SIMULATED.fingerprint


@pytest.mark.parametrize(
    ("own", "given", "said"),
    [
        (SIMULATED, {"model": "gpt-5"}, "'gpt-5' is no model"),
        (SIMULATED, {"model": "openai:gpt-5"}, "has no prompt that openai:gpt-5 could be asked"),
        (SIMULATED, {"instructions": "x"}, "instructions is given, but simulated has none"),
        (SIMULATED, {"misbehaves": 1.5}, "give 0 to 1"),
        (Function(ten), {"model": "simulated"}, "does not know what a good answer is"),
        (Function(ten), {"instructions": "x"}, "has no prompt that could be replaced"),
        (SIMULATED, {"model": "openai:x", "seed": 1, "instructions": "y"}, "seed is given, but"),
    ],
)
def test_what_does_not_fit_says_why(own: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        another(own, **given)


@needs_models
def test_a_proposer_without_words_can_be_given_some() -> None:
    other = another(Function(ten), "openai:gpt-5", instructions="Offer.")
    assert isinstance(other, Model)
    assert other.prompt.instructions == "Offer."
