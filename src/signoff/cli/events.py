"""`signoff events`: list, follow, show and fork the streams of event logs."""

from __future__ import annotations

import asyncio
import json as json_
import shlex
import sys
from collections.abc import Iterable
from typing import Annotated, Any, cast

import typer

from signoff.boundary import EventRow
from signoff.cli._output import AsJson, show_fields, show_json, show_table
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.errors import BadInput
from signoff.reading import existing
from signoff.storage import Storage
from signoff.words import compact, count, moment, plain

app = typer.Typer(help="List, follow, show and fork event streams.", no_args_is_help=True)

#: Characters of an event's data that a table shows.
_SHOWN = 120

#: Seconds between two looks at a log that is followed.
_PAUSE = 1.0

LogName = Annotated[str, typer.Argument(metavar="LOG", help="Name of the event log.")]
StreamName = Annotated[str, typer.Argument(metavar="STREAM", help="Name of the stream.")]

_COLUMNS = ("position", "happened", "stream", "version", "event", "data", "proposed by")


@app.command("list")
def list_(
    log: Annotated[
        str, typer.Argument(metavar="LOG", help="List this log's streams.", show_default=False)
    ] = "",
    store: StoreUrl = DEFAULT_STORE,
    after: Annotated[str, typer.Option(metavar="STREAM", help="Begin after this stream.")] = "",
    most: Annotated[int, typer.Option(min=1, help="How many streams to list.")] = 20,
    json: AsJson = False,
) -> None:
    """Logs and how far their consumers have come; or one log's streams."""
    if log:
        asyncio.run(_list_streams(store, log, after, most, json=json))
    else:
        asyncio.run(_list_logs(store, json=json))


async def _list_logs(store: str, *, json: bool) -> None:
    async with existing(store) as storage:
        logs, consumers = await storage.logs(), await storage.consumers()
    ends = {name: position for name, position, _ in logs}
    behind = [
        {
            "consumer": name,
            "log": log,
            "position": position,
            "behind": max(ends.get(log, 0) - position, 0),
        }
        for name, log, position in consumers
    ]
    if json:
        told = [{"log": name, "events": end, "streams": streams} for name, end, streams in logs]
        show_json({"logs": told, "consumers": behind})
        return
    numbers = ("events", "streams", "position", "at most behind")
    show_table(("log", "events", "streams"), logs, numbers=numbers)
    if behind:
        print()
        cells = [[row["consumer"], row["log"], row["position"], row["behind"]] for row in behind]
        show_table(("consumer", "log", "position", "at most behind"), cells, numbers=numbers)


async def _list_streams(store: str, log: str, after: str, most: int, *, json: bool) -> None:
    found: list[dict[str, Any]] = []
    async with existing(store) as storage:
        await _known(storage, log)
        async for row in storage.streams(log, after=after):
            found.append(
                {
                    "stream": row.stream,
                    "version": row.version,
                    "source": row.source,
                    "forked": row.forked if row.source else None,
                }
            )
            if len(found) > most:
                break
    more, listed = len(found) > most, found[:most]
    if json:
        show_json({"streams": listed, "more": more})
        return
    cells = [
        [row["stream"], row["version"], f"{row['source']} at {row['forked']}" * bool(row["source"])]
        for row in listed
    ]
    show_table(("stream", "version", "forked from"), cells, numbers=("version",))
    if more:
        print(f"There are more: --after {shlex.quote(plain(listed[-1]['stream']))}, or --most.")


