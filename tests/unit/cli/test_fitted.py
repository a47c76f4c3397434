"""Tables and lines in a pipe, and on terminals that are narrow."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from signoff.cli._fitted import fitted, show_fitted, show_lines

PRINTS = """
from signoff.cli._fitted import show_fitted, show_lines
show_fitted(
    ("name", "what it says", "n"),
    [("a_name_that_stays_whole", "a text of many words that has to be wrapped", 1234)],
    numbers=("n",),
)
show_lines("  indented, and too long for one line of it all")
"""


def at_a_terminal(columns: int) -> list[str]:
    """What is shown on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    done = subprocess.run(
        [sys.executable, "-c", PRINTS],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=env | {"NO_COLOR": "1", "TERM": "vt100"},
        check=False,
    )
    os.close(theirs)
    shown = b""
    try:
        while some := os.read(ours, 4096):
            shown += some
    except OSError:
        pass  # the other side was closed
    os.close(ours)
    assert done.returncode == 0, done.stderr.decode()
    plain = shown.decode().replace("\x1b[2m", "").replace("\x1b[0m", "")
    return [line.rstrip() for line in plain.splitlines()]


def test_a_pipe_gets_every_cell_and_line_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = " ".join(["word"] * 100)
    for columns in (None, "40"):
        if columns:
            monkeypatch.setenv("COLUMNS", columns)
        show_fitted(("a", "b", "c"), [(long, "x", long)])
        show_lines(f"  {long}\n\nend")
        head, row, *lines = capsys.readouterr().out.splitlines()
        assert head.split() == ["a", "b", "c"]
        assert row == f"{long}  x  {long}"
        assert lines == [f"  {long}", "", "end"]


def test_a_terminal_with_room_gets_a_line_a_row() -> None:
    whole = "a_name_that_stays_whole  a text of many words that has to be wrapped  1,234"
    assert at_a_terminal(len(whole)) == [
        "name                     what it says                                     n",
        whole,
        "  indented, and too long for one line of it all",
    ]


def test_a_narrow_terminal_wraps_texts_and_leaves_names_whole() -> None:
    assert at_a_terminal(46) == [
        "name                     what it says        n",
        "a_name_that_stays_whole  a text of many  1,234",
        "                         words that has",
        "                         to be wrapped",
        "  indented, and too long for one line of it",
        "  all",
    ]


def test_widths_are_those_of_the_words_until_there_is_no_room_for_them() -> None:
    assert fitted([10, 20], [5, 6], 30) == [10, 20]
    assert fitted([10, 40], [10, 6], 30) == [10, 20]
    assert fitted([30, 30], [20, 9], 24) == [15, 9]
    assert fitted([30, 30], [20, 9], 4) == [8, 8]
    assert fitted([], [], 80) == []


def test_nothing_that_a_terminal_would_obey_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_fitted(("[b]a[/b]", ""), [("[red]x\x1b[2J", 5), ("two\nlines", "")])
    show_lines("\x1b[2Jtext")
    printed = capsys.readouterr().out
    assert printed.splitlines() == ["[b]a[/b]", "[red]x�[2J  5", "two lines", "�[2Jtext"]
