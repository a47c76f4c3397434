"""`signoff console` as it is started and stopped: what it says, whom it lets in, how it ends."""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from console_doors import PASSWORD, users_file
from console_world import filled
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from signoff.console.access import Role

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')

#: Nothing of who runs the tests; least of all their users, principals and store.
OURS = ("SIGNOFF_", "XDG_", "COLUMNS")


def environment(folder: Path, **more: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "XDG_CACHE_HOME": str(folder / "cache"), **more}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "signoff", "console", *words]


@dataclass
class Console:
    """A console that was started, and the address that it printed."""

    process: subprocess.Popen[str]
    link: str

    def end(self, how: int) -> tuple[int, str, str]:
        """Tell it to stop; how it ended, and what it said besides the link."""
        self.process.send_signal(how)
        out, error = self.process.communicate(timeout=30)
        return self.process.returncode, out, error


@contextmanager
def started(folder: Path, *words: str, **more: str) -> Iterator[Console]:
    process = subprocess.Popen(
        command("--port", "0", *words),
        cwd=folder,
        env=environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.stderr.read())
        yield Console(process, line.removeprefix("signoff console: ").strip())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def refused(folder: Path, *words: str, **more: str) -> tuple[int, str]:
    """How it ends that does not start: its status, and what it says."""
    ran = subprocess.run(
        command(*words),
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    assert ran.stderr.startswith("signoff: ")
    assert ran.stderr.count("\n") == 1, "an error is one message"
    return ran.returncode, ran.stderr


@pytest.fixture
def store(tmp_path: Path) -> str:
    return filled(tmp_path)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    begins = datetime.datetime.fromisoformat("2020-01-01")
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    written = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "key.pem").write_bytes(written)
    path = tmp_path / "cert.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return path


# It starts, and ends


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_a_link_that_lets_in_and_ends_quietly_when_told(
    tmp_path: Path, store: str, how: int
) -> None:
    with started(tmp_path, "--store", store, "--by", "dana") as console:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter\?key=[\w-]{43}", console.link)
        with httpx2.Client(follow_redirects=True) as person, httpx2.Client() as stranger:
            page = person.get(console.link)
            assert page.status_code == 200
            assert "dana" in page.text
            away = stranger.get(str(page.url))
            assert (away.status_code, away.headers["location"]) == (303, "/login")
            # Connections that are still open keep nobody waiting.
            status, out, error = console.end(how)
    assert (status, out) == (0, ""), error
    # What it had open is closed, and not merely dead.
    assert not [*tmp_path.glob("store.db*-wal")]
    assert 'signed in user="dana" by="key"' in error
    assert "Traceback" not in error
    assert error.count("\n") == 1, "the log tells of more than the one who came"
    key = console.link.partition("key=")[2]
    assert key not in error