@app.command()
def tail(
    log: LogName,
    store: StoreUrl = DEFAULT_STORE,
    after: Annotated[
        int | None, typer.Option(metavar="POSITION", min=0, help="Only later events.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="How many of the last events.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as events are added, until interrupted.")
    ] = False,
    json: AsJson = False,
) -> None:
    """The last events of a log, in the order of their positions. Times are UTC.

    With --follow and --json, every event is one JSON document on a line of its own.
    """
    asyncio.run(_tail(store, log, after, most, follow=follow, json=json))


async def _tail(
    store: str, log: str, after: int | None, most: int, *, follow: bool, json: bool
) -> None:
    async with existing(store) as storage:
        await _known(storage, log, may_be_new=follow)
        begin = max(await storage.log_position(log) - most, 0) if after is None else after
        rows = await storage.events_of_log(log, after=begin, limit=most if after is None else 10**6)
        if not follow:
            _show(rows, json=json)
            return
        while True:
            for row in rows:
                _show_line(row, json=json)
                begin = row.position
            sys.stdout.flush()
            if not rows:
                await asyncio.sleep(_PAUSE)
            rows = await storage.events_of_log(log, after=begin, limit=1000)


@app.command()
def show(
    log: LogName,
    stream: StreamName,
    store: StoreUrl = DEFAULT_STORE,
    after: Annotated[int, typer.Option(min=0, help="Only versions after this one.")] = 0,
    until: Annotated[int | None, typer.Option(min=0, help="Only versions up to this one.")] = None,
    json: AsJson = False,
) -> None:
    """One stream's history, through its forks, and what was said when it was asked again."""

    async def read() -> None:
        async with existing(store) as storage:
            known = await storage.stream(log, stream)
            if not known.version and not known.source:
                await _known(storage, log)
                raise BadInput(f"log {log} has no stream {stream!r}; see `signoff events list`")
            history = [
                row async for row in storage.events_of_stream(log, stream, after=after, until=until)
            ]
            beside = [row async for row in storage.events_beside(log, stream)]
        if json:
            show_json(
                {
                    "log": log,
                    "stream": stream,
                    "version": known.version,
                    "source": known.source,
                    "forked": known.forked if known.source else None,
                    "events": [_as_json(row) for row in history],
                    "asked_again": [_as_json(row) for row in beside],
                }
            )
            return
        fields: list[tuple[str, Any]] = [("stream", stream), ("version", known.version)]
        if known.source:
            fields.append(("forked from", f"{known.source} at version {known.forked}"))
        show_fields(fields)
        print()
        _show(history, json=False)
        if beside:
            print(f"\nBeside the history, asked again: {count(len(beside), 'event')}")
            _show(beside, json=False)

    asyncio.run(read())


@app.command()
def fork(
    log: LogName,
    stream: StreamName,
    at: Annotated[int, typer.Option(min=1, help="Up to which version.", show_default=False)],
    to: Annotated[str, typer.Option(metavar="NEW", help="Name of the new stream.")],
    store: StoreUrl = DEFAULT_STORE,
    json: AsJson = False,
) -> None:
    """Begin a new stream whose history is another one's up to a version.

    Nothing is copied, and no consumer is handed that history again.
    """

    async def write() -> None:
        async with existing(store) as storage:
            await _known(storage, log)
            await storage.fork(log, stream, at=at, to=to)

    asyncio.run(write())
    if json:
        show_json({"log": log, "source": stream, "forked": at, "stream": to})
    else:
        print(f"Stream {plain(to)} begins with {plain(stream)} up to version {at}.")


async def _known(storage: Storage, log: str, *, may_be_new: bool = False) -> None:
    """Raise if a store has no such log."""
    names = [name for name, _, _ in await storage.logs()]
    if log not in names and not may_be_new:
        hint = f"; it has {', '.join(map(plain, names))}" if names else "; it has none"
        raise BadInput(f"the store has no event log {log!r}{hint}")


def _show(rows: Iterable[EventRow], *, json: bool) -> None:
    if json:
        show_json({"events": [_as_json(row) for row in rows]})
        return
    show_table(_COLUMNS, map(_cells, rows), numbers=("position", "version"))


def _show_line(row: EventRow, *, json: bool) -> None:
    if json:
        sys.stdout.write(json_.dumps(_as_json(row)) + "\n")
    else:
        print("  ".join(plain(str(cell)) for cell in _cells(row) if cell != ""))


def _cells(row: EventRow) -> list[object]:
    version = f"about {row.about}" if row.version is None else row.version
    model = _fields(row.fingerprint).get("model", "") if row.fingerprint else ""
    said = compact(_fields(row.data) or row.data, _SHOWN)
    return [row.position, moment(row.happened), row.stream, version, row.type, said, model]


def _as_json(row: EventRow) -> dict[str, Any]:
    return {
        "log": row.log,
        "position": row.position,
        "stream": row.stream,
        "version": row.version,
        "type": row.type,
        "data": _parsed(row.data),
        "at": row.at,
        "happened": row.happened,
        "key": row.key,
        "caused_by": row.caused_by or None,
        "fingerprint": _parsed(row.fingerprint) if row.fingerprint else None,
        "asked_again": row.about is not None,
        "about": row.about,
    }


def _fields(text: str) -> dict[str, Any]:
    parsed = _parsed(text)
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def _parsed(text: str) -> Any:
    """JSON, or the text itself if somebody wrote into it."""
    try:
        return json_.loads(text)
    except ValueError:
        return text
