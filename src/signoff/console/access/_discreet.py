"""Keeps what opens the console out of the log of requests that its server may write."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send


class Discreet:
    """Takes the query of some paths away from the server, once it has been passed on.

    Args:
        app: Whatever answers; it sees the query.
        paths: Where a query holds a key or a code.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        self._app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        seen = scope
        if scope["type"] == "http" and scope["path"].rstrip("/") in self._paths:
            seen = {**scope}
            scope["query_string"] = b""  # the server logs what it finds here, afterwards
        await self._app(seen, receive, send)
