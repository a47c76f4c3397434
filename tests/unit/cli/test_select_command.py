"""`signoff select`: files, records, comparisons, and questions at a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from workloads_told import EVERY, LEAD_WARMING, RENEWAL

from signoff.cli import main
from signoff.cli._workload_file import as_yaml
from signoff.methodology import QUESTIONS, Workload, read_record, select, workload_of

WRITTEN = """\
# The running example.
name: contract renewal
horizon: 90 days
waits_on_the_outside: yes
rebuildable_from_input: no
world_moves_while_paused: yes
peers_write: yes
consequence: financial
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def workload(tmp_path: Path) -> str:
    pytest.importorskip("yaml")
    (tmp_path / "workload.yaml").write_text(WRITTEN)
    return "workload.yaml"


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["select", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *words: str, status: int = 1) -> str:
    capsys.readouterr()
    assert main(["select", *words]) == status
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return said.err


# Files


def test_a_workload_in_yaml_gives_the_block_and_the_reasons(
    workload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["select", workload, "--on", "2026-03-01", "--model", "simulated"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{select(RENEWAL)}\n\n")
    assert "it_cannot_be_rebuilt" in said
    assert "P5-contention" in said
    assert "1. dashboard: state schema and observability" in said
    assert "one_owner" in said  # what was assumed
    assert "2026-03-01, simulated; digest" in said


def test_json_is_the_record(workload: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, workload, "--on", "2026-03-01", "--model", "simulated")
    record = select(RENEWAL, on=date(2026, 3, 1), model="simulated")
    assert found == record.as_json()
    assert read_record(json.dumps(found)) == record


def test_json_files_need_no_extra(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.json").write_text(json.dumps(RENEWAL.answers()))
    assert document(capsys, "w.json")["workload"] == RENEWAL.answers()


def test_standard_input_is_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps(RENEWAL.answers()).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert document(capsys, "-")["workload"]["name"] == "contract renewal"


def test_a_workload_in_python_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "told_in_python.py").write_text("from workloads_told import RENEWAL\nseven = 7\n")
    assert document(capsys, "told_in_python:RENEWAL")["workload"] == RENEWAL.answers()
    assert "is int, and no Workload" in refused(capsys, "told_in_python:seven", status=2)
    assert "cannot be imported" in refused(capsys, "told_in_python:eight", status=2)


@pytest.mark.parametrize("told", EVERY, ids=lambda told: told.name)
def test_answers_are_written_as_yaml_that_is_read_again(
    told: Workload, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("yaml")
    hostile = told.changed(name="no: # 'x' \"y\" {z}", about="- yes")
    for number, each in enumerate((told, hostile)):
        (tmp_path / f"{number}.yaml").write_text(as_yaml(each))
        assert workload_of(document(capsys, f"{number}.yaml")["workload"]) == each


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "w.yaml:1:5: did not find expected node content"),
        ("", "w.yaml: it is empty"),
        ("- a\n", "w.yaml has to name its answers"),
        (WRITTEN.replace("90 days", "soon"), "w.yaml:3:10: horizon: 'soon' is no length of time"),
        (WRITTEN.replace("90 days", "90"), "w.yaml:3:10: horizon: 90 has no unit"),
        (WRITTEN + "pears_write: no\n", "w.yaml:9:14: pears_write: is no question"),
        (WRITTEN + "one_owner: 3\n", "w.yaml:9:12: one_owner: answer yes or no, not 3"),
        (WRITTEN + "peers_write: no\n", "'peers_write' is there twice"),
        (WRITTEN + "side_effects: no\n", "w.yaml: peers write, so that there are side effects"),
        (WRITTEN + "about: &a x\n", "anchors and aliases are not allowed"),
        (WRITTEN.replace("name: contract renewal", 'name: "\\x1b[2J"'), "name has to be on one"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_place(
    text: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("yaml")
    (tmp_path / "w.yaml").write_text(text)
    assert problem in refused(capsys, "w.yaml")


def test_two_second_conversations_do_not_wait_three_days(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = RENEWAL.answers() | {"horizon": "2 s", "longest_pause": "3 days"}
    (tmp_path / "w.json").write_text(json.dumps(answers))
    said = refused(capsys, "w.json")
    assert "lasts 2 seconds cannot pause for 3 days: the horizon includes the waiting" in said


def test_files_that_cannot_be_read_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "cannot read missing.yaml: No such file" in refused(capsys, "missing.yaml")
    (tmp_path / "folder.json").mkdir()
    assert "cannot read folder.json: Is a directory" in refused(capsys, "folder.json")
    (tmp_path / "latin.json").write_bytes(b'{"name": "\xe9"}')
    assert "latin.json is no UTF-8 text" in refused(capsys, "latin.json")
    (tmp_path / "huge.json").write_bytes(b" " * 1_000_001)
    assert "huge.json is larger than 1,000,000 bytes" in refused(capsys, "huge.json")
    (tmp_path / "broken.json").write_text('{"name": ')
    assert "broken.json is no JSON: Expecting value at line 1" in refused(capsys, "broken.json")
    (tmp_path / "deep.json").write_text('{"a":' * 100_000)
    assert "deep.json is no JSON" in refused(capsys, "deep.json")


# Records


def test_records_are_written_and_read_again(
    workload: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--record", "r.md", "--record", "r.json", "--model", "b, a", "--on", "2026-03-01"]
    assert main(["select", workload, *words]) == 0
    assert capsys.readouterr().out.endswith("wrote r.md\nwrote r.json\n")
    record = select(RENEWAL, on=date(2026, 3, 1), model="a, b")
    assert read_record((tmp_path / "r.md").read_text()) == record
    assert read_record((tmp_path / "r.json").read_text()) == record
    assert not [*tmp_path.glob(".r*")]
    # A record is a description of its workload, too.
    again = ["--on", "2026-03-01", "--model", "a,b"]
    assert document(capsys, "r.md", *again) == record.as_json()
    assert document(capsys, "r.json", *again) == record.as_json()


def test_the_same_decision_keeps_its_date_and_notes_stay(workload: str, tmp_path: Path) -> None:
    page = tmp_path / "r.md"
    assert main(["select", workload, "--record", "r.md", "--on", "2020-01-01"]) == 0
    noted = page.read_text() + "\n## Notes\n\nOurs.\n"
    page.write_text(noted)
    assert main(["select", workload, "--record", "r.md"]) == 0
    assert page.read_text() == noted
    assert main(["select", workload, "--record", "r.md", "--model", "simulated"]) == 0
    assert page.read_text().endswith("```\n\n## Notes\n\nOurs.\n")
    assert read_record(page.read_text()).model == "simulated"
    # Written anew over what somebody changed by hand.
    page.write_text(page.read_text().replace("| spine | state machine", "| spine | none"))
    assert main(["select", workload, "--record", "r.md", "--on", "2020-01-01"]) == 0
    assert read_record(page.read_text()).on == date(2020, 1, 1)
    assert page.read_text().endswith("Ours.\n")


def test_another_file_is_not_written_over(
    workload: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("# Ours\n")
    assert "is there, and is no decision record" in refused(capsys, workload, "--record=README.md")
    assert (tmp_path / "README.md").read_text() == "# Ours\n"
    said = refused(capsys, workload, "--record", "r.txt", status=2)
    assert "a record ends in .md or .json" in said
    assert "No such file" in refused(capsys, workload, "--record", "nowhere/r.md")


def test_answers_are_kept_and_not_written_over(
    workload: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["select", workload, "--save", "kept.json"]) == 0
    assert workload_of(json.loads((tmp_path / "kept.json").read_text())) == RENEWAL
    assert "is there already" in refused(capsys, workload, "--save", "kept.json")
    assert "ends in .yaml or .json" in refused(capsys, workload, "--save", "kept.txt", status=2)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--on", "tomorrow"], "is no date; write 2026-03-01"),
        (["--model", "\x1b[2J"], "--model has to be a name"),
        (["--why-not", "blockchain"], "the method knows no pattern 'blockchain'"),
    ],
)
def test_wrong_usage_is_told(
    words: list[str], problem: str, workload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in refused(capsys, workload, *words, status=2)


# Why not, and side by side


def test_why_not_says_what_would_have_to_be_different(
    workload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["select", workload, "--why-not", "event log", "--why-not", "P5"]) == 0
    said = capsys.readouterr().out
    assert "it would be with waits_on_the_outside = no (now yes)" in said
    assert "state machine is chosen: it waits" in said
    [found] = document(capsys, workload, "--why-not", "event log")["why_not"]
    assert found["chosen"] is False
    assert found["ways"] == [[{"answer": "waits_on_the_outside", "now": "yes", "then": "no"}]]
    assert found["expect"] == ["P3-late-events", "P3-divergence"]


def test_two_workloads_side_by_side(
    workload: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leads.json").write_text(json.dumps(LEAD_WARMING.answers()))
    assert main(["select", workload, "--compare", "leads.json"]) == 0
    said = capsys.readouterr().out
    assert "state machine" in said
    assert "no durable spine" in said
    assert "longest_pause, rebuildable_from_input" in said
    found = document(capsys, workload, "--compare", "leads.json")
    assert (found["left"], found["right"]) == ("contract renewal", "lead warming")
    differ = [line["title"] for line in found["lines"] if line["differs"]]
    assert "spine" in differ
    # However the two are put: `--compare a b` is about both as well.
    assert document(capsys, "--compare", "leads.json", workload) == found
    assert main(["select", workload, "--compare", workload]) == 0
    assert "every answer is the same" in capsys.readouterr().out


# At a terminal


def at_a_terminal(folder: Path, answers: Sequence[str], *words: str) -> tuple[int, str, str]:
    """Run `select` with a terminal to ask at; its status, what it asked, and its result."""
    ours, theirs = pty.openpty()
    env = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "signoff", "select", *words],
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=env | {"NO_COLOR": "1", "TERM": "dumb"},
    )
    os.close(theirs)
    # Then the end of input, so that nobody waits for an answer that does not come.
    os.write(ours, "".join(f"{answer}\n" for answer in (*answers, "\x04")).encode())
    asked = b""
    while True:
        try:
            some = os.read(ours, 4096)
        except OSError:
            break  # the other side was closed
        if not some:
            break
        asked += some
    assert process.stdout is not None
    with process.stdout:
        result = process.stdout.read().decode()
    os.close(ours)
    return process.wait(60), " ".join(asked.decode().split()), result


RENEWED = (
    ("name", "contract renewal"),
    ("about", ""),
    ("horizon", "90 days"),
    ("waits_on_the_outside", "yes"),
    ("longest_pause", ""),
    ("rebuildable_from_input", "n"),
    ("world_moves_while_paused", "Y"),
    ("one_owner", ""),
    ("independent_subtasks", ""),
    ("deterministic_merge", ""),
    ("peers_write", "yes"),
    ("partial_result_useful", ""),
    ("partial_write_costs_more", ""),
    ("side_effects", ""),
    ("consequence", "fin"),
    ("kill switch", ""),
    ("escalation", ""),
    ("approval", ""),
    ("throttle", ""),
)
ANSWERS = [answer for _, answer in RENEWED]


def test_the_questions_are_asked_with_what_each_answer_changes(tmp_path: Path) -> None:
    status, asked, result = at_a_terminal(tmp_path, ANSWERS, "--save", "w.json")
    assert status == 0
    assert result.startswith(f"{select(RENEWAL)}\n")
    for question in QUESTIONS:
        moot = question.name in ("history_read_by_many", "asked_who_decided")
        assert (question.asks in asked) is not moot, question.name
    assert "no durable spine: reconstruct on demand" in asked
    assert workload_of(json.loads((tmp_path / "w.json").read_text())) == RENEWAL


def test_only_the_result_goes_to_standard_output(tmp_path: Path) -> None:
    status, _, result = at_a_terminal(tmp_path, ANSWERS, "--json")
    assert status == 0
    assert workload_of(json.loads(result)["workload"]) == RENEWAL


def test_without_a_file_to_save_to_the_answers_are_shown(tmp_path: Path) -> None:
    _, _, result = at_a_terminal(tmp_path, ANSWERS)
    assert "waits_on_the_outside: yes\n" in result


def test_one_can_go_back(tmp_path: Path) -> None:
    wrong = ["another name", "", "b", "back", *ANSWERS]
    status, asked, result = at_a_terminal(tmp_path, wrong, "--json")
    assert status == 0
    assert json.loads(result)["workload"]["name"] == "contract renewal"
    assert asked.count("What is the workload called?") == 2
    first = at_a_terminal(tmp_path, ["b", *ANSWERS], "--json")
    assert (first[0], "this is the first question" in first[1]) == (0, True)


def test_a_question_that_becomes_moot_on_the_way_back_loses_its_answer(tmp_path: Path) -> None:
    stands_still = [*ANSWERS[:6], "no", "yes"]  # and so the cost question is asked, and answered
    status, asked, result = at_a_terminal(
        tmp_path, [*stands_still, "b", "b", "yes", *ANSWERS[7:]], "--json"
    )
    assert status == 0
    assert asked.count("Do several readers need what happened") == 2
    assert workload_of(json.loads(result)["workload"]) == RENEWAL


@pytest.mark.parametrize("end", ["q", "quit", "\x04"])
def test_one_can_quit(end: str, tmp_path: Path) -> None:
    status, asked, result = at_a_terminal(tmp_path, ["x", "", end])
    assert (status, result) == (130, "")
    assert "nothing was decided" in asked


def test_an_interrupt_quits(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "signoff", "select"], stdin=theirs, stderr=theirs, cwd=tmp_path
    )
    os.close(theirs)
    asked = b""
    while not asked.endswith(b"> "):
        asked += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert b"nothing was decided" in os.read(ours, 4096)
    os.close(ours)


def test_an_answer_that_cannot_be_read_is_asked_again(tmp_path: Path) -> None:
    answers = ["", *ANSWERS[:2], "soon", "90", *ANSWERS[2:3], "perhaps", "", *ANSWERS[3:]]
    answers = [*answers[:-4], "x", *answers[-4:]]  # a reason, and that is all there is to say
    status, asked, result = at_a_terminal(tmp_path, [*answers], "--json")
    assert status == 0, asked
    assert "the method has no default for it: answer, or b" in asked
    assert "'soon' is no length of time" in asked
    assert "'90' is no length of time" in asked
    assert "answer yes or no, not 'perhaps'" in asked
    assert json.loads(result)["workload"]["deferred"] == {"kill switch": "x"}


def test_an_answer_that_contradicts_an_earlier_one_is_asked_again(tmp_path: Path) -> None:
    talk = ["talk", "", "2 s", "yes", "no", "3 days", "", "yes", "yes", "", "", "", "yes"]
    rest = ["", "", "no", "", "fin", "", "", "", ""]
    status, asked, result = at_a_terminal(tmp_path, [*talk, *rest], "--json")
    assert status == 0, asked
    assert "does not wait on the outside" in asked
    assert "cannot pause for 3 days" in asked
    assert "peers write, so that there are side effects" in asked
    assert json.loads(result)["lines"][0]["chosen"] == ["conversational"]


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "signoff", "select"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert "there is nobody to ask, because standard input is no terminal" in done.stderr
    assert done.stdout == ""


def test_wrong_usage_is_told_before_anybody_answers(tmp_path: Path) -> None:
    status, asked, _ = at_a_terminal(tmp_path, [], "--record", "r.txt")
    assert status == 2
    assert "What is the workload called?" not in asked
