"""Notices by HTTP and by mail, to real servers on the loopback interface."""

from __future__ import annotations

import asyncio
import base64
import email as mail
import hashlib
import hmac
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from signoff.boundary import EffectRefused, External
from signoff.boundary._commit import signature_types
from signoff.boundary._effect import DidNotHappen, Happened, InDoubt, carry_out
from signoff.clock import SystemClock
from signoff.control._email import email
from signoff.control._notify import Line, NotDelivered, Notice
from signoff.control._webhook import verify_signature, webhook
from signoff.errors import UsageError
from signoff.ledger import canonical

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOTICE = Notice(
    event="asked",
    ticket="t-1",
    ask="role:sales-lead",
    because="0.25 is a deep discount",
    boundary="renewal.offer",
    subject="r-8f3a",
    crossing="c-1",
    at="2026-03-01T12:00:00.000000Z",
    due="2026-03-01T16:00:00.000000Z",
)
HOSTILE = "a\r\nBcc: eve@example.com\n\n.\r\nQUIT\0\x1b[2J\x85\u2028\ud800 end"


class Noon(SystemClock):
    def now(self) -> datetime:
        return NOW


NOON = Noon()


def send(effect: External[Notice, Any, str], notice: Notice = NOTICE, key: str = "k-1") -> str:
    async def performed() -> str:
        return await effect.perform(notice, None, key)

    return asyncio.run(performed())


def carried(effect: External[Notice, Any, str], doubt: str = "") -> object:
    return asyncio.run(carry_out(effect, NOTICE, None, "k-1", clock=NOON, doubt=doubt))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def serving(server: BaseServer) -> Generator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# Notices


def test_a_notice_survives_json() -> None:
    adapter = TypeAdapter(Notice)
    hostile = replace(NOTICE, because=HOSTILE)
    for notice in (NOTICE, hostile, replace(NOTICE, event="expired", due="")):
        assert adapter.validate_json(adapter.dump_json(notice)) == notice
        # The way through the outbox.
        dumped = canonical(TypeAdapter(Any).dump_python(notice, mode="json"))
        assert adapter.validate_python(json.loads(dumped)) == notice
    assert hostile.because == HOSTILE.replace("\ud800", "?")
    with pytest.raises(ValidationError):
        adapter.validate_python({**adapter.dump_python(NOTICE), "event": "answered"})


def test_the_outbox_knows_the_type_of_its_payload() -> None:
    for effect in (webhook("https://x.example", SECRET), mail_to_dana(25)):
        assert signature_types(effect.perform) == (Notice, Any, str)


# By HTTP


