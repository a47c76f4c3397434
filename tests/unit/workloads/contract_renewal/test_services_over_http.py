import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from signoff.errors import BadInput, UsageError
from signoff.workloads.contract_renewal.services import (
    Faults,
    RemoteService,
    Service,
    ServiceError,
    Services,
    ServiceTimeout,
    connect_services,
    open_services,
    serve,
)


@contextmanager
def served(
    directory: Path, faults: Faults | None = None, *, timeout: float = 5.0, hang: float = 5.0
) -> Iterator[tuple[Services[Service], Services[RemoteService], str]]:
    with (
        open_services(directory, faults) as here,
        serve(here, hang=hang) as url,
        connect_services(url, timeout=timeout) as remote,
    ):
        yield here, remote, url


def ask(
    url: str, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, object]]:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, named)
        response = connection.getresponse()
        text = response.read().decode()
        assert "Traceback" not in text
        return response.status, json.loads(text)
    finally:
        connection.close()


def test_http_does_what_the_process_does(tmp_path: Path) -> None:
    async def work(remote: Services[RemoteService]) -> None:
        for service, action in zip(
            remote, ("log_contact", "book_invoice", "send_offer"), strict=True
        ):
            key = "renewal.offer/Zoë 1/✨%20"
            assert await service.find(key) is None
            first = await service.perform(action, {"subject": "c1"}, key=key)
            assert await service.perform(action, {"subject": "c1"}, key=key) == first
            assert await service.find(key) == first
            assert await service.perform(action, {"subject": "c1"}) != first
            with pytest.raises(ServiceError, match="409"):
                await service.perform(action, {"subject": "c2"}, key=key)
            with pytest.raises(ServiceError, match="404"):
                await service.perform("no/such action", {"subject": "c2"})
            with pytest.raises(ServiceError, match="413"):
                await service.perform(action, {"subject": "c2", "text": "x" * 70_000})

    with served(tmp_path) as (here, remote, _):
        asyncio.run(work(remote))
        for service in here:
            assert [r.became for r in service.account()] == [
                "applied",
                "replayed",
                "applied",
                "refused",
            ]


def test_many_callers_at_once_have_one_effect_per_key(tmp_path: Path) -> None:
    async def work(remote: Services[RemoteService]) -> None:
        await asyncio.gather(
            *(
                remote.crm.perform("log_contact", {"subject": f"c{n % 50}"}, key=f"k{n % 50}")
                for n in range(400)
            )
        )

    with served(tmp_path) as (here, remote, _):
        asyncio.run(work(remote))
        assert set(here.crm.counts().values()) == {1}
        assert len(list(here.crm.account())) == 400


@pytest.mark.parametrize("hang", [5.0, 0.01], ids=["times-out", "closed-without-a-word"])
@pytest.mark.parametrize(("fault", "effects"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_lost_answer_is_a_timeout(tmp_path: Path, hang: float, fault: str, effects: int) -> None:
    faults = Faults(**{fault: 1.0})  # type: ignore[arg-type]
    with served(tmp_path, faults, timeout=0.2, hang=hang) as (here, remote, _):
        began = time.perf_counter()
        with pytest.raises(ServiceTimeout):
            asyncio.run(remote.crm.perform("log_contact", {"subject": "c"}, key="k"))
        assert time.perf_counter() - began < 2
        assert len(list(here.crm.effects())) == effects
        assert (asyncio.run(remote.crm.find("k")) is not None) is bool(effects)


def test_an_error_after_the_write_is_a_500(tmp_path: Path) -> None:
    with served(tmp_path, Faults(error_after=1)) as (here, remote, _):
        with pytest.raises(ServiceError) as failed:
            asyncio.run(remote.crm.perform("log_contact", {"subject": "c"}, key="k"))
        assert failed.value.status == 500
        assert len(list(here.crm.effects())) == 1


def test_a_slow_answer_is_late(tmp_path: Path) -> None:
    with served(tmp_path, Faults(slow=1, delay=0.1)) as (_, remote, _url):
        began = time.perf_counter()
        asyncio.run(remote.crm.perform("log_contact", {"subject": "c"}))
        assert time.perf_counter() - began > 0.09


def test_retries_with_a_key_get_through_faults(tmp_path: Path) -> None:
    async def insist(remote: Services[RemoteService], key: str) -> None:
        for _ in range(50):
            try:
                await remote.billing.perform("book_invoice", {"subject": key}, key=key)
                return
            except (ServiceTimeout, ServiceError):
                pass
        raise AssertionError("never got through")

    async def work(remote: Services[RemoteService]) -> None:
        await asyncio.gather(*(insist(remote, f"k{number}") for number in range(100)))

    with served(tmp_path, Faults.evenly(0.4), timeout=1, hang=0.01) as (here, remote, _):
        asyncio.run(work(remote))
        assert set(here.billing.counts().values()) == {1}
        assert len(here.billing.counts()) == 100


BODY = b'{"subject": "c"}'


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/crm/log_contact", b"{", {}, 400),
        ("/crm/log_contact", b"\xff\xfe", {}, 400),
        ("/crm/log_contact", b"[]", {}, 400),
        ("/crm/log_contact", b"", {}, 400),
        ("/crm/log_contact", b'{"subject": "c", "n": NaN}', {}, 400),
        ("/crm/log_contact", b'{"subject": "c", "n": 1e999}', {}, 400),
        ("/crm/log_contact", b'{"subject": "c", "n": ' + b"9" * 5000 + b"}", {}, 400),
        ("/crm/log_contact", b"[" * 60_000, {}, 400),
        ("/crm/log_contact", b"{}", {}, 400),
        ("/crm/log_contact", BODY, {"Idempotency_Key": "%ff"}, 400),
        ("/crm/log_contact", BODY, {"Idempotency_Key": ""}, 400),
        ("/crm/log_contact", BODY, {"Idempotency_Key": "x" * 201}, 400),
        ("/crm/log_contact", BODY, {"Content_Type": "text/plain"}, 415),
        ("/crm/log_contact", BODY, {"Content_Length": "1000000"}, 413),
        ("/crm/log_contact", BODY, {"Content_Length": "9" * 5000}, 413),
        ("/crm/log_contact", BODY, {"Content_Length": "-1"}, 411),
        ("/crm/log_contact", BODY, {"Transfer_Encoding": "chunked"}, 411),
        ("/crm/drop", BODY, {}, 404),
        ("/crm", BODY, {}, 404),
        ("/crm/%ff", BODY, {}, 400),
        ("/../etc/passwd", BODY, {}, 404),
        ("/", BODY, {}, 404),
        ("/bank/log_contact", BODY, {}, 404),
    ],
)
def test_a_bad_request_is_answered_as_one(
    tmp_path: Path, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    with served(tmp_path) as (here, _, url):
        answered, said = ask(url, "POST", path, body, **headers)
        assert answered == status
        assert said["error"]
        assert ask(url, "POST", "/crm/log_contact", BODY)[0] == 200
        assert len(list(here.crm.account())) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/crm/effects/none", 200),
        ("GET", "/crm/effects/", 400),
        ("GET", "/bank/effects/k", 404),
        ("GET", "/crm/effect/k", 404),
        ("GET", "/crm/account?after=x", 400),
        ("GET", "/crm/account?after=" + "9" * 50, 400),
        ("PUT", "/crm/log_contact", 501),
        ("GET", "/" + "x" * 70_000, 414),
    ],
)
def test_other_questions_are_answered(tmp_path: Path, method: str, path: str, status: int) -> None:
    with served(tmp_path) as (_, _remote, url):
        assert ask(url, method, path)[0] == status


