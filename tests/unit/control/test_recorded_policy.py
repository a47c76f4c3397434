from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from signoff.control import (
    Judgement,
    Policy,
    PolicyReplay,
    Replayed,
    Unjudged,
    asked_policies,
    fired,
    judgements,
    last_of_each_attempt,
    policy_texts,
    text_of,
)
from signoff.control._recorded_policy import values_read
from signoff.ledger import CONTROLS, Entry

TEXT = """\
policy: "a, (b) @ c"
version: "1+2"
default: allow
rules:
  - {id: one, when: proposal.price > 3, code: dear, message: dear, then: stop}
"""
LABEL = f"a, (b) @ c@1+2+{hashlib.sha256(TEXT.encode()).hexdigest()[:12]}"


class Offer(BaseModel):
    price: int


class Deal(BaseModel):
    id: str


def judgement(**fields: Any) -> Judgement:
    values: dict[str, Any] = {
        "at": "2026-01-01T00:00:00.000000Z",
        "crossing": "c",
        "boundary": "deal.sell",
        "bounds": (),
        "attempt": 1,
        "proposal": {"price": 1},
        "subject": {"id": "d"},
        "principal": None,
        "accepted": True,
        "rejections": (),
        "asked": (),
        "waived": (),
        "ticket": "",
        "version": None,
    }
    return Judgement(**{**values, **fields})


def chain(*records: tuple[str, Any], crossing: str = "c", subject: str = "d") -> list[Entry]:
    return [
        Entry(
            position=seq,
            subject=subject,
            seq=seq,
            at=f"2026-01-{seq:02}T00:00:00.000000Z",
            crossing=crossing,
            type=type,
            body=body if isinstance(body, str) else json.dumps(body),
            hash="",
        )
        for seq, (type, body) in enumerate(records, 1)
    ]


def nothing(digest: str) -> None:
    return None


# Names


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("gate:p(renewal@1+0123456789ab)", ("p", "renewal", "1", "0123456789ab")),
        ("gate:p(renewal@1+0123456789ab,f@12ab34cd)", ("p", "renewal", "1", "0123456789ab")),
        (f"gate:p({LABEL})", ("p", "a, (b) @ c", "1+2", LABEL[-12:])),
    ],
)
def test_the_policy_in_a_gates_label(label: str, expected: tuple[str, ...]) -> None:
    (asked,) = asked_policies(["kill", label, "throttle:x(60/min)"])
    assert (asked.gate, asked.policy, asked.version, asked.digest) == expected
    assert asked.by == label


@pytest.mark.parametrize("label", ["kill", "gate:f(f@12ab34cd)", "gate:", "", "x" * 5000])
def test_what_names_no_policy(label: str) -> None:
    assert asked_policies([label]) == ()


# What a rule reads


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("proposal.price > 3", {"proposal.price": 1}),
        ("proposal.note.matches('proposal.price')", {"proposal.note": "hi"}),
        ("proposal.lines.price.exists(p, p > 1)", {"proposal.lines.price": [1, 2]}),
        ("subject.home.city == null || subject.away.city == 'x'",
         {"subject.home.city": None, "subject.away.city": "Oslo"}),
        ("subject.limits.gold > 1.0", {"subject.limits.gold": 0.5}),
        ("subject.limits['gold'] > 1.0", {"subject.limits": {"gold": 0.5}}),
        ("principal.role == 'lead'", {"principal.role": "agent"}),
        ("proposal.gone == 1 && subject.gone.too == 1", {}),
        ("// proposal.price\ntrue", {}),
        ("'unclosed proposal.price", {"proposal.price": 1}),
    ],
)  # fmt: skip
def test_the_values_that_a_condition_reads(when: str, expected: dict[str, Any]) -> None:
    recorded = judgement(
        proposal={"price": 1, "note": "hi", "lines": [{"price": 1}, {"price": 2}]},
        subject={"home": None, "away": {"city": "Oslo"}, "limits": {"gold": 0.5}},
        principal={"role": "agent"},
    )
    assert values_read(when, recorded) == expected


@given(st.text(max_size=60), st.none() | st.integers() | st.text() | st.lists(st.none()))
def test_no_condition_and_no_value_is_too_odd(text: str, value: Any) -> None:
    values_read(f"proposal.a.b {text} subject", judgement(proposal=value, subject=value))


# Texts


def policy_record(text: Any = TEXT, label: str = LABEL) -> tuple[str, Any]:
    details = {"policy": label, "boundary": "deal.sell", "text": text}
    return "controlchanged", {"control": "gate:p", "change": "policy", "details": details}


def test_a_text_is_found_by_its_label() -> None:
    killed = ("controlchanged", {"control": "everything", "change": "killed", "by": "policy"})
    texts = policy_texts(chain(killed, policy_record(), subject=CONTROLS), nothing)
    assert list(texts) == [LABEL]
    rule = text_of(texts, LABEL).rule("one")
    assert rule is not None
    assert rule.when == "proposal.price > 3"
    assert text_of(texts, LABEL).rule("two") is None
    assert text_of(texts, "another").problem == "its text is not on the ledger"


@pytest.mark.parametrize("text", [TEXT + "#", "policy: [", "", "{}", TEXT.replace("one", "two")])
def test_a_text_that_is_not_the_one(text: str) -> None:
    texts = policy_texts(chain(policy_record(text)), nothing)
    assert "another digest" in text_of(texts, LABEL).problem


@pytest.mark.parametrize("text", ["policy: [", "", "{}", "a\x00b", "&a [*a]"])
def test_a_text_that_cannot_be_read(text: str) -> None:
    label = f"x@1+{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    texts = policy_texts(chain(policy_record(text, label)), nothing)
    assert text_of(texts, label).problem.startswith("it cannot be read")


