"""Reading YAML that nobody vouches for: bounded, literal, and with the place of everything.

Stricter than YAML: no anchors and aliases, no tags, no duplicate keys, keys are text, one document.
A plain word is a text unless it is a number, true, false or null; `no` and dates are texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from signoff.control._errors import BadPolicy, Problem

LARGEST = 1_000_000
_DEEPEST = 20
_TOO_DEEP = f"nested more than {_DEEPEST} levels deep"
_MOST_VALUES = 50_000

Keys: TypeAlias = tuple[str | int, ...]

_INT = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null"), None),
    **dict.fromkeys(("true", "True"), True),
    **dict.fromkeys(("false", "False"), False),
    **{".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")},
}


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a value is written."""

    line: int
    column: int
    start: int = 0
    end: int = 0
    style: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content, with the place of every value.

    Attributes:
        source: The file, as it was named.
        value: Dictionaries, lists, texts, numbers, booleans, None.
    """

    source: str
    text: str
    value: Any
    spots: dict[Keys, _Spot]

    def problem(self, keys: Keys, message: str) -> Problem:
        """A problem with the value at these keys, or with what is nearest around it."""
        for length in range(len(keys), -1, -1):
            if spot := self.spots.get(keys[:length]):
                return Problem(spot.line, spot.column, message)
        return Problem(0, 0, message)

    def problem_within(self, keys: Keys, value: str, offset: int, message: str) -> Problem:
        """A problem at an offset inside a text, however the text was quoted or folded."""
        spot = self.spots.get(keys)
        if spot is None:
            return self.problem(keys, message)
        at = self._written_at(spot, value, offset)
        line = self.text.count("\n", 0, at) + 1
        return Problem(line, at - self.text.rfind("\n", 0, at), message)

    def _written_at(self, spot: _Spot, value: str, offset: int) -> int:
        # Quoting and folding change only blanks and add escapes: the other characters are counted.
        at = spot.start + (spot.style in ("'", '"') and 1)
        if spot.style in ("|", ">"):
            at = self.text.find("\n", at) + 1
        wanted = sum(not character.isspace() for character in value[:offset])
        while at < spot.end:
            character = self.text[at]
            if not character.isspace():
                pair = self.text[at : at + 2]
                at += (spot.style == '"' and character == "\\") or (
                    spot.style == "'" and pair == "''"
                )
                if not wanted:
                    break
                wanted -= 1
            at += 1
        return min(at, len(self.text))


def read_file(path: str | Path) -> bytes:
    """The bytes of a file, unless there are too many.

    Raises:
        BadPolicy: If it cannot be read, or is too large.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadPolicy(str(path), [Problem(0, 0, f"it cannot be read: {why}")]) from error
    if len(content) > LARGEST:
        raise BadPolicy(str(path), [Problem(0, 0, f"it is larger than {LARGEST:,} bytes")])
    return content


def read_yaml(content: bytes, source: str) -> Document:
    """Read one YAML document.

    Raises:
        BadPolicy: With the place of the first thing that is wrong.
    """
    if len(content) > LARGEST:
        raise BadPolicy(source, [Problem(0, 0, f"it is larger than {LARGEST:,} bytes")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise BadPolicy(
            source, [_problem_at(before, len(before), "this is not valid UTF-8")]
        ) from error
    return _Reader(text.replace("\r\n", "\n"), source).read()


def _problem_at(text: str, at: int, message: str) -> Problem:
    return Problem(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), message)


@dataclass(slots=True)
class _Open:
    """A mapping or a list that is being read."""

    keys: Keys
    container: dict[str, Any] | list[Any]
    key: str | None = None


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._spots: dict[Keys, _Spot] = {}
        self._stack: list[_Open] = []
        self._documents = 0
        self._value: Any = None

    def read(self) -> Document:
        import yaml

        parse = cast("Callable[..., Iterator[Any]]", getattr(yaml, "parse"))  # noqa: B009
        try:
            # libyaml where PyYAML was built with it, as its wheels are; else ten times slower.
            for event in parse(self._text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                self._take(event, type(event).__name__)
        except yaml.MarkedYAMLError as error:
            mark, why = error.problem_mark or error.context_mark, error.problem or "not YAML"
            if "nesting depth" in why:  # newer parsers have a limit, and reach it first
                why = _TOO_DEEP
            if mark is None or mark.line > self._text.count("\n"):  # beyond the end
                problem = _problem_at(self._text, len(self._text), why)
            else:
                problem = Problem(mark.line + 1, mark.column + 1, why)
            raise BadPolicy(self._source, [problem]) from error
        except yaml.YAMLError as error:
            at = getattr(error, "position", 0)
            problem = _problem_at(self._text, at, "a character that YAML does not allow")
            raise BadPolicy(self._source, [problem]) from error
        if not self._documents:
            raise BadPolicy(self._source, [Problem(0, 0, "it is empty")])
        return Document(self._source, self._text, self._value, self._spots)

    def _take(self, event: Any, name: str) -> None:
        if getattr(event, "anchor", None) is not None:
            self._refuse(event, "anchors and aliases are not allowed")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, "tags are not allowed")
        match name:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    self._refuse(event, "there is more than one document")
            case "MappingStartEvent":
                self._open(event, {})
            case "SequenceStartEvent":
                self._open(event, [])
            case "MappingEndEvent" | "SequenceEndEvent":
                self._stack.pop()
            case "ScalarEvent":
                self._scalar(event)
            case _:
                pass

    def _open(self, event: Any, container: dict[str, Any] | list[Any]) -> None:
        if len(self._stack) >= _DEEPEST:
            self._refuse(event, _TOO_DEEP)
        keys = self._place(event, container)
        self._stack.append(_Open(keys, container))

    def _scalar(self, event: Any) -> None:
        written = event.style or ""
        value = _resolved(event.value) if not written else event.value
        inside = self._stack[-1] if self._stack else None
        if inside is not None and isinstance(inside.container, dict) and inside.key is None:
            if not isinstance(value, str) or len(value) > 200:
                self._refuse(event, "a key must be a text of at most 200 characters; quote it")
            if value in inside.container:
                self._refuse(event, f"{value!r} is there twice")
            inside.key = value
            self._spots[(*inside.keys, value)] = self._spot(event)
            return
        self._place(event, value)

    def _place(self, event: Any, value: Any) -> Keys:
        """Put a value where it belongs; its keys."""
        if len(self._spots) > _MOST_VALUES:
            self._refuse(event, f"there are more than {_MOST_VALUES:,} values")
        keys: Keys = ()
        if not self._stack:
            self._value = value
        else:
            inside = self._stack[-1]
            if isinstance(inside.container, list):
                keys = (*inside.keys, len(inside.container))
                inside.container.append(value)
            elif inside.key is None:
                self._refuse(event, "a key must be a text")
            else:
                keys = (*inside.keys, inside.key)
                inside.container[inside.key] = value
                inside.key = None
        self._spots[keys] = self._spot(event)
        return keys

    def _spot(self, event: Any) -> _Spot:
        start, end = event.start_mark, event.end_mark
        style = getattr(event, "style", "") or ""
        return _Spot(start.line + 1, start.column + 1, start.index, end.index, style)

    def _refuse(self, event: Any, message: str) -> None:
        mark = event.start_mark
        raise BadPolicy(self._source, [Problem(mark.line + 1, mark.column + 1, message)])


def _resolved(text: str) -> Any:
    """What a plain word means, as in YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def spelled(keys: Sequence[str | int]) -> str:
    """Keys as somebody would say them: `rules[2].when`."""
    told = "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in keys)
    return told.removeprefix(".")
