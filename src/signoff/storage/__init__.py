"""Storage owns keeping it: one database, one transaction."""

from signoff.storage._connection import Connection, FaultPoint
from signoff.storage._control_reads import InboxRow
from signoff.storage._open import storage_at, without_password
from signoff.storage._sql import migrations, schema
from signoff.storage._sqlite import SQLiteStorage, use_wal
from signoff.storage._storage import Storage
from signoff.storage._transaction import StoredTransaction

__all__ = [
    "Connection",
    "FaultPoint",
    "InboxRow",
    "SQLiteStorage",
    "Storage",
    "StoredTransaction",
    "migrations",
    "schema",
    "storage_at",
    "use_wal",
    "without_password",
]
