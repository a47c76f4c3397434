"""What a request passes before a page sees it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from console_doors import HERE, PORT, Browser, guarded, later
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from signoff.console.access import (
    BACKGROUND,
    HEADERS,
    Access,
    AccessSettings,
    Role,
    anyone,
    needs,
)
from signoff.errors import UsageError
from signoff.testing import FakeClock

CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def app(users: Path, clock: FakeClock) -> Starlette:
    return guarded(AccessSettings(users=users), clock)[0]


@pytest.fixture
def ron(app: Starlette) -> Browser:
    browser = Browser(app)
    assert browser.sign_in("ron").status_code == 303
    return browser


# Who has not signed in


def test_a_stranger_is_sent_to_sign_in_and_then_back(app: Starlette) -> None:
    sent = Browser(app).get("/rule?a=1&b=2")
    assert sent.status_code == 303
    assert sent.headers["location"] == "/login?next=%2Frule%3Fa%3D1%26b%3D2"


def test_a_name_with_a_slash_in_it_is_found_again_after_signing_in(app: Starlette) -> None:
    sent = Browser(app).get("/subjects/a%2Fb%3Fc")
    assert sent.headers["location"] == "/login?next=%2Fsubjects%2Fa%252Fb%253Fc"


def test_a_stranger_does_not_learn_which_pages_there_are(app: Starlette) -> None:
    assert Browser(app).get("/nowhere").status_code == 303


def test_a_part_of_a_page_is_not_sent_to_a_stranger_but_the_page_is_left(app: Starlette) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{HERE}/rule?a=1"}
    refused = Browser(app).get("/", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["HX-Redirect"] == "/login?next=%2Frule%3Fa%3D1"


@pytest.mark.parametrize("shown", ["https://evil.example//evil.example/", "//evil", "javascript:x"])
def test_the_page_that_is_left_is_never_another_sites(app: Starlette, shown: str) -> None:
    refused = Browser(app).get("/", headers={"HX-Request": "true", "HX-Current-URL": shown})
    assert refused.headers["HX-Redirect"] == "/login"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "WHATEVER"])
def test_a_stranger_changes_nothing(app: Starlette, method: str) -> None:
    refused = Browser(app).request(method, "/answer", data={"what": "yes"})
    assert refused.status_code == 401
    assert "nothing was done" in refused.text


def test_whether_it_is_well_is_told_to_anyone_by_any_name(app: Starlette) -> None:
    assert Browser(app, base_url="http://10.0.0.7:1").get("/healthz").text == "ok"


# Roles


def test_a_role_includes_those_before_it_and_no_other(app: Starlette) -> None:
    allowed = {}
    for name in ("vic", "ron", "ada"):
        browser = Browser(app)
        browser.sign_in(name)
        form = {"csrf": browser.token(), "what": "yes"}
        allowed[name] = (
            browser.get("/").status_code,
            browser.post("/answer", data=form).status_code,
            browser.get("/rule").status_code,
            browser.get("/sessions").status_code,
        )
    assert allowed == {
        "vic": (200, 403, 403, 403),
        "ron": (200, 200, 403, 403),
        "ada": (200, 200, 200, 200),
    }


def test_a_route_that_declares_nothing_is_refused_when_the_console_starts(users: Path) -> None:
    async def forgotten(request: Request) -> Response:
        return PlainTextResponse("everything")

    app = Starlette(routes=[Route("/forgotten", forgotten)])
    with pytest.raises(UsageError, match="/forgotten does not say who may use it"):
        _access(users).guard(app)


def test_a_mount_that_declares_nothing_is_refused_when_the_console_starts(users: Path) -> None:
    app = Starlette(routes=[Mount("/files", StaticFiles(directory="/"))])
    with pytest.raises(UsageError, match="/files does not say who may use it"):
        _access(users).guard(app)


def test_a_route_inside_of_a_mount_declares_its_role_too(users: Path) -> None:
    async def forgotten(request: Request) -> Response:
        return PlainTextResponse("everything")

    app = Starlette(routes=[Mount("/inner", routes=[Route("/forgotten", forgotten)])])
    with pytest.raises(UsageError, match="/forgotten does not say who may use it"):
        _access(users).guard(app)


def test_no_route_of_ours_changes_something_for_anyone(users: Path) -> None:
    @anyone
    async def careless(request: Request) -> Response:
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/careless", careless, methods=["POST"])])
    with pytest.raises(UsageError, match="/careless changes something"):
        _access(users).guard(app)


def test_only_an_async_function_declares_a_role() -> None:
    def plain(request: Request) -> Response:
        return PlainTextResponse("done")

    with pytest.raises(UsageError, match="async"):
        needs(Role.viewer)(plain)  # type: ignore[arg-type]


def _access(users: Path) -> Access:
    return guarded(AccessSettings(users=users), FakeClock())[1]


# Forged requests


def test_a_form_of_the_session_is_taken(ron: Browser) -> None:
    assert ron.post("/answer", data={"csrf": ron.token(), "what": "yes"}).text == "ron wrote yes"


def test_a_token_in_the_header_is_taken(ron: Browser) -> None:
    headers = {"X-CSRF-Token": ron.token()}
    assert ron.post("/answer", data={"what": "yes"}, headers=headers).text == "ron wrote yes"


def test_a_page_carries_another_token_each_time_and_each_is_taken(ron: Browser) -> None:
    tokens = {ron.token() for _ in range(5)}
    assert len(tokens) == 5
    for token in tokens:
        assert ron.post("/answer", data={"csrf": token}).status_code == 200


def test_a_token_that_was_tampered_with_is_not_taken(ron: Browser) -> None:
    token = ron.token()
    for wrong in ("", "x", token[:-2], token[::-1], f"{token}A", "A" * len(token), "ü", token * 99):
        assert ron.post("/answer", data={"csrf": wrong}).status_code == 403, wrong


def test_another_sessions_token_is_not_taken(app: Starlette, ron: Browser) -> None:
    other = Browser(app)
    other.sign_in("ron")
    assert ron.post("/answer", data={"csrf": other.token()}).status_code == 403


def test_the_token_of_the_form_to_sign_in_is_no_sessions(app: Starlette, ron: Browser) -> None:
    token = Browser(app).form_token()
    assert ron.post("/answer", data={"csrf": token}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": HERE, "Sec-Fetch-Site": "same-site"},
        CROSS_SITE,
    ],
)
def test_another_sites_request_is_refused_even_with_the_token(
    ron: Browser, headers: dict[str, str]
) -> None:
    token = ron.token()
    assert ron.post("/answer", data={"csrf": token}, headers=headers).status_code == 403
    own = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
    assert ron.post("/answer", data={"csrf": token}, headers=own).status_code == 200


@pytest.mark.parametrize("dest", ["iframe", "image", "script", "empty", "document"])
def test_another_site_can_link_here_but_not_load_anything(ron: Browser, dest: str) -> None:
    linked = {**CROSS_SITE, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ron.get("/", headers=linked).status_code == 200
    mode = "navigate" if dest == "iframe" else "no-cors"
    loaded = {**CROSS_SITE, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    assert ron.get("/", headers=loaded).status_code == 403


@pytest.mark.parametrize("content", ["multipart/form-data; boundary=x", "text/plain", ""])
def test_what_is_no_form_of_ours_is_not_taken(ron: Browser, content: str) -> None:
    body = f"csrf={ron.token()}"
    refused = ron.post("/answer", content=body, headers={"Content-Type": content})
    assert refused.status_code == 415


def test_a_form_with_countless_fields_is_not_taken(ron: Browser) -> None:
    body = f"csrf={ron.token()}" + "&a=" * 2000
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ron.post("/answer", content=body, headers=headers).status_code == 415


def test_a_form_that_is_too_large_is_not_taken(users: Path, clock: FakeClock) -> None:
    app, _ = guarded(AccessSettings(users=users, largest_body=10_000), clock)
    ron = Browser(app)
    ron.sign_in("ron")
    form = {"csrf": ron.token(), "what": "x" * 9_000}
    assert ron.post("/answer", data=form).status_code == 200
    assert ron.post("/answer", data={**form, "what": "x" * 10_000}).status_code == 413


def test_a_megabyte_is_taken_of_who_is_in_and_little_of_a_stranger(
    app: Starlette, ron: Browser
) -> None:
    wide = {"csrf": ron.token(), "what": "ü" * 600_000}
    assert ron.post("/answer", data=wide).status_code == 200
    stranger = Browser(app)
    form = {"csrf": stranger.form_token(), "name": "x" * 20_000, "password": "x"}
    assert stranger.post("/login", data=form).status_code == 413


# Names of the host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST.", "[::1]"])
def test_the_console_answers_by_its_own_names(app: Starlette, host: str) -> None:
    assert Browser(app).get("/login", headers={"Host": f"{host}:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1:{PORT}.evil.example",
        f"127.0.0.1.evil.example:{PORT}",
        f"user@127.0.0.1:{PORT}",
        f"127.0.0.1:{PORT}/evil",
        "127.0.0.1:none",
        "[::1",
        "",
    ],
)
def test_the_console_does_not_answer_by_a_strangers_name(app: Starlette, host: str) -> None:
    for path in ("/", "/login", "/sessions", "/enter?key=x"):
        refused = Browser(app).get(path, headers={"Host": host})
        assert refused.status_code == 421, path


def test_a_request_by_two_names_is_not_answered(app: Starlette) -> None:
    own = ("Host", f"127.0.0.1:{PORT}")
    for other in (own, ("Host", "evil.example")):
        assert Browser(app).get("/login", headers=[own, other]).status_code == 421


def test_further_names_are_said_when_it_starts(users: Path, clock: FakeClock) -> None:
    settings = AccessSettings(users=users, host_names=("Console.Example",))
    browser = Browser(guarded(settings, clock)[0])
    assert browser.get("/login", headers={"Host": f"console.example:{PORT}"}).status_code == 200


# Headers


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 303), ("/login", 200), ("/healthz", 200), ("/oidc/start", 404), ("/oidc/x", 303)],
)
def test_every_answer_to_a_stranger_has_the_headers(app: Starlette, path: str, status: int) -> None:
    _has_headers(Browser(app).get(path), status)


def test_every_answer_to_who_is_in_has_the_headers(app: Starlette, ron: Browser) -> None:
    _has_headers(ron.get("/"), 200)
    _has_headers(ron.get("/nowhere"), 404)
    _has_headers(ron.get("/rule"), 403)
    _has_headers(ron.post("/answer"), 415)
    _has_headers(ron.get("/", headers={"Host": "evil"}), 421)
    unshaken = Browser(app)
    unshaken._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    unshaken.cookies = ron.cookies
    _has_headers(unshaken.get("/broken"), 500)


def _has_headers(answer: Response, status: int) -> None:
    assert answer.status_code == status
    told = {name: answer.headers.get(name) for name in HEADERS}
    assert told == HEADERS
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


def test_nothing_is_run_or_framed_that_is_not_ours() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


# Behind a proxy, and with TLS


@pytest.fixture
def proxied(users: Path, clock: FakeClock) -> Starlette:
    settings = AccessSettings(
        users=users, behind_proxy="10.0.0.0/24", host_names=("console.example",)
    )
    return guarded(settings, clock)[0]


FORWARDED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
    "Host": "console.example",
}


def test_what_the_proxy_passes_on_is_answered(proxied: Starlette) -> None:
    answer = Browser(proxied, "10.0.0.3").get("/login", headers=FORWARDED)
    assert answer.status_code == 200
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["set-cookie"].startswith("__Host-signoff-login=")


def test_who_goes_round_the_proxy_is_refused(proxied: Starlette) -> None:
    assert Browser(proxied, "192.0.2.1").get("/login", headers=FORWARDED).status_code == 403


def test_what_the_proxy_got_without_tls_is_refused(proxied: Starlette) -> None:
    plain = {**FORWARDED, "X-Forwarded-Proto": "http"}
    assert Browser(proxied, "10.0.0.3").get("/login", headers=plain).status_code == 403


def test_an_address_that_a_stranger_makes_up_is_not_believed(
    app: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "signoff.console"):
        browser = Browser(app, "127.0.0.1")
        browser.headers["X-Forwarded-For"] = "203.0.113.9"
        browser.sign_in("ron")
    assert "203.0.113.9" not in caplog.text
    assert 'address="127.0.0.1"' in caplog.text


def test_the_proxys_word_for_an_address_is_believed(
    proxied: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "signoff.console"):
        browser = Browser(proxied, "10.0.0.3", base_url="https://console.example")
        browser.headers.update({k: v for k, v in FORWARDED.items() if k != "Host"})
        assert browser.sign_in("ron").status_code == 303
    assert 'address="203.0.113.9"' in caplog.text


# While somebody is in


def test_a_page_that_asks_by_itself_does_not_keep_a_session_alive(
    ron: Browser, clock: FakeClock
) -> None:
    for _ in range(4):
        later(clock, minutes=10)
        asked = ron.get("/", headers={BACKGROUND: "1"}).status_code
    assert asked == 303


def test_who_clicks_stays_in_until_the_day_is_over(ron: Browser, clock: FakeClock) -> None:
    began = clock.now()
    while ron.get("/").status_code == 200:
        later(clock, minutes=20)
    assert clock.now() - began == timedelta(hours=12)