class Receiver:
    """An HTTP server, what it was sent, and what it answers."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.behaviour: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.released = threading.Event()
        self.broken = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers.items()), body))
                if receiver.behaviour is not None:
                    receiver.behaviour(self)
                    return
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"thank you" * 100)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that hung up

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/s3cret-path?team=1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with serving(receiver.server):
        yield receiver
        receiver.released.set()


def hook(receiver: Receiver, **options: Any) -> External[Notice, Any, str]:
    return webhook(receiver.url, SECRET, clock=NOON, **options)


def test_a_notice_arrives_signed(receiver: Receiver) -> None:
    assert send(hook(receiver)) == "200"
    [(path, headers, body)] = receiver.requests
    assert path == "/hooks/s3cret-path?team=1"
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == "k-1"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert TypeAdapter(Notice).validate_json(body) == NOTICE
    assert verify_signature(SECRET, headers, body, now=NOW)


def test_the_signature_is_that_of_the_specification(receiver: Receiver) -> None:
    send(hook(receiver))
    [(_, headers, body)] = receiver.requests
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"k-1.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


EXAMPLE = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
EXAMPLE_BODY = b'{"test": 2432232314}'
EXAMPLE_AT = datetime.fromtimestamp(1614265330, UTC)


def verified(headers: dict[str, str], body: bytes = EXAMPLE_BODY, late: float = 0) -> bool:
    now = EXAMPLE_AT + timedelta(seconds=late)
    return verify_signature(SECRET, EXAMPLE | headers, body, now=now)


def test_the_published_example_is_verified() -> None:
    """From the test suites of the Standard Webhooks libraries."""
    assert verified({})
    assert verify_signature(
        SECRET,
        {name.title(): value for name, value in EXAMPLE.items()},
        EXAMPLE_BODY,
        now=EXAMPLE_AT,
    )
    rotated = f"v1,AAAA v1a,xyz {EXAMPLE['webhook-signature']}"
    assert verified({"webhook-signature": rotated})


def test_what_was_tampered_with_is_not_verified() -> None:
    assert not verified({}, EXAMPLE_BODY + b" ")
    assert not verified({"webhook-id": "msg_other"})
    assert not verified({"webhook-timestamp": "1614265331"})
    assert not verify_signature(
        "another secret, long enough", EXAMPLE, EXAMPLE_BODY, now=EXAMPLE_AT
    )
    signature = EXAMPLE["webhook-signature"]
    assert not verified({"webhook-signature": signature.removeprefix("v1,")})
    assert not verified({"webhook-signature": signature.replace("v1,", "v1a,")})


def test_an_old_or_early_request_is_not_verified() -> None:
    assert verified({}, late=300)
    assert verified({}, late=-300)
    assert not verified({}, late=301)
    assert not verified({}, late=-301)


@pytest.mark.parametrize("name", list(EXAMPLE))
@pytest.mark.parametrize(
    "value", ["", " ", "v1", "١٦١٤٢٦٥٣٣٠", "9" * 5000, "-1", "\ud800", "\n", "a.b"]
)
def test_no_header_raises(name: str, value: str) -> None:
    assert not verified({name: value})
    assert not verify_signature(SECRET, {name: value}, b"", now=NOW)


def test_parts_of_a_signed_body_do_not_pose_as_another_request(receiver: Receiver) -> None:
    send(hook(receiver), replace(NOTICE, because='x.1614265330.{"ticket":"t-2"}'))
    [(_, headers, body)] = receiver.requests
    start, at, rest = body.partition(b".1614265330.")
    assert at
    forged = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{start.decode()}"
    posing = headers | {"webhook-id": forged, "webhook-timestamp": "1614265330"}
    assert not verify_signature(SECRET, posing, rest, now=EXAMPLE_AT)


def test_a_secret_may_be_plain_text(receiver: Receiver) -> None:
    plain = "correct horse battery"
    send(webhook(receiver.url, plain, clock=NOON))
    [(_, headers, body)] = receiver.requests
    encoded = "whsec_" + base64.b64encode(plain.encode()).decode()
    assert verify_signature(plain, headers, body, now=NOW)
    assert verify_signature(encoded, headers, body, now=NOW)


@pytest.mark.parametrize(
    "secret",
    ["", "too short", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all!", "\ud800" * 20],
)
def test_a_weak_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(UsageError, match=r"secrets\.token_urlsafe") as refused:
        webhook("https://x.example", secret)
    kept = secret.removeprefix("whsec_")
    assert not kept or kept not in str(refused.value)
    assert refused.value.__context__ is None
    with pytest.raises(UsageError):
        verify_signature(secret, EXAMPLE, EXAMPLE_BODY, now=EXAMPLE_AT)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 408, 425, 429, 500, 503])
def test_what_may_pass_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    receiver.headers = {"Location": receiver.url}
    with pytest.raises(NotDelivered, match=f"127.0.0.1 answered {status}"):
        send(hook(receiver))
    assert len(receiver.requests) == 1
    assert send(hook(receiver)) == "200"
    first, second = receiver.requests
    assert first[1]["webhook-id"] == second[1]["webhook-id"]


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_clear_no_is_final(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    with pytest.raises(EffectRefused, match=f"127.0.0.1 refuses the notice: {status}") as refused:
        send(hook(receiver))
    assert refused.value.code == f"http_{status}"


@pytest.mark.parametrize("status", [201, 202, 204])
def test_any_success_is_one(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    assert send(hook(receiver)) == str(status)


def test_one_delivery_is_one_request(receiver: Receiver) -> None:
    receiver.statuses = [500, 404]
    assert isinstance(carried(hook(receiver)), InDoubt)
    assert len(receiver.requests) == 1
    assert isinstance(carried(hook(receiver)), DidNotHappen)
    assert isinstance(carried(hook(receiver), doubt="500"), Happened)


def test_nobody_listening_is_tried_again() -> None:
    with pytest.raises(ConnectionRefusedError):
        send(webhook(f"http://127.0.0.1:{free_port()}/", SECRET))


def test_a_slow_receiver_is_given_up(receiver: Receiver) -> None:
    def hold(handler: BaseHTTPRequestHandler) -> None:
        receiver.released.wait(10)

    receiver.behaviour = hold
    with pytest.raises(TimeoutError):
        send(hook(receiver, timeout=0.2))
    assert "TimeoutError" in str(carried(hook(receiver, timeout=0.2)))


def test_a_receiver_that_never_comes_to_an_end_is_hung_up_on(receiver: Receiver) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
            while not receiver.released.wait(0.02):
                handler.wfile.write(b"x")
        except OSError:
            receiver.broken.set()

    receiver.behaviour = drip
    assert isinstance(carried(hook(receiver, timeout=0.3)), InDoubt)
    assert receiver.broken.wait(10)


def test_a_connection_that_comes_too_late_is_ended() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = Line()
        line.drop()
        line.hold(ours)
        assert theirs.recv(1) == b""


def test_an_endless_answer_is_not_read(receiver: Receiver) -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while not receiver.released.is_set():
                handler.wfile.write(b"x" * 65536)

    receiver.behaviour = pour
    assert send(hook(receiver)) == "200"


def test_nonsense_for_an_answer_is_tried_again(receiver: Receiver) -> None:
    def babble(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\0\xff nonsense\r\n\r\n")

    receiver.behaviour = babble
    assert isinstance(carried(hook(receiver)), InDoubt)


def test_hostile_text_stays_in_the_body(receiver: Receiver) -> None:
    hostile = all_hostile()
    send(hook(receiver), hostile)
    [(path, headers, body)] = receiver.requests
    assert path.startswith("/hooks/")
    assert set(map(str.lower, headers)) == {
        *("host", "accept-encoding", "content-length", "content-type", "user-agent"),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
    }
    assert TypeAdapter(Notice).validate_json(body) == hostile
    assert verify_signature(SECRET, headers, body, now=NOW)


def all_hostile() -> Notice:
    return Notice(
        event="asked",
        ticket=HOSTILE,
        ask=HOSTILE + "{because}",
        because=HOSTILE,
        boundary=HOSTILE,
        subject=HOSTILE,
        crossing=HOSTILE,
        at=HOSTILE,
        due=HOSTILE,
    )


def test_any_key_becomes_an_id_of_its_own(receiver: Receiver) -> None:
    keys = ["r/1", "r.1", "r%2E1", "r 1", HOSTILE, "ключ", "k" * 2000, "k" * 2001, ""]
    for key in keys:
        assert send(hook(receiver), key=key) == "200"
    ids = [headers["webhook-id"] for _, headers, _ in receiver.requests]
    assert ids[:4] == ["r/1", "r%2E1", "r%252E1", "r%201"]
    assert len(set(ids)) == len(keys)
    assert all(id.isascii() and id.isprintable() and len(id) <= 256 and "." not in id for id in ids)
    for _, headers, body in receiver.requests:
        assert verify_signature(SECRET, headers, body, now=NOW)


def test_the_secret_and_the_path_are_not_shown(receiver: Receiver) -> None:
    effect = hook(receiver)
    shown = [repr(effect), str(effect), repr(effect.perform)]
    for status in (404, 500):
        receiver.statuses = [status]
        shown.append(str(carried(effect)))
    receiver.server.shutdown()
    receiver.server.server_close()
    shown.append(str(carried(effect)))
    assert "ConnectionRefusedError" in shown[-1]
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    for text in shown:
        assert SECRET.removeprefix("whsec_") not in text
        assert repr(key)[2:10] not in text
        assert "s3cret-path" not in text


def test_a_hook_is_found_by_its_host_or_its_name() -> None:
    assert webhook("https://hooks.example.com/a", SECRET).name == "webhook:hooks.example.com"
    assert webhook("https://hooks.example.com/a", SECRET, name="sales").name == "sales"


def test_the_same_hook_twice_is_the_same() -> None:
    same = [webhook("https://x.example/a", SECRET) for _ in range(2)]
    assert same[0] == same[1]
    assert hash(same[0]) == hash(same[1])
    assert same[0] != webhook("https://x.example/b", SECRET)
    assert same[0] != webhook("https://x.example/a", SECRET + "YWJj")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://127.8.9.1:80", "http://[::1]:8080/", "http://localhost/"],
)
def test_plain_http_may_stay_on_this_machine(url: str) -> None:
    assert webhook(url, SECRET).idempotent


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "http://10.0.0.1/", "http://localhost.example.com/", "http://[::2]/"],
)
def test_plain_http_does_not_leave_this_machine(url: str) -> None:
    with pytest.raises(UsageError, match="allow_insecure=True"):
        webhook(url, SECRET)
    assert webhook(url, SECRET, allow_insecure=True).idempotent


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "example.com/hook",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://",
            "https:///x",
        ),
        *("https://exa mple.com/", "https://example.com/a\r\nX: y", "https://example.com/\0"),
        *("https://bücher.example/", "https://[::1/", "https://example.com:99999/"),
        *("https://example.com:0/", "https://a..b/", f"https://{'a' * 64}.example/"),
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not one that can be posted to"):
        webhook(url, SECRET)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError, match=r"for example\.com, which is not sent") as refused:
        webhook("https://dana:pa55word@example.com/", SECRET)
    assert "pa55word" not in str(refused.value)


@pytest.mark.parametrize("timeout", [0, -1, 3601, float("nan"), float("inf")])
def test_a_timeout_is_a_number_of_seconds(timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        webhook("https://x.example", SECRET, timeout=timeout)
    with pytest.raises(UsageError, match="timeout"):
        mail_to_dana(25, timeout=timeout)


# By mail


class Post:
    """An SMTP server, what it was sent, and what it says instead of yes."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, bytes]] = []
        self.commands: list[str] = []
        self.says: dict[str, str] = {}
        self.tls: ssl.SSLContext | None = None
        post = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    _Talk(post, self).run()

        class Server(ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = False

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]


