from __future__ import annotations

import hashlib
from pathlib import Path
from time import perf_counter

import pytest

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from hypothesis import given, settings
from hypothesis import strategies as st
from policy_types import HEAD, Offer, Principal, Renewal, codes, policy, rule

from signoff import Reject
from signoff.control import BadPolicy, Policy

TRUE = rule("true")


def test_a_policy_says_which_rule_objected_and_in_which_version(tmp_path: Path) -> None:
    path = tmp_path / "renewal.yaml"
    message = "{proposal.discount:.0%} offered, {subject.max_discount:.0%} allowed"
    when = "proposal.discount > subject.max_discount"
    path.write_text(HEAD + rule(when, message=message) + "    path: discount\n")
    loaded = Policy.load(path, proposal=Offer, subject=Renewal)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (loaded.name, loaded.version, loaded.digest) == ("renewal", "1", digest)
    assert loaded.label == "renewal@1"
    assert loaded.judge(Offer(discount=0.9), Renewal()) == (
        Reject(
            "a_code",
            "90% offered, 30% allowed",
            path="discount",
            details={"rule": "a", "policy": "renewal", "version": "1", "digest": digest[:12]},
        ),
    )
    assert loaded.judge(Offer(discount=0.3), Renewal()) == ()


def test_every_rule_is_asked_and_answers_in_order() -> None:
    text = HEAD + "".join(
        rule(when, id=id, then=then)
        for id, when, then in (
            ("one", "proposal.discount > 0.05", "revise"),
            ("two", "proposal.months > 100", "stop"),
            ("three", "subject.risk > 0.5", "escalate"),
            ("four", "subject.tenure > 1", "stop"),
        )
    )
    rejects = policy(text).judge(Offer(), Renewal())
    assert [(reject.code, reject.then) for reject in rejects] == [
        ("one_code", "revise"),
        ("policy_error", "escalate"),
        ("four_code", "stop"),
    ]
    assert "unread" not in rejects[1].details  # null is a value; comparing it failed


def test_what_could_not_be_read_is_named_for_programs_only() -> None:
    (reject,) = policy(HEAD + rule("proposal.discount > 0.3")).judge(object(), Renewal())
    assert reject.details["unread"] == ["proposal.discount"]
    assert "discount" not in reject.message


# The default


REJECTING = HEAD.replace("allow", "reject")


def test_under_reject_something_must_allow_and_nothing_object() -> None:
    text = REJECTING + rule("proposal.discount <= 0.1", id="small", then="allow")
    text += rule("subject.tenure < 3", id="new")
    judged = policy(text)
    assert judged.judge(Offer(discount=0.1), Renewal()) == ()
    assert [r.code for r in judged.judge(Offer(discount=0.2), Renewal())] == ["not_allowed"]
    assert [r.code for r in judged.judge(Offer(), Renewal(tenure=1))] == ["new_code"]
    both = judged.judge(Offer(discount=0.2), Renewal(tenure=1))
    assert [(r.code, r.then) for r in both] == [("new_code", "revise"), ("not_allowed", "stop")]


def test_a_rule_that_allows_and_cannot_be_judged_allows_nothing() -> None:
    text = REJECTING + rule("subject.risk < 0.5", id="safe", then="allow")
    rejects = policy(text).judge(Offer(), Renewal())
    assert [(r.code, r.then) for r in rejects] == [
        ("policy_error", "stop"),
        ("not_allowed", "stop"),
    ]


def test_a_policy_without_rules_is_its_default() -> None:
    assert policy(HEAD.replace("rules:", "rules: []")).judge(Offer(), Renewal()) == ()
    (reject,) = policy(REJECTING.replace("rules:", "rules: []")).judge(Offer(), Renewal())
    assert reject.code == "not_allowed"


# Tenants


TENANTS = (
    HEAD
    + rule("proposal.discount > 0.3", id="cap")
    + rule("proposal.months > 24", id="long")
    + """\
tenants:
  acme:
    rules:
      - {id: cap, when: proposal.discount > 0.5, code: over, message: "no", then: stop}
      - {id: more, when: proposal.months < 2, code: short, message: "no", then: stop}
  free: {without: [cap, long]}
"""
)


