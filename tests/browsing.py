"""A real browser over the real console, people who use it, and a runtime that acts on them."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from console_doors import PASSWORD, users_file
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    sync_playwright,
)
from served import Served
from starlette.applications import Starlette
from stores import opened

from signoff import Runtime
from signoff.clock import SystemClock
from signoff.console import AccessSettings, Settings, create_app
from signoff.console.access import Role
from signoff.ledger import Entry

T = TypeVar("T")

#: The browser talks to the console, and to nobody else.
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

#: The sizes of a desk's and of a phone's window.
DESK, PHONE = (1280, 800), (390, 844)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window.

    Playwright keeps a loop turning in the thread that it is used in: whatever else is asynchronous
    runs in a thread of its own meanwhile, as `at_work` and `read` do.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no Chromium on PATH")
    # Nothing of it goes through a proxy, whatever the environment says.
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*_OPTIONS], env={**kept}
        )
        try:
            yield browser
        finally:
            browser.close()


# People


@dataclass
class Person:
    """Somebody with a browser of their own, in which everything odd is noted.

    Attributes:
        odd: Dialogs, errors of scripts, what the browser complains about, requests to elsewhere.
    """

    context: BrowserContext
    page: Page
    url: str
    name: str = ""
    odd: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.context.on("request", self._asked)
        self.watch(self.page)

    def watch(self, page: Page) -> None:
        """Note what is odd in a page of theirs."""
        page.on("dialog", self._shown)
        page.on("pageerror", self._failed)
        page.on("console", self._said)

    def _asked(self, request: Request) -> None:
        to = urlsplit(request.url)
        if to.scheme not in ("data", "blob") and f"{to.scheme}://{to.netloc}" != self.url:
            self.odd.append(f"asked {request.url}")

    def _shown(self, dialog: Dialog) -> None:
        self.odd.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _failed(self, error: Error) -> None:
        self.odd.append(f"a script failed: {error.message}")

    def _said(self, message: ConsoleMessage) -> None:
        # A page that refuses something is no failure of the page.
        refused = message.text.startswith("Failed to load resource: the server responded with")
        if message.type in ("error", "warning") and not refused:
            self.odd.append(f"{message.type}: {message.text}")

    def opens(self, path: str) -> Page:
        """Their page, at an address of the console."""
        self.page.goto(f"{self.url}{path}")
        return self.page

    def signs_in(self) -> None:
        """By their name and password."""
        self.opens("/login")
        self.page.get_by_label("Name").fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.url}/")


# The console


class Later(SystemClock):
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.by


@dataclass
class Console:
    """The console, served over real HTTP; who comes to it is watched.

    Attributes:
        store: URL of what it shows.
        clock: Its time.
    """

    app: Starlette
    served: Served
    store: str
    clock: Later
    browser: Browser
    people: list[Person] = field(default_factory=list[Person])

    def person(self, name: str = "", **options: Any) -> Person:
        """Somebody who has just signed in: by name, where there are users, or by the link.

        Args:
            name: Of a user.
            **options: Of the browser's context.
        """
        person = self.visitor(name, **options)
        if name:
            person.signs_in()
        else:
            person.page.goto(self.app.state.access.link(self.served.port))
        return person

    def visitor(self, name: str = "", **options: Any) -> Person:
        """Somebody who has not signed in."""
        width, height = DESK
        options = {"viewport": {"width": width, "height": height}, **options}
        context = self.browser.new_context(**options)
        context.set_default_timeout(20_000)
        person = Person(context, context.new_page(), self.served.url, name)
        self.people.append(person)
        return person

    def catch_up(self) -> None:
        """Wait until the pages show all that the store holds now."""
        last = max((entry.position for entry in read(self.store)), default=0)
        waiting = threading.Event()
        for _ in range(1200):
            if self.app.state.desk.index.progress.position >= last:
                return
            waiting.wait(0.05)
        raise AssertionError(f"the index does not catch up: {self.app.state.desk.index.progress}")


@contextmanager
def console(
    browser: Browser,
    folder: Path,
    store: str,
    *,
    lead: Sequence[str] = (),
    projects: Sequence[Path] = (),
    **roles: Role,
) -> Iterator[Console]:
    """The console over a store that exists; at the end, nobody may have met anything odd.

    Args:
        browser: For those who come.
        folder: Where its files go.
        store: What it shows.
        lead: Who has the role `lead` and may kill everything, as far as signoff.toml goes.
        projects: Folders with decision records.
        **roles: The users. Without any, somebody is alone, with a link.
    """
    clock = Later()
    people = "\n".join(
        f'[principals.{name}]\nroles = ["lead", "renewal-desk"]\nmay_kill = ["everything"]'
        for name in lead
    )
    folder.joinpath("signoff.toml").write_text(people)
    settings = Settings(
        store=store,
        access=AccessSettings(users=users_file(folder, **roles) if roles else None, by="ann"),
        principals=folder / "signoff.toml",
        index=folder / "console.index",
        projects=tuple(projects) or (folder,),
        replays=folder / "replays",
    )
    app = create_app(settings, clock=clock)
    with ExitStack() as stack:
        served = stack.enter_context(Served(app, **app.state.access.server_options()))
        shown = Console(app, served, store, clock, browser)
        try:
            _await_ready(app)
            shown.catch_up()
            yield shown
            odd = [said for person in shown.people for said in person.odd]
            assert odd == []
        finally:
            for person in shown.people:
                person.context.close()


def _await_ready(app: Starlette) -> None:
    waiting = threading.Event()
    for _ in range(600):
        if hasattr(app.state, "desk"):
            return
        waiting.wait(0.02)
    raise AssertionError("the console has not started")


# Runtimes, and what they have written


@dataclass
class AtWork:
    """A runtime in a thread of its own, which acts on what people write."""

    runtime: Runtime
    portal: BlockingPortal
    going: list[Future[Any]] = field(default_factory=list[Future[Any]])

    def do(self, work: Callable[[Runtime], Awaitable[T]]) -> T:
        """Have it do something, and wait for that."""
        return self.portal.call(work, self.runtime)

    def goes_on(self, work: Callable[[Runtime], Awaitable[Any]]) -> None:
        """Have it do something until it is closed."""
        self.going.append(self.portal.start_task_soon(work, self.runtime))


@contextmanager
def at_work(store: str, *knows: Any, **options: Any) -> Iterator[AtWork]:
    """A runtime over a store, until it is closed."""
    with start_blocking_portal() as portal:
        runtime = Runtime(store, knows=knows, **options)
        with portal.wrap_async_context_manager(runtime):
            working = AtWork(runtime, portal)
            try:
                yield working
            finally:
                for task in working.going:
                    task.cancel()
                for task in working.going:
                    with suppress(CancelledError):
                        task.result(30)


def read(store: str, type: str = "") -> list[Entry]:
    """The ledger's records, all or those of one type."""

    async def entries() -> list[Entry]:
        async with opened(store, exclusive=False) as storage:
            return [entry async for entry in storage.entries() if type in ("", entry.type)]

    with start_blocking_portal() as portal:
        return portal.call(entries)
