from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from signoff.cli import _ending
from signoff.cli._ending import TRACEBACK, Status, ending
from signoff.errors import BadInput, MissingExtra, StorageUnavailable


def _end(error: BaseException | None) -> int:
    with ending() as status:
        if error is not None:
            raise error
    return status()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0),
        (SystemExit(4), 4),
        (SystemExit("no"), 1),
        (BadInput("line 3 is empty"), 1),
        (StorageUnavailable("no disk"), 1),
        (OSError(28, "No space left on device"), 1),
        (MissingExtra("pip install it"), 2),
        (ExceptionGroup("two", [BadInput("a"), ValueError("b")]), 1),
        (BaseExceptionGroup("stop", [KeyboardInterrupt()]), 130),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("division by zero"), 70),
    ],
)
def test_an_ending_has_a_status_and_no_traceback(
    error: BaseException | None, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _end(error) == status
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.count("\n") <= 1


def test_a_bug_says_that_it_is_ours_and_where_the_traceback_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _end(KeyError("row")) == Status.OUR_BUG
    said = capsys.readouterr().err
    assert "a bug of ours, KeyError: 'row'" in said
    assert f"{TRACEBACK}=1" in said
    monkeypatch.setenv(TRACEBACK, "1")
    _end(KeyError("row"))
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_what_a_model_put_into_an_error_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    _end(BadInput("\x1b[2Jwiped\u202e"))
    assert capsys.readouterr().err == "signoff: �[2Jwiped�\n"


def test_a_reader_that_left_is_not_worth_a_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[object] = []
    leave: Callable[[object], None] = left.append
    monkeypatch.setattr(_ending, "_abandon", leave)
    assert _end(BrokenPipeError()) == Status.NOBODY_READS
    assert left
    assert capsys.readouterr().err == ""


def test_an_interrupt_reaches_through_asyncio(capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        raise KeyboardInterrupt

    with ending() as status:
        asyncio.run(work())
    assert status() == Status.INTERRUPTED
    assert "run the same line again to go on" in capsys.readouterr().err
