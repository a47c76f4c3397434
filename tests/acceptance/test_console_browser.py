"""The web console in a real Chromium, as people use it, beside a runtime that acts on them."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bounded import Order, Price, affordable, selling
from browsing import AtWork, Person, at_work, chromium, console, read
from console_doors import PASSWORD
from playwright.sync_api import Browser, Locator, Page, Route, expect

from signoff import Boundary, Reject, Runtime, Transactional, Write
from signoff.clock import SystemClock
from signoff.console.access import Role
from signoff.control import Approval
from signoff.testing import FakeClock, Scripted
from signoff.workloads.contract_renewal import proposers
from signoff.workloads.contract_renewal.boundary import Proposers
from signoff.workloads.contract_renewal.customers import Customer
from signoff.workloads.contract_renewal.run import agent_of
from signoff.workloads.contract_renewal.services import Faults, open_services
from signoff.workloads.contract_renewal.subject import Offer, Renewal
from signoff.workloads.contract_renewal.world import World

HOUR = timedelta(hours=1)

#: Who answers: everybody of them is a lead.
ANN, BEN = Role.reviewer, Role.reviewer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def asking(within: timedelta = HOUR, **more: Any) -> Any:
    """A boundary that asks a lead about everything."""
    approval = Approval(ask="role:lead", within=within)
    return selling(name="order.ask", **more).bounded_by(approval)


def ask(boundary: Any, *ids: str) -> Callable[[Runtime], Any]:
    """Cross a boundary with some orders."""

    async def cross(runtime: Runtime) -> None:
        for id in ids:
            await runtime.run(boundary, Order(id=id))

    return cross


def committed(store: str) -> list[dict[str, Any]]:
    """What was committed, in the order of the ledger."""
    return [json.loads(entry.body) for entry in read(store, "committed")]


def tabs_to(page: Page, wanted: Locator, most: int = 60) -> None:
    """Press Tab until something has the focus."""
    for _ in range(most):
        if wanted.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} is out of the keyboard's reach")


# A renewal


@contextmanager
def renewing(store: str, folder: Path) -> Iterator[AtWork]:
    """The renewal agent with one customer, 30 days before the end: its model offers 90 percent."""
    customer = Customer(
        customer_id="7590-VHVEG",
        contract="One year",
        monthly_charges=80.0,
        tenure=20,
        churned=False,
        internet_service="DSL",
    )
    honest = proposers.simulated(seed=0, misbehaves=0.0)
    generous = Offer(customer_id="7590-VHVEG", discount=0.9, product="DSL", message="Stay.")
    offers = Scripted(generous, proposes=Offer, repeat=True)
    model = Proposers(
        score=honest.score,
        offer=offers,
        terms=honest.terms,
        closing=honest.closing,
        signals=honest.signals,
    )
    begins = SystemClock().now() - timedelta(days=60)
    clock = FakeClock(begins)
    with open_services(folder, Faults.none()) as services:
        agent = agent_of(model, services, World({customer.customer_id: customer}))
        known = (agent.lifecycle, *agent.crossed)
        principals = folder.parent / "signoff.toml"
        principals.write_text('[principals.ann]\nroles = ["renewal-desk"]\n')
        with at_work(store, *known, clock=clock, principals=principals) as working:

            async def until_now(runtime: Runtime) -> None:
                renewal = Renewal.opened(customer, ends=begins + timedelta(days=90))
                await runtime.start(agent.lifecycle, renewal)
                await clock.advance_to(SystemClock().now())

            async def and_on(runtime: Runtime) -> None:
                """Time passes as it does; once the offer is out, the customer thinks it over."""
                while True:
                    await asyncio.sleep(0.1)
                    await clock.advance_to(max(clock.now(), SystemClock().now()))
                    row = await runtime.ledger.row(customer.customer_id)
                    if row is not None and row.state == "offer_sent":
                        await clock.advance(days=35)

            working.do(until_now)
            working.goes_on(and_on)
            yield working


def test_an_offer_over_the_cap_is_edited_and_the_renewal_closes(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    with (
        renewing(sqlite_url, tmp_path / "services"),
        console(browser, tmp_path, sqlite_url, lead=["ann"]) as shown,
    ):
        person = shown.person()
        page = person.opens("/crossings?code=over_cap")
        page.get_by_role("row").nth(1).get_by_role("link").first.click()
        # Why it was stopped: the rule, and what it said.
        first = page.locator("section.card").first
        expect(first).to_contain_text('"discount": 0.6')
        expect(first.get_by_role("row").nth(1)).to_contain_text("gate:offer")
        expect(first.get_by_role("row").nth(1)).to_contain_text("30% allowed")
        page.get_by_role("link", name="Ticket").click()

        expect(page.get_by_role("heading", level=1)).to_contain_text("63% offered, 30% allowed")
        expect(page.locator("#standing")).to_contain_text("it goes to role:team-lead")
        page.get_by_label("Because").fill("what they pay is worth a quarter")
        page.get_by_text("Edit it").click()
        written = page.get_by_label("Proposal, as JSON")
        proposal = json.loads(written.input_value())
        assert proposal["discount"] > 0.3
        proposal |= {"discount": 0.25, "message": "Stay, and pay 25% less."}
        written.fill(json.dumps(proposal))
        page.get_by_role("button", name="Answer with this version").click()

        expect(page.locator("#standing")).to_contain_text("edited by ann")
        page.evaluate("window.here = true")  # nobody loads the page anew
        expect(page.locator("#outcome")).to_contain_text("committed", timeout=20_000)
        assert page.evaluate("window.here")
        page.get_by_role("definition").get_by_role("link", name="7590-VHVEG").click()
        page.evaluate("window.here = true")
        state = page.locator("#story dl.facts dd").first
        expect(state).to_have_text("closed", timeout=30_000)
        assert page.evaluate("window.here")
    [offer] = [
        json.loads(entry.body)
        for entry in read(sqlite_url, "proposed")
        if '"discount":0.25' in entry.body
    ]
    assert offer["proposal"]["message"] == "Stay, and pay 25% less."


# Two people


def answers(page: Page, button: str, because: str) -> None:
    page.get_by_label("Because").fill(because)
    page.get_by_role("button", name=button, exact=True).click()


def ignores_polls(person: Person) -> None:
    """Their page hears nothing new by itself."""

    def drop(route: Route) -> None:
        if "hx-request" in route.request.headers:
            route.fulfill(status=204)
        else:
            route.fallback()

    person.context.route("**/*", drop)


def test_of_two_reviewers_the_second_is_told_who_was_faster(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    boundary = asking()
    with at_work(sqlite_url, boundary) as working:
        working.do(ask(boundary, "o-1"))
        with console(
            browser, tmp_path, sqlite_url, lead=["ann", "ben", "cid"], ann=ANN, ben=BEN, cid=BEN
        ) as shown:
            ann, ben, cid = (shown.person(name) for name in ("ann", "ben", "cid"))
            ignores_polls(ben)
            for person in (ann, ben, cid):
                person.opens("/approvals").locator("tbody a").first.click()
                expect(person.page.get_by_role("button", name="Approve")).to_be_visible()
            answers(ann.page, "Approve", "a good customer")
            expect(ann.page.locator("#outcome")).to_contain_text("committed")

            answers(ben.page, "Deny", "too cheap")
            expect(ben.page.get_by_role("alert")).to_contain_text("answered")
            expect(ben.page.get_by_role("alert")).to_contain_text("ann")
            expect(ben.page.locator("#standing")).to_contain_text("a good customer")
            expect(ben.page.get_by_role("button", name="Deny")).to_have_count(0)

            # Who only looks is told, too.
            expect(cid.page.locator("#standing")).to_contain_text("approved by ann")
            expect(cid.page.get_by_role("button", name="Approve")).to_be_hidden()
    assert len(committed(sqlite_url)) == 1


def test_a_deadline_that_passes_changes_the_page_that_is_open(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    boundary = asking(within=timedelta(seconds=7))
    with (
        at_work(sqlite_url, boundary) as working,
        console(browser, tmp_path, sqlite_url, lead=["ann"]) as shown,
    ):
        waits, late = shown.person(), shown.person()
        ignores_polls(late)
        working.do(ask(boundary, "o-1"))
        for person in (waits, late):
            person.opens("/approvals").locator("tbody a").first.click()
            expect(person.page.get_by_role("button", name="Approve")).to_be_visible()
        expect(waits.page.locator("#standing")).to_contain_text("without an answer it is rejected")
        expect(waits.page.locator("[data-due]")).to_have_text(re.compile(r"in \d s"))

        expect(waits.page.locator("#standing")).to_contain_text("expired", timeout=20_000)
        expect(waits.page.get_by_role("button", name="Approve")).to_be_hidden()

        answers(late.page, "Approve", "just in time")
        expect(late.page.get_by_role("alert")).to_contain_text("expired")
    assert committed(sqlite_url) == []


# Back and forth


def test_back_leads_to_no_form_that_answers_twice(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    boundary = asking()
    with at_work(sqlite_url, boundary) as working:
        working.do(ask(boundary, "o-1", "o-2"))
        with console(browser, tmp_path, sqlite_url, lead=["ann"]) as shown:
            page = shown.person().opens("/approvals")
            page.locator("tbody a").first.click()
            ticket = page.url
            answers(page, "Approve", "a good customer")
            expect(page.locator("#outcome")).to_contain_text("committed")
            page.get_by_role("link", name="Approvals").first.click()
            expect(page.locator("tbody tr")).to_have_count(1)
            page.go_back()
            expect(page).to_have_url(ticket)
            expect(page.locator("#standing")).to_contain_text("approved by ann")
            expect(page.get_by_role("button", name="Approve")).to_be_hidden()
            while page.url == ticket:
                expect(page.get_by_role("button", name="Approve")).to_be_hidden()
                page.go_back()
            expect(page.locator("tbody tr")).to_have_count(1)
    assert len(committed(sqlite_url)) == 1


def test_back_from_a_crossing_keeps_what_was_searched(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    with at_work(sqlite_url) as working:
        working.do(ask(selling(1), "o-1", "o-2", "x-1"))
        working.do(ask(selling(1000, name="order.refuse"), "o-1"))
    with console(browser, tmp_path, sqlite_url, lead=["ann"]) as shown:
        page = shown.person().opens("/crossings")
        page.get_by_label("Subject begins with").fill("o-")
        page.get_by_label("Boundary").select_option("order.sell")
        page.get_by_role("button", name="Find").click()
        expect(page.locator("tbody tr")).to_have_count(2)
        page.locator("tbody a").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("order.sell")
        page.go_back()
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.get_by_label("Subject begins with")).to_have_value("o-")
        expect(page.get_by_label("Boundary")).to_have_value("order.sell")


# Workers


_BEATS = """
import asyncio, sys
from datetime import timedelta
from signoff import Runtime
from signoff.control import Supervisor

