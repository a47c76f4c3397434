"""Storage owns keeping it: one database, one transaction."""

from signoff.storage._connection import Connection, FaultPoint
from signoff.storage._control_reads import InboxRow
from signoff.storage._jobs import HORIZON, TASK, jobs_connection, queue_of
from signoff.storage._moving import Moved, move
from signoff.storage._open import storage_at, without_password
from signoff.storage._pending import Pending, migrate, pending
from signoff.storage._replica import Lag, ReadFrom, reading_from
from signoff.storage._soundness import Checked, check_store
from signoff.storage._sql import migrations, schema
from signoff.storage._sqlite import SQLiteStorage, use_wal
from signoff.storage._storage import Storage
from signoff.storage._transaction import StoredTransaction, Written
from signoff.storage._vacuum import Vacuumed, vacuum
from signoff.storage._work import Work

__all__ = [
    "HORIZON",
    "TASK",
    "Checked",
    "Connection",
    "FaultPoint",
    "InboxRow",
    "Lag",
    "Moved",
    "Pending",
    "ReadFrom",
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
    "schema",
    "storage_at",
    "use_wal",
    "vacuum",
    "without_password",
]
