"""Every route of the console is sent what nobody would write, as everybody.

Routes, their addresses and the fields of their forms are found in the console itself, described as
OpenAPI, and Schemathesis draws requests from that: some as they should be, some not. What even it
cannot send goes through a socket.
"""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import schemathesis
from console_doors import Browser
from console_world import LEAVING, PEOPLE, Crawl, World, filled, standing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import Served
from starlette.routing import Route

from signoff.console.access import HEADERS

NOBODY = ""

#: What marks an answer that repeats what it was sent without escaping it.
PLANTED = "<planted'\">"

#: What no page may be longer than, in bytes.
LONGEST = 100_000

#: Values that have broken other servers, besides those that are drawn.
NASTY = (
    PLANTED, "", " ", "0", "-1", "1e999", "9" * 5_000, "NaN", "null", "\x00", "\r\nX-Planted: 1",
    "../../etc/passwd", "%00%ff", "\ud7ff\ue000\uffff", "\u202e", "{{7*7191}}", "\U0010ffff",
    "'; DROP TABLE records--", "//planted.example", "https://planted.example/", "2026-02-30",
    "javascript:alert(1)", "everything", "subject:", "tenant:" + PLANTED, "a" * 300 + "é" * 300,
)  # fmt: skip

#: Requests to each route, in every run and when there is time.
FEW, MANY = 6, 100

quietly = settings(
    deadline=None,
    suppress_health_check=[*HealthCheck],
    derandomize=True,
    database=None,
    max_examples=150,
)

NASTIES = st.sampled_from(NASTY) | st.text(max_size=50)

#: What a cookie may look like.
TOKENLIKE = st.text('abcXYZ012-_.=%"<>', max_size=80)

ADDRESSES = [
    b"/", b"//", b"/%", b"/%zz", b"/%00", b"/crossings?subject=%ff%fe", b"/crossings/%2e%2e/%2e%2e",
    b"/approvals?page=%", b"/subjects/\xff", b"http://planted.example/", b"*",
    b"/?" + b"a=b&" * 9_000,
    b"/static/..%c0%af..%c0%afetc/passwd", b"/crossings?" + b"&".join([b"boundary=x"] * 500),
]  # fmt: skip

