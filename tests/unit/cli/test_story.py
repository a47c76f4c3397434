from __future__ import annotations

from typing import Any

import pytest

from signoff import ledger
from signoff.ledger import Entry, Record
from signoff.reading import chapters, told

RECORDS: list[Record] = [
    ledger.Opened(boundary="b", key="b/s", subject={}, verifiers=("v@1",)),
    ledger.Proposed(attempt=1, fingerprint={"model": "m"}, raw="what?"),
    ledger.Judged(
        attempt=1,
        accepted=False,
        rejections=({"code": "c", "message": "m", "then": "revise", "by": "v", "attempt": 1},),
    ),
    ledger.Intended(effect="mail", key="b/s"),
    ledger.Delivered(effect="mail", key="b/s", receipt="r"),
    ledger.Committed(receipt={"id": 1}),
    ledger.Rejected(code="c", ended="budget", attempts=3),
    ledger.Suspended(ticket="t", ask="operator", because="c: m"),
    ledger.Resumed(ticket="t", answer="approved", by="dana", because="fine", digest="d"),
    ledger.AnswerRefused(ticket="t", answer="approve", by="zed", code="no_role", because="no"),
    ledger.PassedOn(ticket="t", ask="role:desk", because="nobody answered"),
    ledger.Halted(by="kill", code="killed", message="everything is killed"),
    ledger.GaveUp(work="timer nudge", tries=13, because="ValueError", ticket="work-1"),
    ledger.Said(
        message="I refunded you",
        phantoms=({"claimed": "refund", "words": "refunded", "status": "absent"},),
    ),
    ledger.ControlChanged(control="kill:everything", change="killed", by="dana", because="x"),
    ledger.Unknown(effect="mail", key="b/s", because="no answer"),
    ledger.Reconciled(effect="mail", key="b/s", happened=False, by="probe"),
    ledger.Started(machine="m", state="open", version=1, subject={}),
    ledger.Moved(machine="m", source="open", state="closed", version=2),
    ledger.Changed(machine="m", state="open", version=2, because="news", subject={}),
    ledger.TimerSet(version=1, timers=(("late", "2026-03-01T12:00:00.000000Z"),)),
    ledger.TimerFired(name="late", version=1),
    ledger.Appended(log="orders", event="Placed", digest="d", version=1),
    ledger.Forked(log="orders", source="order-1", version=2),
    ledger.Late(
        log="orders",
        consumer="triage",
        version=2,
        happened="2026-03-01T12:00:00.000000Z",
        watermark="2026-03-01T12:15:00.000000Z",
        policy="drop",
    ),
    ledger.AskedAgain(
        log="orders", consumer="triage", version=1, fingerprint={"model": "m"}, verdict="accepted"
    ),
    ledger.Sealed(root="r", subjects=1, records=2, position=2),
    ledger.Cut(upto=4, head="h", position=9, removed=4, policy="p", rule="all subjects", by="ops"),
    ledger.Retained(policy="p", by="ops", subjects=1, records=4, payloads=1, keys=0, tickets=0),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.type)
def test_every_record_is_told_in_words(record: Record) -> None:
    lines = told(record.type, record.body())
    assert lines
    assert all("{" not in text for _, text in lines if record.type != "committed")


def test_no_record_type_is_forgotten() -> None:
    assert {record.type for record in RECORDS} == {kind.type for kind in Record.__subclasses__()}


def test_a_record_of_a_newer_version_is_shown_as_it_is() -> None:
    assert told("promoted", {"to": "chief"}) == [("promoted", '{"to": "chief"}')]


def test_a_proposal_tells_who_and_what_it_cost() -> None:
    body: dict[str, Any] = {
        "attempt": 1,
        "fingerprint": {"model": "openai:gpt-5", "version": "2026-01"},
        "proposal": {"x": 1},
        "repaired": ["code_fence"],
        "usage": {"in": 10, "out": 5, "usd": 0.25},
        "seconds": 1.5,
    }
    assert told("proposed", body) == [
        ("proposed", '{"x": 1}'),
        ("", "by openai:gpt-5 2026-01; repaired: code_fence; 1.5 s; 10+5 tokens; $0.25"),
    ]


def _entry(seq: int, crossing: str, type: str) -> Entry:
    return Entry(
        position=seq, subject="s", seq=seq, at="2026-03-01T12:00:00.000000Z",
        crossing=crossing, type=type, body="{}", hash="",
    )  # fmt: skip


