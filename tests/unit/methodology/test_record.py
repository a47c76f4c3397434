"""The decision record: six lines, written and read without loss, and not changed by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workloads_told import EVERY, RENEWAL, answers, told

from signoff.errors import BadInput
from signoff.methodology import Alternative, DecisionRecord, Line, Predicate, read_record, select

DAY = date(2026, 3, 1)
RECORD = select(RENEWAL, on=DAY, model="openai:gpt-5@2026-02-01")


def texts(record: DecisionRecord) -> tuple[str, str]:
    return record.as_markdown(), json.dumps(record.as_json())


@pytest.mark.parametrize("workload", EVERY, ids=lambda workload: workload.name)
def test_a_record_is_read_as_it_was_written(workload: Any) -> None:
    record = select(workload, on=DAY, model="simulated")
    for text in texts(record):
        again = read_record(text)
        assert again == record
        assert again.digest == record.digest
        assert str(again) == str(record)


dates = st.none() | st.dates()
models = st.text(max_size=60)


@given(answers, dates, models)
@settings(deadline=None)
def test_every_record_is_read_as_it_was_written(
    given: dict[str, Any], on: date | None, model: str
) -> None:
    found = told(given)
    if not isinstance(found, DecisionRecord):
        return
    record = replace(found, on=on, model=model)
    for text in texts(record):
        assert read_record(text) == record


hostile = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["```", "\n```\n", "| a |", "<script>", "# Decision record: x", "```json", "\r\n", "\u2028"]
)
names = st.lists(hostile, max_size=3).map(tuple)
predicates = st.builds(
    Predicate,
    name=hostile,
    says=hostile,
    holds=st.booleans(),
    reads=st.dictionaries(hostile, st.booleans() | hostile | st.none(), max_size=3),
    assumed=st.dictionaries(hostile, hostile, max_size=2),
)


def lines(title: str) -> st.SearchStrategy[Line]:
    return st.builds(
        Line,
        title=st.just(title),
        chosen=names,
        because=hostile,
        fired=names,
        predicates=st.lists(predicates, max_size=2).map(tuple),
        expect=names,
        alternatives=st.lists(
            st.builds(Alternative, pattern=hostile, why_not=hostile, expect=names), max_size=2
        ).map(tuple),
        notes=names,
    )


records = st.builds(
    DecisionRecord,
    workload=st.sampled_from(EVERY),
    runtime=lines("runtime class"),
    spine=lines("spine"),
    coordination=lines("coordination"),
    control=lines("control"),
    sequence=lines("sequence"),
    on=dates,
    model=models,
)


@given(records)
@settings(deadline=None)
def test_whatever_a_record_says_it_is_read_as_it_was_written(record: DecisionRecord) -> None:
    for text in texts(record):
        assert read_record(text) == record


def test_the_table_has_six_lines() -> None:
    rows = [line for line in RECORD.as_markdown().splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [
        "line",
        "runtime class",
        "spine",
        "coordination",
        "control",
        "sequence",
        "date and model",
    ]
    assert "2026-03-01, openai:gpt-5@2026-02-01" in rows[-1]
    assert "`P5-contention`" in rows[2]


def test_the_page_names_every_predicate_with_what_it_read() -> None:
    page = RECORD.as_markdown()
    for line in RECORD.lines[:-1]:
        for predicate in line.predicates:
            assert f"- `{predicate.name}` " in page
    assert "`waits_on_the_outside`: yes" in page
    assert "`one_owner`: not answered, assumed: yes" in page
    assert "- Why not event log: " in page
    assert "- Without delegation: " in page


def test_a_name_cannot_end_its_cell_or_its_line() -> None:
    workload = RENEWAL.changed(name="a | `b` <b>c</b> [d](e)", about="*x* | y")
    record = select(workload, on=DAY, model="m | `x`")
    page = record.as_markdown()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)
    assert "<b>" not in page.partition("```json")[0]
    assert read_record(page) == record


def test_the_digest_is_stable_and_about_everything() -> None:
    assert RECORD.digest == select(RENEWAL, on=DAY, model=RECORD.model).digest
    others = [
        RECORD.dated(date(2026, 3, 2), model=RECORD.model),
        RECORD.dated(DAY, model="other"),
        replace(RECORD, spine=replace(RECORD.spine, because="otherwise")),
        select(RENEWAL.changed(about="x"), on=DAY, model=RECORD.model),
    ]
    assert len({each.digest for each in (RECORD, *others)}) == 5


def test_a_record_that_an_earlier_signoff_wrote_can_still_be_read() -> None:
    # What decides may change; how a record is written may not, unless VERSION grows with it.
    for suffix in ("md", "json"):
        text = Path(__file__).with_name(f"record_v1.{suffix}").read_text()
        record = read_record(text)
        assert record.workload == RENEWAL
        assert record.spine.chosen == ("state machine",)
        assert record.on == DAY
        if suffix == "md":
            assert record.as_markdown() == text


def test_notes_below_the_block_are_free() -> None:
    assert read_record(RECORD.as_markdown() + "\n## Notes\n\nAnything, `even` | this.\n") == RECORD


def test_line_ends_and_blanks_at_the_end_do_not_matter() -> None:
    page = RECORD.as_markdown()
    assert read_record(page.replace("\n", "\r\n")) == RECORD
    assert read_record("\ufeff" + page.replace(" |\n", " |  \n")) == RECORD


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ("| spine | state machine |", "| spine | event log |"),
        ("Why not event log", "Why not event logs"),
        ("# Decision record: contract renewal", "# Decision record: contract renewals"),
        ("2026-03-01", "2026-03-02"),
    ],
)
def test_a_page_that_was_changed_by_hand_is_refused(was: str, is_now: str) -> None:
    page = RECORD.as_markdown()
    assert was in page
    with pytest.raises(BadInput, match=r"r\.md:?[0-9]* was changed by hand"):
        read_record(page.replace(was, is_now, 1), "r.md")


def test_a_block_that_was_changed_by_hand_is_refused() -> None:
    document = RECORD.as_json()
    document["lines"][1]["chosen"] = ["event log"]
    with pytest.raises(BadInput, match="was changed by hand: its digest is"):
        read_record(json.dumps(document), "r.json")


def test_a_record_of_another_version_is_told_apart_from_a_broken_one() -> None:
    document = {**RECORD.as_json(), "version": 2, "new": True}
    with pytest.raises(BadInput, match=r"r\.json is of version 2; this signoff reads version 1"):
        read_record(json.dumps(document), "r.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Something else\n",
        "{}",
        "{",
        "[1]",
        '{"record": "signoff decision record"}',
        '{"record": "signoff decision record", "version": 1}',
        '{"record": "signoff decision record", "version": true}',
        "```json\n{}\n```\n",
        "```json\n{}\n",
        "{" * 100_000,
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"x is no|x has no block"):
        read_record(text, "x")


def test_a_record_whose_answers_contradict_each_other_is_refused() -> None:
    document = RECORD.as_json()
    document["workload"]["side_effects"] = False
    with pytest.raises(BadInput, match="peers write"):
        read_record(json.dumps(document), "r.json")


def test_lines_in_another_order_are_refused() -> None:
    document = RECORD.as_json()
    document["lines"].reverse()
    with pytest.raises(BadInput, match="its lines are sequence"):
        read_record(json.dumps(document), "r.json")
