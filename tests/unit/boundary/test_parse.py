from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Literal, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, field_validator

from signoff.boundary import Parsed, Unparsed, parse


class Offer(BaseModel):
    discount: float
    customer_id: str
    message: str = ""


OFFER = TypeAdapter(Offer)
GOOD = '{"discount": 0.1, "customer_id": "c-1", "message": "it\'s {yours}, [really]"}'
MEANT = Offer(discount=0.1, customer_id="c-1", message="it's {yours}, [really]")


def problem(said: object, adapter: TypeAdapter[Any] = OFFER) -> str:
    parsed = parse(said, adapter)
    assert isinstance(parsed, Unparsed), parsed
    return str(parsed.details["problem"])


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (GOOD, ()),
        (f"\ufeff \n{GOOD}\n", ()),
        (f"```json\n{GOOD}\n```", ("code_fence",)),
        (f"```\n{GOOD}", ("code_fence",)),
        (f"```json\n{GOOD[:-1]},}}\n```", ("code_fence", "syntax")),
        (f"Here's the offer [1]: {GOOD} Don't you like it?", ("prose",)),
        (f"Sure!\n```json\n{GOOD}\n```\nBye.", ("code_fence", "prose")),
        (f"{GOOD[:-1]},}}", ("syntax",)),
        (f"Sure!\n```json\n{GOOD[:-1]},\n}}\n```", ("code_fence", "prose", "syntax")),
        (f"{GOOD}\n{GOOD}", ()),
        (GOOD * 16, ()),
    ],
)
def test_what_surrounds_the_json_is_removed_and_recorded(
    text: str, repaired: tuple[str, ...]
) -> None:
    assert parse(text, OFFER) == Parsed(MEANT, repaired)


@pytest.mark.parametrize(
    "text",
    [
        "{'discount': 0.1, 'customer_id': 'c-1'}",
        "{discount: 0.1, customer_id: 'c-1'}",
        '{"discount": 0.1 "customer_id": "c-1"}',
        '{"discount": 0.1, // as allowed\n "customer_id": "c-1"}',
    ],
)
def test_a_slip_of_the_pen_is_repaired(text: str) -> None:
    assert parse(text, OFFER) == Parsed(Offer(discount=0.1, customer_id="c-1"), ("syntax",))


def test_python_literals_are_read() -> None:
    assert parse("{'a': True, 'b': None,}", TypeAdapter(dict[str, Any])) == Parsed(
        {"a": True, "b": None}, ("syntax",)
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no_json"),
        ("I'd rather not.", "no_json"),
        ("So: " + "[" * 65 + "]" * 65, "depth"),
        ('So: {"discount": 0.1, "discount": 0.2}', "duplicate_key"),
        ("see [1", "truncated"),
        (GOOD[:-1], "truncated"),
        ("```json\n" + GOOD[:20], "truncated"),
        ('{"discount": 0.1]', "truncated"),
        ('[{"discount": 0.1, "customer_id": "c-1"}, ', "truncated"),
        (GOOD + GOOD.replace("0.1", "0.2"), "ambiguous"),
        ("{} " * 17, "ambiguous"),
        ('{"discount": 0.1, "discount": 0.2, "customer_id": "c-1"}', "duplicate_key"),
        ('```json\n{"discount": 0.1, "discount": 0.2}\n```', "duplicate_key"),
        ('{"discount": 0.1, "discount": 0.2, "customer_id": "c-1",}', "duplicate_key"),
        ('{"discount": 0.1 5, "customer_id": "c-1"}', "syntax"),
        ('{"discount": 1,000, "customer_id": "c-1"}', "syntax"),
        ('{"discount": .5, "customer_id": "c-1"}', "syntax"),
        ('{"discount", 0.1}', "syntax"),
        ("[1 200]", "syntax"),
        ('{"discount": "a" "b"}', "syntax"),
        ('{"discount": "a": "b"}', "syntax"),
        ("[,]", "syntax"),
        ('{"discount": 0.1, "customer_id": c-1}', "syntax"),
        ('{"discount": 0.1, "customer_id": "\\x"}', "syntax"),
        ("[see policy]", "syntax"),
        ('{"discount": NaN, "customer_id": "c-1"}', "number"),
        ('{"discount": 0.1, "customer_id": NaN,}', "number"),
        ('{"discount": 1e309, "customer_id": "c-1"}', "number"),
        ('{"discount": 1e309, "customer_id": "c-1",}', "number"),
        ('{"discount": 1' + "0" * 400 + ', "customer_id": "c-1"}', "number"),
        ('{"discount": ' + "1" * 5000 + "}", "number"),
        ('{"discount": "0.3", "customer_id": "c-1"}', "schema"),
        ('{"discount": "30%", "customer_id": "c-1"}', "schema"),
        ('{"discount": true, "customer_id": "c-1"}', "schema"),
        ('{"discount": 0.1, "customer_id": 7}', "schema"),
        ('{"discount": 0.1, "customer_id": "\\ud800"}', "schema"),
        ("[1]", "schema"),
        ("null", "schema"),
    ],
)
def test_what_would_need_a_guess_is_not_read(text: str, why: str) -> None:
    assert problem(text) == why


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000_000,
        "{" * 1_000_000,
        "[" * 100_000,
        "[" * 60_000,
        '{"a":' * 60 + "1" + "}" * 60 + ",",
        '{"a":' * 300 + "1" + "}" * 300,
        "\0" * 1000,
        "\ud800",
        '{"discount": "\ud800"}',
        "{}" * 30_000,
        "{'" + "' " * 30_000 + "}",
        "{" + "'a' " * 16_000 + "}",
        "{" + '"a":1 ' * 10_000 + "}",
        "{" + ":" * 60_000 + "}",
        "[" + "/* " * 20_000,
        '{"a": "' + 'x" ' * 20_000 + '"}',
        '"' + "\\" * 999_999,
        "```json\n" * 8_000,
        "[" + "0," * 499_000 + "0]",
        '{"' + "k" * 900_000 + '": 1}',
        "1" * 999_999,
    ],
    ids=range(21),
)
def test_hostile_text_is_refused_quickly(text: str) -> None:
    begun = time.perf_counter()
    for adapter in (OFFER, TypeAdapter(list[str])):
        parsed = parse(text, adapter)
        assert isinstance(parsed, Unparsed)
        assert len(parsed.message) < 1000
        assert parsed.message.replace("\n", " ").isprintable()
    assert time.perf_counter() - begun < 3


