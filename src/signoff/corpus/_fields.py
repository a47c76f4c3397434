"""Single values of a record: tolerant of how they are written, strict about what they are."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import JsonValue, TypeAdapter

from signoff.boundary import Parsed, parse
from signoff.clock import stamp
from signoff.ledger import canonical, digest

_SHOWN = 160
_ID = 200
_ERROR = 200
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WRAPPED = re.compile(r"\s*(?:[{\[]|```)")

_YES = frozenset(
    (
        *("accept", "accepted", "commit", "committed", "correct", "done", "ok", "pass", "passed"),
        *("resolved", "right", "solved", "success", "succeeded", "true", "yes"),
    )
)
_NO = frozenset(
    (
        *("denied", "error", "fail", "failed", "failure", "false", "incorrect", "no", "refused"),
        *("reject", "rejected", "unresolved", "unsolved", "wrong"),
    )
)
#: Nobody knows: neither a yes nor a no.
_OPEN = frozenset(("", "halted", "none", "null", "open", "pending", "suspended", "unknown"))

_json: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class Unreadable(Exception):
    """A value is not what its column holds; the message says what is wrong."""


def label(value: object, column: str) -> str:
    """A name: a text or a whole number as they are, anything else by its digest."""
    match value:
        case None | "":
            return ""
        case bool() | float():
            raise Unreadable(f"`{column}` is neither a text nor a whole number")
        case str() | int():
            text = str(value)
            return text if len(text) <= _ID else f"{text[:_SHOWN]}… {digest(text)[:16]}"
        case _:
            return _digest(value, column)


def digest_of(value: object, column: str) -> str:
    """Digest of any JSON value; of the one value in a text, if it holds one; one that is given."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            return value
        value = content(value)
    return _digest(value, column)


def content(text: str) -> object:
    """What a text says: the JSON in it, however it is wrapped, or else the text."""
    if _WRAPPED.match(text):
        parsed = parse(text, _json)
        if isinstance(parsed, Parsed):
            return parsed.proposal
    return text


def _digest(value: object, column: str) -> str:
    try:
        return digest(canonical(value))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"`{column}` holds what JSON cannot say") from error


def shown(value: object) -> str:
    """The beginning of a value, on one line."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def judgement(record: Mapping[str, Any], columns: Sequence[str]) -> bool | None:
    """Whether it was accepted, by the first of the columns that says so; None if none does."""
    for column in columns:
        if column in record and record[column] is not None:
            return _yes_or_no(record[column], column)
    return None


def _yes_or_no(value: object, column: str) -> bool | None:
    match value:
        case bool():
            return value
        case int() | float() if math.isfinite(value):
            if column == "reward":
                return value >= 1
            if value in (0, 1):
                return bool(value)
        case str():
            word = value.strip().lower()
            if word in _OPEN:
                return None
            if word in _YES or word in _NO:
                return word in _YES
            if column == "reward" or word in ("0", "1"):
                return _number_says(word, column)
        case _:
            pass
    raise Unreadable(f"`{column}` says neither yes nor no")


def _number_says(word: str, column: str) -> bool:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Unreadable(f"`{column}` says neither yes nor no")
    return value >= 1


def number(value: object, column: str) -> int:
    """A whole number from 0, also as a text."""
    match value:
        case bool():
            pass
        case int() if value >= 0:
            return value
        case float() if value >= 0 and value.is_integer():
            return int(value)
        case str() if value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
        case _:
            pass
    raise Unreadable(f"`{column}` is not a whole number from 0")


def text(value: object, most: int = _ERROR) -> str:
    """A text, clipped; a value that is none in JSON."""
    if value is None:
        return ""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return said if len(said) <= most else f"{said[: most - 1]}…"


def moment(value: object) -> str:
    """A time as a stamp: ISO 8601, UTC if it names no zone, or seconds since 1970.

    Raises:
        Unreadable: If it is neither.
    """
    try:
        match value:
            case None | "":
                return ""
            case bool():
                pass
            case int() | float():
                return stamp(datetime.fromtimestamp(value, UTC))
            case str():
                at = datetime.fromisoformat(value)
                return stamp(at.replace(tzinfo=UTC) if at.tzinfo is None else at)
            case _:
                pass
    except (ValueError, OverflowError, OSError):
        pass
    raise Unreadable("the time cannot be read, and is left out")


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, otherwise an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def items(value: object) -> Sequence[object]:
    """The value if it is a list, otherwise an empty one."""
    return cast("Sequence[object]", value) if isinstance(value, list) else ()
