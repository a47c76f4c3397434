"""A comparison of lanes, on a terminal and in a report; and the options that all replays have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli._export import destination
from signoff.cli._output import put, show_table, styled
from signoff.errors import UsageError

if TYPE_CHECKING:
    from signoff.replay import Comparison

_STYLES = {"SHIP": "bold green", "HOLD": "bold red", "REVIEW": "bold yellow"}

ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="Also write it to FILE.md, .json or .xml."),
]
Margin = Annotated[
    float, typer.Option(min=0, max=0.999, help="How much less often it may be accepted.")
]
Confidence = Annotated[
    float, typer.Option(min=0.5, max=0.9999, help="Of every interval, and of the decision.")
]
Examples = Annotated[int, typer.Option(min=0, help="How many examples of each kind of divergence.")]
AllowEffects = Annotated[
    bool,
    typer.Option("--allow-effects", help="Ship although other effects would follow."),
]


def checked(report: Path | None) -> None:
    """Refuse a report that could not be written, before any work is done.

    Raises:
        UsageError: If its name does not tell the format.
    """
    if report is not None and report.suffix not in (".md", ".json", ".xml"):
        raise UsageError(f"--report {report} must end in .md, .json or .xml, which is its format")


def write(report: Path, comparison: Comparison, **about: object) -> None:
    """Write the report; a file that is there is replaced at once, or not at all."""
    from signoff.replay import as_json, as_junit, as_markdown

    match report.suffix:
        case ".md":
            text = as_markdown(comparison, **about)
        case ".xml":
            text = as_junit(comparison, **about)
        case _:
            text = json.dumps(as_json(comparison, **about), indent=2) + "\n"
    with destination(report, encoding="utf-8") as out:
        out.write(text)


def show(comparison: Comparison) -> None:
    """Print the decision, why, and what it rests on."""
    from signoff.replay import tables

    put(styled(comparison.decision, _STYLES[comparison.decision]))
    for reason in comparison.reasons:
        put(styled(f"  {reason}", most=0))
    for note in comparison.notes:
        put(styled(f"  note: {note}", "dim", most=0))
    for table in tables(comparison):
        print()
        put(styled(table.title, "bold"))
        show_table(table.columns, table.rows, numbers=table.numbers, most=600)