def test_it_ends_even_while_somebody_does_not_finish_asking(tmp_path: Path, store: str) -> None:
    with started(tmp_path, "--store", store) as console:
        place = httpx2.URL(console.link)
        with socket.create_connection((place.host, place.port or 0), timeout=30) as slow:
            slow.sendall(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n")
            status, _, error = console.end(signal.SIGTERM)
    assert "Traceback" not in error
    assert status == 0, error


def test_with_users_the_link_has_no_key_and_asks_for_a_password(tmp_path: Path, store: str) -> None:
    """The users file that lies in the folder is found, as is the one that is named."""
    listed = users_file(tmp_path, vic=Role.viewer)
    named = listed.rename(tmp_path / "people.toml")
    for given in ([], ["--users", str(named)], None):
        if given == []:
            listed.write_text(named.read_text())
            listed.chmod(0o600)
        more = {"SIGNOFF_CONSOLE_USERS": str(named)} if given is None else {}
        with started(tmp_path, "--store", store, *(given or []), **more) as console:
            assert "key" not in console.link
            with httpx2.Client(base_url=console.link) as client:
                token = _TOKEN.search(client.get("/login").text)
                assert token
                form = {"csrf": token[1], "name": "vic", "password": PASSWORD}
                assert client.post("/login", data=form).status_code == 303
                assert client.get("/").status_code == 200
                assert client.get("/sessions").status_code == 403
        listed.unlink(missing_ok=True)


def test_it_serves_tls_with_a_certificate_and_lets_cookies_go_no_other_way(
    tmp_path: Path, store: str, certificate: Path
) -> None:
    words = ("--certfile", str(certificate), "--keyfile", str(tmp_path / "key.pem"))
    with started(tmp_path, "--store", store, *words) as console:
        assert console.link.startswith("https://127.0.0.1:")
        with httpx2.Client(verify=ssl.create_default_context(cafile=certificate)) as client:
            entered = client.get(console.link)
            assert entered.status_code == 303
            cookie = entered.headers["set-cookie"]
            assert cookie.startswith("__Host-")
            assert "; Secure" in cookie
            assert client.get(httpx2.URL(console.link).join("/")).status_code == 200
        plain = console.link.replace("https", "http")
        with httpx2.Client() as client, pytest.raises(httpx2.TransportError):
            client.get(plain)
        status, _, error = console.end(signal.SIGTERM)
    assert "Traceback" not in error
    assert status == 0, error


def test_the_console_makes_and_changes_nothing_but_its_index(tmp_path: Path, store: str) -> None:
    before = (tmp_path / "store.db").read_bytes()
    with started(tmp_path, "--store", store, "--index", str(tmp_path / "seen")) as console:
        httpx2.get(console.link, follow_redirects=True)
        console.end(signal.SIGTERM)
    assert (tmp_path / "store.db").read_bytes() == before
    made = {path.name.partition("-")[0] for path in tmp_path.iterdir()}
    assert made == {"store.db", "seen"}


def test_a_second_console_over_the_same_store_is_no_trouble(tmp_path: Path, store: str) -> None:
    with (
        started(tmp_path, "--store", store) as one,
        started(tmp_path, "--store", store) as other,
    ):
        for console in (one, other):
            with httpx2.Client(follow_redirects=True) as client:
                assert client.get(console.link).status_code == 200


# It does not start


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--address", "0.0.0.0"], "without users"),
        (["--address", "::"], "without users"),
        (["--address", "0.0.0.0", "--users", "people.toml"], "without TLS"),
        (["--address", "192.0.2.1", "--users", "people.toml"], "without TLS"),
        (["--behind-proxy", "127.0.0.1"], "without users"),
        (["--behind-proxy", "127.0.0.1", "--users", "people.toml"], "--host-name"),
        (["--behind-proxy", "anybody", "--users", "people.toml"], "neither an IP address"),
        (["--address", "console.example.com"], "no address to listen on"),
        (["--host-name", "https://console.example.com"], "no host name"),
        (["--keyfile", "key.pem"], "--certfile"),
    ],
)
def test_what_would_let_in_strangers_or_contradicts_itself_is_wrong_usage(
    tmp_path: Path, store: str, certificate: Path, words: list[str], why: str
) -> None:
    users_file(tmp_path, ada=Role.admin).rename(tmp_path / "people.toml")
    status, told = refused(tmp_path, "--store", store, *words)
    assert why in told
    assert status == 2


@pytest.mark.parametrize("certfile", ["none.pem", "people.toml", "cert.pem", "."])
def test_a_certificate_that_cannot_be_used_is_named_before_there_is_a_link(
    tmp_path: Path, store: str, certificate: Path, certfile: str
) -> None:
    """`cert.pem` is a certificate without its key."""
    users_file(tmp_path, ada=Role.admin).rename(tmp_path / "people.toml")
    status, told = refused(tmp_path, "--store", store, "--port", "0", "--certfile", certfile)
    assert (status, f"cannot serve TLS with {certfile}" in told) == (1, True)


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path, store: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, told = refused(tmp_path, "--store", store, "--port", port)
    assert status == 2
    assert f"port {port}" in told
    assert "--port" in told


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    status, told = refused(tmp_path, "--store", "sqlite:///none.db", "--port", "0")
    assert (status, "there is no store at none.db" in told) == (1, True)
    (tmp_path / "text.db").write_text("this is no database")
    status, told = refused(tmp_path, "--store", "sqlite:///text.db", "--port", "0")
    assert (status, "not a signoff store" in told) == (1, True)
    status, told = refused(tmp_path, "--store", "mysql://x", "--port", "0")
    assert status in (1, 2)
    assert {path.name for path in tmp_path.iterdir()} <= {"text.db", "cache"}


def test_a_database_that_does_not_answer_is_told_without_its_password(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        store = f"postgresql://signoff:open-sesame@127.0.0.1:{free.getsockname()[1]}/agents"
        status, told = refused(tmp_path, "--port", "0", SIGNOFF_STORE=store)
    assert status == 1
    assert "open-sesame" not in told


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("[users.ada", 0o600, "no TOML"),
        ('[users.ada]\nrole = "king"\n', 0o600, "king"),
        ("", 0o600, ""),
        ('[users.ada]\nrole = "admin"\n', 0o644, "chmod"),
    ],
)
def test_a_users_file_that_is_wrong_lets_nobody_in_and_is_named(
    tmp_path: Path, store: str, text: str, mode: int, why: str
) -> None:
    users = tmp_path / "people.toml"
    users.write_text(text)
    users.chmod(mode)
    words = ("--store", store, "--port", "0", "--users", str(users))
    status, told = refused(tmp_path, *words)
    assert status == 1
    assert "people.toml" in told
    assert why in told


def test_a_users_file_that_is_named_and_not_there_does_not_open_the_console_to_all(
    tmp_path: Path, store: str
) -> None:
    words = ("--store", store, "--port", "0", "--users", "none.toml")
    status, told = refused(tmp_path, *words)
    assert status == 1
    assert "signoff console user add" in told
