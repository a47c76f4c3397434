"""Pages over a real store: what is shown, and that hostile text stays text."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from pydantic import BaseModel
from starlette.testclient import TestClient

from signoff import Boundary, Reject, Runtime, Verdict
from signoff.console import Settings, create_app
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
        for _ in range(100):
            [*rows] = app.state.desk.index.subjects().rows
            if rows:
                break
            browser.get("/healthz")
            threading.Event().wait(0.05)
        assert "Nothing waits" in browser.get("/approvals").text
        found = browser.get("/crossings?code=over_cap&outcome=rejected").text
        id = app.state.desk.index._read.execute("SELECT id FROM crossings").fetchone()[0]
        assert f"/crossings/{id}" in found
        told = browser.get(f"/crossings/{id}").text
        assert "over the cap" in told
        assert "<script>alert" not in told
        assert browser.get("/crossings?code=no_such").text.count("No crossing is like that") == 1
        assert browser.get("/crossings?after=%00").status_code == 400
        assert browser.get("/approvals?page=0").status_code == 400
        assert browser.get("/approvals/none").status_code == 404
