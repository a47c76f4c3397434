"""The console as one ASGI application."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from signoff.clock import Clock, SystemClock
from signoff.console._desk import Desk
from signoff.console._rendering import render
from signoff.console._settings import Settings
from signoff.console.access import Access, anyone
from signoff.console.index import Index, index_path
from signoff.console.pages import every_page
from signoff.console.studies import Studies
from signoff.errors import BadInput, SignoffError, UsageError
from signoff.reading import existing
from signoff.storage import ReadFrom, Storage, reading_from

_LOG = logging.getLogger("signoff.console")


def create_app(settings: Settings, *, clock: Clock | None = None) -> Starlette:
    """The console over the store that `settings` name.

    Args:
        settings: What it shows, and to whom.
        clock: By default this machine's.

    Raises:
        BadInput: If the file of users cannot be used.
        UsageError: If it would be reached by strangers.
    """
    clock = clock or SystemClock()
    access = Access(settings.access, clock=clock, page=render)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with existing(settings.store) as primary, _read(primary, settings) as storage:
            path = settings.index or index_path(storage.url)
            studies = Studies(
                path.with_name(f"{path.name}.studies"), lambda: _readable(storage, settings), clock
            )
            async with Index.open(path) as index, index.following(storage), studies.open():
                app.state.desk = Desk(
                    settings=settings, storage=storage, index=index, studies=studies, clock=clock
                )
                yield

    routes: list[BaseRoute] = [
        *every_page(),
        *access.routes,
        Route("/healthz", _healthy),
        Mount("/static/htmx", anyone(StaticFiles(directory=_htmx())), name="htmx"),
        Mount(
            "/static",
            anyone(StaticFiles(directory=Path(__file__).parent / "static")),
            name="static",
        ),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            HTTPException: _refused,
            SignoffError: _failed,
            UsageError: _failed,
            Exception: _broken,
        },
    )
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    access.guard(app)
    app.state.access = access
    return app


@contextlib.asynccontextmanager
async def _read(primary: Storage, settings: Settings) -> AsyncGenerator[Storage]:
    """The store, with its reads answered by a replica if there is one."""
    if not settings.read_from:
        yield primary
        return
    async with reading_from(primary, settings.read_from) as storage:
        yield storage


def _readable(storage: Storage, settings: Settings) -> str:
    """URL of what long reads burden now."""
    reads = isinstance(storage, ReadFrom) and not storage.lag.down
    return settings.read_from if reads else settings.store


def _htmx() -> Path:
    """Where the package that brings htmx keeps it; it is not imported, for it asks for Django."""
    found = importlib.util.find_spec("js_lib_htmx")
    if found is None or found.origin is None:
        raise UsageError("htmx is missing: pip install 'signoff[console]'")
    return Path(found.origin).parent / "static" / "htmx"


@anyone
async def _healthy(request: Request) -> Response:
    """Say that the process answers, to whoever watches over it."""
    return PlainTextResponse("ok")


_WORDS: Mapping[int, str] = {
    403: "You may not do this",
    404: "There is no such page",
    405: "That cannot be done here",
    413: "That is too much",
    429: "Too often",
}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = _WORDS.get(error.status_code, "That did not work")
    told = "" if error.detail in _PHRASES else error.detail
    return _page(request, error.status_code, title, told, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """What a person can do something about: a broken file, a store that is gone."""
    status = 400 if isinstance(error, BadInput) else 503
    return _page(request, status, "That did not work", str(error), None)


async def _broken(request: Request, error: Exception) -> Response:
    _LOG.error("a page is broken: %s %s", request.method, request.url.path, exc_info=error)
    told = "It is a bug of ours. The console's log says more."
    return _page(request, 500, "This page is broken", told, None)


_PHRASES = frozenset({"Not Found", "Method Not Allowed", "Forbidden", "Bad Request"})


def _page(
    request: Request, status: int, title: str, told: str, headers: Mapping[str, str] | None
) -> Response:
    return render(request, "error.html", status=status, headers=headers, title=title, told=told)
