"""`signoff check`: is the code still what was decided?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli._ending import Status
from signoff.cli._fitted import show_fitted
from signoff.cli._output import AsJson, put, show_json, styled
from signoff.words import count

if TYPE_CHECKING:
    from signoff.cli._project import Project
    from signoff.methodology import Checked, Wired


def check(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The project's folder, or its record.")
    ] = Path(),
    app: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:ATTRIBUTE",
            help="What the application is wired from. Repeatable. By default, that of [check] or "
            "[boundaries] in signoff.toml.",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="By default, decision_record.md or .json in PATH."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Compare the wiring of an application with its decision record. Exit status 1 if it drifted.

    The application is imported, and nothing of it is run.
    """
    from signoff.cli._project import project_at, record_of, wiring_in
    from signoff.methodology import check

    project = project_at(path, record, app or [])
    checked = check(record_of(project), wiring_in(project))
    if json:
        show_json(_document(project, checked))
    else:
        _show(project, checked)
    if not checked.holds:
        raise typer.Exit(Status.FAILED)


def _show(project: Project, checked: Checked) -> None:
    record = checked.record
    put(styled(f"{record.workload.name}, {project.record_file}", "bold"))
    on = "not dated" if record.on is None else record.on.isoformat()
    put(styled(f"{on}, {record.model or 'no model named'}, digest {record.digest[:12]}", "dim"))
    print()
    patterns = [
        (found.pattern, "yes" if found.declared else "no", ", ".join(found.where) or "no")
        for found in checked.patterns
    ]
    show_fitted(("pattern", "declared", "wired"), patterns)
    print()
    columns = ("boundary", "asks", "verifier", "reject", "commit", "gate", "part of")
    show_fitted(columns, [_row(wired) for wired in checked.wiring.boundaries])
    for gravity in ("drift", "note"):
        rows = [
            (drift.code, drift.where, drift.says, drift.remedy)
            for drift in checked.drifts
            if drift.gravity == gravity
        ]
        if rows:
            print()
            show_fitted((gravity, "where", "what differs", "what to do"), rows)
    print()
    print(_verdict(checked))


def _row(wired: Wired) -> tuple[str, ...]:
    strength = wired.strength
    gate = "yes" if "gate" in wired.controls else "no"
    asks = wired.model or wired.role
    parts = ", ".join(wired.part_of)
    return wired.name, asks, strength.verifier, strength.reject, strength.commit, gate, parts


def _verdict(checked: Checked) -> str:
    if checked.holds:
        return "the wiring is what was decided"
    drifts = sum(drift.gravity == "drift" for drift in checked.drifts)
    return f"{count(drifts, 'place')} where the wiring is not what was decided"


def _document(project: Project, checked: Checked) -> dict[str, Any]:
    record = checked.record
    return {
        "holds": checked.holds,
        "record": {
            "file": str(project.record_file),
            "workload": record.workload.name,
            "date": None if record.on is None else record.on.isoformat(),
            "model": record.model,
            "digest": record.digest,
        },
        "patterns": [
            {"pattern": each.pattern, "declared": each.declared, "wired": list(each.where)}
            for each in checked.patterns
        ],
        "boundaries": [_as_json(wired) for wired in checked.wiring.boundaries],
        "drifts": [
            {
                "gravity": each.gravity,
                "code": each.code,
                "where": each.where,
                "says": each.says,
                "remedy": each.remedy,
            }
            for each in checked.drifts
        ],
    }


def _as_json(wired: Wired) -> dict[str, Any]:
    return {
        "boundary": wired.name,
        "role": wired.role,
        "model": wired.model,
        "strength": {
            "verifier": wired.strength.verifier,
            "reject": wired.strength.reject,
            "commit": wired.strength.commit,
        },
        "verifiers": list(wired.verifiers),
        "controls": list(wired.controls),
        "effects": [{"effect": name, "commit": commit} for name, commit in wired.effects],
        "attempts": wired.attempts,
        "part_of": list(wired.part_of),
    }