def test_more_than_the_limit_is_not_read() -> None:
    assert problem(GOOD.ljust(1_000_001)) == "too_long"
    assert isinstance(parse(GOOD, OFFER, limit=len(GOOD)), Parsed)
    assert isinstance(parse(GOOD, OFFER, limit=len(GOOD) - 1), Unparsed)


def test_the_objection_names_the_field_and_what_was_there() -> None:
    parsed = parse('{"discount": "30%\\u0007", "customer_id": "c-1"}', OFFER)
    assert parsed == Unparsed(
        '`discount`: Input should be a valid number (got "30%\\u0007")',
        "discount",
        {"problem": "schema", "fields": [{"path": "discount", "type": "float_type"}]},
    )


def test_many_objections_are_summed_up() -> None:
    numbers = TypeAdapter(list[float])
    few = parse(json.dumps(["x"] * 9), numbers)
    assert isinstance(few, Unparsed)
    assert few.message.splitlines()[-1] == "... and 4 more."
    many = parse(json.dumps(["x"] * 2000), numbers)
    assert isinstance(many, Unparsed)
    assert many.message == "The answer does not fit the schema in 2000 places."


@pytest.mark.parametrize("value", ["x" * 10_000, 10**3000, None, False, [1], 2])
def test_an_echo_is_short(value: object) -> None:
    class Kind(BaseModel):
        kind: Literal["a", "b"]

    parsed = parse(json.dumps({"kind": value}), TypeAdapter(Kind))
    assert isinstance(parsed, Unparsed)
    assert parsed.path == "kind"
    assert len(parsed.message) <= 200


def test_unknown_fields_are_the_types_own_affair() -> None:
    class Closed(Offer):
        model_config = ConfigDict(extra="forbid")

    text = '{"discount": 0.1, "customer_id": "c-1", "confidence": 0.9}'
    assert isinstance(parse(text, OFFER), Parsed)
    parsed = parse(text, TypeAdapter(Closed))
    assert isinstance(parsed, Unparsed)
    assert parsed.path == "confidence"


class Kind(StrEnum):
    FULL = "full"


@dataclass
class Extension:
    until: date
    kind: Kind
    tags: tuple[str, ...] = ()


def test_json_forms_of_richer_types_are_read() -> None:
    text = '{"until": "2026-01-31", "kind": "full", "tags": ["a"]}'
    meant = Extension(date(2026, 1, 31), Kind.FULL, ("a",))
    extension = TypeAdapter(Extension)
    assert parse(text, extension) == Parsed(meant)
    assert parse(meant, extension) == Parsed(meant)
    assert parse(Kind.FULL, TypeAdapter(Kind)) == Parsed(Kind.FULL)
    assert parse('"full"', TypeAdapter(Kind)) == Parsed(Kind.FULL)


def test_a_typed_answer_is_judged_like_a_text() -> None:
    assert parse(MEANT, OFFER) == Parsed(MEANT)
    assert parse({"discount": 1, "customer_id": "c-1"}, OFFER) == Parsed(
        Offer(discount=1.0, customer_id="c-1")
    )
    assert problem(Offer.model_construct(discount="x", customer_id="c-1")) == "schema"
    assert problem({"discount": "x", "customer_id": "c-1"}) == "schema"
    assert problem(7) == "schema"


