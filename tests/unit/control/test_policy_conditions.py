from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from policy_types import (
    HEAD,
    Address,
    Decline,
    Line,
    Offer,
    Plan,
    Principal,
    Renewal,
    codes,
    policy,
    rule,
)

from signoff.control import BadPolicy
from signoff.errors import UsageError

FIRES, QUIET, FAILED = ["a_code"], list[str](), ["policy_error"]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("proposal.discount > 0.05", FIRES),
        ("proposal.discount > subject.max_discount", QUIET),
        ("proposal.discount < 1", FIRES),
        ("proposal.discount == 0", QUIET),
        ("proposal.months == 12.0", FIRES),
        ("subject.tenure >= 12", FIRES),
        ("subject.tenure >= 24.5", QUIET),
        ("proposal.discount * 100.0 > 9", FIRES),
        ("proposal.months / 8 == 1", FIRES),
        ("double(proposal.months) / 8.0 == 1.5", FIRES),
        ("proposal.amount > 19", FIRES),
        ("proposal.yearly > 200", FIRES),
        ("proposal.plan == 'premium' && subject.stage in ['open', 'offered']", FIRES),
        ("subject.home.city == 'Oslo'", FIRES),
        ("subject.ends < timestamp('2026-02-01T00:00:00Z')", FIRES),
        ("subject.ends + duration('24h') > timestamp('2026-02-01T00:00:00Z')", QUIET),
        ("subject.tags.exists(tag, tag == 'loyal')", FIRES),
        ("'gold' in subject.limits && subject.limits['gold'] > 0.4", FIRES),
        ("subject.limits['silver'] > 0.4", FAILED),
        ("subject.tags[3] == 'loyal'", FAILED),
        ("proposal.months / (subject.tenure - 24) > 1", FAILED),
        ("proposal.message.matches('(?i)^stay')", FIRES),
        ("proposal.message.size() > 400", QUIET),
        ("subject.account == '00000000-0000-0000-0000-000000000007'", FIRES),
        ("true // whatever it is", FIRES),
        ("principal.role != 'lead'", FIRES),
    ],
)
def test_a_condition_is_asked(when: str, said: list[str]) -> None:
    assert codes(when, principal=Principal()) == said


@pytest.mark.parametrize(
    ("when", "absent", "present"),
    [
        ("subject.risk > 0.5", FAILED, FIRES),
        ("subject.risk != null && subject.risk > 0.5", QUIET, FIRES),
        ("subject.risk == null", FIRES, QUIET),
        ("subject.risk >= 1", FAILED, QUIET),
        ("subject.blocked", FAILED, FIRES),
        ("subject.blocked != null && subject.blocked", QUIET, FIRES),
        ("subject.billing == null", FIRES, QUIET),
        ("subject.billing.city == 'Rome'", QUIET, FIRES),
        ("subject.billing.city.startsWith('R')", FAILED, FIRES),
        ("subject.friends == null || 'bo' in subject.friends", FIRES, FIRES),
        ("size(subject.friends) > 1", FAILED, FIRES),
        ("proposal.starts == null", FIRES, QUIET),
        ("proposal.starts > timestamp('2026-01-01T00:00:00Z')", FAILED, FIRES),
        ("proposal.starts != null && proposal.starts > subject.ends", QUIET, FIRES),
        ("proposal.pause > duration('1h')", FAILED, FIRES),
        ("proposal.pause == null || proposal.pause > duration('2h')", FIRES, QUIET),
    ],
)
def test_a_rule_asks_for_presence_with_null(
    when: str, absent: list[str], present: list[str]
) -> None:
    there = Renewal(
        risk=0.9, blocked=True, billing=Address(city="Rome"), friends={"bo", "al", "cy"}
    )
    starts = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
    offer = Offer(starts=starts, pause=timedelta(minutes=90, microseconds=3))
    assert codes(when) == absent
    assert codes(when, offer, there) == present


@pytest.mark.parametrize(
    ("when", "column", "message"),
    [
        ("proposal.discont > 0.3", 7, "proposal.discont does not exist; did you mean"),
        ("proposal.discount.x > 0.3", 7, "proposal.discount.x does not exist"),
        ("true && subject.foo", 15, "subject.foo does not exist"),
        ("proposal.discount > 'a'", 25, "> cannot be used with (double, string)"),
        ("proposal.message == 1", 24, "== cannot be used with (string, int)"),
        ("proposal.discount * 100 > 9", 25, "write 2.0 for 2, or double(x) for x"),
        ("subject.risk > 'a'", 20, "double or null, string"),
        ("proposal.extra == 1", 7, "cannot be read by a rule: its type is typing.Any"),
        ("subject.home == null", 7, "it has fields; name one of them"),
        ("proposal.lines.all(l, l.price < 1)", 7, "a list of models; name a field of theirs"),
        ("proposal.lines.note == []", 7, "only plain fields that are always there"),
        ("proposal.plan == 'premum'", 24, "never 'premum'; did you mean 'premium'?"),
        ("'closed' != subject.stage", 7, "it is one of 'open', 'offered'"),
        ("subject.stage in ['open', 'shut']", 33, "subject.stage is never 'shut'"),
        ("subject.tenure != null", 25, "subject.tenure is never null"),
        ("has(subject.risk)", 7, "compare the field with null"),
        ("subject.tags.map(x, x + x) == []", 20, "can grow without bound"),
        ("subject.tags.all(x, subject.tags.exists(y, x == y))", 40, "within another loop"),
        ("proposal.message.matches(subject.id)", 24, "one pattern, written out"),
        ("proposal.message.matches('(')", 32, "a regular expression that cannot be read"),
        ("subject.ends > timestamp('soon')", 32, "a time that cannot be read"),
        ("proposal.pause > duration('long')", 33, "a duration that cannot be read"),
        ("dyn(1) == 'a'", 10, "undeclared reference to 'dyn'"),
        ("proposal.discount", 7, "true or false; this is of type double"),
        ("proposal.discount >", 25, "mismatched input"),
        ("nobody > 1", 7, "undeclared reference to 'nobody'"),
        ("[1].exists(proposal, proposal > 0)", 18, "it has fields"),
    ],
)
def test_what_cannot_be_meant_fails_at_load(when: str, column: int, message: str) -> None:
    with pytest.raises(BadPolicy) as bad:
        policy(HEAD + rule(when))
    assert (bad.value.line, bad.value.column) == (8, column)
    assert message in str(bad.value)
    assert str(bad.value).startswith(f"p.yaml:8:{column}: ")