HEAD = [
    b"Content-Type: application/x-www-form-urlencoded; charset=\xff",
    b"Content-Type: multipart/form-data; boundary=" + b"b" * 300,
    b"Content-Type: multipart/form-data", b"Content-Type: application/json",
    b"Transfer-Encoding: chunked",
    b"Cookie: session=" + b"%ff" * 50, b"Cookie: \xff\xfe; ;;=;", b"Host: planted.example",
    b"HX-Request: true", b"HX-Current-URL: http://planted.example/", b"X-Forwarded-For: <planted>",
    b"X-Forwarded-Proto: javascript", b"Accept-Encoding: gzip;q=x", b"Range: bytes=0-99999999999",
    b"If-None-Match: \xff", b"Content-Length: -1", b"Expect: 100-continue", b"X-Planted: 1\r\n y",
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with standing(folder, filled(folder)) as world:
        yield world


@pytest.fixture(scope="module")
def seen(world: World) -> Crawl:
    """What an admin finds."""
    return world.crawl(world.browser("ada"))


@pytest.fixture(scope="module")
def people(world: World) -> dict[str, Browser]:
    return {name: world.browser(name) for name in (NOBODY, *PEOPLE)}


class Watched:
    """A connection that sees whether another one has changed the store."""

    def __init__(self, world: World) -> None:
        path = world.settings.store.removeprefix("sqlite:///")
        self._line = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def version(self) -> int:
        """Another one after each change."""
        [(number,)] = self._line.execute("PRAGMA data_version").fetchall()
        return int(number)


@pytest.fixture(scope="module")
def store(world: World) -> Watched:
    return Watched(world)


def described(world: World, seen: Crawl) -> dict[str, Any]:
    """The console as OpenAPI: what its own links and forms ask of each route."""
    paths = dict[str, dict[str, Any]]()
    for route in world.pages:
        there = paths.setdefault(re.sub(r"{(\w+):\w+}", r"{\1}", route.path), {})
        ids = [parameter("path", name, required=True) for name in route.param_convertors]
        for method in route.methods or ():
            operation: dict[str, Any] = {"responses": {"200": {"description": "a page"}}}
            operation["parameters"] = [
                *ids,
                *(parameter("query", name) for name in sorted(asked_of(route, world, seen))),
            ]
            if method == "POST":
                fields = sorted({"csrf", *fields_of(route, world, seen)})
                told = {"type": "object", "properties": {name: text() for name in fields}}
                form = {"application/x-www-form-urlencoded": {"schema": told}}
                operation["requestBody"] = {"content": form}
            there[method.lower()] = operation
    about = {"title": "the console", "version": "1"}
    return {"openapi": "3.0.3", "info": about, "paths": paths}


def parameter(where: str, name: str, *, required: bool = False) -> dict[str, Any]:
    return {"in": where, "name": name, "required": required, "schema": text()}


def text() -> dict[str, Any]:
    return {"anyOf": [{"type": "string"}, {"type": "string", "enum": [*NASTY]}]}


def asked_of(route: Route, world: World, seen: Crawl) -> set[str]:
    """The names in the query strings that lead to a route."""
    led = (address for address in seen.found if world.route_of(address) is route)
    return {name for address in led for name in parse_qs(urlsplit(address).query, True)} | {"next"}


def fields_of(route: Route, world: World, seen: Crawl) -> set[str]:
    """The names of the fields in the forms that are sent to a route."""
    sent = (form for form in seen.forms if world.route_of(form.action, "POST") is route)
    return {name for form in sent for name in form.fields}


# What holds for every answer


def wrong_with(answer: Any) -> list[str]:
    """What no answer may be, whatever was asked."""
    found: list[str] = []
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 500:
        found.append("it failed")
    if any(answer.headers.get(header) != value for header, value in HEADERS.items()):
        found.append("the headers are missing")
    if "x-planted" in answer.headers:
        found.append("a header was planted")
    to = urlsplit(str(answer.headers.get("location", "")))
    if to.netloc or to.scheme or to.path.startswith(("//", "/\\")):
        found.append(f"it leads to {answer.headers['location']}")
    if len(answer.content) > LONGEST:
        found.append(f"it has {len(answer.content)} bytes")
    if "Traceback (most recent" in answer.text:
        found.append("a traceback")
    if kind.startswith("text/html") and "<planted" in answer.text:
        found.append("it repeats what was sent")
    return found


def refused(answer: Any) -> bool:
    """Nothing may have come of it."""
    led = str(answer.headers.get("location", ""))
    return bool(answer.status_code >= 400 or led.startswith("/login"))


class Answer(SimpleNamespace):
    """An answer without a console."""

    def __init__(self, status: int = 200, text: str = "", **headers: Any) -> None:
        kept = {**HEADERS, "content-type": "text/html; charset=utf-8", **headers}
        content = text.encode()
        super().__init__(status_code=status, text=text, content=content, headers=kept)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(text=f"<p>{PLANTED}</p>"),
        Answer(text="Traceback (most recent call last):"),
        Answer(text="a" * 100_001),
        Answer(303, location="//planted.example/"),
        Answer(303, location="https://planted.example/"),
        Answer(200, "", **{"x-planted": "1"}),
        Answer(200, "", **{next(iter(HEADERS)): "another"}),
    ],
    ids=["failed", "unescaped", "traceback", "long", "away", "elsewhere", "planted", "bare"],
)
def test_what_would_be_wrong_is_found(answer: Answer) -> None:
    assert len(wrong_with(answer)) == 1
    assert wrong_with(Answer(text="<p>&lt;planted&#39;&#34;&gt;</p>")) == []


# What is drawn from the description


def test_no_request_breaks_a_route(
    world: World, seen: Crawl, people: dict[str, Browser], store: Watched
) -> None:
    _fuzz(world, seen, people, store, schemathesis.GenerationMode.POSITIVE, tries=FEW)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_no_request_out_of_very_many_breaks_a_route(
    world: World,
    seen: Crawl,
    people: dict[str, Browser],
    store: Watched,
    mode: schemathesis.GenerationMode,
) -> None:
    _fuzz(world, seen, people, store, mode, tries=MANY)


