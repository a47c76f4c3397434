"""The second engine: what is due is done by workers, on as many machines as you like.

Jobs are made in the transaction that writes the work, and run here by Procrastinate: one at a time
for each subject, woken by the database, taken from workers that have died. A job says of which
subject something is due; what is to be done stands in our own rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

from signoff.clock import stamp
from signoff.errors import MissingExtra, StorageUnavailable, UsageError
from signoff.runtime._runtime import Runtime
from signoff.storage import HORIZON, TASK, jobs_connection, queue_of

_log = logging.getLogger("signoff.runtime")

#: Seconds at most between two looks for work that no job is for: what comes due, what a process
#: that died had in hand, jobs of workers that died.
_LOOK_EVERY = 10

#: Seconds without a sign of life after which a worker is taken for dead.
DEAD_AFTER = 20.0

#: Pieces of work that are looked for at once.
_MOST = 5000

#: The queue of the looks; every worker takes them, one at a time.
_LOOKS = "signoff.looks"

#: Seconds before a connection that broke is made again.
_AGAIN = 1.0


class Worker:
    """Does what is due for the boundaries and machines that a runtime knows.

    Args:
        runtime: Open, over a PostgreSQL store that has workers.
        url: Of the store, with its password.
        queues: Beginnings of the names of machines, boundaries and effects; by default everything
            that the runtime knows.
        concurrency: Subjects that are worked on at the same time.
        drain: Seconds that what has begun may still take once it is told to stop.
        dead_after: Seconds without a sign of life after which another worker is taken for dead.

    Raises:
        MissingExtra: If Procrastinate is not installed.
        UsageError: If the store has no workers, or nothing of the runtime is in the queues.
    """

    def __init__(
        self,
        runtime: Runtime,
        url: str,
        *,
        queues: Sequence[str] = (),
        concurrency: int = 16,
        drain: float = 30.0,
        dead_after: float = DEAD_AFTER,
    ) -> None:
        storage = runtime.ledger
        if not storage.by_workers:
            raise UsageError(
                f"{storage.url} has no workers: make it a PostgreSQL store, and say once: "
                "signoff store init --workers"
            )
        self._storage = storage
        self._runtime = runtime
        self.queues = _chosen(runtime.queues, queues)
        self._drain = drain
        self._concurrency = concurrency
        self._dead_after = dead_after
        self._stopping = asyncio.Event()
        self._running: Any = None
        self._app = self._made(url)
        #: Jobs that were run.
        self.done = 0

    async def run(self, ready: Callable[[], object] = lambda: None) -> None:
        """Work until `stop` is called; then what has begun is brought to an end.

        Args:
            ready: Called once work is taken.
        """
        living = asyncio.create_task(self._show_life())
        try:
            while not self._stopping.is_set():
                try:
                    async with self._app.open_async():
                        ready()
                        await self._work()
                except Exception as error:
                    if not _is_of_the_connection(error):
                        raise
                    _log.warning("the worker has to wait for %s: %s", self._storage.url, error)
                    await asyncio.sleep(_AGAIN)
        finally:
            living.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await living
            with contextlib.suppress(StorageUnavailable):
                await self._storage.show_life(0)  # nobody waits for signs of it any more

    def stop(self) -> None:
        """Take nothing more, and end with what has begun."""
        self._stopping.set()
        if self._running is not None:
            self._running.stop()

    async def _work(self) -> None:
        import procrastinate.worker

        self._running = procrastinate.worker.Worker(
            app=self._app,
            queues=[_LOOKS, *self.queues],
            concurrency=self._concurrency,
            listen_notify=True,
            delete_jobs="always",
            install_signal_handlers=False,
            update_heartbeat_interval=self._dead_after / 4,
            stalled_worker_timeout=self._dead_after,
            shutdown_graceful_timeout=self._drain,
        )
        if self._stopping.is_set():
            return
        await self._running.run()

    async def _show_life(self) -> None:
        while True:
            with contextlib.suppress(StorageUnavailable):  # its jobs tell of it
                await self._storage.show_life(self._dead_after)
            await asyncio.sleep(self._dead_after / 4)

    async def _do(self, subject: str) -> None:
        try:
            await self._runtime.run_due_of(subject)
        except StorageUnavailable as error:
            # What is due stays due: it is found again once the database is there.
            _log.warning("work of %s has to wait: %s", subject, error)
        self.done += 1

    async def _look(self, timestamp: int) -> None:
        """Make jobs for what has none, and take those of the dead from them."""
        now = self._runtime.clock.now()
        works = await self._storage.soon(stamp(now + HORIZON), stamp(now), _MOST)
        for start in range(0, len(works), 500):
            await self._storage.defer(works[start : start + 500])
        manager = self._app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=self._dead_after):
            _log.warning("a worker died over work of %s; another one takes it", job.lock)
            await manager.retry_job(job)

    def _made(self, url: str) -> Any:
        try:
            import procrastinate
        except ImportError as error:
            raise MissingExtra(
                "a worker needs Procrastinate. Install it with: pip install 'signoff[workers]'"
            ) from error
        connector = procrastinate.PsycopgConnector(
            conninfo=url, kwargs=jobs_connection(url), min_size=1, max_size=4
        )
        app = procrastinate.App(connector=connector)
        app.task(name=TASK)(self._do)
        look = app.task(name="signoff.look", queue=_LOOKS, lock="signoff.look")(self._look)
        every = min(max(round(self._dead_after / 4), 1), _LOOK_EVERY)
        app.periodic(cron=f"* * * * * */{every}")(look)
        return app


def _chosen(known: Sequence[str], wanted: Sequence[str]) -> list[str]:
    names = [name for name in known if not wanted or _is_wanted(name, wanted)]
    if not names:
        asked = f"none of it is in {', '.join(wanted)}" if wanted else "it has nothing to do"
        raise UsageError(
            f"the application knows {', '.join(sorted(known)[:8]) or 'no boundary'}, and {asked}"
        )
    return sorted({queue_of(name) for name in names})


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    # Work of a boundary is named after it, with what kind of work it is before a colon.
    return name.rpartition(":")[2].startswith(tuple(wanted)) or name.startswith(tuple(wanted))


def _is_of_the_connection(error: Exception) -> bool:
    import procrastinate.exceptions
    import psycopg

    lost = (procrastinate.exceptions.ConnectorException, psycopg.OperationalError, OSError)
    return isinstance(error, cast("Any", lost))