@pytest.mark.parametrize(
    ("tenant", "rules", "said"),
    [
        ("", ["cap", "long"], ["cap_code"]),
        ("unheard of", ["cap", "long"], ["cap_code"]),
        ("acme", ["cap", "long", "more"], []),
        ("free", [], []),
    ],
)
def test_a_tenant_replaces_adds_or_does_without(
    tenant: str, rules: list[str], said: list[str]
) -> None:
    judged = policy(TENANTS)
    assert [rule.id for rule in judged.rules(tenant)] == rules
    rejects = judged.judge(Offer(discount=0.4), Renewal(), tenant=tenant)
    assert [reject.code for reject in rejects] == said


# Messages


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{proposal.discount:.1%} {{as is}}", "10.0% {as is}"),
        ("{proposal.amount:,.2f} {proposal.months} {proposal.plan}", "19.90 12 premium"),
        (
            "{subject.risk:.2f} {subject.ends:%Y-%m-%d} {subject.ends}",
            "none 2026-01-01 2026-01-01T",
        ),
        ("{proposal.message:.4}", "Stay"),
    ],
)
def test_a_message_shows_fields(message: str, said: str) -> None:
    (reject,) = policy(HEAD + rule("true", message=message)).judge(Offer(), Renewal())
    assert reject.message.startswith(said)


def test_a_message_about_a_value_that_cannot_be_read_still_comes() -> None:
    broken = Offer.model_construct(discount=float("nan"), message="x" * 99_999)
    text = HEAD + rule("true", message="{proposal.discount:.0%} {proposal.message}")
    (reject,) = policy(text).judge(broken, Renewal())
    assert reject.message.startswith("? xxx")
    assert len(reject.message) < 250


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("{proposal.discont}", "did you mean proposal.discount?"),
        ("{proposal.__class__}", "does not exist"),
        ("{proposal.discount.__class__}", "does not exist"),
        ("{0}", "does not exist"),
        ("{}", "name a field"),
        ("{proposal.discount!r}", "takes no !r"),
        ("{proposal.discount:99999999f}", "cannot be shown as '99999999f'"),
        ("{proposal.discount:.999999f}", "cannot be shown"),
        ("{proposal.discount:{proposal.months}}", "cannot be shown"),
        ("{proposal.message:>9999999}", "cannot be shown"),
        ("{subject.tags}", "of type list(string), which a message cannot show"),
        ("{subject.billing}", "which a message cannot show"),
        ("{", "cannot be read"),
        ("}", "cannot be read"),
    ],
)
def test_a_message_that_cannot_be_filled_in_fails_at_load(message: str, wrong: str) -> None:
    with pytest.raises(BadPolicy) as bad:
        policy(HEAD + rule("true", message=message))
    assert wrong in str(bad.value)
    assert bad.value.line == 10


# Hostile files


