from __future__ import annotations

import stat
from pathlib import Path

import pytest

from signoff.cli._export import destination
from signoff.errors import BadInput, SignoffError


def test_a_file_replaces_the_old_one_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old\n")
    interrupted = destination(path)
    interrupted.__enter__().write("half")
    assert not interrupted.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert path.read_text() == "old\n"
    with destination(path) as out:
        out.write("new\n")
    assert path.read_text() == "new\n"
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_file_can_be_read_by_those_who_read_any_other(tmp_path: Path) -> None:
    with destination(tmp_path / "out.jsonl") as out:
        out.write("x")
    (tmp_path / "other").touch()
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_failing_disk_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old\n")
    with pytest.raises(SignoffError, match="No space left"), destination(path):
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old\n"


@pytest.mark.parametrize("name", ["", "missing/out.jsonl"])
def test_a_place_that_cannot_hold_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput), destination(tmp_path / name):
        pass


def test_without_a_file_it_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    for path in (None, Path("-")):
        with destination(path) as out:
            out.write("x")
    assert capsys.readouterr().out == "xx"
