"""`signoff new`: a project from a decision record, which runs and passes its tests at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli._output import AsJson, show_json
from signoff.errors import UsageError
from signoff.words import count, plain

if TYPE_CHECKING:
    from signoff.methodology import DecisionRecord
    from signoff.scaffold import Project


def new(
    name: Annotated[
        str, typer.Argument(help="Of the project: letters, digits, - and _. Names its folder.")
    ],
    workload: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WORKLOAD",
            help="What to decide about: a file in YAML or JSON, - for standard input, or "
            "module:attribute.",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What was decided already: a record, .md or .json."),
    ] = None,
    into: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where its folder is made.", show_default=False)
    ] = Path(),
    json: AsJson = False,
) -> None:
    """Write a project from a decision record: boundaries, spine, coordination, control and tests.

    It runs without a key, because simulated models propose in it. Nothing that is there is touched.
    """
    from signoff.scaffold import project_of, write_project

    decided = _decided(workload, record)
    project = project_of(name, decided)
    folder = write_project(project, into)
    if json:
        show_json(_document(project, folder))
        return
    print(plain(f"wrote {count(len(project.files), 'file')} to {folder}"))
    for line in str(project.record).splitlines():
        print(plain(line))
    if decided.model not in ("", project.record.model):
        print(
            plain(
                f"\nIts record is for {project.record.model}, because that is what it begins with; "
                f"the one that you gave is for {decided.model}."
            )
        )
    print()
    print(plain(f"cd {folder}"))
    for line in (
        f"python -m {project.names.package}   # a demonstration",
        "python -m pytest",
        "signoff check",
    ):
        print(line)


def _decided(workload: str | None, record: Path | None) -> DecisionRecord:
    from signoff.cli._workload_file import read_record_file, read_workload
    from signoff.clock import SystemClock
    from signoff.methodology import select

    if (workload is None) == (record is None):
        raise UsageError(
            "say what it is for: --from workload.yaml, or --record decision_record.json; "
            "`signoff select --save workload.yaml` asks the questions"
        )
    today = SystemClock().now().date()
    if record is None:
        return select(read_workload(workload or ""), on=today)
    decided = read_record_file(record)
    return decided if decided.on else decided.dated(today, model=decided.model)


def _document(project: Project, folder: Path) -> dict[str, object]:
    return {
        "folder": str(folder),
        "package": project.names.package,
        "parts": sorted(project.parts),
        "record": {"model": project.record.model, "digest": project.record.digest},
        "files": sorted(map(str, project.files)),
    }
