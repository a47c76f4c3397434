"""Model calls recorded as OpenTelemetry spans become trials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signoff.corpus import Corpus, read_corpus
from signoff.errors import BadInput
from signoff.ledger import digest


def value(said: object) -> dict[str, Any]:
    match said:
        case bool():
            return {"boolValue": said}
        case int():
            return {"intValue": str(said)}
        case float():
            return {"doubleValue": said}
        case list():
            return {"arrayValue": {"values": [value(each) for each in said]}}
        case dict():
            pairs = [{"key": key, "value": value(each)} for key, each in said.items()]
            return {"kvlistValue": {"values": pairs}}
        case _:
            return {"stringValue": said}


def span(attributes: dict[str, object], **more: object) -> dict[str, Any]:
    pairs = [{"key": key, "value": value(said)} for key, said in attributes.items()]
    return {"traceId": "5b8e", "spanId": "eee1", "attributes": pairs, **more}


def asked(question: str, *, system: str = "Be brief.") -> list[dict[str, Any]]:
    return [
        {"role": "system", "parts": [{"type": "text", "content": system}]},
        {"role": "user", "parts": [{"type": "text", "content": question}]},
    ]


def answered(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "assistant", "parts": list(parts), "finish_reason": "stop"}]


def call(question: str = "Weather?", **more: object) -> dict[str, object]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4",
        "gen_ai.response.model": "gpt-4-0613",
        "gen_ai.input.messages": json.dumps(asked(question)),
        "gen_ai.output.messages": json.dumps(answered({"type": "text", "content": "Rain."})),
        **{name.replace("__", "."): said for name, said in more.items()},
    }


def read(folder: Path, *spans: dict[str, Any]) -> Corpus:
    path = folder / "spans.jsonl"
    lines = ({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [s]}]}]} for s in spans)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return read_corpus(path)


def test_a_model_call_is_a_trial_of_the_model_that_answered(tmp_path: Path) -> None:
    corpus = read(tmp_path, span(call(), startTimeUnixNano="1581452772000000000"))
    (trial,) = corpus.trials
    assert corpus.format == "otel"
    assert (trial.model, trial.number, trial.ok) == ("gpt-4-0613", 1, None)
    assert (trial.proposal, trial.shown) == (digest("Rain.".join('""')), "Rain.")
    assert trial.at.startswith("2020-02-11T20:26:12")


def test_the_same_question_under_other_instructions_is_the_same_input(tmp_path: Path) -> None:
    other = call(gen_ai__input__messages=json.dumps(asked("Weather?", system="Be long.")))
    another = call("News?")
    trials = read(tmp_path, span(call()), span(other), span(another)).trials
    assert [trial.number for trial in trials] == [1, 2, 1]
    assert trials[0].input == trials[1].input != trials[2].input


def test_tool_calls_are_the_proposal_without_their_ids(tmp_path: Path) -> None:
    def tool(id: str) -> dict[str, object]:
        part = {"type": "tool_call", "id": id, "name": "pay", "arguments": {"amount": 1}}
        reason = {"type": "reasoning", "content": id}
        return call(gen_ai__output__messages=answered(reason, part))

    one, other = read(tmp_path, span(tool("x")), span(tool("y"))).trials
    assert one.proposal == other.proposal == digest([["pay", {"amount": 1}]])


def test_messages_may_be_structured_and_choices_are_trials(tmp_path: Path) -> None:
    two = answered({"type": "text", "content": "A"}) + answered({"type": "text", "content": "B"})
    structured = call(gen_ai__input__messages=asked("Weather?"), gen_ai__output__messages=two)
    trials = read(tmp_path, span(call()), span(structured)).trials
    assert len({trial.input for trial in trials}) == 1
    assert [trial.shown for trial in trials] == ["Rain.", "A", "B"]
    assert [trial.number for trial in trials] == [1, 2, 3]


def test_a_failed_call_is_a_trial_without_an_answer(tmp_path: Path) -> None:
    failed = call(error__type="timeout")
    del failed["gen_ai.output.messages"]
    status = call()
    del status["gen_ai.output.messages"]
    ended = span(status, status={"code": 2, "message": "connection reset"})
    trials = read(tmp_path, span(failed), ended).trials
    assert [trial.error for trial in trials] == ["timeout", "connection reset"]
    assert [trial.proposal for trial in trials] == ["", ""]


def test_our_own_attributes_tell_the_verdict(tmp_path: Path) -> None:
    judged = call(
        signoff__verdict="over_cap",
        signoff__boundary="make_offer",
        signoff__effect="paid 3",
        signoff__input="r-1",
    )
    (trial,) = read(tmp_path, span(judged)).trials
    assert (trial.input, trial.group, trial.verdict, trial.ok) == (
        "r-1",
        "make_offer",
        "over_cap",
        False,
    )


def test_an_evaluation_tells_whether_it_passed(tmp_path: Path) -> None:
    evaluated = span(call(), events=[span({"gen_ai.evaluation.score.label": "pass"})])
    (trial,) = read(tmp_path, evaluated).trials
    assert trial.ok is True


@pytest.mark.parametrize(
    "told",
    [
        {"gen_ai.prompt": "Weather?", "gen_ai.completion": "Rain."},
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "Weather?",
            "gen_ai.completion.0.content": "Rain.",
        },
    ],
)
def test_names_of_earlier_conventions_are_read(tmp_path: Path, told: dict[str, object]) -> None:
    (trial,) = read(tmp_path, span({"gen_ai.request.model": "gpt-4", **told})).trials
    assert (trial.model, trial.shown) == ("gpt-4", "Rain.")


def test_content_on_events_is_read(tmp_path: Path) -> None:
    events = [
        span({"gen_ai.prompt": json.dumps(asked("Weather?"))}, name="gen_ai.content.prompt"),
        span({"gen_ai.completion": "Rain."}, name="gen_ai.content.completion"),
    ]
    (trial,) = read(tmp_path, span({"gen_ai.request.model": "gpt-4"}, events=events)).trials
    assert trial.shown == "Rain."


def test_other_spans_and_calls_without_content_are_counted(tmp_path: Path) -> None:
    bare = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4"}
    nameless = {"gen_ai.operation.name": "chat"}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay"}
    spans = [span(call()), span(bare), span(tool), span({"http.method": "GET"}), span(nameless)]
    corpus = read(tmp_path, *spans)
    assert len(corpus.trials) == 1
    assert corpus.skipped == 4
    told = " ".join(problem.what for problem in corpus.problems)
    assert "capturing content was not switched on" in told
    assert "a span that is not a model call" in told
    assert "without `gen_ai.response.model`" in told


def test_a_file_of_metrics_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"resourceMetrics": []}\n')
    with pytest.raises(BadInput, match="no spans"):
        read_corpus(path, format="otel")
