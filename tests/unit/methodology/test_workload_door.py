"""What is asked about a workload: doors, lengths of time, and answers that cannot all hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from workloads_told import EVERY, FIRST, answers, told

from signoff.errors import BadInput
from signoff.methodology import (
    Contradiction,
    DecisionRecord,
    Workload,
    span_of,
    spelled,
    workload_of,
)

WRITTEN: dict[str, Any] = {**FIRST, "horizon": "90 days"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"horizon": timedelta(seconds=2), "longest_pause": timedelta(days=3)},
            "a unit of work that lasts 2 seconds cannot pause for 3 days",
        ),
        (
            {"horizon": timedelta(seconds=2), "waits_on_the_outside": True},
            "a call that answers within seconds is no wait",
        ),
        ({"peers_write": True, "side_effects": False}, "peers write, so"),
        ({"consequence": "legal", "side_effects": False}, "legal consequences"),
        ({"partial_write_costs_more": True, "side_effects": False}, "a partial write costs"),
        ({"asked_who_decided": True, "side_effects": False}, "a decision is one"),
        ({"horizon": timedelta(0)}, "cannot last 0 seconds"),
        ({"horizon": timedelta(days=-1)}, "cannot last"),
        ({"horizon": timedelta(days=40_000)}, "a hundred years"),
        ({"longest_pause": timedelta(seconds=-1)}, "a pause cannot last"),
        ({"longest_pause": timedelta(0)}, "its longest pause is not 0 seconds"),
        ({"deferred": {"approval": " "}}, "on one line"),
        ({"deferred": {"approval": ""}}, "deferred without a reason"),
        (
            {
                "deferred": dict.fromkeys(
                    ("kill switch", "escalation", "approval", "throttle"), "later"
                )
            },
            "no human is in the loop",
        ),
        ({"name": "two\nlines"}, "on one line"),
        ({"name": "\x1b[2J"}, "on one line"),
        ({"about": " blanks "}, "on one line"),
    ],
)
def test_contradictory_answers_are_refused_with_the_reason(
    changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Contradiction) as refused:
        Workload(**FIRST | changed)
    assert any(reason in each for each in refused.value.reasons), refused.value.reasons


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(Contradiction) as refused:
        Workload(
            **FIRST
            | {
                "horizon": timedelta(seconds=2),
                "longest_pause": timedelta(days=3),
                "peers_write": True,
                "side_effects": False,
            }
        )
    assert len(refused.value.reasons) == 3


def test_rebuildable_while_the_world_moves_is_no_contradiction() -> None:
    Workload(**FIRST | {"rebuildable_from_input": True, "world_moves_while_paused": True})


@pytest.mark.parametrize("word", ["yes", "Yes", " y ", "true", True])
def test_yes_can_be_said_in_several_ways(word: object) -> None:
    assert workload_of(WRITTEN | {"peers_write": word}).peers_write is True


@pytest.mark.parametrize("word", ["unknown", "?", "", None])
def test_what_is_unknown_is_assumed_where_there_is_a_default(word: object) -> None:
    assert workload_of(WRITTEN | {"one_owner": word}).one_owner is None
    with pytest.raises(BadInput, match="peers_write: the method has no default for it"):
        workload_of(WRITTEN | {"peers_write": word})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"peers_write": 1}, "peers_write: answer yes or no, not 1"),
        ({"peers_write": "maybe"}, "peers_write: answer yes or no, not 'maybe'"),
        ({"horizon": 90}, "horizon: 90 has no unit; write 90 days"),
        ({"horizon": True}, "horizon: True has no unit"),
        ({"horizon": "soon"}, "horizon: 'soon' is no length of time"),
        ({"horizon": ["90 days"]}, "horizon: "),
        ({"consequence": "fatal"}, "consequence: 'fatal' is no answer"),
        ({"peers_wriet": True}, "peers_wriet: is no question of the method; peers_write"),
        ({"name": 7}, "name: "),
        ({"name": ""}, "name: "),
        ({"name": "x" * 101}, "name: "),
        ({"deferred": {"brakes": "later"}}, "deferred"),
        ({"deferred": ["approval"]}, "deferred: "),
    ],
)
def test_a_wrong_answer_is_told_by_its_name(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        workload_of(WRITTEN | changed, "w.yaml")
    assert str(refused.value).startswith(f"w.yaml: {message}")
    assert "pydantic" not in str(refused.value)


@pytest.mark.parametrize("document", [None, [], "text", 7])
def test_a_document_that_names_no_answers_is_refused(document: object) -> None:
    with pytest.raises(BadInput, match="has to name its answers"):
        workload_of(document)


def test_everything_that_is_missing_is_told() -> None:
    with pytest.raises(BadInput) as refused:
        workload_of({})
    assert str(refused.value).count("has no default for it") == 7


def test_in_python_a_wrong_type_is_pydantics_to_tell() -> None:
    with pytest.raises(ValidationError):
        Workload(**FIRST | {"peers_write": 1})


@pytest.mark.parametrize("workload", EVERY, ids=lambda workload: workload.name)
def test_answers_can_be_written_and_read_again(workload: Workload) -> None:
    assert workload_of(workload.answers()) == workload


@given(answers)
def test_any_answers_can_be_written_and_read_again(given: dict[str, Any]) -> None:
    record = told(given)
    if isinstance(record, DecisionRecord):
        assert workload_of(record.workload.answers()) == record.workload


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_525)))
def test_a_length_of_time_is_read_as_it_is_spelled(span: timedelta) -> None:
    assert span_of(spelled(span)) == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90 days", timedelta(days=90)),
        ("90d", timedelta(days=90)),
        ("1 day, 6 hours", timedelta(days=1, hours=6)),
        ("1 h 30 min", timedelta(minutes=90)),
        ("0.5 h", timedelta(minutes=30)),
        ("2 S", timedelta(seconds=2)),
        ("800 ms", timedelta(milliseconds=800)),
        (" 2 weeks ", timedelta(days=14)),
    ],
)
def test_lengths_of_time_that_people_write(text: str, span: timedelta) -> None:
    assert span_of(text) == span


@pytest.mark.parametrize(
    "text",
    ["", " ", "90", "days", "-1 day", "1 fortnight", "1 day x", "9" * 12 + " days", "1..5 s"],
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"length of time|longer than"):
        span_of(text)
