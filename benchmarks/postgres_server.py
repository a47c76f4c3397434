"""What a PostgreSQL server on this machine has used: processor time, log, flushes."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Server:
    """The server behind a URL, as the kernel and the server itself count it."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._db = psycopg.connect(url, autocommit=True)
        own = self._one("SELECT pg_backend_pid()")
        self._parent = _parent(Path(f"/proc/{own}"))
        self._own = str(own)

    def close(self) -> None:
        self._db.close()

    def cpu(self) -> dict[str, int]:
        """Nanoseconds so far of each of its processes, but for the one that serves us."""
        found: dict[str, int] = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and folder.name != self._own:
                try:
                    if _parent(folder) == self._parent:
                        found[folder.name] = int((folder / "schedstat").read_text().split()[0])
                except (OSError, IndexError):
                    continue  # it has just ended
        return found

    def cpu_since(self, before: dict[str, int]) -> float:
        """Seconds since then of all that are still there."""
        return sum(now - before.get(name, 0) for name, now in self.cpu().items()) / 1e9

    def log_bytes(self) -> int:
        """Bytes of write-ahead log so far."""
        return int(self._one("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"))

    def flushes(self) -> int:
        """Flushes of the write-ahead log so far, up to a second late."""
        if self._one("SELECT current_setting('server_version_num')::int") >= 180000:
            return int(self._one("SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'") or 0)
        return int(self._one("SELECT wal_sync FROM pg_stat_wal"))

    def _one(self, query: Any) -> Any:
        row = self._db.execute(query).fetchone()
        assert row is not None
        return row[0]


def _parent(folder: Path) -> int:
    # The name, in brackets, may hold spaces.
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
