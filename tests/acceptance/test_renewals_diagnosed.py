"""The renewal agent's own ledger has no signature of failure on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signoff.cli._app import main

pytest.importorskip("cel_expr_python", reason="the agent's gates need the policy extra")


def test_renewals_are_diagnosed_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = f"sqlite:///{tmp_path / 'renewals.db'}"
    services = str(tmp_path / "services")
    command = ["renewals", "run", "--rows", "60", "--json", "--services", services]
    assert main([*command, "--store", store]) == 0
    capsys.readouterr()

    status = main(["diagnose", "--json", "--store", store])

    told = json.loads(capsys.readouterr().out)
    assert told["findings"] == []
    assert told["unreadable"] == 0
    assert told["crossings"] > 500
    assert status == 0
