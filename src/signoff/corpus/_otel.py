"""OpenTelemetry spans of model calls, as the OTLP file exporter writes them.

Source: Semantic conventions for generative client AI spans, OpenTelemetry 1.37 and later
(`gen_ai.input.messages`, `gen_ai.output.messages`), with the names of earlier versions where they
still come; OpenTelemetry Protocol File Exporter, for the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from signoff.corpus._fields import (
    Unreadable,
    content,
    digest_of,
    items,
    judgement,
    label,
    mapping,
    moment,
    shown,
    text,
)
from signoff.corpus._problems import Problems
from signoff.diagnosis import Trial

_CALLS = frozenset({"chat", "text_completion", "generate_content"})

#: Where the messages are, newest convention first.
_ASKED = ("gen_ai.input.messages", "gen_ai.prompt")
_ANSWERED = ("gen_ai.output.messages", "gen_ai.completion")

#: Our own names come first: they were put there on purpose.
_OK = ("signoff.ok", "signoff.outcome", "gen_ai.evaluation.score.label")
_GROUP = ("signoff.boundary", "gen_ai.agent.name")

_NO_CONTENT = "a model call without `{}`: capturing content was not switched on"

_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR")
_DEEPEST = 32


def trials(line: int, record: Mapping[str, Any], problems: Problems) -> Iterator[Trial]:
    """The trials of one line: each choice of each model call in it.

    Spans that cannot be read are counted here, one by one.
    """
    spans = list(_spans(record))
    if not spans:
        problems.skip(line, "no spans")
    for span in spans:
        try:
            yield from _answers(span)
        except Unreadable as error:
            problems.skip(line, str(error))


def _spans(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in items(_either(record, "resourceSpans", "resource_spans")):
        scopes = _either(mapping(resource), "scopeSpans", "scope_spans")
        for scope in items(scopes):
            yield from map(mapping, items(mapping(scope).get("spans")))


def _answers(span: Mapping[str, Any]) -> Iterator[Trial]:
    told = _attributes(span)
    operation = told.get("gen_ai.operation.name")
    if operation not in _CALLS if operation else "gen_ai.request.model" not in told:
        raise Unreadable("a span that is not a model call")
    model = label(told.get("gen_ai.response.model") or told.get("gen_ai.request.model"), "model")
    if not model:
        raise Unreadable("a model call without `gen_ai.response.model` or `gen_ai.request.model`")
    error = _error(span, told)
    for answer in _choices(told) or [None]:
        if answer is None and not error:
            raise Unreadable(_NO_CONTENT.format("gen_ai.output.messages"))
        verdict = text(told.get("signoff.verdict"))
        ok = judgement(told, _OK)
        yield Trial(
            input=_input(told),
            model=model,
            number=0,
            ok=verdict == "accepted" if ok is None and verdict else ok,
            proposal=digest_of(answer, "gen_ai.output.messages"),
            verdict=verdict,
            effect=digest_of(told.get("signoff.effect"), "signoff.effect"),
            group=label(next((told[name] for name in _GROUP if name in told), ""), "group"),
            at=_at(span),
            error=error,
            shown=shown(answer),
        )


def _attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    """The span's attributes, and what its events have to add."""
    told: dict[str, Any] = {}
    for event in items(span.get("events")):
        told.update(_pairs(mapping(event).get("attributes")))
    told.update(_pairs(span.get("attributes")))
    return told


def _pairs(attributes: object) -> Iterator[tuple[str, Any]]:
    if isinstance(attributes, dict):  # some exporters write an object
        yield from mapping(cast("object", attributes)).items()
        return
    for pair in map(mapping, items(attributes)):
        if isinstance(key := pair.get("key"), str):
            yield key, _plain(pair.get("value"))


def _plain(value: object, depth: int = 0) -> object:
    """An `AnyValue` of the protocol as the value that it stands for."""
    if depth > _DEEPEST:
        raise Unreadable("an attribute is nested too deeply")
    for kind, inner in mapping(value).items():
        match kind:
            case "arrayValue" | "array_value":
                inside = items(mapping(inner).get("values"))
                return [_plain(each, depth + 1) for each in inside]
            case "kvlistValue" | "kvlist_value":
                pairs = map(mapping, items(mapping(inner).get("values")))
                return {str(p.get("key")): _plain(p.get("value"), depth + 1) for p in pairs}
            case "intValue" | "int_value":
                return int(inner) if str(inner).lstrip("-").isdecimal() else inner
            case _:
                return inner
    return None if isinstance(value, dict) else value


def _messages(told: Mapping[str, Any], names: Sequence[str]) -> object:
    for name in names:
        if (value := told.get(name)) is not None:
            return _loaded(value) if isinstance(value, str) else value
        if indexed := _indexed(told, f"{name}."):
            return indexed
    return None


def _loaded(value: str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _indexed(told: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """`gen_ai.prompt.0.content` and the like, as instrumentations of 2024 wrote them."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in told.items():
        if name.startswith(prefix):
            place, _, rest = name.removeprefix(prefix).partition(".")
            if place.isdigit():
                found.setdefault(place, {})[rest] = value
    return [found[place] for place in sorted(found, key=lambda place: (len(place), place))]


def _input(told: Mapping[str, Any]) -> str:
    """Our own name of the question, or a digest of what was asked apart from the instructions."""
    if given := told.get("signoff.input"):
        return label(given, "signoff.input")
    asked = _messages(told, _ASKED)
    if asked is None:
        raise Unreadable(_NO_CONTENT.format("gen_ai.input.messages"))
    kept = [m for m in items(asked) if mapping(m).get("role") not in ("system", "developer")]
    return digest_of(kept if kept else asked, "gen_ai.input.messages")[:32]


def _choices(told: Mapping[str, Any]) -> list[object]:
    answered = _messages(told, _ANSWERED)
    if answered is None:
        return []
    if not isinstance(answered, list):
        return [content(answered) if isinstance(answered, str) else answered]
    return [_said(message) for message in cast("list[object]", answered)]


def _said(message: object) -> object:
    """Calls with their arguments if there are any, otherwise the text; no ids, no reasoning."""
    about = mapping(message)
    if "parts" not in about:
        said = about.get("content", message)
        return content(said) if isinstance(said, str) else said
    parts = [mapping(part) for part in items(about["parts"])]
    calls = [[part.get("name"), part.get("arguments")] for part in parts if _is(part, "tool_call")]
    if calls:
        return calls
    return content("".join(str(part.get("content", "")) for part in parts if _is(part, "text")))


def _is(part: Mapping[str, Any], kind: str) -> bool:
    return part.get("type") == kind


def _error(span: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    status = mapping(span.get("status"))
    if kind := told.get("error.type"):
        return text(kind)
    if status.get("code") in _ERROR_CODES:
        return text(status.get("message")) or "error"
    return ""


def _at(span: Mapping[str, Any]) -> str:
    began = str(_either(span, "startTimeUnixNano", "start_time_unix_nano") or "")
    if not began.isdecimal() or len(began) > 20:
        return ""
    try:
        return moment(int(began) / 1e9)
    except Unreadable:
        return ""


def _either(record: Mapping[str, Any], camel: str, snake: str) -> object:
    return record.get(camel, record.get(snake))
