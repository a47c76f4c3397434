"""What happened to one subject: its records, grouped by crossing, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from signoff.boundary import Recorded, Row
from signoff.cli._output import console, put, styled
from signoff.reading import Chapter, Line
from signoff.words import count, moment, plain

if TYPE_CHECKING:
    from rich.text import Text

#: Characters of a line that are shown.
_LINE = 600

#: Columns of a terminal from which on every line has its time.
_WIDE = 72

_STYLE = {
    "COMMITTED": "green",
    "accepted": "green",
    "delivered": "green",
    "objection": "yellow",
    "REJECTED": "red",
    "SUSPENDED": "magenta",
    "HALTED": "magenta",
    "GAVE UP": "bold red",
    "APPROVED": "green",
    "EDITED": "green",
    "DENIED": "red",
    "EXPIRED": "red",
    "VOID": "yellow",
    "refused": "yellow",
    "killed": "bold red",
    "UNKNOWN": "bold red",
}


def show_story(
    subject: str,
    row: Row | None,
    told: Sequence[Chapter],
    crossings: Mapping[str, Recorded | None],
) -> None:
    """Print the story."""
    entries = [entry for chapter in told for entry, _ in chapter.records]
    title = styled(subject, "bold")
    if row is not None:
        title.append(plain(f"  {row.machine} at {row.state}, version {row.version}"), "not bold")
    put(title)
    numbers = f"{count(len(entries), 'record')}, {count(len(crossings), 'crossing')}"
    first, last = entries[0].at, entries[-1].at
    put(styled(f"{numbers}; {moment(first)} to {moment(last)} UTC", "dim"))
    for chapter in told:
        print()
        if chapter.crossing:
            put(_heading(chapter.crossing, crossings.get(chapter.crossing)))
        _show_lines(chapter.lines())


def _heading(crossing: str, recorded: Recorded | None) -> Text:
    heading = styled(f"crossing {crossing[:12]}", "bold")
    if recorded is not None:
        attempts = count(recorded.attempts, "attempt")
        heading.append(plain(f"  {recorded.boundary}: {recorded.status}, {attempts}"), "not bold")
    return heading


def _show_lines(lines: Iterable[Line]) -> None:
    from rich.table import Table

    wide = console().width >= _WIDE
    table = Table.grid(padding=(0, 2, 0, 0))
    if wide:
        table.add_column(style="dim", no_wrap=True)
    table.add_column(style="dim", no_wrap=True, min_width=1)
    table.add_column(no_wrap=True, min_width=9)
    table.add_column(overflow="fold")
    at = attempt = ""
    for line in lines:
        style = _STYLE.get(line.what, "")
        text = styled(line.text, "" if line.what else "dim", most=_LINE)
        said = "" if line.attempt == attempt else line.attempt
        cells = [styled(said), styled(line.what, style), text]
        if wide:
            cells.insert(0, styled("" if line.at == at else line.at))
        at, attempt = line.at, line.attempt
        table.add_row(*cells)
    put(table)
