"""Attacks on the console over real HTTP, as strangers, thieves and other sites would try them."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from console_doors import PASSWORD, guarded, users_file
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from served import Served

from signoff.console.access import Access, AccessSettings, Role, remove_user
from signoff.testing import FakeClock

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return users_file(tmp_path, ada=Role.admin, ron=Role.reviewer, vic=Role.viewer)


@pytest.fixture
def console(users: Path) -> Iterator[Served]:
    with serve(AccessSettings(users=users))[0] as served:
        yield served


@pytest.fixture
def alone() -> Iterator[tuple[Served, Access]]:
    served, access = serve(AccessSettings(by="dana"))
    with served:
        yield served, access


def serve(settings: AccessSettings, **options: Any) -> tuple[Served, Access]:
    app, access = guarded(settings, FakeClock())
    return Served(app, **{**access.server_options(), **options}), access


def visitor(url: str, **options: Any) -> httpx2.Client:
    return httpx2.Client(base_url=url, follow_redirects=False, **options)


def sign_in(client: httpx2.Client, name: str, **fields: str) -> httpx2.Response:
    token = _TOKEN.search(client.get("/login").text)
    assert token
    data = {"csrf": token[1], "name": name, "password": PASSWORD, **fields}
    return client.post("/login", data=data)


def raw(port: int, request: bytes) -> bytes:
    """Send bytes, and read all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        parts: list[bytes] = []
        try:
            while part := connection.recv(65_536):
                parts.append(part)
        except ConnectionResetError:
            pass
    return b"".join(parts)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# The link with the key


