"""`signoff check`: a project's wiring against its record, at the terminal and in pytest."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from signoff.cli import main

ROOT = Path(__file__).parents[3]

SHOP = """
from datetime import timedelta

from pydantic import BaseModel

from signoff import Accept, Boundary, External, Verdict
from signoff.control import Approval, Gate
from signoff.testing import Scripted

print("imported")


class Order(BaseModel):
    id: str


class Refund(BaseModel):
    amount: float


def small(refund: Refund, order: Order) -> Verdict:
    return Accept()


def large(refund: Refund, order: Order) -> bool:
    return refund.amount > 100


async def pay(refund: Refund, order: Order, key: str) -> str:
    return key


async def probe(key: str) -> str | None:
    return None


refund = Boundary(
    "refund",
    proposer=Scripted(Refund(amount=1)),
    verifiers=[small],
    commit=External(pay, reconcile=probe),
).bounded_by(
    Gate(small),
    Approval(when=large, ask="role:lead", within=timedelta(hours=1)),
)


def everything() -> dict[str, object]:
    return {"all": [refund]}


def fails() -> None:
    raise RuntimeError("no database")


def endless() -> object:
    return endless
"""

WORKLOAD: dict[str, Any] = {
    "name": "refunds",
    "horizon": "4 seconds",
    "waits_on_the_outside": False,
    "rebuildable_from_input": True,
    "world_moves_while_paused": True,
    "independent_subtasks": False,
    "peers_write": False,
    "consequence": "financial",
    "deferred": {"throttle": "volumes are small", "escalation": "nobody is there at night"},
}


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


def signoff(folder: Path, *words: str) -> Done:
    """Run a command in a folder, with whatever its modules are now."""
    sys.modules.pop("shop", None)
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    before = list(sys.path)
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = main(words)
    sys.path[:] = before
    return Done(status, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "200")
    # A file that is written twice within a second has the same time: no cached bytecode.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("shop", None)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose record is true."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "workload.json").write_text(json.dumps(WORKLOAD))
    (tmp_path / "signoff.toml").write_text('[check]\napp = "shop:everything"\n')
    words = ["--model", "scripted", "--record", "decision_record.md"]
    assert signoff(tmp_path, "select", "workload.json", *words).returncode == 0
    return tmp_path


def change(project: Path, was: str, is_now: str) -> None:
    file = project / "shop.py"
    assert was in file.read_text()
    file.write_text(file.read_text().replace(was, is_now))


def drifts(folder: Path, *words: str) -> list[tuple[str, str]]:
    done = signoff(folder, "check", *words, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["holds"] else 1)
    return [(drift["code"], drift["where"]) for drift in found["drifts"]]


def test_a_true_record_holds(project: Path) -> None:
    done = signoff(project, "check")
    assert done.returncode == 0
    assert done.stdout.endswith("the wiring is what was decided\n")
    assert "imported" in done.stderr  # what a module prints is not in the way of --json
    assert "typed, budgeted, distinguishable" in done.stdout
    found = json.loads(signoff(project, "check", "--json").stdout)
    assert found["holds"] is True
    assert found["record"]["workload"] == "refunds"
    [boundary] = found["boundaries"]
    assert boundary["strength"] == {
        "verifier": "policy",
        "reject": "typed, budgeted, distinguishable",
        "commit": "reconcilable",
    }


@pytest.mark.parametrize(
    ("was", "is_now", "drift"),
    [
        ("    Gate(small),\n", "",
         [("ungated", "refund"), ("absent", "supervisor + gate")]),
        ("External(pay, reconcile=probe)", "pay", [("no_commit", "refund")]),
        ("    Approval(when=large, ask=\"role:lead\", within=timedelta(hours=1)),\n", "",
         [("absent", "approval")]),
        ('proposer=Scripted(Refund(amount=1))', 'proposer=Another(Refund(amount=1))',
         [("model", "refund"), ("model", "date and model")]),
    ],
)  # fmt: skip
def test_a_part_that_is_taken_out_is_named(
    was: str, is_now: str, drift: list[tuple[str, str]], project: Path
) -> None:
    change(project, was, is_now)
    change(
        project,
        "class Order(",
        "class Another(Scripted):\n"
        "    @property\n"
        "    def fingerprint(self):\n"
        "        from signoff.ledger import Fingerprint\n"
        "        return Fingerprint(model='openai:gpt-5', version='2026-02-01')\n\n\n"
        "class Order(",
    )
    assert drifts(project) == drift
    done = signoff(project, "check")
    assert drift[0][0] in done.stdout
    assert "where the wiring is not what was decided" in done.stdout


def test_a_verifier_that_is_taken_out_is_noted_where_the_gate_still_judges(project: Path) -> None:
    change(project, "verifiers=[small]", "verifiers=[]")
    assert drifts(project) == [("no_verifier", "refund")]
    done = signoff(project, "check")
    assert "its gate alone judges what is proposed" in done.stdout
    assert done.stdout.endswith("the wiring is what was decided\n")


def test_from_elsewhere_and_from_under_src(project: Path, tmp_path: Path) -> None:
    (project / "src").mkdir()
    (project / "shop.py").rename(project / "src" / "shop.py")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "shop.py").write_text("everything = 7\n")
    assert drifts(elsewhere, str(project)) == []
    assert drifts(elsewhere, "..", "--app", "shop:refund") == []
    assert drifts(elsewhere, "../decision_record.md") == []


def test_the_table_of_boundaries_is_read_where_there_is_no_other(project: Path) -> None:
    (project / "signoff.toml").write_text('[boundaries]\napp = ["shop:refund"]\n')
    assert drifts(project) == []
    (project / "signoff.toml").write_text(
        '[boundaries]\napp = "shop:nothing"\n[check]\napp = "shop:refund"\nrecord = "a/r.md"\n'
    )
    (project / "a").mkdir()
    (project / "decision_record.md").rename(project / "a" / "r.md")
    assert drifts(project) == []


@pytest.mark.parametrize(
    ("settings", "status", "problem"),
    [
        ("", 2, "nobody says what the application is"),
        ("[check]\napp = []\n", 2, "nobody says what the application is"),
        ("[check]\napp = 7\n", 1, "app has to be a text"),
        ("[check]\nrecord = 7\n", 1, "record has to be a text"),
        ("check = 7\n", 1, "[check] has to be a table"),
        ("[check\n", 1, "is no TOML"),
        ('[check]\napp = "shop"\n', 2, "write module:attribute"),
        ('[check]\napp = "shop:missing"\n', 2, "signoff.toml: app shop:missing cannot be imported"),
        ('[check]\napp = "shop:small"\n', 1, "fails: TypeError"),
        ('[check]\napp = "shop:fails"\n', 1, "fails: RuntimeError: no database"),
        ('[check]\napp = "shop:endless"\n', 2, "nested more than 10 levels deep"),
        ('[check]\napp = "shop:SHOP"\n', 2, "cannot be imported"),
        ('[check]\napp = "shop:__name__"\n', 2, "holds str: it has to be boundaries"),
        ('[check]\nrecord = "missing.md"\napp = "shop:refund"\n', 1, "cannot read"),
    ],
)
def test_a_project_that_cannot_be_read_is_told(
    settings: str, status: int, problem: str, project: Path
) -> None:
    (project / "signoff.toml").write_text(settings)
    done = signoff(project, "check")
    assert (done.returncode, done.stdout) == (status, "")
    assert problem in done.stderr


def test_a_module_that_fails_is_told(project: Path) -> None:
    (project / "shop.py").write_text("raise RuntimeError('no settings')\n")
    done = signoff(project, "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "its module fails: RuntimeError: no settings" in done.stderr


def test_records_that_are_missing_changed_or_two_are_told(project: Path) -> None:
    words = ["--model", "another", "--record", "decision_record.json"]
    assert signoff(project, "select", "workload.json", *words).returncode == 0
    assert "say different things" in signoff(project, "check").stderr
    (project / "decision_record.json").unlink()
    page = project / "decision_record.md"
    text = page.read_text()
    page.write_text(text.replace("no durable spine", "event log", 1))
    done = signoff(project, "check")
    assert (done.returncode, "was changed by hand" in done.stderr) == (1, True)
    page.unlink()
    assert "there is no decision_record.md or decision_record.json in" in (
        signoff(project, "check").stderr
    )
    assert "there is no nowhere" in signoff(project, "check", "nowhere").stderr
    assert "name one record" in signoff(project, "check", "shop.py", "--record", "r.md").stderr


# Before a commit, and in pytest


def in_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the plugin and no other, which would take seconds to load."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_signoff", "-q", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_pytest_runs_it_as_one_more_test(project: Path) -> None:
    (project / "test_shop.py").write_text("def test_something():\n    pass\n")
    assert "1 passed" in in_pytest(project).stdout
    done = in_pytest(project, "--signoff-check")
    assert (done.returncode, "2 passed" in done.stdout) == (0, True)
    change(project, "    Gate(small),\n", "")
    done = in_pytest(project, "--signoff-check=.")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "its effect passes no gate: pay" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_plugin_and_the_hook_are_declared() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["project"]["entry-points"]["pytest11"] == {"signoff": "pytest_signoff"}
    packages = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert "src/pytest_signoff" in packages
    yaml = pytest.importorskip("yaml")
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["id"], hook["entry"]) == ("signoff-check", "signoff check")
    assert hook["pass_filenames"] is False


def test_the_plugin_imports_nothing_of_signoff() -> None:
    question = "import sys, pytest_signoff; sys.exit('signoff' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", question], check=False).returncode == 0