async def works():
    await asyncio.Event().wait()

async def main():
    async with Runtime(sys.argv[1]) as runtime:
        children = {"inbox-reader": works}
        beats = runtime.ledger
        print("at work", flush=True)
        await Supervisor(children, heartbeats=beats, process="worker-7").run()

asyncio.run(main())
"""


def test_a_worker_that_is_killed_is_said_to_be_silent(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _BEATS, sqlite_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "at work\n"
            with console(browser, tmp_path, sqlite_url, lead=["ann"]) as shown:
                page = shown.person().page
                row = page.get_by_role("row").filter(has_text="inbox-reader")
                expect(row).to_contain_text("running", timeout=20_000)
                expect(row).to_contain_text("worker-7")
                worker.send_signal(signal.SIGKILL)
                worker.wait(30)
                shown.clock.by = timedelta(minutes=2)
                expect(row).to_contain_text("silent", timeout=20_000)
                expect(row).to_contain_text("its process is gone")
        finally:
            worker.kill()


def test_a_kill_is_thrown_and_lifted_on_the_page_and_commits_stop_and_go_on(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    sells, ships = selling(1), selling(2, name="order.ship")

    async def on_and_on(runtime: Runtime) -> None:
        number = 0
        while True:
            number += 1
            await runtime.run(sells, Order(id=f"o-{number}"))
            await runtime.run(ships, Order(id=f"o-{number}"))
            await asyncio.sleep(0.01)

    with at_work(sqlite_url, sells, ships) as working:
        working.goes_on(on_and_on)
        with console(browser, tmp_path, sqlite_url, lead=["dana"], dana=Role.operator) as shown:
            watching = shown.person("dana").page
            dana = shown.person("dana")
            page = dana.opens("/controls")  # and from here on the keyboard is all there is
            tabs_to(page, page.get_by_label("Stop everything in a scope"))
            page.keyboard.type("order.sell")
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1)).to_have_text("Kill order.sell?")
            tabs_to(page, page.get_by_label("Because"))
            page.keyboard.type("a drill")
            tabs_to(page, page.get_by_role("button", name="Kill order.sell"))
            page.keyboard.press("Enter")
            killed = page.get_by_role("region", name="Kills that hold")
            expect(killed).to_contain_text("order.sell")
            expect(killed).to_contain_text("a drill")
            alert = watching.get_by_role("alert")
            expect(alert).to_contain_text("Killed: order.sell", timeout=20_000)
            expect(alert).to_contain_text("by dana")
            tabs_to(page, page.get_by_role("link", name="Lift order.sell"))
            page.keyboard.press("Enter")
            tabs_to(page, page.get_by_label("Because"))
            page.keyboard.type("the drill is over")
            tabs_to(page, page.get_by_role("button", name="Lift order.sell"))
            page.keyboard.press("Enter")
            expect(page.get_by_text("Nothing is killed")).to_be_visible()
            expect(watching.get_by_role("alert")).to_have_count(0, timeout=20_000)
            lifted = switched(sqlite_url)[-1]
            until(lambda: "order.sell" in committed_after(sqlite_url, lifted))
    thrown, lifted = switched(sqlite_url)
    between = committed_after(sqlite_url, thrown, lifted)
    assert set(between) == {"order.ship"}, "what is out of its scope goes on, and nothing else"


def switched(store: str) -> list[int]:
    """Where the ledger says that a kill was thrown or lifted."""
    entries = read(store, "controlchanged")
    return [entry.position for entry in entries if "kill:order.sell" in entry.body]


def committed_after(store: str, after: int, before: int | None = None) -> list[str]:
    """The boundaries of what was committed between two records, or up to now."""
    entries = read(store)
    boundary = {
        entry.crossing: json.loads(entry.body)["boundary"]
        for entry in entries
        if entry.type == "opened"
    }
    return [
        boundary[entry.crossing]
        for entry in entries
        if entry.type == "committed"
        and entry.position > after
        and (before is None or entry.position < before)
    ]


def until(holds: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(400):
        if holds():
            return
        waiting.wait(0.05)
    raise AssertionError("it did not happen")


# Much of it


def test_an_inbox_of_ten_thousand_tickets_is_walked_with_the_keyboard(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    boundary = asking()

    async def pile_up(runtime: Runtime) -> None:
        for first in range(0, 10_000, 500):
            orders = (Order(id=f"o-{n}") for n in range(first, first + 500))
            await asyncio.gather(*(runtime.run(boundary, order) for order in orders))

    with at_work(sqlite_url, boundary) as working:
        working.do(pile_up)
    with console(browser, tmp_path, sqlite_url, lead=["ann"]) as shown:
        page = shown.person().page
        page.keyboard.press("g")
        page.keyboard.press("a")
        expect(page.get_by_role("link", name="everybody: 10,000")).to_be_visible()
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(50)
        assert len(page.content().encode()) < 100_000
        for _ in range(3):
            page.keyboard.press("j")
        expect(rows.nth(2).get_by_role("link").first).to_be_focused()
        page.keyboard.press("k")
        expect(rows.nth(1).get_by_role("link").first).to_be_focused()
        first = rows.nth(0).inner_text()
        tabs_to(page, page.get_by_role("link", name="Less urgent"), most=150)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("page=2"))
        expect(rows).to_have_count(50)
        assert rows.nth(0).inner_text() != first
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Approve")).to_be_visible()
        # The last of them.
        page.goto(f"{shown.served.url}/approvals?page=200")
        expect(rows).to_have_count(50)
        expect(page.get_by_role("link", name="Less urgent")).to_have_count(0)


class Letter(Price):
    text: str = ""


def kept(offer: Letter, order: Order, write: Write[Order]) -> int:
    return offer.price


def test_a_proposal_of_a_megabyte_is_shown_in_part_and_kept_whole(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    whole = {"price": 7, "usd": 0.0, "text": "wörd " * 200_000}
    boundary = Boundary(
        "letters.send",
        proposer=Scripted(Letter(**whole), proposes=Letter),
        verifiers=[affordable],
        commit=Transactional(kept),
        subject=Order,
    ).bounded_by(Approval(ask="role:lead", within=HOUR))
    with (
        at_work(sqlite_url, boundary) as working,
        console(browser, tmp_path, sqlite_url, lead=["ann"]) as shown,
    ):
        working.do(ask(boundary, "o-1"))
        page = shown.person().opens("/approvals")
        page.locator("tbody a").first.click()
        expect(page.locator("pre.json").first).to_contain_text("more characters")
        assert len(page.content().encode()) < 100_000
        with page.expect_download() as downloading:
            page.get_by_role("link", name="All of it, as a file").click()
        assert json.loads(downloading.value.path().read_text()) == whole

        page.get_by_role("definition").locator("a.code").click()
        expect(page.locator("pre.json").first).to_contain_text("more characters")
        assert len(page.content().encode()) < 100_000
        with page.expect_download() as downloading:
            page.get_by_role("link", name="The whole record").click()
        assert json.loads(downloading.value.path().read_text())["proposal"] == whole

        page.go_back()
        answers(page, "Approve", "long, but right")
        expect(page.locator("#outcome")).to_contain_text("committed")


# Strangers' words


_PLANTED = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)><svg onload=alert(1)>',
    "</pre></textarea></script><script>document.title='taken'</script>",
    "javascript:alert(1)//' onmouseover='alert(1)",
    "<a href=https://example.com/ hx-get=/logout hx-trigger=load>here</a>",
    "{{7*7}} <form action=//example.com><button>go</button>",
)


def test_markup_in_every_field_stays_text(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    everything = " ".join(_PLANTED)

    def objects(offer: Letter, order: Order) -> Any:
        return Reject(_PLANTED[1], everything, path=_PLANTED[0], details={"x": everything})

    def of(name: str, *verifiers: Any) -> Any:
        letter = Letter(price=7, text=everything)
        return Boundary(
            name,
            proposer=Scripted(letter, letter.model_copy(update={"price": 8}), repeat=True),
            verifiers=verifiers,
            commit=Transactional(kept),
            subject=Order,
        ).bounded_by(Approval(ask="role:lead", within=HOUR))

    asks, refuses = of("letters.send", affordable), of("letters.refuse", objects)
    with at_work(sqlite_url, asks, refuses, principals={}) as working:

        async def fill(runtime: Runtime) -> None:
            for text in _PLANTED:
                order = Order(id=text, tenant=everything)
                await runtime.run(asks, order, principal=text)
                await runtime.run(refuses, order)

        working.do(fill)
        with console(browser, tmp_path, sqlite_url, lead=["ann"]) as shown:
            person = shown.person()
            page = person.page
            seen = crawl(person, most=40)
            assert {re.sub(r"/[0-9a-f]{24}.*|\?.*", "", path) for path in seen} >= {
                "/",
                "/approvals",
                "/crossings",
                "/subjects",
                "/subjects/story",
            }
            # What a person writes back is a stranger's for everybody else.
            page = person.opens("/approvals")
            page.locator("tbody a").first.click()
            answers(page, "Approve", everything)
            expect(page.locator("#standing")).to_contain_text("document.title='taken'")
            crawl(person, most=8)


def crawl(person: Person, *, most: int) -> list[str]:
    """Open whatever pages of the console lead to, as the browser shows them."""
    seen, ahead = list[str](), ["/"]
    while ahead and len(seen) < most:
        path = ahead.pop(0)
        page = person.opens(path)
        seen.append(path)
        # What is folded away is markup as well, and what can be pointed at is pointed at.
        page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true })")
        assert page.title().endswith("signoff")
        assert (
            page.locator("main img, main script, main form[action^='//'], main iframe").count() == 0
        )
        hrefs = page.eval_on_selector_all("main a, nav a", "all => all.map(a => a.href)")
        for href in hrefs:
            assert href.startswith(f"{person.url}/"), href
            to = href.removeprefix(person.url).partition("#")[0]
            if to not in seen and to not in ahead and not to.endswith(".json"):
                ahead.append(to)
    return seen


# By other means


def test_it_is_used_with_the_keyboard_alone(
    browser: Browser, sqlite_url: str, tmp_path: Path
) -> None:
    boundary = asking()
    with (
        at_work(sqlite_url, boundary) as working,
        console(browser, tmp_path, sqlite_url, lead=["ann"], ann=ANN) as shown,
    ):
        working.do(ask(boundary, "o-1", "o-2"))
        person = shown.visitor("ann")
        page, keys = person.opens("/login"), person.page.keyboard
        tabs_to(page, page.get_by_label("Name"))
        keys.type("ann")
        keys.press("Tab")
        keys.type(PASSWORD)
        keys.press("Enter")
        page.wait_for_url(f"{person.url}/")

        keys.press("Tab")
        skips = page.get_by_role("link", name="Skip to content")
        expect(skips).to_be_focused()
        expect(skips).to_be_in_viewport()
        keys.press("Enter")
        expect(page.locator("main")).to_be_focused()

        keys.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        keys.press("Escape")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

        keys.press("g")
        keys.press("a")
        page.wait_for_url("**/approvals")
        keys.press("j")
        keys.press("j")
        second = page.locator("tbody tr").nth(1).get_by_role("link").first
        expect(second).to_be_focused()
        width = second.evaluate("node => getComputedStyle(node).outlineWidth")
        assert float(width.removesuffix("px")) >= 2, "one sees where one is"
        keys.press("Enter")
        tabs_to(page, page.get_by_label("Because"))
        keys.type("a good customer; goes ?")  # keys of the console are letters here
        tabs_to(page, page.get_by_role("button", name="Approve"))
        keys.press("Enter")
        expect(page.locator("#standing")).to_contain_text("a good customer; goes ?")
        expect(page.locator("#outcome")).to_contain_text("committed")

        keys.press("g")
        keys.press("c")
        page.wait_for_url("**/crossings")
        keys.press("/")
        expect(page.get_by_label("Id or key begins with")).to_be_focused()
    assert len(committed(sqlite_url)) == 1


def test_it_is_used_without_scripts(browser: Browser, sqlite_url: str, tmp_path: Path) -> None:
    boundary = asking()
    with (
        at_work(sqlite_url, boundary) as working,
        console(browser, tmp_path, sqlite_url, lead=["ann"], ann=ANN) as shown,
    ):
        working.do(ask(boundary, "o-1"))
        page = shown.person("ann", java_script_enabled=False).page
        page.get_by_role("link", name="Approvals").click()
        page.locator("tbody a").first.click()
        page.get_by_text("Edit it").click()
        page.get_by_label("Proposal, as JSON").fill('{"price": 5}')
        page.get_by_label("Because").fill("cheaper")
        page.get_by_role("button", name="Answer with this version").click()
        expect(page.locator("#standing")).to_contain_text("edited by ann")
        outcome = page.locator("#outcome").filter(has_text="committed, receipt 5")
        for _ in range(40):
            if outcome.count():
                break
            page.wait_for_timeout(250)
            page.reload()
        expect(outcome).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
