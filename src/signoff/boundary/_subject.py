"""The subject of a crossing, and the key that names the crossing before anyone is asked."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import quote

from pydantic import TypeAdapter

from signoff.errors import BadInput, UsageError


class Subject(Protocol):
    """Anything with an `id`: a pydantic model or a dataclass that JSON can carry."""

    @property
    def id(self) -> str:
        """Stable identity, unique over everything that this store knows."""
        ...


def subject_id(subject: Subject) -> str:
    """The subject's id, checked.

    Raises:
        BadInput: If it is empty, longer than 200 characters, or not printable.
        UsageError: If it is not text.
    """
    id = subject.id
    if not isinstance(id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"the subject's id is {id!r}; it must be text")
    if not id or len(id) > 200 or not id.isprintable() or id.startswith("signoff:"):
        raise BadInput(
            f"{id[:40]!r} cannot name a subject: an id is 1 to 200 printable characters "
            "and does not begin with `signoff:`"
        )
    return id


def tenant_of(subject: object) -> str:
    """Whose the subject is: its `tenant`, if it has one that is text."""
    tenant = getattr(subject, "tenant", "")
    return tenant if isinstance(tenant, str) else ""


def crossing_key(boundary: str, subject: str, version: int | None) -> str:
    """The default idempotency key: boundary + subject + spine version, safe in a header."""
    parts = (boundary, subject) if version is None else (boundary, subject, str(version))
    return "/".join(quote(part, safe="") for part in parts)


def crossing_id(key: str) -> str:
    """A crossing's id: 24 hex digits of its key's SHA-256, so that a retry finds it again."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def in_json(adapter: TypeAdapter[Any], value: object) -> Any:
    """A value as JSON that the same adapter can read again: aliases and all, nothing computed."""
    return adapter.dump_python(value, mode="json", by_alias=True, round_trip=True)


@lru_cache(maxsize=1024)
def adapter_of(type_: Any) -> TypeAdapter[Any]:
    """The pydantic adapter of a type; building one costs milliseconds, so it is kept."""
    return TypeAdapter(type_)
