"""Showing: tables for people, JSON for programs, and nothing that a terminal would obey."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.words import plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

#: The `--json` that every command has.
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]

#: Columns of a table that goes into a pipe or a file.
_PIPED = 160


def console(*, stderr: bool = False) -> Console:
    """Where tables go. No colours and no wrapping at 80 columns in a pipe."""
    from rich.console import Console

    width = None if at_terminal(stderr=stderr) or "COLUMNS" in os.environ else _PIPED
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def at_terminal(*, stderr: bool = False) -> bool:
    """Whether somebody reads it on a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return stream is not None and stream.isatty()


def put(what: RenderableType, *, width: int = 0) -> None:
    """Print something that rich can lay out; in a pipe, without the blanks that fill up a line.

    Args:
        what: It.
        width: Characters that it has in a pipe at least.
    """
    out = console()
    if not at_terminal():
        out.width = max(out.width, width)
    if out.is_terminal:
        out.print(what)
        return
    with out.capture() as captured:
        out.print(what)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def show_json(document: object) -> None:
    """Print one JSON document. ASCII only, so that it is as safe on a terminal as in a file."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    most: int = 200,
) -> None:
    """Print a table.

    Args:
        columns: Their titles.
        rows: One cell per column; any text, however hostile.
        numbers: Titles of the columns that are aligned to the right.
        most: Characters of a cell that are shown; 0 for all.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in columns:
        right = title in numbers
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else cell for cell in row)
        table.add_row(*(styled(cell, most=most) for cell in cells))
    put(table)


def styled(cell: object, style: str = "", most: int = 200) -> Text:
    """A cell of a table: the text as it is, never as markup."""
    from rich.text import Text

    return Text(plain(str(cell), most), style=style)


def show_fields(pairs: Iterable[tuple[str, Any]], *, most: int = 200) -> None:
    """Print names with their values, one a line; `most` characters of each, or all of it if 0."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, styled(f"{value:,}" if isinstance(value, int) else value, most=most))
    put(table)
