from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from signoff.errors import BadInput, UsageError
from signoff.methodology import Workload, read_record, select
from signoff.scaffold import Project, project_of, write_project

WORKLOAD = Workload(
    name="number port-in",
    horizon=timedelta(days=10),
    waits_on_the_outside=True,
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    peers_write=True,
    consequence="financial",
)


def a_project() -> Project:
    return project_of("port-in", select(WORKLOAD, on=date(2026, 3, 1)))


def test_everything_is_written_and_the_record_is_read_back(tmp_path: Path) -> None:
    project = a_project()
    folder = write_project(project, tmp_path)
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert there == {Path(path) for path in project.files}
    assert read_record((folder / "decision_record.md").read_text()) == project.record
    assert read_record((folder / "decision_record.json").read_text()) == project.record
    assert [path.name for path in tmp_path.iterdir()] == ["port-in"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "port-in").mkdir()
    assert (write_project(a_project(), tmp_path) / "README.md").is_file()


@pytest.mark.parametrize("kind", ["filled", "file", "link"])
def test_what_is_there_is_left_alone(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "port-in"
    if kind == "filled":
        target.mkdir()
        (target / "mine").touch()
    elif kind == "file":
        target.touch()
    else:
        target.symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match="port-in is there"):
        write_project(a_project(), tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_left_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(BadInput, match="No space left"):
        write_project(a_project(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_draft_is_refused() -> None:
    with pytest.raises(UsageError, match="draft"):
        project_of("port-in", select(WORKLOAD))
