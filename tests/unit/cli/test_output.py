from __future__ import annotations

import pytest

from signoff.cli._output import show_fields, show_table
from signoff.words import compact, count, moment, plain, took


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("\x1b]0;title\x07", "�]0;title�"),
        ("invoice\u202egpj.exe", "invoice�gpj.exe"),
        ("zero\u200bwidth", "zero�width"),
        ("two\r\nlines\tand a tab", "two  lines and a tab"),
        ("nul\x00 and del\x7f", "nul� and del�"),
        ("half a pair \ud800", "half a pair �"),
        ("\U000e0041tagged", "�tagged"),
        ("[bold]markup[/bold] :smile:", "[bold]markup[/bold] :smile:"),
        ("Zoë, 日本, 👩‍👩‍👧", "Zoë, 日本, 👩‍👩‍👧"),
    ],
)
def test_text_is_shown_so_that_no_terminal_obeys_it(hostile: str, shown: str) -> None:
    assert plain(hostile) == shown


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    assert plain("x" * 10_000_000, 5) == "xxxx…"


def test_a_value_is_shown_on_one_line() -> None:
    assert compact({"a": "\u202e\n"}) == '{"a": "�\\n"}'
    assert compact("a\nb") == "a b"


def test_a_table_shows_markup_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("name", "n"), [("[red]x[/red]\x1b[2J", 1234)], numbers=("n",))
    show_fields([("root", "[link=evil]y"), ("n", 5000)])
    printed = capsys.readouterr().out
    assert "[red]x[/red]�[2J  1,234\n" in printed
    assert "root  [link=evil]y\n" in printed
    assert "\x1b" not in printed


def test_a_pipe_gets_no_trailing_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a", "b"), [("x", ""), ("xxxxxx", "y")])
    assert all(line == line.rstrip() for line in capsys.readouterr().out.splitlines())


def test_numbers_durations_and_times_read_well() -> None:
    assert count(1, "record") == "1 record"
    assert count(2000, "record") == "2,000 records"
    assert [took(s) for s in (0.00021, 3.44, 600, 7200, 864_000)] == [
        "0.21 ms", "3.4 s", "10 min", "2 h", "10 days",
    ]  # fmt: skip
    assert moment("2026-03-01T12:00:00.000001Z") == "2026-03-01 12:00:00"
