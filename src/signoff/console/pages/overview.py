"""Every boundary at a glance, what waits, what is stopped, and who is alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from signoff.boundary import KILLS, read_kills
from signoff.clock import from_stamp, stamp
from signoff.console._asked import asked
from signoff.console._desk import desk_of
from signoff.console._rendering import render
from signoff.console.access import Role, needs
from signoff.control import Heartbeat
from signoff.errors import BadInput
from signoff.reading import FORGOTTEN, STALE

#: Bars of a chart, at most.
_BARS = 45

#: Hours of one bar, how many bars; None for everything that there is.
_RANGES: dict[str, tuple[str, int, int] | None] = {
    "day": ("24 hours", 1, 24),
    "week": ("7 days", 4, 42),
    "month": ("30 days", 24, 30),
    "quarter": ("90 days", 48, 45),
    "ever": None,
}

#: Heartbeats that a page shows, the worst first.
_BEATS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A child that a supervisor watches, or watched."""

    beat: Heartbeat
    state: str
    silent: bool


@needs(Role.viewer)
async def overview(request: Request) -> Response:
    """Every boundary, what waits, what is stopped, and who is alive."""
    desk = desk_of(request)
    within = asked(request, "within") or "ever"
    if within not in _RANGES:
        raise BadInput(f"{within[:20]!r} is none of {', '.join(_RANGES)}")
    first, last = desk.index.hours()
    buckets, until = _buckets(within, first, last) if last else ((), "")
    now = desk.clock.now()
    asks = await desk.storage.asks(stamp(now))
    workers, forgotten = _workers(await desk.storage.heartbeats(), now)
    return render(
        request,
        "overview.html",
        within=within,
        ranges={key: what[0] if what else "ever" for key, what in _RANGES.items()},
        until=until,
        told=desk.index.overview(buckets, until),
        under_way=desk.index.under_way(),
        asks=asks,
        waiting=sum(number for _, number, _ in asks),
        late=sum(number for _, _, number in asks),
        kills=read_kills(await desk.storage.switch(KILLS)),
        throttles=await desk.storage.held(),
        pending=await desk.storage.pending(),
        workers=workers[:_BEATS],
        more_workers=max(len(workers) - _BEATS, 0),
        forgotten=forgotten,
        address="/" + (f"?{request.url.query}" if request.url.query else ""),
    )


def _buckets(within: str, first: str, last: str) -> tuple[Sequence[str], str]:
    """When the bars of a stretch of time begin that ends with the last hour, and when it ends."""
    until = _hour(last) + timedelta(hours=1)
    chosen = _RANGES[within]
    if chosen is None:
        hours = int((until - _hour(first)).total_seconds()) // 3600
        step, number = _step(hours)
    else:
        _, step, number = chosen
    daily = step >= 24
    if daily:
        until = until.replace(hour=0) + timedelta(days=1) if until.hour else until
    begins = [until - timedelta(hours=step * (number - i)) for i in range(number)]
    form = "%Y-%m-%d" if daily else "%Y-%m-%dT%H"
    return [f"{begin:{form}}" for begin in begins], f"{until:{form}}"


def _step(hours: int) -> tuple[int, int]:
    """Hours of a bar, and how many bars hold so many hours."""
    for step in (1, 2, 4, 8, 24):
        if hours <= step * _BARS:
            return step, max(-(-hours // step) + (step == 24), 1)
    step = 24 * -(-(hours + 24) // (24 * _BARS))
    return step, -(-(hours + 24) // step)


def _hour(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def _workers(beats: Sequence[Heartbeat], now: datetime) -> tuple[list[Worker], int]:
    """Those heard of within a day, the worst first; and how many were not."""
    known: list[Worker] = []
    for beat in beats:
        age = now - from_stamp(beat.at)
        if age <= FORGOTTEN:
            silent = beat.state in ("running", "restarting") and age > STALE
            state = "silent" if silent else beat.state
            known.append(Worker(beat=beat, state=state, silent=silent))
    worst = ("given_up", "silent", "restarting", "running", "stopped")
    known.sort(key=lambda worker: (worst.index(worker.state), worker.beat.child))
    return known, len(beats) - len(known)


routes = [Route("/", overview)]
