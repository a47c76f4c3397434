"""`signoff worker`: do what is due, on as many machines as you like."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli._boundaries import apps_in
from signoff.cli._people import DEFAULT_PRINCIPALS, PrincipalsFile
from signoff.cli._project import things_of
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.errors import UsageError
from signoff.words import count, plain

if TYPE_CHECKING:
    from signoff.runtime import Telemetry


class Log(StrEnum):
    """How a log is written."""

    TEXT = "text"
    JSON = "json"


def worker(
    app: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:ATTRIBUTE",
            help="What it works for: boundaries, machines, consumers, or a function that makes "
            "them. Repeatable. By default, that of [boundaries] in signoff.toml.",
            show_default=False,
        ),
    ] = None,
    queues: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Beginnings of the names of machines, boundaries and effects that it works for, "
            "with commas between them. By default, everything that the application knows.",
            show_default=False,
        ),
    ] = "",
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, help="Subjects that are worked on at the same time.")
    ] = 16,
    drain: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="How long what has begun may take after SIGTERM."
        ),
    ] = 30.0,
    dead_after: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Without a sign of life for so long, another worker is taken for dead; say the "
            "same to all of them.",
        ),
    ] = 20.0,
    code_version: Annotated[
        int,
        typer.Option(
            min=0,
            help="Of your code: what newer code has begun is left to it during an upgrade.",
        ),
    ] = 0,
    otel: Annotated[
        bool,
        typer.Option(
            "--otel",
            help="Send spans and metrics to an OpenTelemetry collector, as the OTEL_* variables "
            "say; by default to http://localhost:4318.",
        ),
    ] = False,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve metrics for Prometheus here, such as 127.0.0.1:9464. Whoever can reach it "
            "can read them.",
            show_default=False,
        ),
    ] = "",
    log: Annotated[
        Log, typer.Option(help="How the log is written: for people, or JSON, an object a line.")
    ] = Log.TEXT,
    store: StoreUrl = DEFAULT_STORE,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
) -> None:
    """Fire timers, perform effects, go on with what people answered: until SIGTERM or Ctrl-C.

    On PostgreSQL with as many workers as you like, once `signoff store init --workers` was said.
    On SQLite one process does all the work.
    """
    apps = tuple(app or apps_in())
    if not apps:
        raise UsageError(
            "say what the worker works for: --app module:attribute, or an app under [boundaries] "
            "in signoff.toml"
        )
    named_by = "--app" if app else "[boundaries] of signoff.toml:"
    things = things_of(Path(), named_by, apps)
    _log_as(log)
    # What has come of each job is told by the ledger.
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    wanted = tuple(name.strip() for name in queues.split(",") if name.strip())
    asyncio.run(
        _work(
            store,
            things,
            queues=wanted,
            concurrency=concurrency,
            drain=drain,
            dead_after=dead_after,
            code_version=code_version,
            principals=principals if principals.exists() else None,
            telemetry=_telemetry(otel, metrics, log),
        )
    )


async def _work(
    store: str,
    things: list[object],
    *,
    queues: tuple[str, ...],
    concurrency: int,
    drain: float,
    dead_after: float,
    code_version: int,
    principals: Path | None,
    telemetry: Telemetry | None,
) -> None:
    from signoff.runtime import Runtime
    from signoff.state import EventLog

    known: list[Any] = [thing for thing in things if not isinstance(thing, EventLog)]
    runtime = Runtime(
        store,
        knows=known,
        concurrency=concurrency,
        principals=principals,
        code_version=code_version,
        telemetry=telemetry,
    )
    async with runtime:
        stopped = asyncio.Event()
        ends: list[Any] = [stopped.set]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: [end() for end in ends])
        if not runtime.ledger.by_workers:
            if store.startswith("postgres"):
                raise UsageError(
                    f"{runtime.ledger.url} has no workers yet. Say once: signoff store init "
                    "--workers --store ..."
                )
            _say(runtime.queues, runtime.ledger.url)
            await stopped.wait()
        else:
            from signoff.runtime.procrastinate import Worker

            working = Worker(
                runtime,
                store,
                queues=queues,
                concurrency=concurrency,
                drain=drain,
                dead_after=dead_after,
            )
            ends.append(working.stop)
            await working.run(lambda: _say(working.queues, runtime.ledger.url))
    print("the worker has ended; nothing was left half-done", flush=True)


def _telemetry(otel: bool, metrics: str, log: Log) -> Telemetry | None:
    """Who is told of what the worker does, if anybody."""
    if not otel and not metrics:
        from signoff.telemetry import CrossingsInLogs

        return CrossingsInLogs() if log is Log.JSON else None
    from signoff.telemetry import OpenTelemetry

    told = OpenTelemetry(export=otel, prometheus=metrics)
    if told.url:
        print(plain(f"metrics at {told.url}"), flush=True)
    return told


def _log_as(log: Log) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    if log is Log.JSON:
        from signoff.telemetry import Correlation, JsonLines

        handler.addFilter(Correlation())
        handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _say(queues: Any, url: str) -> None:
    print(plain(f"working for {count(len(queues), 'queue')} of {url}"), flush=True)
