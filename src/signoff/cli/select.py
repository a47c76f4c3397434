"""`signoff select`: which composition a workload needs, and why."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli import _composition
from signoff.cli._ending import Status
from signoff.cli._output import AsJson, show_json
from signoff.errors import BadInput, UsageError
from signoff.words import plain

if TYPE_CHECKING:
    from signoff.methodology import DecisionRecord


def select(
    workload: Annotated[
        str | None,
        typer.Argument(
            metavar="WORKLOAD",
            help="A file in YAML or JSON, - for standard input, a decision record, or "
            "module:attribute. Without it, the questions are asked here.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Write the decision record: .md or .json. Repeatable."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the answers: .yaml or .json.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME@VERSION",
            help="For which model it is decided, as fingerprints name it; several with commas.",
        ),
    ] = "",
    on: Annotated[
        str, typer.Option(metavar="DATE", help="When it is decided. By default, today (UTC).")
    ] = "",
    why_not: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="What would have to be different for it, such as 'event log'. Repeatable.",
        ),
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="WORKLOAD", help="Show this one beside it.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Choose a composition, with the predicate that fired for every line.

    At a terminal, without a file, the questions are asked, with what each answer changes.
    """
    from signoff.cli._questioning import asked_workload
    from signoff.cli._workload_file import read_workload, write_record, write_workload
    from signoff.clock import SystemClock
    from signoff.methodology import select

    _check_files(record or [], save)
    day = _day(on) if on else SystemClock().now().date()
    try:
        other = None if compare is None else read_workload(compare)
        told = asked_workload() if workload is None else read_workload(workload)
    except BadInput as refused:
        for problem in str(refused).splitlines():
            print(plain(f"signoff: {problem}"), file=sys.stderr)
        raise typer.Exit(Status.FAILED) from refused
    found = select(told, on=day, model=_model(model))
    reasons = [_why_not(found, pattern) for pattern in why_not or []]
    if save is not None:
        write_workload(save, told)
    for path in record or []:
        found = write_record(path, found, dated=bool(on))
    beside = None if other is None else _beside(found, select(other, on=day, model=found.model))
    if json:
        asked = {"why_not": [_composition.why_not_as_json(each) for each in reasons]}
        show_json(_document(found, beside, asked if reasons else {}))
        return
    if beside is not None:
        _composition.show_comparison(beside)
    elif not reasons:
        _composition.show_record(found)
    for each in reasons:
        _composition.show_why_not(each)
    for path in [*(record or []), *([save] if save else [])]:
        print(plain(f"wrote {path}"))
    if workload is None and save is None:
        _show_answers(found)


def _check_files(records: list[Path], save: Path | None) -> None:
    """Before anybody answers eighteen questions."""
    for path in records:
        if path.suffix not in (".md", ".json"):
            raise UsageError(f"--record {path}: a record ends in .md or .json")
    if save is not None and save.suffix not in (".yaml", ".yml", ".json"):
        raise UsageError(f"--save {save}: a workload ends in .yaml or .json")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--on {text!r} is no date; write 2026-03-01") from error


def _model(text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not all(name.isprintable() and len(name) <= 200 for name in names):
        raise UsageError("--model has to be a name, such as openai:gpt-5@2026-03-01")
    return ", ".join(sorted(set(names)))


def _why_not(found: DecisionRecord, pattern: str) -> Any:
    from signoff.methodology import why_not

    return why_not(found, pattern)


def _beside(left: DecisionRecord, right: DecisionRecord) -> Any:
    from signoff.methodology import compare

    return compare(left, right)


def _document(found: DecisionRecord, beside: Any, asked: dict[str, Any]) -> dict[str, Any]:
    if beside is None:
        return {**found.as_json(), **asked}
    return {**_composition.comparison_as_json(beside), **asked}


def _show_answers(found: DecisionRecord) -> None:
    from signoff.cli._workload_file import as_yaml

    print("\nThe answers, for a file (--save keeps them):\n")
    for line in as_yaml(found.workload).splitlines():
        print(plain(line))