def test_a_message_is_told_with_what_it_claims_wrongly() -> None:
    phantom = {"claimed": "refund", "words": "refunded", "status": "absent"}
    lines = told("said", {"message": "I refunded you", "phantoms": [phantom]})
    assert lines == [
        ("said", "I refunded you"),
        ("PHANTOM", "'refunded' claims refund, which was absent"),
    ]


def test_a_verdict_that_took_its_time_says_how_long() -> None:
    assert told("judged", {"accepted": True, "seconds": 2.5})[-1] == ("", "the verdict took 2.5 s")


def test_what_a_ticket_is_bound_to_is_told() -> None:
    record = ledger.Suspended(
        ticket="t-1",
        ask="role:lead",
        because="deep",
        control="approval:role:lead",
        digest="d" * 64,
        version=3,
        policies=("renewal@1",),
        due="2026-03-01T12:00:00.000000Z",
        otherwise="stop",
    )
    [(word, text), (_, notes)] = told(record.type, record.body())
    assert (word, text) == ("SUSPENDED", "waits for role:lead until 2026-03-01 12:00:00: deep")
    assert notes.split("; ") == [
        "ticket t-1",
        "asked by approval:role:lead",
        "on version 3",
        "judged by renewal@1",
        "proposal dddddddddddd",
        "without an answer: stop",
    ]


def test_what_the_controls_said_is_told() -> None:
    record = ledger.Judged(
        attempt=1, accepted=True, controls=("kill", "gate:p@1"), waived=("v:odd",), ticket="t-1"
    )
    assert told(record.type, record.body())[1:] == [
        ("set aside", "v:odd by the answer to ticket t-1"),
        ("controls", "asked in this order: kill, gate:p@1"),
    ]
    alone = ledger.Judged(attempt=1, accepted=True, controls=("kill",))
    assert len(told(alone.type, alone.body())) == 1
    opened = ledger.Opened(
        boundary="b", key="k", subject={}, controls=("gate:p",), principal="omar"
    )
    assert told(opened.type, opened.body())[1:] == [
        ("", "bounded by gate:p"),
        ("", "on behalf of omar"),
    ]


def test_a_change_of_control_is_told_with_what_it_changes() -> None:
    body = {
        "control": "gate:p@2",
        "change": "policy",
        "details": {"policy": "p@2", "boundary": "b"},
    }
    assert told("controlchanged", body) == [("policy", "p@2 judges b from here on")]
    body = {"control": "kill:tenant:acme", "change": "lifted", "by": "dana"}
    assert told("controlchanged", body) == [("lifted", "tenant:acme by dana")]


def test_an_answer_of_a_person_is_no_feedback_to_the_proposer() -> None:
    proposed = ledger.Proposed(attempt=1, fingerprint={"model": "m"}, raw="?").body()
    edited = ledger.Proposed(attempt=2, fingerprint={"model": "person:dana"}, proposal=1).body()
    no = ledger.Judged(attempt=1, accepted=False).body()
    records = [
        (_entry(1, "a", "proposed"), proposed),
        (_entry(2, "a", "judged"), no),
        (_entry(3, "a", "proposed"), edited),
    ]
    [chapter] = chapters(records)
    assert not [line for line in chapter.lines() if line.what == "feedback"]


def test_crossings_that_overlap_are_told_apart() -> None:
    order = [("", "started"), ("", "timerset"), ("a", "opened"), ("b", "opened"), ("a", "unknown")]
    records = [(_entry(n, crossing, type), {}) for n, (crossing, type) in enumerate(order, 1)]
    found = chapters([*records, (_entry(6, "", "moved"), {})])
    assert [(chapter.crossing, len(chapter.records)) for chapter in found] == [
        ("", 2), ("a", 2), ("b", 1), ("", 1),
    ]  # fmt: skip


def test_feedback_is_told_only_where_the_proposer_was_asked_again() -> None:
    proposed = ledger.Proposed(attempt=1, fingerprint={"model": "m"}, raw="?").body()
    no = ledger.Judged(attempt=1, accepted=False).body()
    records = [
        (_entry(1, "a", "proposed"), proposed),
        (_entry(2, "a", "judged"), no),
        (_entry(3, "a", "proposed"), {**proposed, "attempt": 2}),
        (_entry(4, "a", "judged"), {**no, "attempt": 2}),
    ]
    [chapter] = chapters(records)
    assert [line.attempt for line in chapter.lines() if line.what == "feedback"] == ["1"]
