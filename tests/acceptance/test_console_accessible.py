"""Every page of the console as axe-core judges it: light and dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal
from urllib.parse import urlsplit

import pytest
from anyio.from_thread import start_blocking_portal
from axe_playwright_python.sync_playwright import Axe
from browsing import DESK, PHONE, Console, Person, chromium, console
from console_demo import decided, replayed
from console_world import PEOPLE, fill
from playwright.sync_api import Browser, Page, ViewportSize, expect
from starlette.routing import Match, Route

from signoff.console.access import every_route

#: Pages of one route that are looked at.
_OF_A_ROUTE = 3

#: No page: they lead on, or give a file.
_NO_PAGE = ("/logout", "/enter", "/oidc/start", "/oidc/callback", "/healthz")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def shown(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("accessible")
    store = f"sqlite:///{folder / 'store.db'}"
    with start_blocking_portal() as portal:
        portal.call(fill, store)
    replayed(folder)
    projects = [decided(folder)]
    with console(browser, folder, store, lead=[*PEOPLE], projects=projects, **PEOPLE) as served:
        yield served


@dataclass(slots=True)
class Walked:
    """What was found on a walk over all pages, in a light scheme.

    Attributes:
        pages: Path of each route with a page -> addresses at which it has something to show.
        objections: What stands in somebody's way on a desk.
        too_wide: What is wider than a phone.
    """

    pages: dict[str, list[str]]
    objections: list[str]
    too_wide: list[str]


@pytest.fixture(scope="module")
def walked(shown: Console) -> Walked:
    person = shown.person("ada", color_scheme="light", viewport=_sized(DESK))
    walk = Walked({}, [], [])
    routes = [r for r in every_route(shown.app.routes) if isinstance(r, Route) and is_page(r)]
    ahead, seen = [r.path for r in routes if "{" not in r.path], set[str]()
    while ahead:
        address = ahead.pop(0)
        route = next((r for r in routes if matches(r, urlsplit(address).path)), None)
        if route is None or address in seen:
            continue
        seen.add(address)
        if len(walk.pages.setdefault(route.path, [])) < _OF_A_ROUTE:
            walk.pages[route.path].append(address)
            page = person.opens(address)
            expect(page.get_by_text("Looking since")).to_have_count(0, timeout=60_000)
            hrefs = page.eval_on_selector_all("main a", "all => all.map(a => a.href)")
            ahead += [h.removeprefix(shown.served.url).partition("#")[0] for h in hrefs]
            walk.objections += unfolded(page, address)
            page.set_viewport_size(_sized(PHONE))
            walk.too_wide += too_wide(page, address)
            page.set_viewport_size(_sized(DESK))
    assert set(walk.pages) == {route.path for route in routes}, "every page is looked at"
    return walk


def _sized(size: tuple[int, int]) -> ViewportSize:
    return {"width": size[0], "height": size[1]}


def is_page(route: Route) -> bool:
    named = route.path.endswith(".json") or route.path in _NO_PAGE
    return "GET" in (route.methods or ()) and not named


def matches(route: Route, path: str) -> bool:
    scope = {"type": "http", "path": path, "method": "GET", "headers": [], "root_path": ""}
    return route.matches(scope)[0] is Match.FULL


def objections(page: Page) -> list[str]:
    """What axe-core finds on a page, whatever its weight."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {each['id']} ({each['impact']}): {node['html'][:200]}"
        for each in found
        for node in each["nodes"]
    ]


def test_what_stands_in_the_way_is_found(shown: Console) -> None:
    page = shown.person("ada").opens("/crossings")
    assert objections(page) == []
    page.evaluate("document.querySelector('label[for=subject]').remove()")
    page.evaluate("document.querySelector('main').style.color = '#999'")
    assert {said.split(": ")[1].split()[0] for said in objections(page)} >= {
        "label",
        "color-contrast",
    }


def test_nothing_stands_in_anybodys_way_and_nothing_is_wider_than_a_phone(
    shown: Console, walked: Walked
) -> None:
    person = shown.person("ada")
    found = [*walked.objections, *walked.too_wide, *look(person, "/no-such-page")]
    person.page.set_viewport_size(_sized(PHONE))
    found += too_wide(person.page, "/no-such-page")
    person.page.get_by_role("button", name="Log out").click()
    assert [*found, *objections(person.page)] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        pytest.param("dark", PHONE, id="dark-phone"),
        pytest.param("light", PHONE, id="light-phone"),
        pytest.param("dark", DESK, id="dark-desk"),
    ],
)
def test_nor_in_the_dark_nor_on_a_phone(
    shown: Console, walked: Walked, scheme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    person = shown.person("ada", color_scheme=scheme, viewport=_sized(size))
    found: list[str] = []
    for address in (*chain(*walked.pages.values()), "/no-such-page"):
        found += look(person, address)
    person.page.get_by_role("button", name="Log out").click()
    assert [*found, *objections(person.page)] == []


def look(person: Person, address: str) -> list[str]:
    """What is wrong with one page, with everything on it unfolded."""
    return unfolded(person.opens(address), address)


def unfolded(page: Page, address: str) -> list[str]:
    """What is wrong with the page that is open, with everything on it unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true })")
    return [*objections(page), *too_wide(page, address)]


def too_wide(page: Page, address: str) -> list[str]:
    """Whether a page has to be moved sideways."""
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return [f"{address} is {wide} pixels wider than the window"] if wide > 0 else []
