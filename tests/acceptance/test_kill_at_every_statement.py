"""`kill -9` at any statement, any number of times: nothing lost, nothing done twice."""

from __future__ import annotations

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

VARIANTS = ["transactional", "probed", "idempotent", "neither"]

#: What differs between the variants does not depend on the database: most are slow on PostgreSQL.
EVERYWHERE = [
    *(("sqlite", variant) for variant in VARIANTS),
    *(("postgres", variant) for variant in VARIANTS[:1]),
    *(pytest.param("postgres", variant, marks=pytest.mark.slow) for variant in VARIANTS[1:]),
]

KILLED = -9


class Lives:
    """Runs the line in one process after another, on one store."""

    def __init__(self, server: subprocess.Popen[str], url: str, variant: str, home: Path) -> None:
        self.url, self.variant = url, variant
        self.service = KeyedService(home / "log")
        self._server = server
        self._home = home
        self._traces = 0
        _execute(url, "CREATE TABLE sales (deal TEXT)")

    def one(self, id: str, **end: Any) -> tuple[int, Any, list[str]]:
        """Live once; how it ended, what it said, and the statements that it came to."""
        self._traces += 1
        trace = self._home / f"trace{self._traces}"
        wish = {"url": self.url, "variant": self.variant, "log": str(self.service.log),
                "trace": str(trace), "id": id, **end}  # fmt: skip
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(wish) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        assert answer["status"] in (0, KILLED), "see stderr for the traceback"
        return answer["status"], answer["said"], trace.read_text().split()

    def again(self, id: str, *, begun: bool) -> None:
        """Run the same line once more, undisturbed, and compare with the world's own account."""
        status, said, _ = self.one(id)
        assert status == 0
        self.check(id, said, begun=begun)

    def begun(self, trace: list[str]) -> bool:
        """Whether the intent of an effect may have become durable before the end."""
        # On PostgreSQL another thread may be killed while the server has already committed.
        reached = "committed" if self.url.startswith("sqlite") else "commit"
        return "add_effect" in trace and reached in trace[trace.index("add_effect") :]

    def check(self, id: str, said: Any, *, begun: bool) -> None:
        assert said["faults"] == []
        key = f"key of {id}"
        if said["outcome"] == "Unknown":
            assert self.variant == "neither"
            assert begun, "nothing had been intended yet, so nothing can be in doubt"
            assert self.service.done(key) <= 1
            assert said["row"] == ["open", 1, 0, True]
            assert said["waiting"] == 1
            # Every later process would look after it again, and come to more statements by that.
            table = "signoff_effects" if self.url.startswith("sqlite") else "signoff.effects"
            _execute(self.url, f"DELETE FROM {table}")
            return
        assert said["outcome"] == "Committed"
        assert said["types"].count("opened") == 1
        assert said["types"].count("committed") == 1
        assert said["types"].count("judged") == 2
        if self.variant == "transactional":
            assert said["waiting"] == 0
            assert said["receipt"] == "sold"
            assert said["row"] == ["offered", 2, 7, False]
            assert self.service.done(f"{key}/mail") == 1
            assert self.service.done(f"{key}/bill") == 1
            assert said["types"].count("delivered") == 2
            assert _execute(self.url, f"SELECT count(*) FROM sales WHERE deal = '{id}'") == [(1,)]
        else:
            assert said["receipt"] == self.service.receipt(key)
            assert said["row"] == ["offered", 2, 0, False]
            assert self.service.done(key) == 1


def _execute(url: str, sql: str) -> list[Any]:
    if url.startswith("sqlite"):
        file = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture(scope="module")
def fork_server() -> Iterator[subprocess.Popen[str]]:
    program = Path(__file__).with_name("doomed.py")
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield server
        assert server.stdin is not None
        server.stdin.close()


@pytest.fixture
def lives(
    fork_server: subprocess.Popen[str], store_url: str, variant: str, tmp_path: Path
) -> Lives:
    _build(store_url)
    return Lives(fork_server, store_url, variant, tmp_path)


def _build(url: str) -> None:
    import asyncio

    from stores import opened

    async def main() -> None:
        async with opened(url):
            pass

    asyncio.run(main())


@pytest.mark.parametrize(("store_url", "variant"), EVERYWHERE, indirect=["store_url"])
def test_a_kill_at_any_statement_loses_and_doubles_nothing(lives: Lives) -> None:
    for n in range(1, 500):
        status, said, trace = lives.one(f"deal {n}", kill_at=n)
        if status == 0:
            lives.check(f"deal {n}", said, begun=False)
            break
        lives.again(f"deal {n}", begun=lives.begun(trace))
    assert 20 < n < 499, "it is killed at every statement until it survives"


@pytest.mark.parametrize(("store_url", "variant"), EVERYWHERE, indirect=["store_url"])
def test_one_line_killed_again_and_again_a_statement_later_each_time_still_ends_well(
    lives: Lives,
) -> None:
    begun = False
    for n in range(1, 500):
        status, said, trace = lives.one("deal", kill_at=n)
        begun = begun or lives.begun(trace)
        if status == 0:
            lives.check("deal", said, begun=begun)
            break
    else:
        pytest.fail("it never survives")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_kill_inside_an_effect_loses_and_doubles_nothing(lives: Lives, moment: str) -> None:
    for name in ("mail", "bill") if lives.variant == "transactional" else ("effect",):
        status, _, trace = lives.one(f"deal {name}", kill_when=f"{moment} {name}")
        assert status == KILLED
        lives.again(f"deal {name}", begun=lives.begun(trace))


def test_a_kill_while_the_tables_are_built_leaves_none_of_them(
    fork_server: subprocess.Popen[str], postgres_database: str, tmp_path: Path
) -> None:
    lives = Lives(fork_server, postgres_database, "idempotent", tmp_path)
    for n in range(1, 100):
        _, _, trace = lives.one("deal", kill_at=n)
        if "committed" in trace:
            break
        tables = _execute(postgres_database, "SELECT to_regnamespace('signoff')")
        assert tables == [(None,)]
    assert n > 15, "there are some statements to be killed at"
    lives.again("deal", begun=True)
