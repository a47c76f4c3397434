"""The real console over a real store with something of everything in it, and a person per role."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from bounded import PRINCIPALS, Order, Price, says
from console_doors import Browser, users_file
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Route
from stores import opened

from signoff import Accept, Boundary, Reject, Runtime, Verdict
from signoff.clock import SystemClock, stamp
from signoff.console import AccessSettings, Settings, create_app
from signoff.console.access import Role, every_route
from signoff.control import Approval, Heartbeat, Principals, Throttle, throw
from signoff.state import After, StateMachine
from signoff.testing import FakeClock, Scripted

#: Who has which role. All of them may answer and kill everything as far as signoff.toml goes, so
#: that what refuses them is their role in the console.
PEOPLE = {"vic": Role.viewer, "ron": Role.reviewer, "omar": Role.operator, "ada": Role.admin}

#: What a model, a customer or a colleague may have written.
HOSTILE = (
    "<script>alert('planted')</script>",
    '"><img src=x onerror=planted>',
    "{{7*7191}} ${7*7191} #{7*7191} <%= 7*7191 %>",
    "{% raw %}{{ config }}{% endraw %}{% include '/etc/passwd' %}",
    "x\r\nSet-Cookie: planted=1\r\n\r\n<planted>",
)

#: What any of them would have become if a template had run it.
RUN = str(7 * 7191)


def hostile(offer: Price, order: Order) -> Verdict:
    """Objects in the words of an attacker."""
    if offer.price <= 100:
        return Accept()
    return Reject(HOSTILE[1][:60], " ".join(HOSTILE), then="stop")


async def _sold(offer: Price, order: Order, key: str) -> str:
    return HOSTILE[0]


async def fill(url: str) -> None:
    """A crossing of each kind, an open ticket, work given up, a kill, a throttle, a heartbeat."""
    sells = Boundary(
        "order.sell",
        proposer=says(Price(price=1, usd=0.01), repeat=True),
        verifiers=[hostile],
        commit=_sold,
        subject=Order,
    ).bounded_by(Throttle(per_minute=60, per_day_usd=5, name="sales"))
    refuses = Boundary(
        "order.refuse",
        proposer=Scripted(Price(price=1000), repeat=True),
        verifiers=[hostile],
        commit=_sold,
        subject=Order,
    )
    asks = Boundary(
        "order.ask",
        proposer=says(Price(price=7), repeat=True),
        verifiers=[hostile],
        commit=_sold,
        subject=Order,
    ).bounded_by(Approval(ask="role:lead", within=timedelta(days=3650)))

    async def breaks(runtime: Runtime, handle: Any) -> None:
        raise ConnectionError(HOSTILE[0])

    timer = After(timedelta(days=1), at="open", do=breaks)
    moves = {"open": {"sold"}, "sold": set[str]()}
    machine = StateMachine("order", moves, start="open", timers=[timer], subject=Order)
    clock = FakeClock()
    logging.disable(logging.CRITICAL)  # of the work that fails
    try:
        async with Runtime(url, clock=clock, knows=[machine], principals=PRINCIPALS) as runtime:
            await runtime.start(machine, Order(id="given-up"))
            await clock.advance(days=60)
            for number, text in enumerate(HOSTILE):
                await runtime.run(sells, Order(id=f"sold-{number}", tenant=text))
                await runtime.run(refuses, Order(id=text if text.isprintable() else "plain"))
                for again in ("", "-2"):
                    await runtime.run(asks, Order(id=f"asked-{number}{again}", tenant=text))
    finally:
        logging.disable(logging.NOTSET)
    now = SystemClock().now()
    async with opened(url, exclusive=False) as storage:
        for scope, why in (("order.killed", HOSTILE[0]), ("tenant:planted", HOSTILE[2])):
            assert await storage.transact(
                lambda tx, s=scope, w=why: throw(tx, PRINCIPALS, s, by="dana", because=w, now=now)
            )
        await storage.beat(
            Heartbeat(
                process=HOSTILE[0],
                child=HOSTILE[1],
                at=stamp(now),
                state="given_up",
                restarts=3,
                error=HOSTILE[2],
            )
        )


def principals_file(folder: Path) -> Path:
    """signoff.toml, which forbids nobody anything."""
    path = folder / "signoff.toml"
    tables = (
        f'[principals.{name}]\nroles = ["lead", "operator"]\nmay_kill = ["everything"]\n'
        for name in PEOPLE
    )
    path.write_text("\n".join(tables))
    assert set(Principals.load(path)) == set(PEOPLE)
    return path


@dataclass(frozen=True)
class Form:
    """A form that a page shows: what it is called by, and one way of filling it in and sending it.

    Attributes:
        page: Where it stands.
        method: GET or POST.
        action: Where it is sent.
        fields: What is sent, without its token.
        button: Which button sends it.
    """

    page: str
    method: str
    action: str
    fields: Mapping[str, str]
    button: str = ""


#: What a person would write into a field that is empty; whatever else is asked for is a word.
FILLED = {"scope": "order.sell", "reason": "tested", "because": "tested"}


class Reading(HTMLParser):
    """What a page leads to: its links and its forms, filled in."""

    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self.page = page
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._fields: dict[str, str] = {}
        self._buttons: list[tuple[str, str]] = []
        self._writing = ""
        self._choosing = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name in ("href", "hx-get", "src"):
            if name in given:
                self.links.append(urljoin(self.page, given[name]))
        name = given.get("name", "")
        match tag:
            case "form":
                action = urljoin(self.page, given.get("action", "") or self.page)
                method = given.get("method", "get").upper()
                self._form = Form(page=self.page, method=method, action=action, fields={})
                self._fields, self._buttons = {}, []
            case "input" if name and given.get("type") in ("checkbox", "radio"):
                if given["type"] == "checkbox" or name not in self._fields or "checked" in given:
                    self._fields[name] = given.get("value", "on")
            case "input" if name:
                kind = given.get("type", "text")
                empty = FILLED.get(name, "1" if kind == "number" else "")
                if not empty and "required" in given:
                    empty = FILLED.get(name, "word")
                self._fields[name] = given.get("value", "") or empty
            case "textarea" if name:
                self._writing = name
                self._fields[name] = ""
            case "select" if name:
                self._choosing = name
            case "option" if self._choosing:
                if not self._fields.get(self._choosing) or "selected" in given:
                    self._fields[self._choosing] = given.get("value", "")
            case "button" if given.get("type", "submit") == "submit":
                self._buttons.append((name, given.get("value", "")))
            case _:
                pass

    def handle_data(self, data: str) -> None:
        if self._writing:
            self._fields[self._writing] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._writing = ""
        elif tag == "select":
            self._choosing = ""
        elif tag == "form" and self._form is not None:
            self._fields.pop("csrf", None)
            for name, value in self._buttons or [("", "")]:
                fields = {**self._fields, **({name: value} if name else {})}
                self.forms.append(replace(self._form, fields=fields, button=value))
            self._form = None


@dataclass
class Crawl:
    """What somebody finds who follows every link.

    Attributes:
        found: What each address answered.
        forms: Each form that changes something.
    """

    found: dict[str, Any] = field(default_factory=dict[str, Any])
    forms: list[Form] = field(default_factory=list[Form])


#: Addresses of one route that a crawl opens: a list of crossings leads to each of them.
_OF_A_ROUTE = 14


@dataclass(frozen=True)
class World:
    """The real console, and what it stands on."""

    app: Starlette
    settings: Settings
    first: Browser

    @property
    def routes(self) -> list[BaseRoute]:
        """Everything that is served."""
        return [*every_route(self.app.routes)]

    @property
    def pages(self) -> list[Route]:
        """Everything that is served but for mounted folders."""
        return [route for route in self.routes if isinstance(route, Route)]

    def browser(self, name: str = "") -> Browser:
        """A browser; with somebody's name, they are signed in."""
        browser = Browser(self.app)
        # All of them talk to the one console that is served.
        browser.portal = self.first.portal
        if name and self.settings.access.users:
            entered = browser.sign_in(name)
            assert entered.status_code == 303, entered.text
        elif name:
            assert browser.get(f"/enter?key={self.app.state.access.key}").status_code == 303
        return browser

    def catch_up(self) -> None:
        """Wait until the pages show all that the store holds."""
        waiting = threading.Event()
        for _ in range(600):
            if self.app.state.desk.index.progress.caught_up:
                return
            waiting.wait(0.02)
        raise AssertionError(f"the index does not catch up: {self.app.state.desk.index.progress}")

    def route_of(self, address: str, method: str = "GET") -> Route | None:
        """The route that answers an address."""
        path = urlsplit(address).path
        scope = {"type": "http", "path": path, "method": method, "headers": [], "root_path": ""}
        for route in self.pages:
            if route.matches(scope)[0] is Match.FULL:
                return route
        return None

    def crawl(self, browser: Browser) -> Crawl:
        """Follow every link and send every form that changes nothing, from the first page on."""
        crawl, opened = Crawl(), dict[str, int]()
        ahead = ["/", *(route.path for route in self.pages if _is_page(route))]
        while ahead:
            address = ahead.pop(0).partition("#")[0]
            route = self.route_of(address)
            if route is None or address in crawl.found or route.path in LEAVING:
                continue
            opened[route.path] = opened.get(route.path, 0) + 1
            if opened[route.path] > _OF_A_ROUTE:
                continue
            answer = crawl.found[address] = browser.get(address)
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            read = Reading(address, answer.text)
            ahead += read.links
            for form in read.forms:
                if form.method == "POST":
                    if urlsplit(form.action).path not in LEAVING:
                        crawl.forms.append(form)
                elif form.method == "GET":
                    ahead.append(f"{form.action.partition('?')[0]}?{urlencode(form.fields)}")
        return crawl

    def store(self) -> list[str]:
        """All that is in the store, if that is a SQLite file."""
        path = self.settings.store.removeprefix("sqlite:///")
        store = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return list(store.iterdump())
        finally:
            store.close()

    def sessions(self) -> set[str]:
        """The ids of those who are in."""
        return {session.id for session in self.app.state.access.sessions}