class _Talk:
    def __init__(self, post: Post, handler: StreamRequestHandler) -> None:
        self.post = post
        self.connection: socket.socket = handler.connection
        self.file = self.connection.makefile("rb")
        self.secured = False

    def run(self) -> None:
        try:
            self.say(self.post.says.get("connect", "220 ready"))
            sender = to = ""
            while line := self.file.readline():
                command = line.decode("ascii").strip()
                self.post.commands.append(command)
                verb = command.split()[0].upper()
                if verb in self.post.says:
                    if not self.post.says[verb]:
                        return
                    self.say(self.post.says[verb])
                elif verb == "EHLO":
                    self.say("250-here\r\n250-AUTH PLAIN")
                    self.say("250 STARTTLS" if self.post.tls and not self.secured else "250 OK")
                elif verb == "STARTTLS":
                    self.secure()
                elif verb == "AUTH":
                    self.say("235 welcome")
                elif verb == "DATA":
                    self.say("354 go on")
                    text = b""
                    while (part := self.file.readline()) != b".\r\n":
                        text += part.removeprefix(b".")
                    self.post.mails.append((sender, to, text))
                    self.say(self.post.says.get("accept", "250 accepted"))
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    sender = command if verb == "MAIL" else sender
                    to = command if verb == "RCPT" else to
                    self.say("250 fine")
        finally:
            self.file.close()
            if self.secured:
                self.connection.close()

    def say(self, text: str) -> None:
        self.connection.sendall(f"{text}\r\n".encode())

    def secure(self) -> None:
        assert self.post.tls is not None
        self.say("220 go on")
        self.file.close()
        self.connection = self.post.tls.wrap_socket(self.connection, server_side=True)
        self.file = self.connection.makefile("rb")
        self.secured = True


