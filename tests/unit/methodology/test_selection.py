"""Over the whole grid of answers: a record or a refusal with its reason, and no hidden inputs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from workloads_told import FIRST, GRID, answers, every, told

from signoff.diagnosis import SIGNATURES
from signoff.methodology import QUESTIONS, DecisionRecord, Workload, select

CODES = {signature.code for signature in SIGNATURES}


def check(record: DecisionRecord) -> None:
    """Every line names its predicates, their values, and what shows if it was wrong."""
    titles = [line.title for line in record.lines]
    assert titles == ["runtime class", "spine", "coordination", "control", "sequence"]
    for line in record.lines:
        names = [each.name for each in line.predicates]
        assert line.because
        assert line.fired
        assert set(line.fired) <= set(names)
        assert line.expect
        assert set(line.expect) <= CODES
        assert line.alternatives or line.title == "control"
        for each in line.alternatives:
            assert each.why_not
            assert each.expect
            assert set(each.expect) <= CODES
        for predicate in line.predicates:
            assert predicate.says
            assert predicate.reads
            missing = {name for name, value in predicate.reads.items() if value is None}
            assert missing == set(predicate.assumed)
            assert all(predicate.assumed.values())
    assert str(record).count("\n") == 3


@pytest.mark.parametrize(
    "names",
    [
        # Everything that time and spine read.
        ("horizon", "longest_pause", "waits_on_the_outside", "rebuildable_from_input",
         "world_moves_while_paused", "history_read_by_many"),
        # Everything that coordination and control read.
        ("one_owner", "independent_subtasks", "peers_write", "partial_result_useful",
         "partial_write_costs_more", "side_effects", "consequence", "asked_who_decided"),
    ],
    ids=["time and spine", "coordination and control"],
)  # fmt: skip
def test_every_combination_yields_a_record_or_a_reason(names: tuple[str, ...]) -> None:
    outcomes = [told(answers) for answers in every(*names)]
    records = [each for each in outcomes if isinstance(each, DecisionRecord)]
    for record in records:
        check(record)
    assert len(records) > len(outcomes) / 10
    assert len(records) < len(outcomes)


@given(answers)
@settings(max_examples=400, deadline=None)
def test_any_answers_yield_a_record_or_a_reason(given: dict[str, Any]) -> None:
    record = told(given)
    if isinstance(record, DecisionRecord):
        check(record)
    else:
        assert record
        assert all(record)


@given(answers, st.data())
@settings(max_examples=600, deadline=None)
def test_an_answer_that_no_predicate_reads_changes_nothing(
    given: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(GRID)))
    before = told(given)
    after = told(given | {name: data.draw(st.sampled_from(GRID[name]))})
    if not (isinstance(before, DecisionRecord) and isinstance(after, DecisionRecord)):
        return
    for one, other in zip(before.lines, after.lines, strict=True):
        if name not in one.reads:
            assert one == other


@given(answers)
@settings(max_examples=100, deadline=None)
def test_the_same_answers_give_the_same_record(given: dict[str, Any]) -> None:
    first, second = told(given), told(given)
    assert first == second
    if isinstance(first, DecisionRecord) and isinstance(second, DecisionRecord):
        assert first.digest == second.digest


@pytest.mark.parametrize(
    ("waits", "cannot_be_rebuilt", "moves", "many", "spine"),
    [
        (True, True, True, None, "state machine"),
        (False, True, True, None, "event log"),
        (True, True, False, None, "state machine"),
        (True, True, False, False, "state machine"),
        (True, True, False, True, "event log"),
        (False, True, False, None, "event log"),
        (True, False, True, None, "none"),
        (False, False, True, None, "none"),
        (True, False, False, None, "none"),
        (False, False, False, None, "none"),
    ],
)
def test_the_spine_follows_its_table(
    waits: bool, cannot_be_rebuilt: bool, moves: bool, many: bool | None, spine: str
) -> None:
    workload = Workload(
        **FIRST
        | {
            "waits_on_the_outside": waits,
            "rebuildable_from_input": not cannot_be_rebuilt,
            "world_moves_while_paused": moves,
            "history_read_by_many": many,
        }
    )
    line = select(workload).spine
    assert line.chosen == (spine,)
    asked = [each.name for each in line.predicates]
    either = waits and cannot_be_rebuilt and not moves
    assert ("history_is_read_by_many" in asked) is either


def test_a_pause_by_itself_counts_from_an_hour_on() -> None:
    still = FIRST | {"waits_on_the_outside": False}
    hour = select(Workload(**still | {"longest_pause": timedelta(hours=1)}))
    longer = select(Workload(**still | {"longest_pause": timedelta(hours=1, seconds=1)}))
    assert hour.spine.chosen == ("event log",)
    assert longer.spine.chosen == ("state machine",)


@pytest.mark.parametrize(
    ("horizon", "moves", "runtime"),
    [
        (timedelta(seconds=60), True, "conversational"),
        (timedelta(seconds=61), True, "autonomous"),
        (timedelta(hours=1), True, "autonomous"),
        (timedelta(hours=1, seconds=1), True, "long-horizon"),
        (timedelta(hours=1, seconds=1), False, "autonomous"),
        (timedelta(hours=23), False, "autonomous"),
        (timedelta(days=1), False, "long-horizon"),
    ],
)
def test_the_runtime_class_follows_time_and_world(
    horizon: timedelta, moves: bool, runtime: str
) -> None:
    given = FIRST | {"horizon": horizon, "world_moves_while_paused": moves}
    record = select(Workload(**given | {"waits_on_the_outside": False}))
    assert record.runtime.chosen == (runtime,)


def test_both_neither_and_each_alone_are_answers_to_coordination() -> None:
    found = {
        told.coordination.chosen
        for told in map(told, every("one_owner", "peers_write"))
        if isinstance(told, DecisionRecord)
    }
    both = ("delegation", "scatter-gather + saga")
    assert found == {both, both[:1], both[1:], ()}


@pytest.mark.parametrize("missing", ["one_owner", "independent_subtasks", "deterministic_merge"])
def test_delegation_needs_all_three(missing: str) -> None:
    assert "delegation" in select(Workload(**FIRST)).coordination.chosen
    assert "delegation" not in select(Workload(**FIRST | {missing: False})).coordination.chosen


@pytest.mark.parametrize(
    "enough", ["peers_write", "partial_result_useful", "partial_write_costs_more"]
)
def test_one_reason_is_enough_for_a_saga(enough: str) -> None:
    pattern = "scatter-gather + saga"
    assert pattern not in select(Workload(**FIRST)).coordination.chosen
    assert pattern in select(Workload(**FIRST | {enough: True})).coordination.chosen


def test_every_side_effect_is_gated() -> None:
    for answered in every("side_effects", "consequence", "asked_who_decided", "peers_write"):
        record = told(answered)
        if isinstance(record, DecisionRecord):
            gated = "supervisor + gate" in record.control.chosen
            assert gated is (answered["side_effects"] is not False)


@pytest.mark.parametrize(
    ("consequence", "asked", "looks"),
    [
        ("minor", False, False),
        ("minor", True, True),
        ("minor", None, True),  # closed by default: somebody will ask
        ("financial", False, True),
        ("legal", False, True),
    ],
)
def test_a_person_looks_where_it_costs_or_somebody_will_ask(
    consequence: str, asked: bool | None, looks: bool
) -> None:
    given = FIRST | {"consequence": consequence, "asked_who_decided": asked}
    record = select(Workload(**given))
    assert ("human in the loop" in record.control.chosen) is looks


def test_planes_come_last_less_those_that_are_deferred() -> None:
    record = select(Workload(**FIRST | {"deferred": {"throttle": "volumes are small"}}))
    assert record.sequence.chosen[-1] == "kill switch, escalation, approval"
    assert record.control.notes == ("throttle deferred: volumes are small",)
    assert "throttle deferred: volumes are small" in str(record)


def test_every_question_is_an_answer_and_says_what_it_changes() -> None:
    assert {question.name for question in QUESTIONS} == set(Workload.model_fields)
    for question in QUESTIONS:
        assert question.changes
        field = Workload.model_fields[question.name]
        assert bool(question.default) is not field.is_required()


def test_a_moot_question_changes_nothing() -> None:
    for answered in every(
        "longest_pause", "waits_on_the_outside", "rebuildable_from_input",
        "world_moves_while_paused", "consequence",
    ):  # fmt: skip
        for question in QUESTIONS:
            if question.name not in GRID or not question.is_moot(answered):
                continue
            found = set()
            for value in GRID[question.name]:
                record = told(answered | {question.name: value})
                if isinstance(record, DecisionRecord):
                    found.add(tuple(line.chosen for line in record.lines))
            assert len(found) <= 1, question.name


def test_after_a_short_pause_nobody_is_asked_who_reads_the_history() -> None:
    [history] = [each for each in QUESTIONS if each.name == "history_read_by_many"]
    answered: dict[str, object] = {
        "waits_on_the_outside": False,
        "rebuildable_from_input": False,
        "world_moves_while_paused": False,
    }
    assert history.is_moot(answered | {"longest_pause": timedelta(minutes=10)})
    assert not history.is_moot(answered | {"longest_pause": timedelta(hours=2)})


def test_a_workload_is_a_value() -> None:
    workload = Workload(**FIRST)
    with pytest.raises(ValidationError):
        workload.peers_write = True
    assert workload == Workload(**FIRST)
    assert hash(workload) == hash(Workload(**FIRST))
    other = workload.changed(peers_write=True)
    assert (workload.peers_write, other.peers_write) == (False, True)
