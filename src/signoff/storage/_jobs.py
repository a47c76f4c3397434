"""Jobs: what tells workers on other machines that work is due.

A job is made in the transaction that writes the work, and run by Procrastinate. It says of which
subject something is due, and no more: what is to be done stands in our own rows, so that a job
that comes twice, late or in vain does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from signoff.clock import Clock, from_stamp
from signoff.errors import MissingExtra
from signoff.storage._signs_of_life import BOUNDED, OURS, SERVERS
from signoff.storage._work import Work

if TYPE_CHECKING:
    import psycopg

#: The schema that the tables of jobs lie in.
JOBS_SCHEMA = "signoff_jobs"

#: The task that workers know.
TASK = "signoff.due"

#: Work that is due later than this gets its job when its time comes near: a queue is searched from
#: its front, past everything that is not due yet.
HORIZON = timedelta(seconds=60)

#: The priority of a job, a 32-bit number, is how many seconds before this instant it is due.
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_MOST = 2**31 - 1

#: Seconds between two looks at the server's clock; ours was set if it did not go on with time.
_COMPARE_EVERY = 60.0
_NOT_SET = timedelta(seconds=0.5)

#: Characters that the name of a queue may have.
_LONGEST = 128


def queue_of(name: str) -> str:
    """The queue for work of a machine, boundary or effect."""
    return name[:_LONGEST]


def jobs_connection(url: str) -> dict[str, Any]:
    """What a worker's connections for jobs add to the URL of the store: settings of libpq's."""
    from psycopg.conninfo import conninfo_to_dict

    said = conninfo_to_dict(url)
    settings = {"search_path": JOBS_SCHEMA, **SERVERS, **BOUNDED}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    ours = {name: value for name, value in OURS.items() if name not in said}
    return {**ours, "options": f"{said.get('options') or ''} {options}".strip()}


class _Compared(NamedTuple):
    """Our clock beside the server's, when we looked last."""

    elapsed: float
    now: datetime
    behind: timedelta


class Jobs:
    """Makes jobs.

    Raises:
        MissingExtra: If Procrastinate is not installed.
    """

    def __init__(self) -> None:
        try:
            from procrastinate import SyncPsycopgConnector
            from procrastinate.exceptions import ConnectorException
            from procrastinate.jobs import Job
            from procrastinate.manager import JobManager
        except ImportError as error:
            raise _missing() from error
        self._job, self._broken = Job, ConnectorException
        # Never opened: every job is made on the connection of its transaction.
        self._manager = JobManager(SyncPsycopgConnector())
        self._compared: _Compared | None = None

    def defer(
        self,
        connection: psycopg.Connection[Any],
        works: Iterable[Work],
        clock: Clock,
        *,
        far: bool = False,
    ) -> None:
        """Make jobs for work, in the transaction that a connection is in.

        Args:
            connection: Whose transaction.
            works: What is due; the earliest counts for each queue and subject.
            clock: By which the work is due.
            far: Whether work beyond the horizon gets a job as well.
        """
        now = clock.now()
        dues: dict[tuple[str, str], datetime] = {}
        for work in works:
            place, due = (queue_of(work.queue), work.subject), from_stamp(work.due)
            if far or due <= now + HORIZON:
                dues[place] = min(dues.get(place, due), due)
        if not dues:
            return
        behind = self._behind(connection, clock, now)
        jobs = [
            self._job(
                id=None,
                queue=queue,
                lock=subject,
                queueing_lock=None,
                task_name=TASK,
                task_kwargs={"subject": subject},
                scheduled_at=due + behind if due > now else None,
                # What was left lying goes before everything.
                priority=0 if far and due <= now else _earlier_first(due + behind),
            )
            for (queue, subject), due in dues.items()
        ]
        try:
            self._manager.batch_defer_jobs(jobs, connection=connection)
        except self._broken as error:
            # The driver's own error says whether the same may be tried again.
            raise error.__cause__ or error from None

    def _behind(
        self, connection: psycopg.Connection[Any], clock: Clock, now: datetime
    ) -> timedelta:
        """By how much our clock is behind the server's, by which jobs come."""
        elapsed = clock.elapsed()
        last = self._compared
        if last is not None and elapsed - last.elapsed < _COMPARE_EVERY:
            since = timedelta(seconds=elapsed - last.elapsed)
            if abs(now - last.now - since) < _NOT_SET:
                return last.behind
        (server,) = connection.execute("SELECT clock_timestamp()").fetchone() or (now,)
        self._compared = _Compared(elapsed, now, server - now)
        return self._compared.behind


def _earlier_first(due: datetime) -> int:
    """A job keeps those behind it of the same subject waiting, even until its own time comes."""
    return max(-_MOST, min(_MOST, int((_EPOCH - due).total_seconds())))


def make_jobs(connection: psycopg.Connection[Any]) -> None:
    """Make the tables of jobs, or bring them up to the version of the library that is installed.

    Raises:
        MissingExtra: If Procrastinate is not installed.
    """
    try:
        from procrastinate.schema import SchemaManager
    except ImportError as error:
        raise _missing() from error
    wanted = version("procrastinate")
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(1936287601)")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {JOBS_SCHEMA}")
        connection.execute(f"SET LOCAL search_path = {JOBS_SCHEMA}")
        connection.execute("CREATE TABLE IF NOT EXISTS signoff_version (version TEXT NOT NULL)")
        found = connection.execute("SELECT version FROM signoff_version").fetchone()
        if found is None:
            _run(connection, SchemaManager.get_schema())
            # Whoever looks for a job asks of each whether its lock is taken.
            connection.execute(
                "CREATE INDEX signoff_jobs_lock ON procrastinate_jobs (lock) "
                "WHERE status IN ('todo', 'doing')"
            )
            connection.execute("INSERT INTO signoff_version VALUES (%s)", [wanted])
            return
        for path in _migrations(Path(SchemaManager.get_migrations_path()), found[0], wanted):
            _run(connection, path.read_text(encoding="utf-8"))
        connection.execute("UPDATE signoff_version SET version = %s", [wanted])


def _run(connection: psycopg.Connection[Any], script: str) -> None:
    connection.execute(script.encode())


def _migrations(folder: Path, have: str, wanted: str) -> list[Path]:
    """The library's own scripts between two versions, in their order."""
    return [
        path
        for path in sorted(folder.glob("*.sql"), key=lambda path: (_number(path.name), path.name))
        if _number(have) < _number(path.name) <= _number(wanted)
    ]


def _number(text: str) -> tuple[int, ...]:
    head = text.split("_", 1)[0]
    return tuple(int(part) for part in head.split(".")[:3] if part.isdigit())


def _missing() -> MissingExtra:
    return MissingExtra(
        "this store is worked by workers, which need Procrastinate. Install it with: "
        "pip install 'signoff[workers]'"
    )
