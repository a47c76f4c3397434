"""Pages over a real store: what is shown, and that hostile text stays text."""

from __future__ import annotations

import asyncio
import html
import json
import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from starlette.testclient import TestClient

from signoff import Accept, Boundary, Reject, Runtime, Suspended, Verdict
from signoff.console import AccessSettings, Settings, create_app
from signoff.console.access import BACKGROUND
from signoff.console.index import CrossingFilter, CrossingRow
from signoff.control import Approval
from signoff.storage import Keep, Retention, retain, storage_at
from signoff.testing import Scripted

HOSTILE = "<script>alert('over')</script>"


class Deal(BaseModel):
    id: str


class Offer(BaseModel):
    text: str


async def sent(offer: Offer, deal: Deal, key: str) -> str:
    raise AssertionError("nothing may be committed")


def never(offer: Offer, deal: Deal) -> Verdict:
    return Reject("over_cap", f"{offer.text} is over the cap", then="stop")


def always(offer: Offer, deal: Deal) -> Verdict:
    return Accept()


def test_a_rejected_crossing_is_found_and_told_and_its_text_stays_text(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'store.db'}"
    boundary = Boundary(
        "deals.offer",
        proposer=Scripted(Offer(text=HOSTILE)),
        verifiers=[never],
        commit=sent,
    )

    async def run() -> None:
        async with Runtime(store) as runtime:
            await runtime.run(boundary, Deal(id="d-1"))

    asyncio.run(run())
    app = create_app(Settings(store=store))
    with TestClient(app, base_url="http://127.0.0.1:8765") as browser:
        assert browser.get("/approvals", follow_redirects=False).status_code == 303
        browser.get(f"/enter?key={app.state.access.key}")
        rows: list[CrossingRow] = []
        for _ in range(100):
            [*rows] = app.state.desk.index.crossings(CrossingFilter()).rows
            if rows and rows[0].outcome == "rejected":
                break
            browser.get("/healthz")
            threading.Event().wait(0.05)
        inbox = browser.get("/approvals").text
        assert "Nothing waits" in inbox
        # What is looked at again by itself keeps no session open.
        assert f'hx-headers=\'{{"{BACKGROUND}": "1"}}\'' in inbox
        found = browser.get("/crossings?code=over_cap&outcome=rejected").text
        [id] = [row.id for row in rows]
        assert f"/crossings/{id}" in found
        told = browser.get(f"/crossings/{id}").text
        assert "over the cap" in told
        assert "<script>alert" not in told
        assert browser.get("/crossings?code=no_such").text.count("No crossing is like that") == 1
        assert browser.get("/crossings?after=%00").status_code == 400
        assert browser.get("/approvals?page=0").status_code == 400
        assert browser.get("/approvals/none").status_code == 404


def test_an_edit_in_the_browser_begins_with_the_very_proposal_that_waits(tmp_path: Path) -> None:
    unseen = "a\u202eb\u0007c"
    store = f"sqlite:///{tmp_path / 'store.db'}"
    boundary = Boundary(
        "deals.offer",
        proposer=Scripted(Offer(text=unseen)),
        verifiers=[always],
        commit=sent,
    ).bounded_by(Approval(ask="dana", within=timedelta(hours=1)))

    async def run() -> str:
        async with Runtime(store) as runtime:
            outcome = await runtime.run(boundary, Deal(id="d-1"))
            assert isinstance(outcome, Suspended)
            return outcome.ticket.id

    ticket = asyncio.run(run())
    app = create_app(Settings(store=store, access=AccessSettings(by="dana")))
    with TestClient(app, base_url="http://127.0.0.1:8765") as browser:
        browser.get(f"/enter?key={app.state.access.key}")
        page = browser.get(f"/approvals/{ticket}").text
        [written] = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
        assert json.loads(html.unescape(written)) == {"text": unseen}
        assert browser.get(f"/approvals/{ticket}/proposal.json").json() == {"text": unseen}
        [csrf] = set(re.findall(r'name="csrf" value="([^"]+)"', page.partition("Your answer")[2]))
        answer = {"csrf": csrf, "because": "try", "answer": "edit", "proposal": '{"text": NaN}'}
        refused = browser.post(f"/approvals/{ticket}", data=answer)
        assert refused.status_code == 400
        assert "NaN is no number in JSON" in refused.text
        said = {**answer, "answer": "deny", "because": "too deep"}
        assert "denied" in browser.post(f"/approvals/{ticket}", data=said).text
        assert browser.post(f"/approvals/{ticket}", data=said).status_code == 409


def test_a_crossing_whose_records_were_removed_says_so(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'store.db'}"
    boundary = Boundary(
        "deals.offer",
        proposer=Scripted(Offer(text="a"), Offer(text="b")),
        verifiers=[never],
        commit=sent,
    )

    async def run(*deals: str) -> None:
        async with Runtime(store) as runtime:
            for deal in deals:
                await runtime.run(boundary, Deal(id=deal))

    async def thin_out() -> None:
        storage = storage_at(store)
        await storage.open(exclusive=False)
        policy = Retention(rules=[Keep(subjects="d-2", records=timedelta(days=1))])
        now = datetime(2126, 1, 1, tzinfo=UTC)
        await retain(storage, policy, by="ops", now=now)
        await storage.close()

    asyncio.run(run("d-1", "d-2"))
    app = create_app(Settings(store=store))
    with TestClient(app, base_url="http://127.0.0.1:8765") as browser:
        browser.get(f"/enter?key={app.state.access.key}")
        [gone] = [row for row in _rows(app, browser, 2) if row.subject == "d-2"]
        asyncio.run(thin_out())
        [left] = _rows(app, browser, 1)
        assert left.subject == "d-1"
        page = browser.get(f"/crossings/{gone.id}").text
        assert "removed under a retention policy" in page
        assert "has not been asked yet" not in page
        story = browser.get("/subjects/story?id=d-2").text
        assert "records removed before it" in story
        assert "not intact" not in story


def _rows(app: Any, browser: TestClient, number: int) -> list[CrossingRow]:
    """What the index has of crossings, once it has so many."""
    rows: list[CrossingRow] = []
    for _ in range(200):
        [*rows] = app.state.desk.index.crossings(CrossingFilter()).rows
        if len(rows) == number:
            return rows
        browser.get("/healthz")
        threading.Event().wait(0.05)
    raise AssertionError(f"{len(rows)} crossings, and not {number}")