#: Where a crawl does not go: they begin or end a session, or ask another server.
LEAVING = ("/login", "/logout", "/enter", "/oidc/start", "/oidc/callback")


def _is_page(route: Route) -> bool:
    return "GET" in (route.methods or ()) and "{" not in route.path


@contextmanager
def standing(
    folder: Path, store: str, *, alone: bool = False, users: Path | None = None
) -> Iterator[World]:
    """The console over a store, served; with a users file unless somebody is alone."""
    folder.mkdir(exist_ok=True)
    listed = None if alone else users or users_file(folder, **PEOPLE)
    settings = Settings(
        store=store,
        access=AccessSettings(users=listed, by="ada"),
        principals=principals_file(folder),
        index=folder / "console.index",
        projects=(folder,),
        replays=folder / "replays",
    )
    app = create_app(settings)
    with Browser(app) as first:
        world = World(app=app, settings=settings, first=first)
        world.catch_up()
        yield world


_filled: dict[str, bytes] = {}


def filled(folder: Path) -> str:
    """A SQLite store with something of everything; made once, and copied."""
    if not _filled:
        with tempfile.TemporaryDirectory() as elsewhere:
            made = Path(elsewhere, "filled.db")
            asyncio.run(fill(f"sqlite:///{made}"))
            with sqlite3.connect(made) as store:
                store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            store.close()
            _filled["store"] = made.read_bytes()
    path = folder / "store.db"
    path.write_bytes(_filled["store"])
    return f"sqlite:///{path}"
