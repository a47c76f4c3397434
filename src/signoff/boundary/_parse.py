"""A model's answer becomes a typed proposal here, or an objection that the model can act on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from signoff.boundary._tidy import NotJSON, decode, tidy

P = TypeVar("P")

_ECHO = 60
_LINE = 200
_MOST_ERRORS = 5
_LISTED_ERRORS = 1_000


@dataclass(frozen=True, slots=True)
class Parsed(Generic[P]):
    """A proposal of the right type, and what its text needed: `code_fence`, `prose`, `syntax`."""

    proposal: P
    repaired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unparsed:
    """No proposal could be read.

    Attributes:
        message: What to change, for the model's next attempt.
        path: The first field at fault; empty when the whole answer is.
        details: `problem` in one word, and for a schema error the fields at fault.
    """

    message: str
    path: str = ""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


def parse(
    content: object, adapter: TypeAdapter[P], *, limit: int = 1_000_000
) -> Parsed[P] | Unparsed:
    """Read an answer as the adapter's type: tolerant of its wrapping, strict about its values.

    Repairs how a value is written, never what it says: a cut text, a field given twice or two
    different objects are `Unparsed`. Never raises.

    Args:
        content: A model's text, or a typed value, which is judged by its JSON like any text.
        adapter: The proposal type.
        limit: Longest text that is read, in characters.
    """
    try:
        if isinstance(content, str) and not isinstance(content, Enum):
            if len(content) > limit:
                return _unparsed(
                    "too_long", f"The answer has {len(content)} characters, {limit} are allowed."
                )
            value, repaired = tidy(content)
            return _validated(json.dumps(value), adapter, repaired)
        return _typed(content, adapter)
    except NotJSON as error:
        return _unparsed(error.problem, error.message)
    except ValidationError as error:
        return _objection(error)
    except Exception as error:  # a user's validator may raise anything; closed by default
        return _unparsed("validator_failed", f"{type(error).__name__}: {error}")


def _validated(
    text: str, adapter: TypeAdapter[P], repaired: tuple[str, ...]
) -> Parsed[P] | Unparsed:
    proposal = adapter.validate_json(text, strict=True)
    if (path := _not_finite(adapter.dump_python(proposal, warnings=False))) is not None:
        return _unparsed("number", f"{_at(path)}a finite number is needed.", path)
    return Parsed(proposal, repaired)


def _typed(content: object, adapter: TypeAdapter[P]) -> Parsed[P] | Unparsed:
    try:
        text = json.dumps(content)
    except (TypeError, ValueError, RecursionError):
        # The dumper would write NaN as null.
        if (path := _not_finite(adapter.dump_python(cast(P, content), warnings=False))) is not None:
            return _unparsed("number", f"{_at(path)}a finite number is needed.", path)
        dumped = adapter.dump_json(cast(P, content), round_trip=True, warnings=False)
        parsed = _validated(dumped.decode(), adapter, ())
        if isinstance(parsed, Parsed) and parsed.proposal != content:
            # The ledger keeps the JSON, and recovery commits from it: both must be what was meant.
            return _unparsed(
                "not_recordable",
                f"A {type(content).__name__} was answered that its own JSON does not describe: "
                "another type, or fields that are not written.",
            )
        return parsed
    decode(text)
    return _validated(text, adapter, ())


def _not_finite(value: object, path: str = "") -> str | None:
    """Path of the first NaN or infinity, if any."""
    children: Iterator[tuple[object, object]]
    match value:
        case float() | Decimal():
            return None if math.isfinite(value) else path
        case Mapping():
            children = iter(cast("Mapping[object, object]", value).items())
        case list() | tuple() | set() | frozenset():
            children = iter(enumerate(cast("Iterable[object]", value)))
        case _:
            return None
    for key, child in children:
        if (found := _not_finite(child, f"{path}.{key}" if path else str(key))) is not None:
            return found
    return None


def _objection(error: ValidationError) -> Unparsed:
    count = error.error_count()
    if count > _LISTED_ERRORS:
        return _unparsed("schema", f"The answer does not fit the schema in {count} places.")
    lines: list[str] = []
    fields: list[dict[str, str]] = []
    for problem in error.errors(include_url=False, include_context=False)[:_MOST_ERRORS]:
        path = _path(problem["loc"])
        got = "" if problem["type"] in ("missing", "extra_forbidden") else _got(problem["input"])
        lines.append(_printable(f"{_at(path)}{problem['msg']}{got}", _LINE))
        fields.append({"path": path, "type": problem["type"]})
    if (more := count - len(lines)) > 0:
        lines.append(f"... and {more} more.")
    return Unparsed("\n".join(lines), fields[0]["path"], {"problem": "schema", "fields": fields})


def _path(location: Sequence[int | str]) -> str:
    return _printable(".".join(str(step) for step in location), _ECHO)


def _at(path: str) -> str:
    return f"`{path}`: " if path else ""


def _got(value: object) -> str:
    match value:
        case str():
            said = json.dumps(value[:_ECHO], ensure_ascii=False)
        case bool() | float() | None:
            said = json.dumps(value)
        case int() if abs(value) < 10**_ECHO:
            said = str(value)
        case _:
            return ""
    return f" (got {_printable(said, _ECHO)})"


def _printable(text: str, longest: int) -> str:
    clipped = text if len(text) <= longest else text[: longest - 3] + "..."
    return "".join(c if c.isprintable() else "?" for c in clipped)


def _unparsed(problem: str, message: str, path: str = "") -> Unparsed:
    return Unparsed(_printable(message, _LINE), _printable(path, _ECHO), {"problem": problem})
