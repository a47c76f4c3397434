"""The services from another process, over HTTP."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ValidationError

from signoff.errors import UsageError
from signoff.ledger import canonical
from signoff.workloads.contract_renewal.services._faults import ServiceError, ServiceTimeout
from signoff.workloads.contract_renewal.services._service import LARGEST_PAYLOAD

_LARGEST_ANSWER: Final = 64 * 1024
# Well before the server gives up on an idle connection: a request sent down a connection that is
# just being closed would look like a timeout.
_FRESH: Final = 5.0


class _Reply(BaseModel):
    receipt: str | None = None
    error: str = ""


class RemoteService:
    """A service behind HTTP: the same `ServicePort`, with real timeouts and real lost answers.

    It never retries: whoever has the key decides whether to ask again or to look. Cancelling a call
    does not recall the request.
    """

    def __init__(
        self, name: str, base_url: str, *, timeout: float = 2.0, at_once: int = 32
    ) -> None:
        """Remember the address; nothing is connected yet.

        Raises:
            UsageError: The address is not one, or a number is not positive.
        """
        self.name = name
        self.timeout = timeout
        self._host, self._port = _address(base_url)
        if not 0 < timeout <= 3600 or at_once < 1:
            raise UsageError(
                f"timeout={timeout} seconds, at_once={at_once}. Pass a timeout above 0 and up to "
                "3600, and at least one request at once."
            )
        # Not asyncio's own pool: it is small, and a few hanging requests would block all others.
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix=f"signoff-{name}")
        self._idle: list[tuple[http.client.HTTPConnection, float]] = []

    async def perform(
        self, action: str, payload: Mapping[str, object], *, key: str | None = None
    ) -> str:
        """See `ServicePort`."""
        try:
            body = canonical(dict(payload)).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise ServiceError(400, f"the payload is not JSON: {error}.") from error
        # A server that refuses before it has read everything may not get its answer through.
        if len(body) > LARGEST_PAYLOAD:
            raise ServiceError(413, f"the payload is larger than {LARGEST_PAYLOAD // 1024} kB.")
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = _quoted(key)
        receipt = await self._asked("POST", f"/{self.name}/{_quoted(action)}", body, headers)
        if receipt is None:
            raise ServiceError(502, f"{self.name} answered without a receipt")
        return receipt

    async def find(self, key: str) -> str | None:
        """See `ServicePort`."""
        return await self._asked("GET", f"/{self.name}/effects/{_quoted(key)}", None, {})

    def close(self) -> None:
        """Wait for requests under way, at most their timeout, and close every connection."""
        self._threads.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop()[0].close()

    async def _asked(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> str | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._ask, method, path, body, headers)

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> str | None:
        connection = self._connected()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read(_LARGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ServiceTimeout(
                f"{self.name} did not answer: {error or type(error).__name__}"
            ) from error
        if response.isclosed():
            self._idle.append((connection, monotonic()))
        else:
            connection.close()
        try:
            reply = _Reply.model_validate_json(text)
        except ValidationError:
            reply = _Reply(error="not the answer of a service")
        if response.status != 200 or reply.error:
            status = 502 if response.status == 200 else response.status
            raise ServiceError(status, reply.error)
        return reply.receipt

    def _connected(self) -> http.client.HTTPConnection:
        # Several threads share the list: popping until it raises is the only check without a race.
        try:
            while True:
                connection, used_at = self._idle.pop()
                if connection.sock is not None and monotonic() - used_at < _FRESH:
                    return connection
                connection.close()
        except IndexError:
            pass
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
        try:
            connection.connect()
        except OSError as error:
            raise ServiceError(503, f"{self.name} cannot be reached: {error}.") from error
        return connection


def _address(base_url: str) -> tuple[str, int]:
    try:
        address = urlsplit(base_url)
        host, port = address.hostname, address.port
    except ValueError:
        address, host, port = urlsplit(""), None, None
    if address.scheme != "http" or not host:
        raise UsageError(
            f"{base_url[:80]!a} is not an address of services. Pass one like "
            "http://127.0.0.1:8080, as `serve` gives it."
        )
    return host, port or 80


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="", errors="strict")
    except UnicodeEncodeError as error:
        raise ServiceError(400, f"{text[:60]!a} is not text that can be sent.") from error
