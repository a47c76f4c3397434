"""Serving the console over HTTP, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Generator

import uvicorn

from signoff.console._app import create_app
from signoff.console._settings import Settings
from signoff.errors import BadInput, UsageError

#: Seconds that answers may still take once it is told to stop.
_LAST_WORDS = 5

#: Seconds that a thread may keep the interpreter: while the index catches up, pages wait for it.
_TURN = 0.0005


def serve(settings: Settings, say: Callable[[str], object]) -> None:
    """Serve the console until the process is told to stop.

    Args:
        settings: What it shows, and to whom.
        say: Is told the address to open, once it can be opened.

    Raises:
        BadInput: If the file of users or the certificate cannot be used.
        NoStore: If there is nothing to show.
        StorageUnavailable: If the store or the index cannot be opened.
        UsageError: If it cannot listen there, or would be reached by strangers.
    """
    asyncio.run(_serve(settings, say))


async def _serve(settings: Settings, say: Callable[[str], object]) -> None:
    sys.setswitchinterval(_TURN)
    app = create_app(settings)
    access = app.state.access
    config = uvicorn.Config(
        app,
        **access.server_options(),
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=_LAST_WORDS,
    )
    _load(config, settings)
    listening = _listen(settings)
    with listening:
        # Opened here: what fails is told to whoever has started it, not to a log.
        async with app.router.lifespan_context(app):
            server = _Server(config)
            with server.listening():
                say(access.link(listening.getsockname()[1]))
                await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends when it is told to, instead of dying of the signal: what is open is closed, too."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    @contextlib.contextmanager
    def listening(self) -> Generator[None]:
        """Heed the signals to stop, from before anybody is told that it serves."""
        loop, stops = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
        for stop in stops:
            loop.add_signal_handler(stop, self.handle_exit, stop, None)
        try:
            yield
        finally:
            for stop in stops:
                loop.remove_signal_handler(stop)


def _load(config: uvicorn.Config, settings: Settings) -> None:
    """Read the certificate, before there is anything to be told."""
    try:
        config.load()
    except OSError as error:
        files = " and ".join(
            str(path) for path in (settings.access.certfile, settings.access.keyfile) if path
        )
        raise BadInput(
            f"the console cannot serve TLS with {files}: {error.strerror or error}. Give a "
            "certificate in PEM with --certfile, and its private key with --keyfile or in the "
            "same file"
        ) from error


def _listen(settings: Settings) -> socket.socket:
    address, port = settings.access.address, settings.access.port
    try:
        family, _, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place[:2], family=family, backlog=512)
    except OSError as error:
        raise UsageError(
            f"the console cannot listen on {address}, port {port}: {error.strerror}. Name another "
            "port with --port, or 0 for any that is free"
        ) from error