@pytest.fixture
def post() -> Iterator[Post]:
    post = Post()
    with serving(post.server):
        yield post


def mail_to_dana(port: int, **options: Any) -> External[Notice, Any, str]:
    given: dict[str, Any] = {"host": "127.0.0.1", "sender": "signoff@example.com"}
    given |= {"starttls": False, "clock": NOON}
    return email("dana@example.com", port=port, **(given | options))


def the_mail(post: Post) -> Message:
    [(_, _, text)] = post.mails
    return mail.message_from_bytes(text)


def subject_of(message: Message) -> str:
    return str(make_header(decode_header(message["Subject"].replace("\r\n", ""))))


def text_of(message: Message) -> str:
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


def test_a_notice_arrives_by_mail(post: Post) -> None:
    id = send(mail_to_dana(post.port))
    [(sender, to, _)] = post.mails
    assert sender.lower() == "mail from:<signoff@example.com>"
    assert to.lower() == "rcpt to:<dana@example.com>"
    message = the_mail(post)
    assert subject_of(message) == "renewal.offer of r-8f3a waits for role:sales-lead"
    assert message["From"] == "signoff@example.com"
    assert message["To"] == "dana@example.com"
    assert message["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == id
    lines = text_of(message).split("\n")
    assert lines[0] == "renewal.offer of r-8f3a waits for role:sales-lead."
    assert "Why:      0.25 is a deep discount" in lines
    assert "Ticket:   t-1" in lines


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("passed_on", "was passed on to role:sales-lead"),
        ("expired", "was not answered in time"),
    ],
)
def test_the_subject_says_what_happened(post: Post, event: Any, says: str) -> None:
    send(mail_to_dana(post.port), replace(NOTICE, event=event, due=""))
    message = the_mail(post)
    assert subject_of(message) == f"renewal.offer of r-8f3a {says}"
    assert "Due" not in text_of(message)


