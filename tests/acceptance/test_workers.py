"""Workers on one PostgreSQL: everything is done once, whoever dies, waits or is upgraded."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import parcels
import psycopg
import pytest
from awaited import awaited
from procrastinate.manager import JobManager
from stores import effect

from signoff import Runtime, Suspended
from signoff.control import Answer, Principals
from signoff.reading import existing, give
from signoff.storage import StoredTransaction, storage_at

HERE = Path(__file__).parent

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def store(postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with workers, and an account of mails."""
    monkeypatch.setenv("PARCELS_MAIL", str(tmp_path / "mails"))
    words = [sys.executable, "-m", "signoff", "store", "init", "--workers"]
    subprocess.run([*words, "--store", postgres_database], check=True, capture_output=True)
    return postgres_database


class Worker:
    """A worker process."""

    def __init__(self, store: str, *words: str, **environment: str) -> None:
        path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "signoff", "worker", "--app", "parcels:everything",
                "--dead-after", "4", "--store", store, *words,
            ],
            env={**os.environ, "PYTHONPATH": path, **environment},
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()

    def ends(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def begin(store: str) -> Iterator[Callable[..., Worker]]:
    """Begins workers; those that still live at the end are killed."""
    begun: list[Worker] = []

    def one(*words: str, **environment: str) -> Worker:
        worker = Worker(store, *words, **environment)
        begun.append(worker)
        return worker

    yield one
    for worker in begun:
        worker.process.kill()
        worker.process.communicate()


@asynccontextmanager
async def placed(store: str, number: int) -> AsyncIterator[Runtime]:
    """A process that only places parcels."""
    async with Runtime(store, knows=parcels.everything) as runtime:
        for each in range(number):
            await runtime.start(parcels.parcels, parcels.Parcel(id=f"p-{each}"))
        yield runtime


async def until(holds: Callable[[], Awaitable[bool]], within: float = 30) -> None:
    """Wait for what other processes do; it fails the test if they do not."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110  # nobody tells us
            await asyncio.sleep(0.05)


async def until_shipped(runtime: Runtime, number: int, within: float = 60) -> None:
    async def all_are() -> bool:
        states = await runtime.ledger.rows_by_state("parcel")
        return states.get("shipped", 0) == number and not await runtime.ledger.pending()

    await until(all_are, within)


async def standing(runtime: Runtime, asked: Suspended) -> str:
    ticket = await runtime.ledger.ticket(asked.ticket.id)
    assert ticket is not None
    recorded = await runtime.ledger.crossing(ticket.crossing)
    assert recorded is not None
    return recorded.status


async def is_committed(runtime: Runtime, asked: Suspended) -> bool:
    return await standing(runtime, asked) == "committed"


async def has_begun(number: int) -> bool:
    return sum(begun_by().values()) >= number


def mailed() -> Counter[str]:
    return parcels.mailer().account()


def begun_by() -> Counter[str]:
    file = Path(f"{os.environ['PARCELS_MAIL']}.begun")
    lines = file.read_text().splitlines() if file.exists() else []
    return Counter(line.split()[0] for line in lines)


@awaited
async def test_two_workers_share_everything_and_do_it_once(
    store: str, begin: Callable[..., Worker]
) -> None:
    one, two = begin(), begin()
    assert one.said.startswith("working for")
    async with placed(store, 40) as runtime:
        await until_shipped(runtime, 40)
        assert (await runtime.ledger.verify()).intact
    assert len(mailed()) == 40
    assert set(mailed().values()) == {1}
    assert set(begun_by()) == {str(one.process.pid), str(two.process.pid)}
    assert (one.ends(), two.ends()) == (0, 0)


@awaited
async def test_the_process_that_crosses_leaves_what_is_due_to_workers(store: str) -> None:
    async with placed(store, 1) as runtime:
        await asyncio.sleep(1.5)
        assert await runtime.ledger.rows_by_state("parcel") == {"placed": 1}


@awaited
async def test_what_a_killed_worker_had_in_hand_is_taken_over(
    store: str, begin: Callable[..., Worker]
) -> None:
    doomed = begin(PARCELS_SLOW="600")
    async with placed(store, 3) as runtime:
        await until(lambda: has_begun(3))
        doomed.process.kill()
        begin()
        await until_shipped(runtime, 3)
        assert (await runtime.ledger.verify()).intact
    assert set(mailed().values()) == {1}
    assert len(mailed()) == 3


@awaited
async def test_a_worker_that_is_told_to_end_brings_to_an_end_what_it_has_begun(
    store: str, begin: Callable[..., Worker]
) -> None:
    worker = begin(PARCELS_SLOW="1.5")
    async with placed(store, 1):
        await until(lambda: has_begun(1))
        assert not mailed()
        assert await asyncio.to_thread(worker.ends) == 0
    assert len(mailed()) == 1


@awaited
async def test_an_answer_from_elsewhere_is_taken_up_at_once(
    store: str, begin: Callable[..., Worker]
) -> None:
    begin()
    async with Runtime(store, knows=parcels.everything) as runtime:
        asked = await runtime.run(parcels.refunds, parcels.Parcel(id="p"), key="refund/p")
        assert isinstance(asked, Suspended)
        async with existing(store) as elsewhere:
            yes = Answer(kind="approve", by="dana", because="it is broken")
            await give(elsewhere, asked.ticket.id, yes, Principals())
        await until(lambda: is_committed(runtime, asked), 10)


@awaited
async def test_older_code_leaves_alone_what_newer_code_has_opened(
    store: str, begin: Callable[..., Worker]
) -> None:
    older = begin("--code-version", "1")
    async with Runtime(store, knows=parcels.everything, code_version=2) as runtime:
        asked = await runtime.run(parcels.refunds, parcels.Parcel(id="p"), key="refund/p")
        assert isinstance(asked, Suspended)
        async with existing(store) as elsewhere:
            yes = Answer(kind="approve", by="dana", because="it is broken")
            await give(elsewhere, asked.ticket.id, yes, Principals())
        await asyncio.sleep(4)
        assert await standing(runtime, asked) == "open"
        assert older.process.poll() is None
        begin("--code-version", "2")
        await until(lambda: is_committed(runtime, asked))


@awaited
async def test_a_connection_that_breaks_while_a_job_is_made_is_made_anew(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = JobManager.batch_defer_jobs
    tries = 0

    def cut_first(self: JobManager, jobs: Any, *, connection: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            with psycopg.connect(store, autocommit=True) as other:
                own = connection.info.backend_pid
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [own])
        return honest(self, jobs, connection=connection)

    monkeypatch.setattr(JobManager, "batch_defer_jobs", cut_first)
    storage = storage_at(store)
    await storage.open(exclusive=False)
    try:
        await storage.transact(lambda tx: tx.enqueue(effect("mail", kind="outbox")))
        [(jobs,)] = await storage.transact(
            lambda tx: tx.execute("SELECT count(*) FROM signoff_jobs.procrastinate_jobs")
        )
        assert (tries, jobs) == (2, 1)
    finally:
        await storage.close()


@awaited
async def test_a_transaction_that_is_undone_leaves_no_job(store: str) -> None:
    storage = storage_at(store)
    await storage.open(exclusive=False)
    try:

        def fail(tx: StoredTransaction) -> None:
            tx.enqueue(effect("mail", kind="outbox"))
            raise RuntimeError("undone")

        with pytest.raises(RuntimeError, match="undone"):
            await storage.transact(fail)
        count = await storage.transact(
            lambda tx: tx.execute("SELECT count(*) FROM signoff_jobs.procrastinate_jobs")
        )
        assert count == [(0,)]

        def succeed(tx: StoredTransaction) -> None:
            tx.enqueue(effect("mail", kind="outbox"))

        await storage.transact(succeed)
        rows = await storage.transact(
            lambda tx: tx.execute("SELECT lock, queue_name FROM signoff_jobs.procrastinate_jobs")
        )
        assert rows == [("s", "mail")]
    finally:
        await storage.close()
