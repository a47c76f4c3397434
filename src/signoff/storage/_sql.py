"""SQL, written in SQL: one file of named statements per dialect."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Dialect = Literal["sqlite", "postgres"]

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*$", re.MULTILINE)
_STATEMENT = re.compile(r"(?:\$\$.*?\$\$|[^;$])+", re.DOTALL)
_MIGRATION = re.compile(r"^(\d{4})_(pre|post)_\w+\.sql$")


@cache
def queries(dialect: Dialect) -> dict[str, str]:
    """Every statement of a dialect, by name."""
    parts = _NAME.split(_read(dialect, "queries.sql"))
    return {
        name: _COMMENT.sub("", text).strip().rstrip(";")
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def schema(dialect: Dialect) -> list[str]:
    """The statements that build an empty store."""
    return statements(_read(dialect, "schema.sql"))


def migrations(dialect: Dialect) -> list[tuple[int, str, list[str]]]:
    """(number, file name, statements), in the order in which they run."""
    folder = _folder(dialect) / "migrations"
    found: list[tuple[int, str, list[str]]] = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        match = _MIGRATION.match(file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            found.append((int(match[1]), file.name, statements(text)))
    return found


def statements(text: str) -> list[str]:
    """A script's statements; only a function's body, between `$$`, holds a semicolon inside."""
    parts = _STATEMENT.findall(_COMMENT.sub("", text))
    return [part.strip() for part in parts if part.strip()]


def _read(dialect: Dialect, name: str) -> str:
    return (_folder(dialect) / name).read_text(encoding="utf-8")


def _folder(dialect: Dialect) -> Traversable:
    # Imported here: it takes `tempfile` and all that with it, which `import signoff` need not pay.
    from importlib import resources

    return resources.files("signoff.storage") / "sql" / dialect
