"""`signoff replay corpus`: statuses, tables, reports, and the words for what is wrong."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from signoff.cli import main

LANES = ["--baseline", "old", "--candidate", "new"]


def record(input: int, model: str, ok: bool, **more: object) -> dict[str, Any]:
    return {
        "input": f"r-{input}",
        "model": model,
        "ok": ok,
        "proposal": {"discount": input / 100},
        "group": ("north", "south")[input % 2],
        **more,
    }


def write(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in records))
    return str(path)


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    """`new` loses a quarter of what `old` had, `other` nothing."""
    records = [record(n, "old", True) for n in range(200)]
    records += [record(n, "new", n % 4 != 0) for n in range(200)]
    records += [record(n, "other", True) for n in range(200)]
    return write(tmp_path / "corpus.jsonl", records)


def test_a_worse_candidate_ends_with_status_1(
    corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "corpus", corpus, *LANES]) == 1
    out = capsys.readouterr().out
    assert out.startswith("HOLD\n")
    assert "100.0% before, 75.0% now on 200 inputs" in out
    assert "north" in out


def test_an_equal_candidate_ends_with_status_0(
    corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "corpus", corpus, "--baseline", "old", "--candidate", "other"]) == 0
    assert capsys.readouterr().out.startswith("SHIP\n")


def test_too_little_ends_with_status_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = write(tmp_path / "few.jsonl", [record(1, "old", True), record(1, "new", True)])
    assert main(["replay", "corpus", few, *LANES]) == 3
    assert "not enough evidence" in capsys.readouterr().out


def test_a_wider_margin_and_another_group_are_asked_for(
    corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "corpus", corpus, *LANES, "--margin", "0.5"]) == 0
    capsys.readouterr()
    assert main(["replay", "corpus", corpus, *LANES, "--group", "south", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["acceptance"]["inputs"] == 100
    assert document["about"]["group"] == "south"


def test_json_is_one_document(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "corpus", corpus, *LANES, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["version"], document["decision"]) == (1, "HOLD")
    assert document["about"]["corpus"] == corpus


def test_reports_are_written_by_their_suffix(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for suffix in ("md", "json", "xml"):
        report = tmp_path / f"report.{suffix}"
        report.write_text("what was there")
        assert main(["replay", "corpus", corpus, *LANES, "--report", str(report)]) == 1
    assert (tmp_path / "report.md").read_text().startswith("# HOLD\n")
    assert json.loads((tmp_path / "report.json").read_text())["decision"] == "HOLD"
    assert ET.parse(tmp_path / "report.xml").getroot().tag == "testsuites"
    assert not list(tmp_path.glob(".*"))
    capsys.readouterr()


def test_another_suffix_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["replay", "corpus", str(tmp_path / "absent"), *LANES, "--report", "report.pdf"]
    assert main(line) == 2
    assert "must end in .md, .json or .xml" in capsys.readouterr().err


def test_a_report_never_replaces_the_corpus(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = Path(corpus).rename(tmp_path / "corpus.json")
    before = same.read_text()
    assert main(["replay", "corpus", str(same), *LANES, "--report", str(same)]) == 2
    assert "would replace the corpus" in capsys.readouterr().err
    assert same.read_text() == before


def test_a_report_that_cannot_be_written_is_told(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["replay", "corpus", corpus, *LANES, "--report", str(tmp_path / "no" / "r.md")]
    assert main(line) == 1
    assert "cannot write beside" in capsys.readouterr().err


def test_without_models_they_are_listed(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "corpus", corpus]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["model", "trials", "inputs", "judged", "accepted"]
    assert "groups: north, south" in out
    assert main(["replay", "corpus", corpus, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["models"][0] == {
        "model": "new",
        "trials": 200,
        "inputs": 200,
        "judged": 200,
        "accepted": 150,
    }


@pytest.mark.parametrize(
    ("options", "status", "why"),
    [
        (["--baseline", "old"], 2, "name both"),
        (["--baseline", "old", "--candidate", "old"], 2, "cannot be compared with itself"),
        (["--baseline", "odl", "--candidate", "new"], 1, "no model 'odl'; the nearest are old"),
        ([*LANES, "--group", "west"], 1, "nothing in group 'west'"),
        ([*LANES, "--format", "csv"], 2, "no format 'csv'"),
        ([*LANES, "--margin", "2"], 2, "margin"),
    ],
)
def test_what_is_wrong_is_told(
    corpus: str,
    options: list[str],
    status: int,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", "corpus", corpus, *options]) == status
    assert why in capsys.readouterr().err


def test_one_model_only_is_told_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write(tmp_path / "one.jsonl", [record(n, "old", True) for n in range(3)])
    assert main(["replay", "corpus", one, *LANES]) == 1
    assert "no model 'new'; the nearest are old" in capsys.readouterr().err


def test_two_runs_of_one_model_are_compared_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [record(n, "old", True, run=run) for run in ("monday", "friday") for n in range(200)]
    runs = ["--baseline", "old@monday", "--candidate", "old@friday"]
    assert main(["replay", "corpus", write(tmp_path / "c", records), *runs]) == 0
    assert capsys.readouterr().out.startswith("SHIP\n")


def test_what_was_left_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.jsonl"
    write(path, [record(1, "old", True), record(1, "new", True)])
    path.write_text(path.read_text() + "garbage\ngarbage\n")
    assert main(["replay", "corpus", str(path), *LANES]) == 3
    out = capsys.readouterr().out
    assert "2 records left out" in out
    assert "not JSON, or cut off" in out


def test_nothing_that_a_terminal_obeys_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[31m\x07[bold]\u202e\ud800"
    records = [
        record(n, model, model == "old", verdict=hostile, proposal=hostile, group=hostile)
        for model in ("old", "new")
        for n in range(200)
    ]
    assert main(["replay", "corpus", write(tmp_path / "c", records), *LANES]) in (0, 1, 3)
    assert main(["replay", "corpus", str(tmp_path / "c")]) == 0
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\u202e", "\ud800"} & set(out)
    assert "[bold]" in out
