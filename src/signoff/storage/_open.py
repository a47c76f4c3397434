"""Which database a URL names."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from signoff.errors import BadInput
from signoff.ledger import Redact
from signoff.storage._connection import FaultPoint
from signoff.storage._sqlite import SQLiteStorage
from signoff.storage._storage import Storage

_IN_QUERY = re.compile(r"(password=)[^&]*")


def storage_at(
    url: str, *, redact: Redact | None = None, fault_point: FaultPoint | None = None
) -> Storage:
    """The storage that a URL names, not yet open.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://:memory:`, or
            `postgresql://user@host/database`.
        redact: Runs over every record before it is hashed and written.
        fault_point: Called before every statement; for tests.

    Raises:
        BadInput: If the URL names no database that we know.
        MissingExtra: If the PostgreSQL driver is not installed.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        path = rest if rest == ":memory:" else rest.removeprefix("/")
        if not path:
            raise BadInput(f"{url!r} names no file: write sqlite:///agents.db")
        return SQLiteStorage(path, redact=redact, fault_point=fault_point)
    if scheme in ("postgresql", "postgres"):
        from signoff.storage._postgres import PostgresStorage

        return PostgresStorage(url, redact=redact, fault_point=fault_point)
    raise BadInput(
        f"{without_password(url)!r} is not a store: write sqlite:///file.db or "
        "postgresql://user@host/database"
    )


def without_password(url: str) -> str:
    """A URL that may be shown."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return url.partition("://")[0]
    shown = url.replace(f":{password}@", ":***@") if password else url
    return _IN_QUERY.sub(r"\1***", shown)
