"""What would have to be different, and where two workloads differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workloads_told import BILLING, EVERY, FIRST, LEAD_WARMING, PORT_IN, RENEWAL, answers, told

from signoff.diagnosis import SIGNATURES
from signoff.errors import UsageError
from signoff.methodology import NUMBERS, DecisionRecord, Workload, compare, select, why_not

PATTERNS = (
    *("conversational", "autonomous", "long-horizon"),
    *("state machine", "event log", "none"),
    *("delegation", "scatter-gather + saga", "supervisor + gate", "human in the loop"),
)
WITHOUT = tuple(f"no {pattern}" for pattern in PATTERNS[6:])
CODES = {signature.code for signature in SIGNATURES}


def ways(workload: Workload, pattern: str) -> list[dict[str, str]]:
    found = why_not(select(workload), pattern)
    return [{change.answer: change.then for change in way} for way in found.ways]


def test_an_event_log_would_be_chosen_if_it_did_not_wait() -> None:
    found = why_not(select(RENEWAL), "event log")
    assert not found.chosen
    assert ways(RENEWAL, "event log") == [{"waits_on_the_outside": "no"}]
    assert str(found).splitlines() == [
        (
            "event log is not chosen: after a pause the world has moved: a row's version refuses "
            "what a log would add"
        ),
        "  it would be with waits_on_the_outside = no (now yes)",
        "  if it were taken all the same, expect P3-late-events, P3-divergence",
    ]


def test_answers_that_hang_together_are_changed_together() -> None:
    assert {"horizon": "10 seconds", "waits_on_the_outside": "no"} in ways(
        RENEWAL, "conversational"
    )
    nothing = ways(RENEWAL, "no supervisor + gate")
    assert {"side_effects": "no", "peers_write": "no", "consequence": "minor"} in nothing


def test_where_either_would_do_the_cost_question_decides() -> None:
    either = Workload(**FIRST | {"world_moves_while_paused": False})
    assert {"history_read_by_many": "yes"} in ways(either, "event log")


def test_a_pattern_can_be_named_by_its_number_or_a_part_of_its_name() -> None:
    record = select(RENEWAL)
    for number in ("P3", "p3", "Event  Log", "event_log", "Event-Log"):
        assert why_not(record, number).pattern == "event log"
    assert why_not(record, "saga").pattern == "scatter-gather + saga"
    assert why_not(record, "long horizon").pattern == "long-horizon"
    assert why_not(record, "no scatter gather").pattern == "no scatter-gather + saga"
    assert why_not(record, "no durable spine").pattern == "none"
    assert why_not(record, "no P6").pattern == "no human in the loop"
    assert set(NUMBERS.values()) == {"P1", "P2", "P3", "P4", "P5", "P6"}


@pytest.mark.parametrize(
    "name", ["", "blockchain", "a", "no", "no event log", "o", "P7", "no none"]
)
def test_a_pattern_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"knows no pattern .*; it has conversational, "):
        why_not(select(RENEWAL), name)


def test_what_is_chosen_is_said_to_be() -> None:
    found = why_not(select(RENEWAL), "P5")
    assert found.chosen
    assert str(found).startswith("state machine is chosen: it waits")
    assert why_not(select(LEAD_WARMING), "no human in the loop").chosen


def test_of_two_patterns_in_a_line_each_has_its_own_reason() -> None:
    record = select(RENEWAL)
    saga = why_not(record, "saga")
    assert saga.because == "several peers act on other systems within one unit of work"
    assert saga.expect == ("P2-costly-undo", "P2-partial-write")
    people = why_not(record, "human in the loop")
    assert people.because == (
        "a wrong action is legally or financially consequential, and somebody will ask who decided"
    )
    assert why_not(record, "gate").because == "there is a side effect"


def test_to_keep_nothing_is_called_no_durable_spine() -> None:
    assert str(why_not(select(RENEWAL), "none")).startswith("no durable spine is not chosen: ")
    assert str(why_not(select(LEAD_WARMING), "none")).startswith("no durable spine is chosen: ")


def test_a_plane_is_no_pattern_of_its_own() -> None:
    with pytest.raises(UsageError, match="kill switch is a plane of human in the loop"):
        why_not(select(RENEWAL), "kill switch")


@pytest.mark.parametrize("pattern", [*PATTERNS, *WITHOUT])
@pytest.mark.parametrize("workload", EVERY, ids=lambda workload: workload.name)
def test_there_is_a_way_to_every_pattern(workload: Workload, pattern: str) -> None:
    found = why_not(select(workload), pattern)
    assert found.chosen or found.ways
    assert found.expect
    assert set(found.expect) <= CODES


@given(answers, st.sampled_from(PATTERNS))
@settings(max_examples=40, deadline=None)
def test_every_way_that_is_told_leads_there(given: dict[str, Any], pattern: str) -> None:
    record = told(given)
    if not isinstance(record, DecisionRecord):
        return
    found = why_not(record, pattern)
    for way in found.ways:
        other = record.workload.changed(
            **{
                change.answer: {"not answered": None}.get(change.then, change.then)
                for change in way
            }
        )
        assert why_not(select(other), pattern).chosen
        assert all(change.now != change.then for change in way)


def test_two_workloads_are_compared_line_by_line() -> None:
    found = compare(select(PORT_IN), select(LEAD_WARMING))
    assert found.names == ("number port-in", "lead warming")
    differ = {line.title: line.because for line in found.lines if line.differs}
    assert set(differ) == {"spine", "coordination", "control", "sequence"}
    assert differ["spine"] == ("longest_pause", "rebuildable_from_input")
    assert "peers_write" in differ["coordination"]
    titles = [answer.title for answer in found.answers]
    assert "rebuildable_from_input" in titles
    assert not {"name", "about"} & set(titles)


def test_a_workload_does_not_differ_from_itself() -> None:
    found = compare(select(BILLING), select(BILLING))
    assert not found.answers
    assert not any(line.differs for line in found.lines)