def test_a_typed_answer_is_detached_from_its_author() -> None:
    mine = Offer(discount=0.1, customer_id="c-1")
    parsed = parse(mine, OFFER)
    mine.discount = 0.9
    assert isinstance(parsed, Parsed)
    assert parsed.proposal.discount == 0.1


@pytest.mark.parametrize("discount", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_never_pass(discount: float) -> None:
    assert problem(Offer(discount=discount, customer_id="c-1")) == "number"
    assert problem({"discount": discount, "customer_id": "c-1"}) == "number"
    nested = TypeAdapter(dict[str, list[Offer]])
    parsed = parse({"a": [Offer(discount=discount, customer_id="c-1")]}, nested)
    assert isinstance(parsed, Unparsed)
    assert parsed.path == "a.0.discount"

    class Defaulted(BaseModel):
        rate: float = discount

    assert problem("{}", TypeAdapter(Defaulted)) == "number"


def test_a_value_that_its_json_does_not_describe_is_refused() -> None:
    class Narrower(Offer):
        secret_plan: str = "x"

    class Hidden(BaseModel):
        note: str = Field(default="", exclude=True)

    class Starred(BaseModel):
        pin: SecretStr

    assert problem(Narrower(discount=0.1, customer_id="c-1")) == "not_recordable"
    assert problem(Hidden(note="kept from the ledger"), TypeAdapter(Hidden)) == "not_recordable"
    assert problem(Starred(pin=SecretStr("1234")), TypeAdapter(Starred)) == "not_recordable"


def test_anything_a_validator_raises_is_an_objection() -> None:
    class Fragile(BaseModel):
        share: float

        @field_validator("share")
        @classmethod
        def divide(cls, share: float) -> float:
            return 1 / share

    class Loop(list[Any]):
        def __iter__(self) -> NoReturn:
            raise KeyError("broken")

    assert problem('{"share": 0}', TypeAdapter(Fragile)) == "validator_failed"
    assert problem(object()) == "validator_failed"
    endless: list[Any] = []
    endless.append(endless)
    assert isinstance(parse(endless, TypeAdapter(list[Any])), Unparsed)


offers = st.builds(
    Offer,
    discount=st.floats(allow_nan=False, allow_infinity=False),
    customer_id=st.text(st.characters(exclude_categories=["Cs"])),
    message=st.text("ab{}[]\"'`,:\\/ \n"),
)
prose = st.text(st.characters(exclude_characters="{}[]", exclude_categories=["Cs"]))


@given(offers, prose, prose, st.booleans(), st.booleans())
@example(Offer(discount=0.1, customer_id="", message=""), "Infinity", "", False, False)
@example(Offer(discount=0.1, customer_id="", message=""), "1e999", "", False, True)
def test_any_offer_survives_its_wrapping(
    offer: Offer, before: str, after: str, fenced: bool, comma: bool
) -> None:
    text = offer.model_dump_json()
    if comma:
        text = text[:-1] + ",}"
    if fenced:
        text = f"```json\n{text}\n```"
    parsed = parse(f"{before}\n{text}\n{after}", OFFER)
    assert isinstance(parsed, Parsed)
    assert parsed.proposal == offer
    assert ("syntax" in parsed.repaired) is comma


@given(offers, prose, st.data())
def test_no_beginning_of_an_answer_is_taken_for_the_answer(
    offer: Offer, before: str, data: st.DataObject
) -> None:
    whole = before + data.draw(
        st.sampled_from(
            [
                offer.model_dump_json(),
                offer.model_dump_json(indent=1),
                json.dumps([offer.model_dump()]),
                repr(offer.model_dump()),
            ]
        )
    )
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert isinstance(parse(cut, OFFER), Unparsed)
    assert isinstance(parse(cut, TypeAdapter(dict[str, Any])), Unparsed)


@given(st.one_of(st.text(), st.text("{}[]\"':,/\\`aN1.e-\n "), st.binary(), st.integers()))
def test_nothing_makes_it_raise(content: object) -> None:
    for adapter in (OFFER, TypeAdapter(Any), TypeAdapter(list[float])):
        assert isinstance(parse(content, adapter), Parsed | Unparsed)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text("ab\"'{}[],:\\/ "),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:'\""), inner, max_size=3)
        ),
    ).filter(lambda value: isinstance(value, dict | list) and len(value) > 0)
)
def test_a_repair_changes_no_value(value: object) -> None:
    written = json.dumps(value)
    parsed = parse(f"{written[:-1]},{written[-1]}", TypeAdapter(Any))
    assert isinstance(parsed, Parsed)
    assert json.dumps(parsed.proposal) == written