def test_a_fault_of_ours_is_a_500_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    with served(tmp_path) as (_, _remote, url):
        monkeypatch.setattr(Service, "found", broken)
        assert ask(url, "GET", "/crm/effects/k") == (500, {"error": "the service failed."})


def test_the_account_comes_in_pages(tmp_path: Path) -> None:
    async def fill(service: Service) -> None:
        for number in range(1005):
            await service.perform("log_contact", {"subject": f"c{number}"})

    with served(tmp_path) as (here, _, url):
        asyncio.run(fill(here.crm))
        seen: list[dict[str, object]] = []
        after: object = 0
        while after is not None:
            _status, page = ask(url, "GET", f"/crm/account?after={after}")
            seen.extend(page["requests"])  # type: ignore[arg-type]
            after = page["next"]
        assert [request["seq"] for request in seen] == list(range(1, 1006))


def test_half_a_request_has_no_effect(tmp_path: Path) -> None:
    with served(tmp_path) as (here, remote, url):
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=5) as raw:
            raw.sendall(b"POST /crm/log_contact HTTP/1.1\r\nContent-Type: application/json\r\n")
            raw.sendall(b'Content-Length: 50\r\n\r\n{"subject": "c"}')
            raw.shutdown(socket.SHUT_WR)
            assert raw.recv(100) == b""
        with socket.create_connection((address.hostname, address.port), timeout=5) as raw:
            raw.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
            assert raw.recv(1000).endswith(b"}")
        assert asyncio.run(remote.crm.find("k")) is None
        assert list(here.crm.account()) == []


def test_stopping_does_not_wait_for_hanging_or_idle_callers(tmp_path: Path) -> None:
    faults = Faults(timeout_before=1)
    with open_services(tmp_path, faults) as here:
        with serve(here, hang=60) as url, connect_services(url, timeout=0.1) as remote:
            with pytest.raises(ServiceTimeout):
                asyncio.run(remote.crm.perform("log_contact", {"subject": "c"}))
            asyncio.run(remote.crm.find("k"))
            began = time.perf_counter()
        assert time.perf_counter() - began < 3


def test_nobody_there_is_a_503_and_nothing_happened(tmp_path: Path) -> None:
    with open_services(tmp_path) as here, serve(here) as url:
        pass
    with connect_services(url) as remote, pytest.raises(ServiceError, match="503"):
        asyncio.run(remote.crm.find("k"))


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with open_services(tmp_path) as here, serve(here) as url:
        port = urlsplit(url).port or 0
        for taken in (port, 70_000):
            with pytest.raises(BadInput, match="cannot listen"), serve(here, port=taken):
                pass


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "https://127.0.0.1", "http://", "http://a:b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not an address"):
        connect_services(url)


def test_a_timeout_that_is_none_is_refused() -> None:
    for timeout in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(UsageError, match="timeout"):
            connect_services("http://127.0.0.1:1", timeout=timeout)


def test_the_services_as_a_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "signoff.workloads.contract_renewal.services", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with connect_services(url) as remote:
            receipt = asyncio.run(remote.mailer.perform("send_offer", {"subject": "c"}, key="k"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    with open_services(tmp_path) as here:
        assert asyncio.run(here.mailer.find("k")) == receipt
    refused = subprocess.run(
        [*command, "--faults", "7"], capture_output=True, text=True, timeout=10, check=False
    )
    assert refused.returncode == 1
    assert "fault shares" in refused.stderr
    assert "Traceback" not in refused.stderr
