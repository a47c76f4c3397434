"""A new project runs, passes its tests and its check at once; with a part taken out it does not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cel_expr_python", reason="a new project's gate needs the policy extra")

from signoff.methodology import Workload, select
from signoff.scaffold import project_of, write_project

ROOT = Path(__file__).parents[2]

BASE: dict[str, Any] = {
    "name": "claim handling",
    "horizon": timedelta(days=30),
    "waits_on_the_outside": False,
    "longest_pause": timedelta(0),
    "rebuildable_from_input": True,
    "world_moves_while_paused": False,
    "peers_write": False,
    "consequence": "minor",
    "one_owner": False,
    "independent_subtasks": False,
    "deterministic_merge": False,
    "partial_result_useful": False,
    "partial_write_costs_more": False,
    "side_effects": False,
    "asked_who_decided": False,
}
ACTS = {"side_effects": True}
PEOPLE = {"side_effects": True, "consequence": "financial", "asked_who_decided": True}
DELEGATES = {"one_owner": True, "independent_subtasks": True, "deterministic_merge": True}
SAGA = {"side_effects": True, "peers_write": True, "partial_write_costs_more": True}
ROW = {
    "waits_on_the_outside": True,
    "longest_pause": timedelta(days=3),
    "rebuildable_from_input": False,
    "world_moves_while_paused": True,
}
HISTORY = {"rebuildable_from_input": False, "world_moves_while_paused": True}
SECONDS = {"horizon": timedelta(seconds=8)}
MINUTES = {"horizon": timedelta(minutes=20)}
DEFERRED = {
    "deferred": {"throttle": "the mailer has a rate of its own", "approval": "nobody is there"}
}

#: Name -> its answers, in every runtime class, spine, coordination and control.
RECORDS: dict[str, dict[str, Any]] = {
    "nothing at all": {**SECONDS},
    "seconds, with a gate": {**SECONDS, **ACTS},
    "seconds, with people": {**SECONDS, **PEOPLE},
    "seconds, delegated": {**SECONDS, **DELEGATES, **ACTS},
    "minutes, on a log": {**MINUTES, **HISTORY, **ACTS},
    "minutes, gathered and undone": {**MINUTES, **HISTORY, **SAGA},
    "minutes, both, with people": {**MINUTES, **HISTORY, **DELEGATES, **SAGA, **PEOPLE},
    "months, rebuilt": {**ACTS},
    "months, rebuilt, delegated, with people": {**DELEGATES, **PEOPLE},
    "months, on a row": {**ROW, **ACTS},
    "months, on a row, undone, planes deferred": {**ROW, **SAGA, **PEOPLE, **DEFERRED},
    "months, on a row, with everything": {**ROW, **DELEGATES, **SAGA, **PEOPLE},
    "a part of it is useful": {**MINUTES, **ACTS, "partial_result_useful": True},
}

QUICK = ("nothing at all", "months, on a row, with everything")


def each(*quick: str) -> list[Any]:
    return [
        pytest.param(name, marks=() if name in quick else pytest.mark.slow, id=name)
        for name in RECORDS
    ]


def made(folder: Path, name: str) -> Path:
    record = select(Workload(**{**BASE, **RECORDS[name]}), on=date(2026, 11, 25))
    return write_project(project_of("claims", record), folder)


def ran(project: Path, *line: str, python: Path | str = sys.executable) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "160"}
    done = subprocess.run(
        [python, *line], cwd=project, capture_output=True, text=True, env=environment, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def test_the_records_are_of_every_kind() -> None:
    chosen = [select(Workload(**{**BASE, **answers})) for answers in RECORDS.values()]
    assert len(chosen) >= 12
    assert {record.runtime.chosen[0] for record in chosen} == {
        "conversational", "autonomous", "long-horizon",
    }  # fmt: skip
    assert {record.spine.chosen[0] for record in chosen} == {"none", "event log", "state machine"}
    assert len({record.coordination.chosen for record in chosen}) == 4
    assert len({record.control.chosen for record in chosen}) >= 3


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", each(*QUICK))
def test_a_new_project_runs_and_passes_its_tests_and_its_check(tmp_path: Path, name: str) -> None:
    project = made(tmp_path, name)
    status, said = ran(project, "-m", "claims")
    assert status == 0, said
    status, said = ran(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert status == 0, said
    assert re.search(r"\d+ passed", said)
    status, said = ran(project, "-m", "signoff.cli", "check")
    assert status == 0, said
    assert "the wiring is what was decided" in said


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", each(QUICK[-1]))
def test_a_new_project_is_formatted_and_typed(tmp_path: Path, name: str) -> None:
    project = made(tmp_path, name)
    for line in (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy", ".")):
        status, said = ran(project, "-m", *line)
        assert status == 0, f"{line[0]}: {said}"


#: What is taken out: file, what stands there, what takes its place, and the code that names it.
PARTS: dict[str, tuple[str, str, str, str]] = {
    "a gate": ("controls.py", r"^ +Gate\([^\n]*\n", "", "absent"),
    "an undo": ("settlement.py", r", undo=\w+(\.\w+)?", "", ""),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_taken_out_is_named(tmp_path: Path, part: str) -> None:
    file, stands, instead, code = PARTS[part]
    project = made(tmp_path, "months, on a row, with everything")
    path = project / "claims" / file
    text = path.read_text(encoding="utf-8")
    without = re.sub(stands, instead, text, count=1, flags=re.MULTILINE)
    assert without != text, "the template has changed: say what is to be taken out"
    path.write_text(without, encoding="utf-8")
    status, said = ran(project, "-m", "signoff.cli", "check")
    assert status == 1, said
    assert code in said


@pytest.mark.timeout(300)
def test_a_verifier_that_is_taken_out_is_named(tmp_path: Path) -> None:
    project = made(tmp_path, "nothing at all")
    path = project / "claims" / "boundaries.py"
    text = path.read_text(encoding="utf-8")
    without = re.sub(r"verifiers=\[[^\]]*\]", "verifiers=[]", text)
    assert without != text
    path.write_text(without, encoding="utf-8")
    status, said = ran(project, "-m", "signoff.cli", "check")
    assert status == 1, said
    assert "no_verifier" in said


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_new_project_installs_runs_and_passes_in_a_clean_environment(tmp_path: Path) -> None:
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    status, said = ran(
        tmp_path, "-m", "pip", "install", "--quiet", f"{ROOT}[policy]", "pytest", python=python
    )
    assert status == 0, said
    for number, name in enumerate(RECORDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        project = made(folder, name)
        for line in (
            ("-m", "pip", "install", "--quiet", "--no-deps", "."),
            ("-m", "claims"),
            ("-m", "pytest", "-q"),
            ("-m", "signoff.cli", "check"),
            ("-m", "pip", "uninstall", "--quiet", "--yes", project.name),
        ):
            status, said = ran(project, *line, python=python)
            assert status == 0, (name, line, said)
