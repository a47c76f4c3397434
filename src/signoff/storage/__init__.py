"""Storage owns keeping it: one database, one transaction."""

import importlib
from typing import TYPE_CHECKING

from signoff.storage._connection import Connection, FaultPoint
from signoff.storage._control_reads import InboxRow
from signoff.storage._jobs import HORIZON, TASK, jobs_connection, queue_of
from signoff.storage._open import storage_at, without_password
from signoff.storage._sql import migrations, schema
from signoff.storage._sqlite import SQLiteStorage, use_wal
from signoff.storage._storage import Storage
from signoff.storage._transaction import StoredTransaction, Written
from signoff.storage._work import Work

if TYPE_CHECKING:
    from signoff.storage._archive import Archive
    from signoff.storage._moving import Moved, move
    from signoff.storage._pending import Pending, migrate, pending
    from signoff.storage._replica import Lag, ReadFrom, reading_from
    from signoff.storage._retaining import Gone, retain
    from signoff.storage._retention import Keep, Retention
    from signoff.storage._soundness import Checked, check_store
    from signoff.storage._vacuum import Vacuumed, vacuum

#: Loaded when they are first used: a runtime looks after nothing, and moves nothing.
_LATER = {
    "Archive": "_archive",
    "Checked": "_soundness",
    "Gone": "_retaining",
    "Keep": "_retention",
    "Lag": "_replica",
    "Moved": "_moving",
    "Pending": "_pending",
    "ReadFrom": "_replica",
    "Retention": "_retention",
    "Vacuumed": "_vacuum",
    "check_store": "_soundness",
    "migrate": "_pending",
    "move": "_moving",
    "pending": "_pending",
    "reading_from": "_replica",
    "retain": "_retaining",
    "vacuum": "_vacuum",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found


__all__ = [
    "HORIZON",
    "TASK",
    "Archive",
    "Checked",
    "Connection",
    "FaultPoint",
    "Gone",
    "InboxRow",
    "Keep",
    "Lag",
    "Moved",
    "Pending",
    "ReadFrom",
    "Retention",
    "SQLiteStorage",
    "Storage",
    "StoredTransaction",
    "Vacuumed",
    "Work",
    "Written",
    "check_store",
    "jobs_connection",
    "migrate",
    "migrations",
    "move",
    "pending",
    "queue_of",
    "reading_from",
    "retain",
    "schema",
    "storage_at",
    "use_wal",
    "vacuum",
    "without_password",
]
