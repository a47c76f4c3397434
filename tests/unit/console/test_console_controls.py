"""Controls in the console: kills in two steps, what throttles have left, policies and what-ifs."""

from __future__ import annotations

import asyncio
import html
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bounded import Order, selling
from console_doors import HERE
from starlette.testclient import TestClient
from stores import opened

from signoff import Committed, Runtime
from signoff.boundary import KILLS, Kill, read_kills, write_kills
from signoff.clock import SystemClock, stamp
from signoff.console import Settings, create_app
from signoff.control import Gate, Throttle
from signoff.reading import throttled
from signoff.testing import FakeClock

HOSTILE = "<script>alert('over')</script>"

RULES = """
policy: prices
version: "1"
default: allow
rules:
  - id: cap
    when: proposal.price > 100
    code: over_cap
    message: "{proposal.price} is above 100"
    then: revise
"""

CASES = """
cases:
  - {name: little, proposal: {price: 7}, subject: {id: o-1}, expect: accept}
  - {name: much, proposal: {price: 700}, subject: {id: o-1}, expect: [over_cap]}
"""

TYPES = """
from pydantic import BaseModel


class Order(BaseModel):
    id: str
    tenant: str = ""
    sold: int = 0


class Price(BaseModel):
    price: int
    usd: float = 0.0
"""

DECLARED = """
[principals.root]
may_kill = ["everything"]

[[policies]]
file = "prices.yaml"
proposal = "shop:Price"
subject = "shop:Order"
cases = "cases.yaml"
boundary = "order.sell"
"""


@contextmanager
def console(folder: Path, settings: str = DECLARED) -> Iterator[TestClient]:
    """The console over `store.db` in a folder, and somebody who is in."""
    project = folder / "signoff.toml"
    project.write_text(settings)
    # What is run beside the console finds the types there.
    folder.joinpath("shop.py").write_text(TYPES)
    store = f"sqlite:///{folder / 'store.db'}"
    app = create_app(Settings(store=store, projects=(folder,), principals=project))
    with TestClient(app, base_url=HERE) as browser:
        browser.get(f"/enter?key={app.state.access.key}")
        for _ in range(400):
            if app.state.desk.index.progress.caught_up:
                break
            threading.Event().wait(0.05)
        yield browser


def sold(folder: Path, *prices: int) -> None:
    """Crossings of `order.sell` under a policy."""

    folder.joinpath("gate.yaml").write_text(RULES)

    async def run() -> None:
        gate: Gate[Any, Any] = Gate(folder / "gate.yaml")
        async with Runtime(f"sqlite:///{folder / 'store.db'}") as runtime:
            for number, price in enumerate(prices):
                boundary = selling(price).bounded_by(gate)
                await runtime.run(boundary, Order(id=f"o-{number}"))

    asyncio.run(run())


def words(page: Any) -> str:
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.text))
    return re.sub(r"\s+", " ", text)


def token(browser: TestClient, address: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get(address).text)
    assert found
    return found[1]


def told(browser: TestClient, address: str) -> str:
    """A page, once what it shows was looked at."""
    for _ in range(1000):
        page = browser.get(address)
        assert page.status_code == 200, page.text
        if "Looking since" not in page.text:
            return words(page)
        threading.Event().wait(0.05)
    raise AssertionError("it is looked at for ever")


def kills(folder: Path) -> list[str]:
    async def read() -> list[str]:
        async with opened(f"sqlite:///{folder / 'store.db'}") as storage:
            return [kill.scope for kill in read_kills(await storage.switch(KILLS))]

    return asyncio.run(read())


# Kills


def test_a_kill_is_thrown_in_two_steps_and_lifted(tmp_path: Path) -> None:
    sold(tmp_path, 7)
    with console(tmp_path) as browser:
        assert "Nothing is killed" in words(browser.get("/controls"))
        page = browser.get("/controls/kill?scope=order.sell")
        assert "Nothing in its scope is under way" in words(page)
        assert kills(tmp_path) == [], "looking stops nothing"
        form = {"csrf": token(browser, "/controls/kill?scope=order.sell"), "scope": "order.sell"}
        answer = browser.post("/controls/kill", data=form | {"because": HOSTILE})
        assert answer.status_code == 200
        assert "killed order.sell root" in words(answer)
        assert HOSTILE not in answer.text
        assert kills(tmp_path) == ["order.sell"]
        assert "already killed, by root" in words(browser.get("/controls/kill?scope=order.sell"))
        assert "It is killed, by root" in words(browser.get("/controls/lift?scope=order.sell"))
        answer = browser.post("/controls/lift", data=form | {"because": "mended"})
        assert "Nothing is killed" in words(answer)
    assert kills(tmp_path) == []


@pytest.mark.parametrize(
    ("scope", "because", "status", "says"),
    [
        ("order.sell", " ", 400, "say why"),
        ("", "a drill", 400, "is no scope"),
        ("x" * 400, "a drill", 400, "is no scope"),
        ("order\x07", "a drill", 400, "is no scope"),
        ("order.sell", "x" * 3000, 400, "at most 2,000 characters"),
    ],
)
def test_what_cannot_be_meant_stops_nothing(
    tmp_path: Path, scope: str, because: str, status: int, says: str
) -> None:
    sold(tmp_path, 7)
    with console(tmp_path) as browser:
        form = {"csrf": token(browser, "/controls/kill?scope=everything")}
        answer = browser.post("/controls/kill", data=form | {"scope": scope, "because": because})
        assert (answer.status_code, says in words(answer)) == (status, True)
    assert kills(tmp_path) == []