def _inline(when: str) -> str:
    return HEAD + rule("true").replace("|\n      true", when)


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        (b"", 0, "it is empty"),
        (b"a" * 10_000_000, 0, "larger than 1,000,000 bytes"),
        (b"[" * 900_000, 1, "nested more than 20 levels"),
        (b"- a\n" * 240_000, 50_001, "more than 50,000 values"),
        (b"policy: x\nversion: \xff\n", 2, "not valid UTF-8"),
        (b"policy: \x00", 1, "a character that YAML does not allow"),
        (b"policy:\n\t- x", 2, "cannot start any token"),
        (b"policy: [", 1, "did not find expected"),
        (b"a: &a [x]\nb: [*a, *a]", 1, "anchors and aliases are not allowed"),
        (b"a: [*b]", 1, "anchors and aliases are not allowed"),
        (b"policy: !!python/object/apply:os.system [x]", 1, "tags are not allowed"),
        (b"policy: x\nversion: '1'\npolicy: y", 3, "'policy' is there twice"),
        (b"1: x", 1, "a key must be a text"),
        (b"? [a]\n: x", 1, "a key must be a text"),
        (b"- x", 1, "a mapping of fields"),
        ((HEAD + TRUE + "---\na: 1\n").encode(), 11, "more than one document"),
        ((HEAD + TRUE + "    foo: 1\n").encode(), 11, "rules[1].foo: there is no such field"),
        ((HEAD + TRUE + "    path: discont\n").encode(), 11, "did you mean proposal.discount"),
        ((HEAD + TRUE).replace("id: a\n", "id: 12\n").encode(), 5, "rules[1].id"),
        ((HEAD + TRUE).replace("id: a\n", "id: a b\n").encode(), 5, "characters that are not"),
        ((HEAD + TRUE).replace("revise", "retry").encode(), 6, "rules[1].then"),
        ((HEAD + TRUE).replace("code: a_code", "code: Over-Cap").encode(), 9, "not allowed here"),
        ((HEAD + TRUE).replace("    code: a_code\n", "").encode(), 5, "has a code and a message"),
        ((HEAD + TRUE).replace("'1'", "1.0").encode(), 2, "version"),
        ((HEAD + TRUE).replace("default: allow\n", "").encode(), 1, "default: is missing"),
        ((HEAD + TRUE + TRUE).encode(), 11, "rule a is there twice"),
        ((HEAD + rule("true", then="allow")).encode(), 6, "does nothing under `default: allow`"),
        ((HEAD + TRUE + "tenants: {x: {without: [b]}}\n").encode(), 11, "no rule b to do without"),
        (_inline("'" + "(" * 5000 + "true" + ")" * 5000 + "'").encode(), 7, "2,000 characters"),
        (_inline("'" + "(" * 900 + "true" + ")" * 900 + "'").encode(), 7, "more than 20 levels"),
        (_inline("'" + "[" * 900 + "'").encode(), 7, "more than 20 levels"),
        (_inline("'" + "!(" * 19 + "true ? true : " * 99 + "'").encode(), 7, "recursion"),
        (_inline("'" + "1 + " * 200 + "1 > 0'").encode(), 7, "recursion"),
        (_inline("'" + "[1].all(a, true) && " * 5 + "true'").encode(), 7, "more than 4 of"),
        (_inline("proposal.message.matches('((a{900}){900}){900}')").encode(), 7, "regular expr"),
    ],
)
def test_a_hostile_file_is_refused_quickly_and_with_its_place(
    text: bytes, line: int, wrong: str
) -> None:
    began = perf_counter()
    with pytest.raises(BadPolicy) as bad:
        Policy.parse(text, proposal=Offer, subject=Renewal)
    assert perf_counter() - began < 5
    assert bad.value.line == line
    assert wrong in str(bad.value)


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("true && proposal.foo > 1", 7, 19),
        ("'true  &&  proposal.foo > 1'", 7, 22),
        ('"proposal.message == \\"a\\" || proposal.foo > 1"', 7, 41),
        ("'proposal.message == ''a'' || proposal.foo > 1'", 7, 41),
        ("proposal.message == 'é日本' || proposal.foo > 1", 7, 40),
        ("proposal.discount > 0.1\n      || proposal.foo > 1", 8, 10),
        ("|\n      proposal.discount > 0.1\n      || proposal.foo > 1", 9, 10),
        (">-\n      proposal.discount > 0.1\n\n      || proposal.foo > 1", 10, 10),
    ],
)
def test_a_place_inside_a_condition_is_that_in_the_file(
    written: str, line: int, column: int
) -> None:
    with pytest.raises(BadPolicy, match=r"proposal\.foo does not exist") as bad:
        policy(_inline(written))
    assert (bad.value.line, bad.value.column) == (line, column)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadPolicy) as bad:
        policy(HEAD + rule("foo") + rule("subject.x == 1", id="b", message="{proposal.y}"))
    assert [problem.line for problem in bad.value.problems] == [8, 14, 16]


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(BadPolicy, match="it cannot be read"):
            Policy.load(path, proposal=Offer, subject=Renewal)


def test_dates_and_no_are_texts() -> None:
    text = (HEAD + TRUE).replace("'1'", "2026-11-01").replace("policy: renewal", "policy: no")
    loaded = policy(text)
    assert (loaded.name, loaded.version) == ("no", "2026-11-01")


def test_a_mark_in_front_and_windows_line_ends_are_read() -> None:
    loaded = policy("\ufeff" + (HEAD + TRUE).replace("\n", "\r\n"))
    assert [reject.code for reject in loaded.judge(Offer(), Renewal())] == ["a_code"]


