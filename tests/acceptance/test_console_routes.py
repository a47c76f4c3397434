"""Every route of the real console, by every method, as everybody: allowed or refused as declared.

Routes are found in the application itself. One that is added is scanned without a word here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import console_route_table
import pytest
from console_doors import HASHED, PASSWORD, Browser
from console_world import LEAVING, PEOPLE, Crawl, Form, World, filled, standing
from starlette.routing import Mount, Route
from stores import opened

from signoff.console.access import HEADERS, Role, role_of
from signoff.ledger import Entry

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
READS = ("GET", "HEAD", "OPTIONS")
NOBODY = ""

#: What changes something that is not in the store: who is in.
OF_SESSIONS = ("/login", "/logout", "/sessions/{id}/end")

#: What looks again at the store or at a project, and writes on neither.
LOOKING = ("/controls/policy", "/decisions", "/diagnosis", "/reliability")

#: Answers by any name and way.
PROBE = "/healthz"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("routes")
    with standing(folder, filled(folder)) as world:
        yield world


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[World]:
    with standing(tmp_path, filled(tmp_path)) as world:
        yield world


@pytest.fixture(scope="module")
def seen(world: World) -> Crawl:
    """What an admin finds."""
    return world.crawl(world.browser("ada"))


def example(route: Route, seen: Crawl, world: World) -> tuple[str, Form | None]:
    """A real address of a route, with a form to send there if it takes one."""
    for form in seen.forms:
        if world.route_of(form.action, "POST") is route:
            return form.action, form
    for address in seen.found:
        if world.route_of(address) is route or urlsplit(address).path == route.path:
            return address, None
    return route.path.replace("{seq:int}", "1").replace("{id}", "none"), None


def may(name: str, role: Role | None) -> bool:
    return role is None or (name in PEOPLE and PEOPLE[name] >= role)


def token_of(world: World, browser: Browser) -> str:
    return browser.form_token("/") if browser.session else "none"


def state_of(world: World) -> tuple[list[str], set[str]]:
    return world.store(), world.sessions()


def refused(answer: Any) -> bool:
    return answer.status_code in (401, 403, 405, 415) or led_to_sign_in(answer)


def led_to_sign_in(answer: Any) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/login")


def called(route: Route, method: str) -> str:
    return f"{method} {route.path}"


# The scan


@pytest.mark.parametrize("name", [NOBODY, *PEOPLE])
def test_every_route_lets_in_whom_it_declares_and_refuses_all_others(
    world: World, seen: Crawl, name: str
) -> None:
    """By its own methods and by those that it has not; what is refused changes nothing."""
    wrong: list[str] = []
    scanned = 0
    browser = world.browser(name)
    token = token_of(world, browser)
    before = state_of(world)
    for path in dict.fromkeys(route.path for route in world.pages):
        there = [route for route in world.pages if route.path == path]
        for method in METHODS:
            serving = [route for route in there if method in (route.methods or ())]
            route = serving[0] if serving else there[0]
            role = role_of(route)
            allowed = bool(serving) and may(name, role)
            if allowed and method not in READS:
                continue  # what is allowed to change something is tried below
            if path in LEAVING and allowed and name:
                continue
            address, form = example(route, seen, world)
            fields = {"csrf": token, **(form.fields if form else {})}
            body = {} if method in READS else {"data": fields}
            answer = browser.request(method, address, **body)
            scanned += 1
            told = f"{called(route, method)} as {name or 'nobody'}: {answer.status_code}"
            if allowed != (not refused(answer)) and not (role is None and path != PROBE):
                wrong.append(told)
            if not allowed and answer.status_code not in expected(name, method, serving, path):
                wrong.append(f"{told}, which is the wrong refusal")
            if any(answer.headers.get(header) != value for header, value in HEADERS.items()):
                wrong.append(f"{told}, without the headers")
            if answer.status_code >= 500:
                wrong.append(told)
    assert wrong == []
    assert scanned > 100
    assert state_of(world) == before, "something that was refused, or only read, changed something"


def expected(name: str, method: str, serving: list[Route], path: str) -> tuple[int, ...]:
    """How a refusal is told."""
    if path == PROBE:
        return (405,)
    if name == NOBODY:
        return (303,) if method in READS else (401,)
    return (403,) if serving else (405,)


def test_what_stands_in_a_folder_is_there_for_anyone_and_nothing_beside_it(world: World) -> None:
    mounts = [route for route in world.routes if not isinstance(route, Route)]
    assert [mount.path for mount in mounts if isinstance(mount, Mount)] == [
        "/static/htmx",
        "/static",
    ]
    stranger = world.browser()
    assert stranger.get("/static/console.css").status_code == 200
    for path in ("console.js/..", "%2e%2e/_app.py", "..%2f_app.py", "../_app.py", "", "no", "%00"):
        assert stranger.get(f"/static/{path}").status_code in (303, 404, 405), path
    assert stranger.post("/static/console.css").status_code in (401, 405)


@pytest.mark.parametrize(
    "disguise",
    [
        "/{path}/",
        "//{path}",
        "/./{path}",
        "/static/../{path}",
        "/static/%2e%2e/{path}",
        "/healthz/../{path}",
        "/login/../{path}",
        "/{path};/login",
        "/{path}%00",
        "/{path}%23/static/",
        "/{path}?/static/console.css",
        "/static/%2e%2e%2f{path}",
        "http://127.0.0.1:8765/{path}",
    ],
)
def test_no_way_of_writing_an_address_leads_around_the_gate(
    world: World, seen: Crawl, disguise: str
) -> None:
    stranger = world.browser()
    for route in world.pages:
        if role_of(route) is not None:
            address, _ = example(route, seen, world)
            disguised = disguise.format(path=address.lstrip("/"))
            answer = stranger.get(disguised)
            assert led_to_sign_in(answer) or answer.status_code in (404, 405), disguised
            assert "signoff.toml" not in answer.text


@pytest.mark.parametrize("name", ["vic", NOBODY])
def test_a_method_that_is_said_elsewhere_is_not_taken(world: World, seen: Crawl, name: str) -> None:
    """`_method`, `X-HTTP-Method-Override` and their like make no write, and hide none."""
    browser, before = world.browser(name), world.store()
    kept = world.sessions()
    for route in world.pages:
        if role_of(route) in (None, Role.viewer) or "POST" not in (route.methods or ()):
            continue
        address, form = example(route, seen, world)
        fields = {**(form.fields if form else {}), "csrf": token_of(world, browser)}
        over = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"}
        browser.get(address, params={"_method": "POST", **fields}, headers=over)
        over = {"X-HTTP-Method-Override": "GET"}
        answer = browser.post(address, data={"_method": "GET", **fields}, headers=over)
        assert answer.status_code in (401, 403)
    assert world.store() == before
    assert world.sessions() == kept


# What is allowed is done, by name


def writes(world: World) -> list[tuple[str, Role]]:
    """The paths of what changes the store, with the least role."""
    found: list[tuple[str, Role]] = []
    for route in world.pages:
        role = role_of(route)
        if role is not None and not (route.methods or set()) <= {"GET", "HEAD"}:
            found += [(route.path, role)] if route.path not in (*OF_SESSIONS, *LOOKING) else []
    return found


async def _records(url: str, after: int) -> list[Entry]:
    async with opened(url, exclusive=False) as storage:
        return [entry async for entry in storage.entries(after=after)]


def records(world: World, after: int = 0) -> list[Entry]:
    """What stands on the ledger after a position."""
    return asyncio.run(_records(world.settings.store, after))


@pytest.mark.parametrize("name", PEOPLE)
def test_every_write_that_is_allowed_is_on_the_ledger_under_the_name_of_who_did_it(
    fresh: World, name: str
) -> None:
    """Each form that somebody is shown is sent by each of its buttons."""
    browser = fresh.browser(name)
    told = dict[str, int]()
    sent = set[tuple[str, str]]()
    for form in fresh.crawl(browser).forms:
        route = fresh.route_of(form.action, "POST")
        assert route is not None, f"{form.page} has a form that leads nowhere: {form.action}"
        if route.path in OF_SESSIONS or (form.action in {action for action, _ in sent}):
            continue
        buttons = {button for action, button in sent if fresh.route_of(action, "POST") is route}
        if form.button in buttons:
            continue
        sent.add((form.action, form.button))
        known = records(fresh)
        answer = browser.post(
            form.action, data={**form.fields, "csrf": browser.form_token(form.page)}
        )
        assert answer.status_code in (200, 303), f"{form} as {name}: {answer.text}"
        written = records(fresh, known[-1].position)
        assert may(name, role_of(route))
        if route.path in LOOKING:
            assert not written
            continue
        told[route.path] = told.get(route.path, 0) + len(written)
        who = [json.loads(entry.body).get("by") for entry in written]
        assert set(who) <= {name, None}, f"{form} wrote under another name: {who}"
        assert not written or name in who, f"{form} wrote nobody's name"
    for path, role in writes(fresh):
        if may(name, role):
            assert told.get(path), f"{name} may use {path} and it left nothing on the ledger"
        else:
            assert path not in told


def test_work_that_was_given_up_is_not_a_reviewers_to_decide(fresh: World) -> None:
    """The route lets reviewers answer tickets; this kind takes more."""
    admin = fresh.browser("ada")
    [form] = [f for f in fresh.crawl(admin).forms if f.fields.get("answer") == "retry"]
    ron, before = fresh.browser("ron"), fresh.store()
    page = ron.get(form.page).text
    assert "Answering needs the role operator" in page
    answer = ron.post(form.action, data={**form.fields, "csrf": ron.form_token("/")})
    assert answer.status_code == 403
    assert fresh.store() == before
    omar = fresh.browser("omar")
    assert omar.post(form.action, data={**form.fields, "csrf": omar.form_token("/")}).is_redirect


# Forged requests


@pytest.mark.parametrize("name", PEOPLE)
def test_without_the_sessions_own_token_nothing_is_written_by_anybody(
    world: World, seen: Crawl, name: str
) -> None:
    browser = world.browser(name)
    other = world.browser("ada")
    before = state_of(world)
    own = browser.form_token("/")
    tokens = {
        "none": None,
        "empty": "",
        "made up": "x" * len(own),
        "another session's": other.form_token("/"),
        "cut off": own[:-1],
        "of the form to sign in": world.browser().form_token("/login"),
    }
    for route in world.pages:
        if (route.methods or set()) <= {"GET", "HEAD"}:
            continue
        address, form = example(route, seen, world)
        for what, token in tokens.items():
            fields = {"x": "y", **(form.fields if form else {})}
            fields |= {} if token is None else {"csrf": token}
            answer = browser.post(address, data=fields)
            assert answer.status_code == 403, f"{route.path} as {name}, token {what}"
            in_address = browser.post(f"{address}?csrf={own}", data={"x": "y"})
            assert in_address.status_code == 403, f"{route.path}: its token was in the address"
        answer = browser.post(address, json={"csrf": own})
        assert answer.status_code in (403, 415), f"{route.path} as {name}, JSON"
    assert state_of(world) == before


# Reading


@pytest.mark.parametrize("name", PEOPLE)
def test_whoever_only_reads_changes_nothing(world: World, name: str) -> None:
    """Everything that is linked, and every form that only asks, by GET and by HEAD."""
    browser = world.browser(name)
    before = state_of(world)
    for address, answer in world.crawl(browser).found.items():
        path = urlsplit(address).path
        route = world.route_of(address)
        assert route is not None
        named = route.path != path or answer.request.url.query
        refusals = (200,) if may(name, role_of(route)) else (403,)
        assert answer.status_code in ((200,) if named else (*refusals, 404)), address
        head = browser.head(address)
        assert (head.status_code, head.content) == (answer.status_code, b""), address
    assert state_of(world) == before


# Secrets


def leaked(answers: Mapping[str, Any], secrets: Collection[str]) -> list[str]:
    """Where one of the secrets stands."""
    return [
        f"{address}: {secret[:12]}"
        for address, answer in answers.items()
        for secret in secrets
        if secret in answer.text or any(secret in value for value in answer.headers.values())
    ]


@pytest.mark.parametrize("name", PEOPLE)
def test_no_page_shows_a_secret(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords and their hashes, the sessions of others, keys in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
    others = [world.browser(other) for other in PEOPLE if other != name]
    secrets = {PASSWORD, HASHED, "sk-planted-0123456789", *(each.session for each in others)}
    assert all(len(secret) > 10 for secret in secrets)
    browser = world.browser(name)
    found = dict(world.crawl(browser).found)
    for address in ("/no-such-page", "/crossings/none", "/approvals/none", "/crossings?page=x"):
        found[address] = browser.get(address)
    assert len(found) > 20
    assert leaked(found, secrets) == []
    planted = next(iter(found.values())).text[:60]
    assert leaked(found, [planted]), "a secret on a page is found"


# Without a users file


def test_alone_the_link_lets_in_one_person_and_nobody_else(tmp_path: Path) -> None:
    with standing(tmp_path, filled(tmp_path), alone=True) as world:
        stranger, ada = world.browser(), world.browser("ada")
        seen = world.crawl(ada)
        before = world.store()
        for route in world.pages:
            role = role_of(route)
            address, form = example(route, seen, world)
            for method in sorted(route.methods or ()):
                body = {} if method in READS else {"data": dict(form.fields) if form else {}}
                answer = stranger.request(method, address, **body)
                if role is not None:
                    assert refused(answer), f"{called(route, method)}: {answer.status_code}"
                elif route.path != "/enter":
                    assert answer.status_code == 200
                else:
                    assert answer.status_code == 403
        assert not stranger.session
        assert world.store() == before
        assert all(answer.status_code in (200, 404) for answer in seen.found.values())


# The table


def test_the_table_in_the_docs_is_what_the_console_declares() -> None:
    """Anew: `.venv/bin/python tests/console_route_table.py`."""
    assert console_route_table.shown().splitlines() == console_route_table.table().splitlines()
    for row in console_route_table.rows():
        assert row.does.endswith("."), f"the handler of {row.path} does not say what it does"
