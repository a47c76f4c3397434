"""Reading recorded trials: whatever is in the file, it is read, counted, or refused in words."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from signoff.corpus import Corpus, read_corpus
from signoff.errors import BadInput, UsageError
from signoff.ledger import digest

GOOD = {"input": "q1", "model": "a", "ok": True}


def written(folder: Path, records: Iterable[object], *, name: str = "c.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def read(folder: Path, *records: object, **options: Any) -> Corpus:
    return read_corpus(written(folder, records), **options)


def problems(corpus: Corpus) -> dict[str, tuple[int, int]]:
    return {problem.what: (problem.line, problem.number) for problem in corpus.problems}


# Our own columns


def test_every_column_is_read(tmp_path: Path) -> None:
    corpus = read(
        tmp_path,
        {
            "input": "r-1",
            "model": "m",
            "trial": 2,
            "ok": False,
            "proposal": {"discount": 0.4},
            "verdict": "over_cap",
            "effect": {"paid": 1},
            "group": "make_offer",
            "at": "2026-03-01T12:00:00+01:00",
            "error": "late",
        },
    )
    (trial,) = corpus.trials
    assert (trial.input, trial.model, trial.number, trial.ok) == ("r-1", "m", 2, False)
    assert trial.proposal == digest({"discount": 0.4})
    assert trial.effect == digest({"paid": 1})
    assert (trial.verdict, trial.group, trial.error) == ("over_cap", "make_offer", "late")
    assert trial.at == "2026-03-01T11:00:00.000000Z"
    assert trial.shown == '{"discount": 0.4}'
    assert (corpus.format, corpus.problems, corpus.skipped) == ("signoff", (), 0)


def test_columns_have_the_names_that_people_use(tmp_path: Path) -> None:
    corpus = read(
        tmp_path,
        {"task": 7, "proposer": "m", "reward": 1.0, "category": "c", "timestamp": 0, "err": "e"},
    )
    (trial,) = corpus.trials
    assert (trial.input, trial.model, trial.ok, trial.group) == ("7", "m", True, "c")
    assert (trial.at, trial.error) == ("1970-01-01T00:00:00.000000Z", "e")


@pytest.mark.parametrize(
    ("column", "value", "ok"),
    [
        ("ok", 1, True),
        ("ok", 0.0, False),
        ("ok", "Yes", True),
        ("outcome", "committed", True),
        ("outcome", "Rejected", False),
        ("outcome", "suspended", None),
        ("reward", 0.99, False),
        ("reward", "1.0", True),
    ],
)
def test_acceptance_is_told_in_many_ways(
    tmp_path: Path, column: str, value: object, ok: bool | None
) -> None:
    (trial,) = read(tmp_path, {"input": "q", "model": "m", "proposal": 1, column: value}).trials
    assert trial.ok is ok


def test_a_verdict_alone_tells_acceptance(tmp_path: Path) -> None:
    corpus = read(
        tmp_path,
        {"input": "q", "model": "m", "verdict": "accepted"},
        {"input": "p", "model": "m", "verdict": "over_cap"},
    )
    assert [trial.ok for trial in corpus.trials] == [True, False]


def test_a_text_and_the_json_in_it_are_the_same_proposal(tmp_path: Path) -> None:
    fenced = '```json\n{"discount": 0.1}\n```'
    corpus = read(
        tmp_path,
        *({"input": "q", "model": "m", "proposal": said} for said in (fenced, {"discount": 0.1})),
    )
    assert len({trial.proposal for trial in corpus.trials}) == 1


def test_trials_without_a_number_are_counted(tmp_path: Path) -> None:
    corpus = read(tmp_path, GOOD, GOOD, {**GOOD, "trial": 7}, GOOD)
    assert [trial.number for trial in corpus.trials] == [1, 2, 7, 8]
    assert not corpus.problems


def test_a_run_that_is_no_number_belongs_to_the_model(tmp_path: Path) -> None:
    corpus = read(tmp_path, {**GOOD, "run": "2026-01-01"}, {**GOOD, "run": "2026-02-01"})
    assert corpus.models == {"a@2026-01-01": 1, "a@2026-02-01": 1}
    assert [trial.number for trial in corpus.of("a")] == [1, 2]


def test_compressed_files_are_read_by_their_content(tmp_path: Path) -> None:
    path = tmp_path / "no-suffix"
    path.write_bytes(gzip.compress(f"{json.dumps(GOOD)}\n".encode()))
    assert len(read_corpus(path).trials) == 1


def test_a_byte_order_mark_and_blank_lines_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n\n")
    assert len(read_corpus(path).trials) == 1


# What is wrong


def test_what_cannot_be_read_is_counted_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    lines = [
        json.dumps(GOOD).encode(),
        b'{"input": "q2", "model": "a", "ok": tr',
        b'{"input": "q2", "model": "a", "ok": tr',
        b"\xff\xfe\x00",
        b"[" * 5_000,
        b'"text"',
        b"null",
        json.dumps({"model": "a", "ok": True}).encode(),
        json.dumps({"input": "q", "ok": True}).encode(),
        json.dumps({"input": "q", "model": "a"}).encode(),
        json.dumps({"input": "q", "model": "a", "ok": "maybe"}).encode(),
        json.dumps({"input": "q", "model": "a", "ok": [1]}).encode(),
        json.dumps({"input": 1.5, "model": "a", "ok": True}).encode(),
        json.dumps({"input": "q", "model": "a", "ok": True, "trial": -1}).encode(),
        b'{"input": "q", "model": "a", "ok": NaN}',
        b'{"input": "q", "model": "a", "ok": true, "proposal": NaN}',
        json.dumps({**GOOD, "input": "q3", "at": "yesterday"}).encode(),
    ]
    path.write_bytes(b"\n".join(lines))
    corpus = read_corpus(path)
    assert [trial.input for trial in corpus.trials] == ["q1", "q3"]
    assert corpus.skipped == 15
    found = problems(corpus)
    assert found["not JSON, or cut off"] == (2, 2)
    assert found["not UTF-8"] == (4, 1)
    assert found["nested too deeply"] == (5, 1)
    assert found["not a JSON object"] == (6, 2)
    assert found["no `input`"] == (8, 1)
    assert found["no `model`"] == (9, 1)
    assert found["`ok` says neither yes nor no"] == (11, 3)
    assert found["`input` is neither a text nor a whole number"] == (13, 1)
    assert found["`trial` is not a whole number from 0"] == (14, 1)
    assert found["`proposal` holds what JSON cannot say"] == (16, 1)
    assert found["the time cannot be read, and is left out"] == (17, 1)


@pytest.mark.parametrize("column", ["input", "proposal", "effect", "error", "group", "verdict"])
def test_nesting_at_any_depth_is_read_or_counted(tmp_path: Path, column: str) -> None:
    path = tmp_path / "deep"
    base = json.dumps({"model": "m", "ok": True, "input": "q"})[:-1]
    depths = [*range(850, 1000, 3), 100_000]
    lines = [f'{base}, "{column}": {"[" * depth}{"]" * depth}}}' for depth in depths]
    path.write_text("\n".join([json.dumps(GOOD), *lines]))
    corpus = read_corpus(path)
    assert len(corpus.trials) + corpus.skipped == 1 + len(depths)


def test_duplicates_are_taken_once_and_contradictions_told(tmp_path: Path) -> None:
    first = {**GOOD, "trial": 1}
    corpus = read(tmp_path, first, first, {**first, "ok": False})
    assert [trial.ok for trial in corpus.trials] == [True]
    assert problems(corpus) == {
        "the same trial twice": (2, 1),
        "another answer with a number in use": (3, 1),
    }
    assert corpus.skipped == 2


def test_the_kinds_of_problems_are_bounded(tmp_path: Path) -> None:
    spans = [{"attributes": [{"key": "gen_ai.request.model", "value": {"stringValue": "m"}}]}]
    broken = [{"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}] * 500
    with pytest.raises(BadInput, match=r"no trial that can be read.*499 more"):
        read_corpus(written(tmp_path, broken))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n\n", "no trial that can be read"),
        (b"\x00\x01\x02\xff" * 1000, "not UTF-8"),
        (b"\x1f\x8b\x08\x00garbage", "damaged or cut off"),
        (b"col1,col2\n1,2\n", "not JSON"),
        (b"{}\n", "no `input`"),
        (b"{\n  nonsense", "is not JSON"),
    ],
)
def test_a_file_without_a_trial_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "c"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=why):
        read_corpus(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder"):
        read_corpus(tmp_path)
    with pytest.raises(BadInput, match="No such file"):
        read_corpus(tmp_path / "absent")
    with pytest.raises(BadInput, match=r"cannot read|No such file"):
        read_corpus(Path("a\x00b"))
    with pytest.raises(BadInput, match="is a device"):
        read_corpus(Path("/dev/zero"))


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=[f"{json.dumps(GOOD)}\n"])
    writer.start()
    assert len(read_corpus(pipe).trials) == 1
    writer.join()


def test_a_cut_compressed_file_gives_what_it_holds(tmp_path: Path) -> None:
    records = [{"input": f"q{n} {digest(str(n))}", "model": "a", "ok": True} for n in range(2000)]
    whole = gzip.compress("".join(f"{json.dumps(each)}\n" for each in records).encode())
    path = tmp_path / "c.gz"
    path.write_bytes(whole[: len(whole) // 2])
    corpus = read_corpus(path)
    assert 100 < len(corpus.trials) < 2000
    assert "damaged or cut off" in corpus.incomplete


def test_a_line_of_any_length_takes_no_more_than_a_buffer(tmp_path: Path) -> None:
    path = tmp_path / "c.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(json.dumps(GOOD).encode() + b'\n{"input": "')
        for _ in range(60):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n' + json.dumps({**GOOD, "input": "q2"}).encode())
    corpus = read_corpus(path)
    assert [trial.input for trial in corpus.trials] == ["q1", "q2"]
    assert problems(corpus) == {"longer than 16,000,000 bytes": (2, 1)}


def test_a_document_over_several_lines_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([GOOD, {**GOOD, "input": "q2"}], indent=2))
    assert len(read_corpus(path).trials) == 2


def test_an_unknown_format_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="write auto, signoff, otel"):
        read(tmp_path, GOOD, format="csv")


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = written(tmp_path, [{**GOOD, "input": n} for n in range(5000)])
    read_corpus(path, tell=lambda done, size: told.append((done, size)))
    assert told[-1] == (path.stat().st_size, path.stat().st_size)
    assert told == sorted(told)


# Models


def test_models_are_found_by_name_and_by_run(tmp_path: Path) -> None:
    runs = [
        {**GOOD, "model": model, "run": run}
        for model, run in (("a", "x"), ("a", "y"), ("b", "y"), ("c", "z"))
    ]
    corpus = read(tmp_path, *runs)
    one, other = corpus.pair("a", "b")
    assert ({t.model for t in one}, {t.model for t in other}) == ({"a@y"}, {"b@y"})
    one, other = corpus.pair("a", "c")
    assert {t.model for t in one} == {"a@x", "a@y"}
    one, other = corpus.pair("a@x", "a@y")
    assert {t.model for t in one} == {"a@x"}
    with pytest.raises(UsageError, match="compared with itself"):
        corpus.pair("a", "a")


def test_an_unknown_model_or_group_is_answered_with_the_nearest(tmp_path: Path) -> None:
    corpus = read(tmp_path, {**GOOD, "model": "gpt-5-high", "group": "github"})
    with pytest.raises(BadInput, match="no model 'gpt5'; the nearest are gpt-5-high"):
        corpus.of("gpt5")
    with pytest.raises(BadInput, match="nothing in group 'git'; the nearest are github"):
        corpus.of("gpt-5-high", group="git")


# Anything at all

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "key value stringValue intValue arrayValue kvlistValue values role parts".split()  # noqa: SIM905
            )
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)
columns = st.sampled_from(
    (
        *("input", "task", "model", "trial", "run", "ok", "outcome", "reward", "proposal", "raw"),
        *("verdict", "effect", "group", "at", "error", "calls", "err", "env", "service", "turns"),
        *("steps", "resourceSpans", "scopeSpans", "spans", "attributes", "shown"),
    )
)
likely = st.dictionaries(columns, json_values, max_size=12)
formats = st.sampled_from(["auto", "signoff", "otel", "bfcl", "mcpmark", "tau"])
anything = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@anything
@given(st.binary(max_size=400), formats)
@example(b"\x1f\x8b\x08", "auto")
@example(b"9" * 5000, "signoff")
@example(b'{"input":"\\ud800","model":"\\u0000","ok":1,"proposal":"{\\ud800"}', "signoff")
@example(b'{"input":1,"model":"m","ok":1,"at":1e308}', "signoff")
@example(b'{"input":1,"model":"m","ok":1,"at":Infinity}', "signoff")
@example(b'{"input":1,"model":"m","ok":1,"trial":Infinity}', "signoff")
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes, format: str) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    with contextlib.suppress(BadInput):
        assert read_corpus(path, format=format).trials


@anything
@given(st.lists(likely, min_size=1, max_size=5), formats)
def test_any_values_in_the_columns_are_read_or_counted(
    tmp_path: Path, records: list[dict[str, Any]], format: str
) -> None:
    path = tmp_path / "likely"
    path.write_text("\n".join(json.dumps(record) for record in records))
    try:
        corpus = read_corpus(path, format=format)
    except BadInput:
        return
    if format not in ("otel", "auto"):
        assert len(corpus.trials) + corpus.skipped == len(records)
    for trial in corpus.trials:
        assert trial.input
        assert trial.model
        assert len(trial.shown) <= 160