def test_a_duplicate_has_the_same_id(post: Post) -> None:
    effect = mail_to_dana(post.port, sender=f"signoff@{'long.' * 20}example.com")
    ids = [send(effect, key=key) for key in ("k-1", "k-1", "k-2", HOSTILE)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    for (_, _, text), id in zip(post.mails, ids, strict=True):
        assert mail.message_from_bytes(text)["Message-ID"].strip() == id


def test_hostile_text_adds_no_header_and_no_line(post: Post) -> None:
    send(mail_to_dana(post.port), all_hostile())
    message = the_mail(post)
    assert message["Bcc"] is None
    assert set(message.keys()) == {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }
    assert subject_of(message).startswith("a Bcc: eve@example.com . QUIT [2J ? end of a Bcc:")
    assert len(subject_of(message)) <= 150
    text = text_of(message)
    assert len(text.rstrip("\n").split("\n")) == 7
    assert all(line.isprintable() for line in text.splitlines())
    assert len(post.mails) == 1


def test_a_long_reason_is_cut(post: Post) -> None:
    send(mail_to_dana(post.port), replace(NOTICE, because="because " * 100_000))
    assert len(text_of(the_mail(post))) < 5000


@pytest.mark.parametrize(
    ("verb", "said", "code"),
    [
        ("connect", "554 no mail here", 554),
        ("EHLO", "550 no", 550),
        ("MAIL", "553 not you", 553),
        ("RCPT", "550 5.1.1 no such user", 550),
        ("DATA", "554 no", 554),
        ("accept", "552 too much\x1b[2J\xff", 552),
    ],
)
def test_a_permanent_refusal_is_final(post: Post, verb: str, said: str, code: int) -> None:
    post.says = {verb: said, **({"HELO": said} if verb == "EHLO" else {})}
    with pytest.raises(EffectRefused) as refused:
        send(mail_to_dana(post.port))
    assert refused.value.code == f"smtp_{code}"
    assert refused.value.message.startswith(f"127.0.0.1 says {code}: ")
    assert refused.value.message.isprintable()


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("connect", "421 busy"),
        ("MAIL", "451 later"),
        ("RCPT", "450 greylisted"),
        ("DATA", "451 later"),
        ("accept", "452 full"),
        ("RCPT", "nonsense"),
    ],
)
def test_a_passing_refusal_is_tried_again(post: Post, verb: str, said: str) -> None:
    post.says = {verb: said}
    assert isinstance(carried(mail_to_dana(post.port)), InDoubt)


def test_a_server_that_hangs_up_is_tried_again(post: Post) -> None:
    post.says = {"RCPT": ""}
    assert "SMTPServerDisconnected" in str(carried(mail_to_dana(post.port)))


def test_a_server_that_is_down_is_tried_again() -> None:
    with pytest.raises(ConnectionRefusedError):
        send(mail_to_dana(free_port()))


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        effect = mail_to_dana(silent.getsockname()[1], timeout=0.2)
        with pytest.raises(OSError, match="timed out"):
            send(effect)


