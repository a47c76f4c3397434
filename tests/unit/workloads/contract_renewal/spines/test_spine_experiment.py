"""The spine ablation finds what is planted in it, and nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from signoff.cli import main
from signoff.workloads.contract_renewal.customers import Customer, read_customers
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.spines import (
    SpineReport,
    drifting,
    label,
    run_experiment,
)


def customers(folder: Path, rows: int) -> list[Customer]:
    return list(read_customers(write_sample(folder / "customers.csv", rows, 0)))


def found(tmp_path: Path, *, drift: float, misbehaves: float, rows: int = 40) -> SpineReport:
    models = drifting(seed=1, misbehaves=misbehaves, drift=drift)
    return asyncio.run(run_experiment(customers(tmp_path, rows), models, k=2))


def pass_k(report: SpineReport) -> dict[str, float]:
    shares = {s.model: s.passes[-1].value for s in report.reliability.slices if s.model}
    return {model: share for model, share in shares.items() if share is not None}


def test_a_model_that_drifts_changes_a_history_that_is_asked_again_and_no_other(
    tmp_path: Path,
) -> None:
    report = found(tmp_path, drift=1.0, misbehaves=0.0)
    shares = pass_k(report)
    takes_it = sum(t.ok is False for t in report.trials) / 2
    for spine in ("state machine", "event log"):
        assert shares[label(spine, "same model")] == 1.0
        assert shares[label(spine, "model changed")] == 1.0
    assert shares[label("event log, asked again", "same model")] == 1.0
    assert 0 < takes_it < 40
    assert shares[label("event log, asked again", "model changed")] == 1 - takes_it / 40
    assert report.diverged == {"same model": (0, 80), "model changed": (80, 80)}


def test_without_drift_nothing_differs_between_the_spines(tmp_path: Path) -> None:
    report = found(tmp_path, drift=0.0, misbehaves=0.4)
    assert {each.difference for each in report.against} == {0.0}
    assert {each.p for each in report.against} == {1.0}
    # Misbehaviour costs all of them the same.
    assert len(set(pass_k(report).values())) == 1
    assert next(iter(pass_k(report).values())) < 1.0


def test_the_difference_is_told_with_its_interval(tmp_path: Path) -> None:
    report = found(tmp_path, drift=1.0, misbehaves=0.1)
    (asked,) = (
        each
        for each in report.against
        if each.spine == "event log, asked again" and each.condition == "model changed"
    )
    assert asked.interval.low <= asked.difference <= asked.interval.high < 0
    assert asked.p < 0.05


def test_the_command_prints_a_table_a_document_and_a_chart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chart = tmp_path / "spines.svg"
    line = ["experiment", "spine", "--rows", "12", "--k", "2", "--drift", "1", "--seed", "3"]
    assert main([*line, "--plot", str(chart)]) == 0
    told = capsys.readouterr().out
    assert "state machine" in told
    assert "asked again" in told
    assert chart.read_text().startswith("<svg")
    assert main([*line, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["renewals"] == 12
    assert len(document["rows"]) == 6
    assert document["asked_again"]["same model"]["diverged"] == 0


def test_one_real_model_alone_is_no_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", "spine", "--prior", "local"]) == 2
    assert "--current" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiment", "spine", "--data", str(tmp_path / "no.csv")]) == 1
    assert "no.csv" in capsys.readouterr().err