def test_the_key_stands_in_no_log_and_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Not even where the server is made to log every request."""
    console, access = serve(AccessSettings(by="dana"), access_log=True)
    with caplog.at_level(logging.DEBUG), console, visitor(console.url) as client:
        entered = client.get(access.link(console.port))
        assert entered.status_code == 303
        shown = [client.get(path) for path in ("/", "/login", "/sessions", "/enter?key=wrong")]
        assert shown[0].text == "dana admin"
    answers = "".join(str(answer.headers) + answer.text for answer in (entered, *shown))
    logged = "".join(r.getMessage() for r in caplog.records if not r.name.startswith("http"))
    assert 'signed in user="dana" by="key"' in logged
    assert '"GET /enter HTTP/1.1" 303' in logged
    assert access.key not in answers + logged


def test_the_key_of_another_console_opens_nothing_nor_does_its_cookie(
    alone: tuple[Served, Access],
) -> None:
    other, other_access = serve(AccessSettings(by="eve"))
    console, access = alone
    with other, visitor(console.url) as client:
        assert client.get(f"/enter?key={other_access.key}").status_code == 403
        client.get(access.link(console.port))
        theirs = client.get(f"{other.url}/").status_code
        client.get(other_access.link(other.port))
        names = {cookie.name for cookie in client.cookies.jar}
        assert theirs == 303
        assert client.get("/").text == "dana admin"
        assert client.get(f"{other.url}/").text == "eve admin"
        assert len(names) == 2, "one console signs people out of another"


# Names of the host, and requests that are no browser's


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("GET / HTTP/1.1\r\nHost: evil.example", 421),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example", 400),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}, evil.example", 421),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example", 421),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Forwarded-Host: evil.example", 303),
        ("GET / HTTP/1.1", 400),
        ("GET / HTTP/1.0", 421),
        ("GET //evil.example/%2e%2e HTTP/1.1\r\nHost: 127.0.0.1:{port}", 303),
        ("GET /static/../ HTTP/1.1\r\nHost: 127.0.0.1:{port}", 303),
        ("POST /answer HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0", 401),
        (
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close, Upgrade\r\nUpgrade: ws",
            303,
        ),
    ],
)
def test_a_request_by_a_strangers_name_or_of_a_strange_kind_finds_nothing(
    console: Served, head: str, expected: int
) -> None:
    told = head.format(port=console.port)
    closing = "" if "Upgrade" in told else "\r\nConnection: close"
    answer = raw(console.port, f"{told}{closing}\r\n\r\n".encode())
    assert status(answer) == expected
    assert b"evil.example" not in answer.lower() or b"next=" in answer
    assert b"\r\nlocation: //" not in answer.lower()
    assert b"\r\nserver:" not in answer.lower()


# Redirects and headers


@pytest.mark.parametrize(
    "leads",
    [
        "//evil.example",
        "/%2f/evil.example",
        "/\\evil.example",
        "/x\r\nSet-Cookie: planted=1",
        "/x\nLocation: //evil.example",
        "https:evil.example",
        "\t//evil.example",
    ],
)
def test_no_answer_leads_away_or_carries_a_strangers_header(console: Served, leads: str) -> None:
    with visitor(console.url) as client:
        entered = sign_in(client, "ron", next=leads)
        shown = client.get("/login", params={"next": leads})
    for answer in (entered, shown):
        assert answer.status_code == 303
        target = answer.headers["location"]
        assert target.startswith("/")
        assert not target.startswith(("//", "/\\"))
        assert httpx2.URL(console.url).join(target).host == "127.0.0.1"
        assert "planted" not in answer.cookies


# Sessions


def test_a_planted_token_is_not_taken_over(console: Served) -> None:
    name = f"signoff-session-{console.port}"
    with visitor(console.url, cookies={name: "planted"}) as client:
        sign_in(client, "ron")
        assert client.get("/").text == "ron reviewer"
    with visitor(console.url, cookies={name: "planted"}) as eve:
        assert eve.get("/").status_code == 303


def test_a_stolen_token_opens_nothing_after_its_owner_has_gone_or_been_removed(
    console: Served, users: Path
) -> None:
    name = f"signoff-session-{console.port}"
    with visitor(console.url) as ron, visitor(console.url) as vic:
        sign_in(ron, "ron")
        sign_in(vic, "vic")
        stolen = [client.cookies[name] for client in (ron, vic)]
        thieves = [visitor(console.url, cookies={name: token}) for token in stolen]
        assert [thief.get("/").status_code for thief in thieves] == [200, 200]
        ron.post("/logout", data={"csrf": ron.get("/").headers["x-token"]})
        remove_user(users, "vic")
        assert [thief.get("/").status_code for thief in thieves] == [303, 303]
        for thief in thieves:
            thief.close()


def test_another_sites_form_changes_nothing_even_with_the_cookie(console: Served) -> None:
    with visitor(console.url) as ron, visitor(console.url) as eve:
        sign_in(ron, "ron")
        sign_in(eve, "vic")
        own, hers = (c.get("/").headers["x-token"] for c in (ron, eve))
        evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert ron.post("/answer", data={"csrf": hers}).status_code == 403
        assert ron.post("/answer", data={"csrf": own}, headers=evil).status_code == 403
        assert ron.post("/answer", data={"what": "x"}).status_code == 403
        assert ron.post("/answer", data={"csrf": own, "what": "x"}).text == "ron wrote x"


# Bodies


def test_a_body_without_end_is_cut_off(console: Served) -> None:
    """It says nothing of its length, and never stops."""
    head = (
        f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", console.port), timeout=30) as connection:
        connection.sendall(head.encode())
        chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        try:
            for _ in range(1_000):
                connection.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            answer = connection.recv(65_536)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or status(answer) == 413
    with visitor(console.url) as client:
        assert client.get("/login").status_code == 200


def test_a_body_that_is_announced_as_huge_is_not_waited_for(console: Served) -> None:
    head = (
        f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 999999999\r\n"
        "Connection: close\r\n\r\n"
    )
    assert status(raw(console.port, head.encode())) == 413


# A flood


def test_a_flood_of_logins_does_not_stop_the_console(users: Path) -> None:
    """From eighty addresses at once; whoever comes meanwhile is answered meanwhile."""
    settings = AccessSettings(users=users, behind_proxy="127.0.0.1", host_names=("localhost",))
    served, _ = serve(settings)
    with served:
        told, answered, waiting = asyncio.run(_flooded(f"http://localhost:{served.port}"))
    assert answered == 200
    assert waiting > 0, "the page came only after all passwords had been compared"
    assert set(told) == {403, 503}, "too many wait for an answer at once"


async def _flooded(url: str) -> tuple[list[int], int, int]:
    """The answers to a flood, the answer to a person, and how many waited when that came."""

    def through_proxy(client: str) -> dict[str, str]:
        return {"X-Forwarded-Proto": "https", "X-Forwarded-For": client}

    limits = httpx2.Limits(max_connections=100)
    async with (
        httpx2.AsyncClient(base_url=url, limits=limits, timeout=90) as flood,
        httpx2.AsyncClient(base_url=url, timeout=90) as person,
    ):
        page = await flood.get("/login", headers=through_proxy("192.0.2.1"))
        token = _TOKEN.search(page.text)
        assert token
        cookie = page.headers["set-cookie"].partition(";")[0]

        async def guess(i: int) -> int:
            headers = {**through_proxy(f"10.0.{i}.1"), "Cookie": cookie}
            form = {"csrf": token[1], "name": f"user{i}", "password": "wrong horse"}
            return (await flood.post("/login", data=form, headers=headers)).status_code

        guesses = [asyncio.create_task(guess(i)) for i in range(80)]
        await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
        answered = await person.get("/login", headers=through_proxy("192.0.2.2"))
        waiting = sum(not task.done() for task in guesses)
        return await asyncio.gather(*guesses), answered.status_code, waiting


# With TLS of its own


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.fromisoformat("2020-01-01")
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_with_tls_the_cookies_never_leave_it(users: Path, certificate: Path) -> None:
    served, _ = serve(AccessSettings(users=users, certfile=certificate))
    with served, visitor(served.url, verify=False) as client:
        entered = sign_in(client, "ron")
        assert entered.status_code == 303
        cookie = entered.headers.get_list("set-cookie")[0]
        assert cookie.startswith("__Host-signoff-session=")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
        assert client.get("/").text == "ron reviewer"
        answer = raw(served.port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200" not in answer
