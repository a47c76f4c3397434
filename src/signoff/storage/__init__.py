"""Storage owns keeping it: one database, one transaction."""

from signoff.storage._connection import Connection, FaultPoint
from signoff.storage._control_reads import InboxRow
from signoff.storage._jobs import HORIZON, TASK, jobs_connection, queue_of
from signoff.storage._open import storage_at, without_password
from signoff.storage._sql import migrations, schema
from signoff.storage._sqlite import SQLiteStorage, use_wal
from signoff.storage._storage import Storage
from signoff.storage._transaction import StoredTransaction, Written
from signoff.storage._work import Work

__all__ = [
    "HORIZON",
    "TASK",
    "Connection",
    "FaultPoint",
    "InboxRow",
    "SQLiteStorage",
    "Storage",
    "StoredTransaction",
    "Work",
    "Written",
    "jobs_connection",
    "migrations",
    "queue_of",
    "schema",
    "storage_at",
    "use_wal",
    "without_password",
]
