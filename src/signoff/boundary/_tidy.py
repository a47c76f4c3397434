"""From a model's text to the one JSON value in it, without guessing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Literal

Problem = Literal["no_json", "syntax", "truncated", "ambiguous", "duplicate_key", "number", "depth"]

_REPAIRABLE = 64_000
_DEEPEST = 64
_MOST_VALUES = 16

_FENCED = re.compile(r"\s*+```[\w+-]*+\s([^`]*+)```\s*+")
_FENCE = re.compile(r"```[\w+-]*+")
_OPENING = re.compile(r"[{\[]")
_TOKEN = re.compile(
    r"""
      (?P<blank>\s++ | //[^\n]*+)
    | (?P<text>"(?:[^"\\]++|\\.)*+")
    | (?P<quoted>'(?:[^'\\\n]++|\\.)*+'(?=\s*+[,:\]}]))
    | (?P<mark>[{}\[\],:])
    | (?P<word>[^\s"{}\[\],:]++)
    """,
    re.VERBOSE | re.DOTALL,
)
_LITERALS = {"True": "true", "False": "false", "None": "null"}


class NotJSON(Exception):
    """The text holds no JSON value that can be read without guessing."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message


def tidy(text: str) -> tuple[Any, tuple[str, ...]]:
    """The one JSON value in a text, with the words for what had to be repaired.

    Raises:
        NotJSON: When there is no value, more than one, or only the beginning of one.
    """
    text = text.strip("\ufeff \t\r\n")
    try:
        return decode(text), ()
    except NotJSON as error:
        # `Infinity` or `1e999` before the value is prose; inside it, it is what was said.
        prose = error.problem == "number" and text[:1] not in "{[" and _OPENING.search(text)
        if error.problem != "syntax" and not prose:
            raise
    if fenced := _FENCED.fullmatch(text):
        try:
            return decode(fenced[1]), ("code_fence",)
        except NotJSON as error:
            if error.problem != "syntax":
                raise
    if len(text) > _REPAIRABLE:
        raise NotJSON(
            "syntax",
            "The answer is not valid JSON. Answer with one JSON object and nothing around it.",
        )
    return _only_value(text)


def decode(text: str) -> Any:
    """Strict JSON: no NaN, no infinity, no field given twice.

    Raises:
        NotJSON: For everything else.
    """
    try:
        return _strict(text)
    except json.JSONDecodeError as error:
        raise NotJSON(
            "syntax", f"The answer is not valid JSON: {error.msg} at character {error.pos}."
        ) from None
    except RecursionError:
        raise NotJSON(
            "depth", "The JSON is nested too deeply. Answer with a flat object."
        ) from None
    except ValueError:
        raise NotJSON("number", "A number in the JSON has too many digits.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotJSON("duplicate_key", "A field appears twice in one object. Give each field once.")
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotJSON("number", "A number in the JSON is too large to be read.")
    return value


def _constant(text: str) -> Any:
    raise NotJSON("number", f"{text} is not JSON. Give a finite number.")


_strict = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_constant=_constant
).decode


def _only_value(text: str) -> tuple[Any, tuple[str, ...]]:
    repaired: set[str] = set()
    found: dict[str, tuple[str, Any]] = {}
    around: list[str] = []
    unread: NotJSON | None = None
    end = 0
    for start, stop in _containers(text):
        around.append(text[end:start])
        end = stop
        try:
            value, mended = _read(text[start:stop])
        except NotJSON as error:
            if text[start] == "{":
                raise
            unread = error  # `[see policy]` and `[text](link)` are prose
            around.append(text[start:stop])
            continue
        repaired.update(mended)
        found.setdefault(json.dumps(value, sort_keys=True), (text[start], value))
    around.append(text[end:])
    # A citation such as `[1]` beside an object is prose too.
    objects = [value for bracket, value in found.values() if bracket == "{"]
    candidates = objects or [value for _, value in found.values()]
    if not candidates:
        raise unread or NotJSON(
            "no_json", "The answer holds no JSON. Answer with one JSON object and nothing else."
        )
    if len(candidates) > 1:
        raise NotJSON(
            "ambiguous", "The answer holds more than one JSON value. Answer with exactly one."
        )
    return candidates[0], _words(" ".join(around), repaired)


def _words(around: str, repaired: set[str]) -> tuple[str, ...]:
    if "```" in around:
        repaired.add("code_fence")
    if _FENCE.sub("", around).strip():
        repaired.add("prose")
    return tuple(sorted(repaired))


def _containers(text: str) -> Iterator[tuple[int, int]]:
    """Where each outermost object or array begins and ends."""
    end = 0
    for _ in range(_MOST_VALUES):
        opening = _OPENING.search(text, end)
        if opening is None:
            return
        end = _end(text, opening.start())
        yield opening.start(), end
    if _OPENING.search(text, end):
        raise NotJSON("ambiguous", "The answer holds many JSON values. Answer with exactly one.")


def _end(text: str, start: int) -> int:
    # A cut value is never completed: `{"discount": 0.1` may have been going to say 0.15.
    cut = NotJSON(
        "truncated",
        "The JSON in the answer is cut off, or its brackets or quotes do not match. "
        "Answer again with the whole object, shorter if need be.",
    )
    closers: list[str] = []
    position = start
    while token := _TOKEN.match(text, position):
        position = token.end()
        match token["mark"]:
            case "{" | "[" as opener:
                closers.append("}" if opener == "{" else "]")
                if len(closers) > _DEEPEST:
                    raise NotJSON("depth", "The JSON is nested too deeply. Answer with less.")
            case "}" | "]" as closer:
                if closers.pop() != closer:
                    raise cut
                if not closers:
                    return position
            case _:
                pass
    raise cut


def _read(segment: str) -> tuple[Any, tuple[str, ...]]:
    try:
        return decode(segment), ()
    except NotJSON as error:
        if error.problem != "syntax":
            raise
    try:
        return decode(_respelled(segment)), ("syntax",)
    except NotJSON as error:
        if error.problem != "syntax":
            raise
        raise NotJSON(
            "syntax",
            "The JSON in the answer has syntax errors. "
            "Use double quotes, a comma between fields and no trailing comma.",
        ) from None


def _respelled(segment: str) -> str:
    """The same tokens in the same order, each in JSON's own spelling; only commas come and go.

    Not a library's repair: json_repair drops a second `discount`, turns NaN into text and alters
    some texts that end in a quote, all without a word.
    """
    tokens = [(str(t.lastgroup), t[0]) for t in _TOKEN.finditer(segment) if t.lastgroup != "blank"]
    following = [text for _, text in tokens[1:]] + [""]
    spelled: list[str] = []
    for (kind, text), after in zip(tokens, following, strict=True):
        is_key = after == ":"
        if text in "}]" and spelled[-1] == "," and spelled[-2] not in "{[":
            spelled.pop()
        if is_key and spelled and spelled[-1] not in "{[,:":
            spelled.append(",")
        spelled.append(_spelled(kind, text, is_key=is_key))
    return " ".join(spelled)


def _spelled(kind: str, text: str, *, is_key: bool) -> str:
    match kind:
        case "mark":
            return text
        case "word":
            return json.dumps(text) if is_key else _LITERALS.get(text, text)
        case "quoted":
            text = '"' + text[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
        case _:
            pass
    try:
        return json.dumps(json.loads(text, strict=False))
    except ValueError:
        raise NotJSON("syntax", "A text in the JSON has an invalid escape.") from None