# A loop that is too long, and too many rules at once


def test_a_loop_has_a_bound() -> None:
    renewal = Renewal(tags=["x"] * 1000)
    when = "subject.tags.all(tag, tag == 'x')"
    text = HEAD + "".join(rule(when, id=f"r{number}") for number in range(20))
    # Together they would go beyond the engine's 10,000 steps: each is then asked by itself.
    assert len(policy(text).judge(Offer(), renewal)) == 20
    assert codes(when, subject=Renewal(tags=["x"] * 1001)) == ["policy_error"]


# Anything


_anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary())


@settings(max_examples=200, deadline=None)
@given(
    proposal=st.builds(
        Offer.model_construct,
        discount=st.floats() | _anything,
        months=st.integers() | _anything,
        message=st.text() | _anything,
        amount=st.decimals() | _anything,
        starts=st.datetimes() | st.none() | st.datetimes(timezones=st.timezones()),
        pause=st.timedeltas() | st.none(),
        lines=st.lists(st.builds(object)) | _anything,
    ),
    risk=st.floats() | _anything,
)
def test_judging_never_raises(proposal: Offer, risk: float | None) -> None:
    rejects = _EVERY.judge(proposal, Renewal(risk=risk), principal=Principal())
    said = {reject.details["rule"] for reject in rejects}
    assert "fails" in said
    assert {reject.code for reject in rejects if reject.details["rule"] == "fails"} == {
        "policy_error"
    }
    if isinstance(proposal.discount, float) and not proposal.discount <= 0.3:  # NaN as well
        assert "cap" in said


_EVERY = policy(
    HEAD
    + rule("proposal.discount > 0.3", id="cap", message="{proposal.discount:.0%}")
    + rule("proposal.months / 0 > 1", id="fails")
    + rule("proposal.months * 2 > 1000", message="{proposal.months:,} {proposal.message:.9}")
    + rule("proposal.message.contains('x')", id="b", message="{proposal.message}")
    + rule("proposal.amount - 1.0 > proposal.yearly", id="c", message="{proposal.amount:,.2f}")
    + rule("proposal.starts == null || proposal.starts < subject.ends", id="d")
    + rule("true", id="e", message="{proposal.starts:%Y-%m-%d} {proposal.pause} {subject.risk:.0%}")
    + rule("proposal.pause > duration('1h')", id="f")
    + rule("proposal.lines.price.exists(p, p > 1)", id="g")
    + rule("subject.risk != null && subject.risk > 0.5", id="h")
)

_PIECES = [*"{}[]()|>-:'\"&*!%#?\\\t,.~", "\n", "\n  ", "null", "''", "\\x", "---\n", TRUE]
_PIECES += ["policy: x\n", "version: '1'\n", "rules:\n", "default: allow\n", "  - id: b\n"]
_PIECES += ["    when: ", "proposal.discount", " > 1", "tenants:\n", "  acme: {}\n"]


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.lists(st.sampled_from(_PIECES)).map("".join).map(str.encode),
        st.binary(),
        st.text().map(str.encode),
    )
)
def test_any_file_is_read_or_refused(content: bytes) -> None:
    for before in (b"", (HEAD + TRUE).encode()):
        _read_or_refused(before + content)


def _read_or_refused(content: bytes) -> None:
    try:
        loaded = Policy.parse(content, proposal=Offer, subject=Renewal)
    except BadPolicy as error:
        bad = error
    else:
        loaded.judge(Offer(), Renewal())
        return
    assert bad.problems
    assert 0 <= bad.line <= len(content) + 1


_WORDS = ["proposal.discount", "subject.risk", "proposal.message", "subject.tags", "null", "1"]
_WORDS += ["0.5", "'a'", '"b"', "==", ">", "&&", "||", "!", "(", ")", "[", "]", ".", ",", "in"]
_WORDS += ["size", "matches", "all(x, x == 'a')", "?", ":", "+", "-", "//", "r'", "subject"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=12))
def test_any_condition_is_read_or_refused(words: list[str]) -> None:
    _read_or_refused((HEAD + rule(" ".join(words) or "x")).encode())
