"""Reports: complete, and no text from a model becomes markup."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import lane, trial

from signoff.diagnosis import Trial
from signoff.replay import Comparison, as_json, as_junit, as_markdown, compare, tables

HOSTILE = "]]></failure><b>|`@all` \x00\x1b[31m\u202e\ud800 \n# x http://x.y <!-- & \"'"


def held() -> Comparison:
    baseline = [trial(n, "a", ok=True, group="g") for n in range(60)]
    candidate = [trial(n, "b", ok=n > 30, group="g", model="n") for n in range(60)]
    return compare(baseline, [*candidate, trial("late", group="g")])


def hostile() -> Comparison:
    def spoiled(each: Trial) -> Trial:
        return replace(
            each,
            input=HOSTILE + each.input,
            group=HOSTILE + each.input[:1],
            shown=HOSTILE,
            model=HOSTILE,
            verdict=HOSTILE + str(each.ok),
            error=HOSTILE,
        )

    baseline = [spoiled(trial(n, "a", ok=True)) for n in range(60)]
    return compare(baseline, [spoiled(trial(n, "b", ok=n > 30)) for n in range(60)])


# JUnit


def cases(text: str) -> dict[str, ET.Element]:
    return {case.attrib["name"]: case for case in ET.fromstring(text).iter("testcase")}


def test_junit_has_a_case_for_the_decision_and_one_for_each_input() -> None:
    suite = next(ET.fromstring(as_junit(held(), corpus="c.jsonl")).iter("testsuite"))
    found = cases(as_junit(held()))
    assert len(found) == 62
    assert found["decision"].find("failure") is not None
    assert found["0"].find("failure") is not None
    assert found["59"].find("failure") is None
    assert found["late"].find("skipped") is not None
    assert found["0"].attrib["classname"] == "g"
    counts = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "62", "failures": "32", "errors": "0", "skipped": "1"}
    properties = {p.attrib["name"]: p.attrib["value"] for p in suite.iter("property")}
    assert properties["decision"] == "HOLD"
    assert properties["corpus"] == "c.jsonl"


def test_nothing_fails_when_it_ships_and_a_review_is_an_error() -> None:
    ships = as_junit(compare(lane(["aa"] * 200), lane(["bb"] * 200)))
    assert "<failure" not in ships
    assert "<error" not in ships
    review = cases(as_junit(compare(lane(["a"]), lane(["a"]))))
    assert review["decision"].find("error") is not None


def test_junit_of_many_inputs_has_a_case_for_each_kind() -> None:
    found = cases(as_junit(compare(lane(["a"] * 6000), lane(["a"] * 6000))))
    assert set(found) == {"decision", "same: 6000 inputs"}


def test_hostile_text_stays_text_in_junit() -> None:
    text = as_junit(hostile(), about=HOSTILE)
    found = cases(text)
    assert len(found) == 61
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", text)
    assert {element.tag for element in ET.fromstring(text).iter()} <= {
        *("testsuites", "testsuite", "properties", "property", "testcase", "failure"),
        *("error", "skipped", "system-out"),
    }


@settings(deadline=None)
@given(st.text(st.characters()), st.text(st.characters(codec=None)))
def test_junit_is_well_formed_whatever_was_said(input: str, said: str) -> None:
    baseline = [trial(input or "q", said, ok=True, verdict=said)]
    text = as_junit(compare(baseline, [replace(baseline[0], ok=False, error=said)]), said=said)
    assert len(list(ET.fromstring(text.encode("utf-8")).iter("testcase"))) == 2


# Markdown


def test_markdown_tells_the_decision_first_and_what_it_rests_on() -> None:
    page = as_markdown(held(), corpus="c.jsonl")
    assert page.startswith("# HOLD\n")
    for said in ("## Lanes", "## Inputs", "## Verdicts that moved", "corpus: c.jsonl", "| g |"):
        assert said in page or said == "| g |"
    assert "Examples of verdict difference" in page


def test_hostile_text_stays_text_in_markdown() -> None:
    page = as_markdown(hostile(), **{"about": HOSTILE})
    assert "<" not in page.replace("\\<", "")
    assert "@" not in page
    assert "://" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800-\udfff]", page)
    for table in tables(hostile()):
        columns = len(table.columns)
        start = page.index(f"## {table.title}")
        rows = page[start:].split("\n\n")[1].splitlines()
        bars = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
        assert bars == {columns + 1}


# JSON


def test_json_has_every_field_and_says_which_version_it_is() -> None:
    document = json.loads(json.dumps(as_json(held(), corpus="c.jsonl")))
    assert document["version"] == 1
    assert document["about"] == {"corpus": "c.jsonl"}
    assert document["decision"] == "HOLD"
    assert document["candidate"]["accepted"] == 30
    assert document["acceptance"]["interval"][0] < document["acceptance"]["difference"]
    assert document["levels"]["verdict"]["differing"] == 31
    assert document["levels"]["effect"]["across"] is None
    assert document["kinds"] == {"verdict": 31, "proposal": 29, "alone": 1}
    assert document["inputs_total"] == 61
    assert document["inputs"][0] == {"input": "0", "group": "g", "kind": "verdict", "worse": True}
    assert document["variance_measured"] is False


def test_json_lists_so_many_inputs_and_counts_all() -> None:
    document = as_json(compare(lane(["a"] * 6000), lane(["b"] * 6000)))
    assert (len(document["inputs"]), document["inputs_total"]) == (5000, 6000)


@pytest.mark.parametrize("comparison", [compare([], []), held(), hostile()])
def test_json_can_be_written(comparison: Any) -> None:
    assert json.loads(json.dumps(as_json(comparison), allow_nan=False))
