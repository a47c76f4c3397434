"""Documents that a command printed, or a file holds, as values of known shape."""

from __future__ import annotations

import json
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError


class Shape(BaseModel):
    """A document, or a part of one. What it says besides is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Ends(Shape):
    """The ends of an interval."""

    low: float
    high: float


S = TypeVar("S", bound=Shape)


def shaped(shape: type[S], value: Any) -> S | None:
    """A document as that; None if it is something else.

    Args:
        shape: What it should be.
        value: What JSON said; half a character in a text of it becomes a question mark.
    """
    try:
        return shape.model_validate(value)
    except ValidationError:
        pass
    try:
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        return shape.model_validate_json(text)
    except (ValidationError, ValueError, RecursionError):
        return None


def parts_of(value: object, name: str) -> list[dict[str, Any]]:
    """The objects in a list of a document; none if there is no such list."""
    told = cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None
    found = cast("list[object]", told) if isinstance(told, list) else []
    return [cast("dict[str, Any]", each) for each in found if isinstance(each, dict)]
