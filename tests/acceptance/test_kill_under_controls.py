"""`kill -9` at any statement of a crossing with every control: no yes and no share is lost."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from keyed_service import KeyedService
from stores import opened

KILLED = -9


@pytest.fixture(scope="module")
def fork_server() -> Iterator[subprocess.Popen[str]]:
    program = Path(__file__).with_name("doomed_under_controls.py")
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield server
        assert server.stdin is not None
        server.stdin.close()


def execute(url: str, sql: str) -> list[Any]:
    if url.startswith("sqlite"):
        file = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()
    with psycopg.connect(url, autocommit=True) as server:
        cursor = server.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


class Lives:
    """Takes orders through in one process after another, on one store."""

    def __init__(self, server: Any, url: str, external: bool, home: Path) -> None:
        self._server, self._home = server, home
        self.url, self.external = url, external
        self.service = KeyedService(home / "log")
        self.orders = 0
        asyncio.run(self._build())
        execute(url, "CREATE TABLE sales (deal TEXT)")

    async def _build(self) -> None:
        async with opened(self.url):
            pass

    def one(self, id: str, kill_at: int | None = None) -> tuple[int, Any]:
        wish = {"url": self.url, "external": self.external, "log": str(self.service.log),
                "trace": str(self._home / "trace"), "id": id, "kill_at": kill_at}  # fmt: skip
        self._server.stdin.write(json.dumps(wish) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        assert answer["status"] in (0, KILLED), "see stderr for the traceback"
        return answer["status"], answer["said"]

    def check(self, id: str, said: Any) -> None:
        self.orders += 1
        assert said["faults"] == []
        assert said["outcome"] == "Committed"
        assert said["waiting"] == 0, "neither work nor a notice is left"
        assert said["tickets"] == ["approved"]
        assert said["uses"] == [["used", self.orders]], "every share is used, none is only held"
        once = ("opened", "suspended", "resumed", "committed")
        assert {type: said["types"].count(type) for type in once} == dict.fromkeys(once, 1)
        told = execute_notices(self.service, id)
        assert told == 1, "the lead was told once"
        if self.external:
            assert self.service.done(f"key of {id}") == 1
        else:
            assert execute(self.url, f"SELECT count(*) FROM sales WHERE deal = '{id}'") == [(1,)]


def execute_notices(service: KeyedService, id: str) -> int:
    """Notices about an order's only ticket that took effect."""
    from signoff.boundary import crossing_id

    ticket = f"{crossing_id(f'key of {id}')}-1"
    return service.done(f"{ticket}/asked/role:lead/tell")


@pytest.fixture
def lives(
    fork_server: subprocess.Popen[str], store_url: str, external: bool, tmp_path: Path
) -> Lives:
    return Lives(fork_server, store_url, external, tmp_path)


#: By database and kind of commit, how many statements lie between two kills.
EVERYWHERE = [
    pytest.param("sqlite", False, 1),
    pytest.param("sqlite", True, 1, marks=pytest.mark.slow),
    pytest.param("postgres", False, 13),
    pytest.param("postgres", False, 1, marks=pytest.mark.slow),
    pytest.param("postgres", True, 1, marks=pytest.mark.slow),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("store_url", "external", "stride"), EVERYWHERE, indirect=["store_url"])
def test_a_kill_at_any_statement_loses_no_ticket_and_no_share(lives: Lives, stride: int) -> None:
    for n in range(1, 1000, stride):
        status, said = lives.one(f"order {n}", kill_at=n)
        if status == KILLED:
            status, said = lives.one(f"order {n}")
            assert status == 0
            lives.check(f"order {n}", said)
        else:
            lives.check(f"order {n}", said)
            break
    assert 40 < n < 999, "it is killed at every statement until it survives"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("store_url", "external", "stride"),
    [
        pytest.param("sqlite", False, 7),
        pytest.param("sqlite", True, 1, marks=pytest.mark.slow),
        pytest.param("postgres", False, 1, marks=pytest.mark.slow),
    ],
    indirect=["store_url"],
)
def test_one_order_killed_again_and_again_still_ends_well(lives: Lives, stride: int) -> None:
    for n in range(1, 1000, stride):
        status, said = lives.one("order", kill_at=n)
        if status == 0:
            lives.check("order", said)
            break
    else:
        pytest.fail("it never survives")
