"""Real HTTP on the loopback, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from typing import Any

import uvicorn


class Served:
    """An application that answers over real HTTP on the loopback, until it is closed."""

    def __init__(self, app: Any, **options: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        options = {"lifespan": "auto", **options, "log_config": None}
        self._scheme = "https" if options.get("ssl_certfile") else "http"
        config = uvicorn.Config(app, **options)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Served:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._socket.close()
