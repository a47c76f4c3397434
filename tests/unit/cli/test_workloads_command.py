"""`signoff workloads`: list, show, run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cel_expr_python")

from signoff.cli import main
from signoff.methodology import read_record, select
from signoff.workloads import NAMES, shipped

RUN = ("workloads", "run", "billing-assist", "--rows", "10", "--seed", "2")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(words) == 0
    return capsys.readouterr().out


def test_list_names_every_workload(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "workloads", "list")
    assert all(name in told for name in NAMES)
    rows = document(capsys, "workloads", "list")
    assert [row["name"] for row in rows] == list(NAMES)
    assert {row["runtime"] for row in rows} == {"conversational", "autonomous", "long-horizon"}


def test_show_tells_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "workloads", "show", "network-triage")
    assert "event log" in told
    assert "signoff.workloads.network_triage" in told
    body = document(capsys, "workloads", "show", "network-triage")
    record = read_record(json.dumps(body["record"]))
    assert record == select(shipped("network-triage").workload)


def test_run_tells_outcomes_damage_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, *RUN, "--compare-unguarded")
    for part in ("outcome", "unguarded", "with signoff", "turns that were", "added, p99"):
        assert part in told
    assert "; unguarded, " in told


def test_run_prints_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    body = document(capsys, *RUN)
    assert (body["workload"], body["units"], body["unguarded"]) == ("billing-assist", 10, None)
    assert sum(body["outcomes"].values()) == 10
    assert set(body["damage"].values()) == {0}
    assert {"what", "outcome", "number", "median", "p99"} <= set(body["cost"]["crossings"][0])
    assert not list(Path().iterdir())  # without --store nothing is left behind


@pytest.mark.parametrize("name", ["lead-warming", "port-in"])
def test_a_store_that_is_thrown_away_is_not_named(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = printed(capsys, "workloads", "run", name, "--rows", "2")
    assert "thrown away, " in told
    assert "--store" not in told


def test_a_run_with_a_store_is_kept_and_gone_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    first = document(capsys, *RUN, "--store", "sqlite:///kept.db")
    again = document(capsys, *RUN, "--store", "sqlite:///kept.db")
    assert (again["records"], again["outcomes"]) == (first["records"], first["outcomes"])
    assert main(["ledger", "verify", "--store", "sqlite:///kept.db"]) == 0
    capsys.readouterr()
    assert main([*RUN, "--misbehaves", "0.5", "--store", "sqlite:///kept.db"]) == 1
    assert "holds a run with misbehaves 0.2, not 0.5" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["show", "run"])
def test_a_name_that_nobody_has_is_refused(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workloads", verb, "billing-asist"]) == 1
    assert "did you mean billing-assist?" in capsys.readouterr().err


def test_the_renewals_are_entered_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("workloads", "run", "contract-renewal", "--rows", "5", "--compare-unguarded")
    body = document(capsys, *words)
    assert set(body["damage"].values()) == {0}
    assert body["unguarded"]["calls"] > 0