def test_who_is_not_listed_is_refused_and_that_they_tried_is_on_the_ledger(tmp_path: Path) -> None:
    sold(tmp_path, 7)
    listed = '[principals.dana]\nmay_kill = ["order.sell"]\n'
    with console(tmp_path, listed) as browser:
        page = browser.get("/controls/kill?scope=order.sell")
        assert "root is not listed as one who may kill order.sell" in words(page)
        form = {"csrf": token(browser, "/controls/kill?scope=order.sell"), "scope": "order.sell"}
        answer = browser.post("/controls/kill", data=form | {"because": "a drill"})
        assert answer.status_code == 403
        assert "dana may. That root tried is on the ledger" in words(answer)
    assert kills(tmp_path) == []


def test_a_scope_that_nothing_is_called_may_be_a_slip(tmp_path: Path) -> None:
    sold(tmp_path, 7)
    with console(tmp_path) as browser:
        page = words(browser.get("/controls/kill?scope=order.sel"))
        assert "no boundary order.sel; it has order.sell" in page
        for scope in ("order.sell", "everything", "tenant:acme", "subject:o-"):
            assert "no boundary" not in words(browser.get(f"/controls/kill?scope={scope}"))
        assert browser.get("/controls/kill").status_code == 404


def test_thousands_of_kills_stay_a_small_page(tmp_path: Path) -> None:
    sold(tmp_path, 7)
    at = stamp(SystemClock().now())
    many = [
        Kill(scope=f"subject:{HOSTILE}{number}", by="root", because=HOSTILE * 20, at=at)
        for number in range(3000)
    ]

    async def thrown() -> None:
        async with opened(f"sqlite:///{tmp_path / 'store.db'}") as storage:
            await storage.transact(lambda tx: tx.set_switch(KILLS, write_kills(many)))

    asyncio.run(thrown())
    with console(tmp_path) as browser:
        for address in ("/controls", "/controls?page=120", "/controls?page=121", "/"):
            page = browser.get(address)
            assert (page.status_code, len(page.content) < 100_000) == (200, True), address
            assert HOSTILE not in page.text
        assert "3,000 kills" in words(browser.get("/controls"))


# Throttles


def test_a_throttle_says_what_is_used_held_and_when_it_frees() -> None:
    async def run() -> None:
        clock = FakeClock()
        throttle: Throttle = Throttle(per_minute=2, per_tenant_per_hour=5, per_day_usd=1.0)
        boundary = selling(1, 2, 3).bounded_by(throttle)
        async with Runtime("sqlite://:memory:", clock=clock) as runtime:
            for number in range(2):
                outcome = await runtime.run(boundary, Order(id=f"o-{number}", tenant="acme"))
                assert isinstance(outcome, Committed)
                await clock.advance(seconds=10)
            storage = runtime.ledger
            [name] = await storage.throttle_names()
            found = await throttled(storage, name, clock.now())
            minute, hour, day = found.caps
            assert (found.name, found.tenants) == ("order.sell", 1)
            assert (minute.unit, minute.used, minute.held, minute.share) == ("a minute", 2, 0, 1)
            assert minute.frees == stamp(clock.now() + timedelta(seconds=40))
            assert (hour.unit, hour.tenant, hour.used) == ("an hour", "acme", 2)
            assert (day.unit, day.used, day.frees) == ("dollars a day", 0, "")
            await clock.advance(minutes=2)
            found = await throttled(storage, name, clock.now())
            shares = {cap.unit: cap.used for cap in found.caps}
            assert shares == {"a minute": 0, "an hour": 2, "dollars a day": 0}

    asyncio.run(run())


# Policies


def test_a_policy_shows_its_rules_its_tests_and_what_it_would_have_decided(tmp_path: Path) -> None:
    sold(tmp_path, 7, 90)
    tmp_path.joinpath("prices.yaml").write_text(RULES.replace("> 100", "> 50"))
    tmp_path.joinpath("cases.yaml").write_text(CASES)
    with console(tmp_path) as browser:
        assert "prices@1+" in words(browser.get("/controls"))
        page = told(browser, "/controls/policy?number=1")
        assert "proposal.price > 50" in page
        assert "no boundary has been judged by it yet" in page
        assert "All 2 cases hold" in page
        form = {"csrf": token(browser, "/controls/policy?number=1"), "number": "1"}
        browser.post("/controls/policy", data=form | {"what": "what-if"})
        page = told(browser, "/controls/policy?number=1")
        assert "1 decision of 2 would be another one" in page
        assert "over_cap 90 is above 100" in page
        assert browser.post("/controls/policy", data=form | {"what": "all"}).status_code == 400
        # A file that is broken meanwhile takes nothing away from what was found.
        tmp_path.joinpath("cases.yaml").write_text("cases: [")
        browser.post("/controls/policy", data=form | {"what": "test"})
        assert browser.get("/controls/policy?number=2").status_code == 404


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ("[[policies]]\nfile = 3", "file is no text"),
        ('[[policies]]\nfile = "--help"', "file is no text that can be meant"),
        ('[[policies]]\nfile = "p.yaml"', "does not say proposal"),
        ('[[policies]]\nfiles = "p.yaml"', "there is no 'files'"),
        ("policies = 3", "two brackets"),
        ("policies = [3]", "holds no table"),
        ("[[policies", "is no TOML"),
        ("", 'cases = "cases.yaml" boundary'),
    ],
)
def test_a_declaration_that_cannot_be_used_says_why(
    tmp_path: Path, declared: str, says: str
) -> None:
    sold(tmp_path, 7)
    project = tmp_path / "project"
    project.mkdir()
    project.joinpath("signoff.toml").write_text(declared)
    app = create_app(Settings(store=f"sqlite:///{tmp_path / 'store.db'}", projects=(project,)))
    with TestClient(app, base_url=HERE) as browser:
        browser.get(f"/enter?key={app.state.access.key}")
        assert says in words(browser.get("/controls"))