def _fuzz(
    world: World,
    seen: Crawl,
    people: dict[str, Browser],
    store: Watched,
    mode: schemathesis.GenerationMode,
    *,
    tries: int,
) -> None:
    schema: Any = schemathesis.openapi.from_dict(described(world, seen))
    wrong: list[str] = []
    asked = 0

    def ask(case: Any, name: str, token: bool) -> None:
        nonlocal asked
        browser, before = people[name], store.version()
        answer = browser.request(case.method, **sent(case, browser, token=token))
        asked += 1
        told = f"{case.method} {case.path} as {name or 'nobody'}: {answer.status_code}"
        wrong.extend(f"{told}: {what}: {sent(case, browser)}" for what in wrong_with(answer))
        if (case.method in ("GET", "HEAD") or refused(answer)) and store.version() != before:
            wrong.append(f"{told}: it changed the store: {sent(case, browser)}")

    for operation in (result.ok() for result in schema.get_all_operations()):
        if operation.path in LEAVING:
            continue  # what begins and ends sessions is tried below, by nobody
        who = st.sampled_from([*people])
        cases = operation.as_strategy(generation_mode=mode)
        settings(quietly, max_examples=tries)(given(cases, who, st.booleans())(ask))()
    assert wrong == []
    assert asked >= tries * 20, "most routes were asked"


def sent(case: Any, browser: Browser, *, token: bool = False) -> dict[str, Any]:
    """What a case sends, as far as a browser can send it; with its session's token if asked."""
    body = cast("dict[Any, Any]", case.body) if isinstance(case.body, dict) else {}
    fields = {str(name): str(value) for name, value in body.items()}
    if token and browser.session:
        fields["csrf"] = TOKENS.setdefault(browser.session, browser.form_token("/"))
    asked = {str(name): _words(value) for name, value in (case.query or {}).items()}
    ids = {name: quote(str(value), safe="") for name, value in case.path_parameters.items()}
    told: dict[str, Any] = {"url": case.path.format(**ids), "params": asked}
    return told if case.method in ("GET", "HEAD") else {**told, "data": fields}


def _words(value: Any) -> Any:
    return [*map(str, cast("list[Any]", value))] if isinstance(value, list) else str(value)


#: The token of each session, by its cookie.
TOKENS: dict[str, str] = {}


@quietly
@given(
    path=st.sampled_from([*LEAVING]),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    asked=st.dictionaries(st.sampled_from(["next", "key", "code", "state", "x"]), NASTIES),
    fields=st.dictionaries(st.sampled_from(["csrf", "name", "password", "next"]), NASTIES),
    cookies=st.dictionaries(st.sampled_from(["session", "__Host-session", "csrf", "x"]), TOKENLIKE),
)
def test_nobody_breaks_the_way_in(
    world: World,
    store: Watched,
    path: str,
    method: str,
    asked: dict[str, str],
    fields: dict[str, str],
    cookies: dict[str, str],
) -> None:
    """Cookies, fields and addresses that somebody who has not signed in makes up."""
    stranger, before, inside = world.browser(), store.version(), world.sessions()
    said = "; ".join(f"{name}={value}" for name, value in cookies.items())
    sends: dict[str, Any] = {"data": fields} if method == "POST" else {}
    answer = stranger.request(
        method, path, params=asked, headers={"cookie": said} if said else {}, **sends
    )
    assert wrong_with(answer) == []
    assert store.version() == before
    assert world.sessions() == inside


# What only a socket can send


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[Served]:
    # The world has begun and will end the application itself.
    with Served(world.app, lifespan="off") as served:
        yield served


@quietly
@given(
    method=st.sampled_from([b"GET", b"POST", b"HEAD", b"get", b"X" * 300, b"\xff"]),
    path=st.sampled_from(ADDRESSES) | st.binary(max_size=40).map(lambda some: b"/" + some),
    headers=st.lists(st.sampled_from(HEAD) | st.binary(max_size=60), max_size=5),
    body=st.binary(max_size=200),
)
def test_no_bytes_break_the_console(
    world: World,
    served: Served,
    store: Watched,
    method: bytes,
    path: bytes,
    headers: list[bytes],
    body: bytes,
) -> None:
    before = store.version()
    host = f"Host: 127.0.0.1:{served.port}".encode()
    head = b"\r\n".join([method + b" " + path + b" HTTP/1.1", host, b"Connection: close", *headers])
    length = b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = raw(served.port, head + length + body)
    assert not answer or answer.startswith(b"HTTP/1.1 "), answer[:80]
    assert not answer.startswith(b"HTTP/1.1 5"), answer[:300]
    assert b"Traceback" not in answer
    assert b"\r\nX-Planted" not in answer.partition(b"\r\n\r\n")[0].title()
    assert store.version() == before
    assert world.first.get("/healthz").status_code == 200


def raw(port: int, request: bytes) -> bytes:
    """Send bytes, and read all that comes back."""
    with socket.create_connection(("127.0.0.1", port), 20) as line:
        answer = b""
        try:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            while some := line.recv(65536):
                answer += some
        except ConnectionError:
            pass  # it was cut off, which is an answer as well
        return answer
