"""The services for other processes: HTTP on the loopback interface, with faults that are real."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Event, Lock, Thread
from typing import Any, Final, NoReturn, cast
from urllib.parse import parse_qs, unquote, urlsplit

from signoff.errors import BadInput
from signoff.workloads.contract_renewal.services._faults import ServiceError
from signoff.workloads.contract_renewal.services._service import LARGEST_PAYLOAD, Service
from signoff.workloads.contract_renewal.services._world import Services

_log = logging.getLogger(__name__)
_PAGE: Final = 1000
_IDLE_SECONDS: Final = 30


@contextmanager
def serve(
    services: Services[Service], *, port: int = 0, hang: float = 10.0
) -> Generator[str, None, None]:
    """Serve on 127.0.0.1 for the length of the block, which gets the base URL.

    `POST /{service}/{action}` (header `Idempotency-Key`), `GET /{service}/effects/{key}`,
    `GET /{service}/account?after=0`. A key is percent-encoded in both places.

    Args:
        services: What is served; not closed at the end.
        port: 0 for a free one.
        hang: For how many seconds a lost request or answer keeps the caller waiting, before the
            connection is closed without a word.

    Raises:
        BadInput: The port cannot be listened on.
    """
    try:
        server = _Server(services, port, hang)
    except (OSError, OverflowError) as error:
        raise BadInput(
            f"cannot listen on 127.0.0.1:{port}: {error}. Choose another port, or 0 for a free one."
        ) from error
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop()
        thread.join()


class _Server(ThreadingHTTPServer):
    # Waited for at the end, so that no thread touches the services after they are closed.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, services: Services[Service], port: int, hang: float) -> None:
        self.services = {service.name: service for service in services}
        self.hang = hang
        self.stopping = Event()
        self._turn = Lock()
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        with self._turn:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def began(self, connection: socket.socket) -> None:
        with self._turn:
            self._connections.add(connection)

    def ended(self, connection: socket.socket) -> None:
        with self._turn:
            self._connections.discard(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        _log.debug("connection from %s broke", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    @property
    def _server(self) -> _Server:
        return cast("_Server", self.server)

    def handle(self) -> None:
        self._server.began(self.connection)
        try:
            if not self._server.stopping.is_set():
                super().handle()
        finally:
            self._server.ended(self.connection)

    def do_POST(self) -> None:
        self._answered(self._performed)

    def do_GET(self) -> None:
        self._answered(self._looked_up)

    def _answered(self, work: Callable[[], dict[str, object] | None]) -> None:
        try:
            said = work()
        except ServiceError as error:
            self._say(error.status, {"error": error.message})
        except OSError:
            self.close_connection = True
        except Exception:
            _log.exception("%s %s failed", self.command, self.path)
            self._say(500, {"error": "the service failed."})
        else:
            if said is None:
                self.close_connection = True
            else:
                self._say(200, said)

    def _performed(self) -> dict[str, object] | None:
        body = self._body()
        match self._segments():
            case [name, action]:
                service = self._service(name)
            case _:
                raise _unknown(self.path)
        if self.headers.get_content_type() != "application/json":
            raise ServiceError(415, "send the payload as application/json.")
        keys = self.headers.get_all("Idempotency-Key", [])
        if len(keys) > 1:
            raise ServiceError(400, "send one Idempotency-Key.")
        key = _unquoted(keys[0]) if keys else None
        answer = service.answer(action, _payload(body), key)
        match answer.fault:
            case "timeout_before" | "timeout_after":
                self._server.stopping.wait(self._server.hang)
                return None
            case "error_after":
                raise ServiceError(500, f"{name} failed during {action}.")
            case "slow":
                self._server.stopping.wait(service.faults.delay)
            case None | "locked":
                pass
        return {"receipt": answer.receipt}

    def _looked_up(self) -> dict[str, object]:
        match self._segments():
            # 200 with null, not 404: a mistyped address must never read as "nothing happened".
            case [name, "effects", key]:
                return {"receipt": self._service(name).found(key)}
            case [name, "account"]:
                after = parse_qs(urlsplit(self.path).query).get("after", ["0"])[-1]
                if not (after.isascii() and after.isdecimal() and len(after) < 19):
                    raise ServiceError(400, "`after` must be the number of a request.")
                account = self._service(name).account(after=int(after))
                page = [asdict(request) for request in islice(account, _PAGE)]
                return {"requests": page, "next": page[-1]["seq"] if page else None}
            case _:
                raise _unknown(self.path)

    def _segments(self) -> list[str]:
        return [_unquoted(part) for part in urlsplit(self.path).path.split("/")[1:]]

    def _service(self, name: str) -> Service:
        try:
            return self._server.services[name]
        except KeyError:
            raise _unknown(self.path) from None

    def _body(self) -> bytes:
        said = self.headers.get("Content-Length", "")
        # From here on an unread body would be taken for the next request on the connection.
        close, self.close_connection = self.close_connection, True
        if "Transfer-Encoding" in self.headers or not (said.isascii() and said.isdecimal()):
            raise ServiceError(411, "send a Content-Length.")
        if len(said) > 9 or int(said) > LARGEST_PAYLOAD:
            raise ServiceError(413, f"the payload is larger than {LARGEST_PAYLOAD // 1024} kB.")
        body = self.rfile.read(int(said))
        if len(body) < int(said):
            raise ConnectionError("the payload was cut off")
        self.close_connection = close
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True
        self._say(code, {"error": message or "the request could not be read."})

    def _say(self, status: int, said: dict[str, object]) -> None:
        body = json.dumps(said).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)


def _payload(body: bytes) -> dict[str, object]:
    try:
        payload = json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ServiceError(400, f"the payload is not JSON: {str(error)[:200]}.") from error
    if not isinstance(payload, dict):
        raise ServiceError(400, "the payload must be a JSON object.")
    return cast("dict[str, object]", payload)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _unquoted(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise ServiceError(400, f"{text[:60]!a} is not percent-encoded UTF-8.") from error


def _unknown(path: str) -> ServiceError:
    return ServiceError(404, f"no such address: {path[:80]!a}.")