def test_a_principal_without_a_type_cannot_be_read() -> None:
    from signoff.control import Policy

    text = (HEAD + rule("principal.role == 'lead'")).encode()
    with pytest.raises(BadPolicy, match="loaded without a type for its principal"):
        Policy.parse(text, proposal=Offer, subject=Renewal)


def test_a_principal_who_is_not_there_is_no_lead() -> None:
    assert codes("principal.role != 'lead'") == FAILED
    assert codes("principal.role != 'lead' && proposal.discount > 0.2") == QUIET


@pytest.mark.parametrize(
    ("proposal", "when"),
    [
        (Offer.model_construct(discount=float("nan")), "proposal.discount > 0.3"),
        (Offer.model_construct(discount="0.9"), "proposal.discount > 0.3"),
        (Offer.model_construct(discount=True), "proposal.discount > 0.3"),
        (Offer.model_construct(months=2**70), "proposal.months > 3"),
        (Offer.model_construct(amount=Decimal("NaN")), "proposal.amount > 3"),
        (Offer.model_construct(starts=datetime(2026, 1, 1)), "proposal.starts == null"),  # noqa: DTZ001
        (Offer.model_construct(message="x" * 200_000), "proposal.message == ''"),
        (Offer.model_construct(message="\ud800"), "proposal.message == ''"),
        (Offer(lines=[Line(price=1, sku="a")] * 1001), "proposal.lines.price.exists(p, p > 3)"),
        (Offer.model_construct(plan=None), "proposal.plan == 'basic'"),
        (object(), "proposal.months > 30"),
        (object(), "proposal.pause == null"),
        (None, "proposal.months > 30"),
    ],
)
def test_a_value_that_is_not_what_its_type_says_never_passes(proposal: object, when: str) -> None:
    (reject,) = policy(HEAD + rule(when)).judge(proposal, Renewal())
    assert reject.code == "policy_error"


def test_the_fields_of_a_list_of_models_are_lists() -> None:
    offer = Offer(lines=[Line(price=3, sku="a"), Line(price=300, sku="b")])
    assert codes("proposal.lines.price.exists(price, price > 100)", offer) == FIRES
    assert codes("size(proposal.lines.sku) > 2", offer) == QUIET


def test_a_field_that_only_one_proposal_of_a_union_has_may_be_null() -> None:
    text = HEAD + rule("proposal.discount != null && proposal.discount > 0.2")
    union = policy(text, proposal=Offer | Decline)
    assert union.judge(Decline(reason="no"), Renewal()) == ()
    assert [reject.code for reject in union.judge(Offer(discount=0.9), Renewal())] == FIRES


def test_a_set_is_read_in_one_order() -> None:
    renewal = Renewal(friends={f"f{number}" for number in range(50)})
    assert codes("subject.friends[0] == 'f0'", subject=renewal) == FIRES


class Node(BaseModel):
    name: str = ""
    next: Node | None = None


def test_a_model_that_contains_itself_is_read_to_a_depth() -> None:
    text = HEAD + rule("proposal.next.next.name == 'x'")
    assert policy(text, proposal=Node).judge(Node(), Renewal()) == ()
    with pytest.raises(BadPolicy, match="nested too deeply"):
        policy(HEAD + rule("proposal.next.next.next.next.next.name == 'x'"), proposal=Node)


@dataclass
class Odd:
    mixed: int | str = 0
    anything: object = None
    pair: tuple[int, str] = (1, "")
    raw: bytes = b""
    nested: list[list[int]] | None = None
    maybe: list[int | None] | None = None
    either: int | float = 0


@pytest.mark.parametrize("name", ["mixed", "anything", "pair", "raw", "nested", "maybe"])
def test_a_type_that_has_no_counterpart_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadPolicy, match=f"proposal.{name} cannot be read by a rule: "):
        policy(HEAD + rule(f"proposal.{name} == 1"), proposal=Odd)


def test_an_int_or_a_float_is_a_number() -> None:
    asked = policy(HEAD + rule("proposal.either > 0.5"), proposal=Odd)
    assert [len(asked.judge(Odd(either=value), Renewal())) for value in (0, 1, 0.7)] == [0, 1, 1]


@pytest.mark.parametrize("type_", [str, int, dict[str, int], list[Offer], Offer | None, Any])
def test_a_proposal_without_fields_is_wrong_use(type_: Any) -> None:
    with pytest.raises(UsageError, match="a policy reads the fields"):
        policy(HEAD + rule("true"), proposal=type_)


def test_an_enum_is_read_by_its_value() -> None:
    assert codes("proposal.plan == 'basic'", Offer(plan=Plan.BASIC)) == FIRES
