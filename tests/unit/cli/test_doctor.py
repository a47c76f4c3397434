from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from signoff.cli import _machine
from signoff.clock import SystemClock, stamp
from signoff.reading import _health


def _verdicts(folder: Path) -> dict[str, str]:
    return {finding.check: finding.verdict for finding in _machine.examine_machine(folder)}


def test_a_sound_machine_is_ok(tmp_path: Path) -> None:
    verdicts = _verdicts(tmp_path)
    assert set(verdicts) == {"python", "sqlite", "disk", "flush"}
    assert "FAIL" not in verdicts.values()


def test_a_folder_that_is_not_there_fails_with_a_remedy(tmp_path: Path) -> None:
    findings = {f.check: f for f in _machine.examine_machine(tmp_path / "missing")}
    assert findings["disk"].verdict == findings["flush"].verdict == "FAIL"
    assert findings["disk"].remedy


@pytest.mark.parametrize(("megabytes", "verdict"), [(10, "FAIL"), (500, "--"), (50_000, "OK")])
def test_free_space_is_judged(
    megabytes: int, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=megabytes << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert _verdicts(tmp_path)["disk"] == verdict


@pytest.mark.parametrize(("seconds", "verdict"), [(1e-6, "--"), (0.004, "OK"), (0.2, "--")])
def test_the_flush_is_judged(
    seconds: float, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_machine, "_median_flush", lambda _: seconds)
    assert _verdicts(tmp_path)["flush"] == verdict


def test_an_old_sqlite_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 31, 1))
    assert _verdicts(tmp_path)["sqlite"] == "FAIL"


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    findings = list(_machine.examine_extras())
    assert {finding.verdict for finding in findings} == {"--"}
    assert [finding.remedy for finding in findings] == [
        "pip install 'signoff[models]'",
        "signoff local install",
        "pip install 'signoff[postgres]'",
        "pip install 'signoff[policy]'",
    ]


def test_a_lock_that_is_held_names_its_process(tmp_path: Path) -> None:
    path = tmp_path / "x.db.lock"
    assert _health._in_use(path).found == "by no runtime"
    path.write_text("4711\n")
    assert _health._in_use(path).found == "by no runtime"
    file = os.open(path, os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        assert "process 4711" in _health._in_use(path).found
    finally:
        os.close(file)


def test_a_ledger_from_the_future_is_worth_knowing() -> None:
    now = stamp(SystemClock().now())
    assert _health._time(None).verdict == _health._time(now).verdict == "OK"
    assert _health._time("2999-01-01T00:00:00.000000Z").verdict == "--"
