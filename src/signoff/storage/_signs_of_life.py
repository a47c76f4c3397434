"""How soon a connection is given up whose other end is gone, hangs or cannot be reached.

A subject must not wait longer for a worker that is gone than `signoff worker` promises. Both ends
have to notice: ours, to come back, and the server's, which holds locks for us meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Seconds for which a silent connection is believed in, on either side.
SILENT = 10

#: Seconds for which the server holds what a worker has locked, while that does not go on.
STILL = 20

#: For libpq; what the user's URL says goes before it.
OURS: Final[Mapping[str, int]] = {
    "keepalives": 1,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": SILENT * 1000,
}

#: The same, for the server's end.
SERVERS: Final[Mapping[str, str]] = {
    "tcp_keepalives_idle": "4",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": str(SILENT * 1000),
}

#: While a statement runs or waits for a lock, the server looks so often whether we are there.
LOOKS: Final[Mapping[str, str]] = {"client_connection_check_interval": "5000"}

#: For whoever waits in the midst of a transaction, with rows locked.
BOUNDED: Final[Mapping[str, str]] = {"idle_in_transaction_session_timeout": str(STILL * 1000)}