def test_what_is_accepted_stays_so_however_the_server_ends(post: Post) -> None:
    post.says = {"QUIT": "500 what?"}
    send(mail_to_dana(post.port))
    assert len(post.mails) == 1


def test_a_login_is_made_and_not_shown(post: Post) -> None:
    effect = mail_to_dana(post.port, user="robot", password="pa55word")
    send(effect)
    expected = base64.b64encode(b"\0robot\0pa55word").decode()
    assert f"AUTH PLAIN {expected}" in post.commands
    post.says = {"AUTH": f"535 {expected} pa55word is wrong"}
    shown = [repr(effect), repr(effect.perform), str(carried(effect))]
    assert "smtp_535" in shown[-1]
    post.says = {"AUTH": f"454 {expected} pa55word: later"}
    shown.append(str(carried(effect)))
    assert "NotDelivered" in shown[-1]
    for text in shown:
        assert "pa55word" not in text
        assert expected not in text


def test_without_encryption_nothing_is_sent_if_it_was_asked_for(post: Post) -> None:
    effect = mail_to_dana(post.port, starttls=True, user="robot", password="pa55word")
    assert "SMTPNotSupportedError" in str(carried(effect))
    assert not post.mails
    assert not [command for command in post.commands if command.startswith("AUTH")]


@pytest.mark.parametrize(
    "address",
    [
        *("", "dana", "@example.com", "dana@", "a@b@c", "a@x.org,b@x.org", "dana@example.com\0"),
        *("Dana <dana@example.com>", "dana@example.com\r\nBcc: eve@x.org", "dana@bücher.example"),
    ],
)
def test_what_is_no_bare_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="not a bare mail address"):
        email(address, host="mail.example.com", sender="signoff@example.com")
    with pytest.raises(UsageError, match="not a bare mail address"):
        email("dana@example.com", host="mail.example.com", sender=address)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": ""}, "mail server"),
        ({"host": "mail\r\nserver"}, "mail server"),
        ({"port": 0}, "mail server"),
        ({"port": 465}, "STARTTLS"),
        ({"user": "robot"}, "go together"),
        ({"password": "pa55word"}, "go together"),
        ({"user": "robot", "password": "pässword"}, "ASCII"),
        ({"host": "x.example", "user": "robot", "password": "pa55word"}, "cross the network"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        mail_to_dana(**({"port": 25} | options))
    assert "pa55word" not in str(refused.value)


def test_a_mail_is_found_by_its_address_or_its_name() -> None:
    assert mail_to_dana(25).name == "email:dana@example.com"
    assert mail_to_dana(25, name="dana").name == "dana"
    assert mail_to_dana(25) == mail_to_dana(25)


# Encrypted


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, with its key, that nobody trusts yet."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    made = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-batch"]
    command += ["-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command += ["-keyout", str(made), "-out", str(made.with_name("certificate.pem"))]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    made.write_text(made.read_text() + made.with_name("certificate.pem").read_text())
    return made


def serving_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def secure_receiver(certificate: Path) -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.url = receiver.url.replace("http:", "https:")
    context = serving_context(certificate)
    # The handshake comes with the first read, in the handler's thread.
    receiver.server.socket = context.wrap_socket(
        receiver.server.socket, server_side=True, do_handshake_on_connect=False
    )
    with serving(receiver.server):
        yield receiver


def test_https_is_spoken_to_a_server_that_is_trusted_only(
    secure_receiver: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in str(carried(hook(secure_receiver)))
    assert not secure_receiver.requests
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("certificate.pem")))
    assert send(hook(secure_receiver)) == "200"


def test_https_to_a_server_without_it_is_tried_again(receiver: Receiver) -> None:
    receiver.url = receiver.url.replace("http:", "https:")
    assert "SSLError" in str(carried(hook(receiver)))


def test_mail_is_encrypted_for_a_server_that_is_trusted_only(
    post: Post, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.tls = serving_context(certificate)
    effect = mail_to_dana(post.port, starttls=True, user="robot", password="pa55word")
    assert "CERTIFICATE_VERIFY_FAILED" in str(carried(effect))
    assert not post.mails
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("certificate.pem")))
    send(effect)
    assert len(post.mails) == 1
    assert post.commands.index("STARTTLS") < [c[:4] for c in post.commands].index("AUTH")