@pytest.mark.parametrize(
    "body", ["", "[]", '"policy"', '{"change": "policy"}', '{"change": "policy", "details": 3}']
)
def test_a_record_that_somebody_altered_holds_no_text(body: str) -> None:
    assert policy_texts(chain(("controlchanged", body)), nothing) == {}


# Judgements


OPENED = ("opened", {"boundary": "deal.sell", "key": "k", "subject": {"id": "d"}})


def proposed(price: int, attempt: int = 1) -> tuple[str, Any]:
    return "proposed", {"attempt": attempt, "proposal": {"price": price}}


def test_a_judgement_is_about_what_was_proposed_last() -> None:
    said = {"attempt": 1, "accepted": False, "rejections": [{"code": "x"}]}
    entries = chain(
        OPENED, proposed(1), ("judged", said), proposed(2, 2), ("judged", {"attempt": 2})
    )
    first, second = judgements(entries, nothing)
    assert (first.proposal, second.proposal) == ({"price": 1}, {"price": 2})
    assert (first.rejections, second.accepted) == (({"code": "x"},), False)


def test_a_judgement_without_a_proposal_has_none() -> None:
    said = ("judged", {"attempt": 2, "accepted": False})
    (found,) = judgements(chain(OPENED, proposed(1), said), nothing)
    assert found.proposal is None


def test_only_a_window() -> None:
    said = [("judged", {"attempt": 1}) for _ in range(4)]
    entries = chain(OPENED, proposed(1), *said)
    found = judgements(entries, nothing, since=entries[3].at, until=entries[5].at)
    assert [each.at for each in found] == [entries[3].at, entries[4].at]


def test_what_was_stored_apart_and_is_gone() -> None:
    apart = {"$payload": "0" * 64, "characters": 5000}
    entries = chain(
        OPENED, ("proposed", {"attempt": 1, "proposal": apart}), ("judged", {"attempt": 1})
    )
    (found,) = judgements(entries, nothing)
    assert found.proposal is None
    (found,) = judgements(entries, lambda digest: '{"price": 7}')
    assert found.proposal == {"price": 7}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["opened", "proposed", "judged", "moved", "started", "committed"]),
            st.sampled_from(["", "[]", "3", "null", "no json", '{"subject": 3}'])
            | st.dictionaries(
                st.sampled_from(
                    ["boundary", "subject", "version", "attempt", "rejections", "controls",
                     "waived", "proposal", "principal", "accepted", "ticket"]
                ),
                st.none() | st.integers(0, 3) | st.text(max_size=3)
                | st.lists(st.none() | st.text(max_size=3) | st.just({"by": "a", "code": 3})),
            ),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_no_ledger_is_too_odd(records: Sequence[tuple[str, Any]]) -> None:
    policy = Policy.parse(TEXT.encode(), proposal=Offer, subject=Deal)
    replay = PolicyReplay(policy, proposal=Offer, subject=Deal)
    for found in last_of_each_attempt(judgements(chain(*records), nothing)):
        replay.judge(found)
        for rejection in found.rejections:
            fired(rejection, found, {})


def test_each_attempt_counts_once() -> None:
    gate = (f"gate:p({LABEL})",)
    found = last_of_each_attempt(
        [
            judgement(attempt=1, asked=gate, ticket="first"),
            judgement(attempt=1, asked=gate, ticket="second"),
            judgement(attempt=1, asked=(), ticket="third"),
            judgement(attempt=2, asked=()),
            judgement(crossing="d"),
        ]
    )
    told = [(each.crossing, each.attempt, each.ticket) for each in found]
    assert told == [("c", 1, "second"), ("c", 2, ""), ("d", 1, "")]


def test_a_very_long_chain_takes_little_memory() -> None:
    many = (judgement(crossing=str(number)) for number in range(5000))
    found = last_of_each_attempt(many)
    assert next(found).crossing == "0"
    assert sum(1 for _ in many) < 5000 - 1000
    assert sum(1 for _ in found) == 1000


# Replay


def replayed(price: int, **fields: Any) -> Replayed | Unjudged:
    policy = Policy.parse(TEXT.encode(), proposal=Offer, subject=Deal)
    replay = PolicyReplay(policy, proposal=Offer, subject=Deal)
    return replay.judge(judgement(proposal={"price": price}, **fields))


GATE = f"gate:p({LABEL})"
SAID = {"by": GATE, "code": "dear", "then": "stop", "details": {"policy": "p", "digest": "0"}}


@pytest.mark.parametrize(
    ("price", "rejections", "kind"),
    [
        (1, (), "same"),
        (9, (SAID,), "same"),
        (9, (), "newly_rejected"),
        (1, (SAID,), "newly_accepted"),
        (9, ({**SAID, "code": "far"},), "rejected_otherwise"),
        (9, ({**SAID, "then": "revise"},), "rejected_otherwise"),
        (9, ({**SAID, "details": {}},), "newly_rejected"),
        (9, ({**SAID, "by": "verifier"},), "newly_rejected"),
    ],
)
def test_what_would_change(price: int, rejections: Any, kind: str) -> None:
    found = replayed(price, asked=("kill", GATE), rejections=rejections, accepted=not rejections)
    assert isinstance(found, Replayed)
    assert found.kind == kind


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"asked": (), "bounds": (GATE,)}, "not_reached"),
        ({"asked": (), "bounds": (), "accepted": False}, "not_reached"),
        ({"asked": (GATE,), "subject": {"name": "d"}}, "misfit"),
        ({"asked": (GATE,), "subject": None}, "misfit"),
    ],
)
def test_what_is_not_compared(fields: Any, why: str) -> None:
    found = replayed(1, **fields)
    assert isinstance(found, Unjudged)
    assert found.why == why
    assert bool(found.problem) is (why == "misfit")
