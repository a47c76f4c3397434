"""Tables and lines that fit a terminal: words stay whole for as long as it has room for them.

Whatever goes into a pipe or a file is not fitted: a line there is as long as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from signoff.cli._output import at_terminal, console, put, styled
from signoff.words import plain

#: Blanks between two columns.
_GAP = 2

#: The narrowest that a column becomes for the sake of the others.
_NARROWEST = 8


def show_lines(text: str) -> None:
    """Print lines of text, safe to show; at a terminal, wrapped between words."""
    from rich.padding import Padding

    fits = at_terminal()
    for line in text.splitlines():
        if fits:
            words = line.lstrip()
            put(Padding.indent(styled(words, most=0), len(line) - len(words)))
        else:
            print(plain(line))


def show_fitted(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[str] = ()
) -> None:
    """Print a table. Where a terminal is too narrow, texts are wrapped before names are broken.

    Args:
        columns: Their titles.
        rows: One cell per column, shown whole; any text, however hostile.
        numbers: Titles of the columns that are aligned to the right, and are not wrapped.
    """
    from rich.cells import cell_len
    from rich.table import Table

    cells = [[styled(_said(cell), most=0) for cell in row] for row in rows]
    natural: list[int] = []
    least: list[int] = []
    for at, title in enumerate(columns):
        said = [row[at].plain for row in cells]
        natural.append(max(map(cell_len, (title, *said))))
        whole = said if title in numbers else " ".join(said).split()
        least.append(max(map(cell_len, (*title.split(), *whole)), default=0))
    gaps = _GAP * (len(columns) - 1)
    widths = fitted(natural, least, console().width - gaps) if at_terminal() else natural
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for title, width in zip(columns, widths, strict=True):
        right = title in numbers
        table.add_column(title, justify="right" if right else "left", overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    put(table, width=sum(widths) + gaps)


def _said(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def fitted(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """How wide columns become.

    Args:
        natural: How wide each is if nothing is wrapped.
        least: How wide its longest word is.
        room: Characters for all of them.

    Returns:
        The natural widths if they fit; otherwise no column is narrower than its longest word, and
        if that does not fit, the widest are broken first.
    """
    if sum(natural) <= room:
        return list(natural)
    widths = list(least)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    # What is left goes to whoever needs it most.
    while sum(widths) < room:
        needs = [wide - width for wide, width in zip(natural, widths, strict=True)]
        if max(needs) <= 0:
            break
        widths[needs.index(max(needs))] += 1
    return widths
