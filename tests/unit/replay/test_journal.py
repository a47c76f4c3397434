from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.diagnosis import Trial
from signoff.errors import BadInput
from signoff.ledger import Usage
from signoff.replay import Reply
from signoff.replay._journal import Journal

ABOUT = {"boundary": "b", "questions": "q"}


def reply(number: int = 1, text: str = "") -> Reply:
    return Reply(
        key="k",
        lane="candidate",
        trial=Trial(input="k", model="m", number=number, ok=True, shown=text),
        fingerprint={"model": "m", "settings": {"seed": 1}},
        usage=Usage(tokens_in=1, usd=0.5),
        seconds=0.25,
        because=text,
        reused=bool(text),
    )


def written(path: Path, *replies: Reply) -> None:
    journal = Journal(path)
    journal.begin(ABOUT)
    for each in replies:
        journal.add(each)
    journal.close()


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "j.jsonl"
    written(path, reply(1), reply(2, '\u2028 \ud800 "quoted"\n'))
    journal = Journal(path)
    journal.begin(ABOUT)
    assert list(journal.replies.values()) == [reply(1), reply(2, '\u2028 \ud800 "quoted"\n')]
    journal.close()


def test_the_last_reply_to_a_question_counts(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    written(path, reply(1, "first"), reply(1, "second"))
    journal = Journal(path)
    assert [each.because for each in journal.replies.values()] == ["second"]
    journal.close()


@given(st.integers(min_value=1, max_value=200))
def test_a_torn_last_line_is_cut_off_and_written_again(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "j.jsonl"
    written(path, reply(1), reply(2))
    whole = path.read_bytes()
    last = len(whole.splitlines()[-1])
    path.write_bytes(whole[: -min(cut, last)])
    journal = Journal(path)
    journal.begin(ABOUT)
    assert journal.repaired
    assert list(journal.replies.values()) == [reply(1)]
    journal.add(reply(2))
    journal.close()
    assert path.read_bytes() == whole


def test_a_torn_header_is_an_empty_journal(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    written(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:13])
    journal = Journal(path)
    journal.begin(ABOUT)
    journal.close()
    assert path.read_bytes() == whole
    assert json.loads(whole)["boundary"] == "b"


@pytest.mark.parametrize("line", ["{}", "no JSON", "[]", '{"question": "k"}', "7"])
def test_a_line_in_the_middle_that_says_nothing_is_told_by_number(
    tmp_path: Path, line: str
) -> None:
    path = tmp_path / "j.jsonl"
    written(path, reply(1))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(BadInput, match="line 3 is no line of a replay's journal"):
        Journal(path)


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious.jsonl"
    for text in ('{"customer": 1}\n', '{"customer": 1}\n{"customer": 2}'):
        path.write_text(text)
        with pytest.raises(BadInput, match="line 1 is no line"):
            Journal(path)
        assert path.read_text() == text


def test_a_precious_file_without_an_end_of_line_is_left_alone_too(tmp_path: Path) -> None:
    path = tmp_path / "precious.txt"
    path.write_text("the only copy")
    journal = Journal(path)
    with pytest.raises(BadInput, match="is no journal of a replay, and was left alone"):
        journal.begin(ABOUT)
    journal.close()
    assert path.read_text() == "the only copy"


def test_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text('{"signoff_replay": 2}\n')
    with pytest.raises(BadInput, match="form 2; this version of signoff writes form 1"):
        Journal(path)


def test_one_process_has_it_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    with pytest.raises(BadInput, match="another process is at work on"):
        Journal(path)
    journal.close()
    Journal(path).close()
