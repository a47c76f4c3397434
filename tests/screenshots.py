"""Takes the pictures of the console that the documentation shows: `make screenshots`."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anyio.from_thread import start_blocking_portal
from browsing import DESK, PHONE, Console, Person, chromium, console
from console_demo import NOW, decided, renewals, replayed
from PIL import Image
from playwright.sync_api import expect

from signoff.clock import SystemClock

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "assets" / "console"


@contextmanager
def demo() -> Iterator[Console]:
    """The console over all of that, at the time when the pictures are taken."""
    with tempfile.TemporaryDirectory(prefix="signoff-screenshots-") as temporary:
        # Pages name these, and so do the pictures: the same every time.
        os.chdir(temporary)
        folder, store = Path(), "sqlite:///renewals.db"
        with start_blocking_portal() as portal:
            portal.call(renewals, store, folder)
        replayed(folder)
        with (
            chromium() as browser,
            console(browser, folder, store, lead=["ann"], projects=[decided(folder)]) as shown,
        ):
            shown.clock.by = NOW - SystemClock().now()
            yield shown


def first(shown: Console, path: str, row: str = "tbody tr") -> str:
    """Where the first row of a page leads."""
    page = arrived(shown).opens(path)
    href = page.locator(row).first.get_by_role("link").first.get_attribute("href")
    assert href
    return href


def arrived(shown: Console, **options: Any) -> Person:
    """Somebody at the time of the pictures, by whose clock deadlines are counted down."""
    person = shown.visitor(**options)
    person.context.clock.set_fixed_time(NOW)
    person.page.goto(shown.app.state.access.link(shown.served.port))
    return person


def take(
    shown: Console,
    name: str,
    path: str,
    *,
    size: tuple[int, int] = DESK,
    whole: bool = False,
    **options: Any,
) -> None:
    """One picture: of a page that has all that it waits for."""
    width, height = size
    options = {"viewport": {"width": width, "height": height}, **options}
    person = arrived(shown, **options)
    page = person.opens(path)
    expect(page.get_by_text("Looking since")).to_have_count(0, timeout=120_000)
    taken = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    smaller = taken.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    smaller.save(PICTURES / f"{name}.png", optimize=True)
    print(f"{name}.png", (PICTURES / f"{name}.png").stat().st_size)


def judged(shown: Console) -> str:
    """Where a policy is shown that everything on record was judged by again."""
    page = arrived(shown).opens("/controls")
    page.get_by_role("link", name="offer.yaml").first.click()
    page.locator("form:has(input[value='what-if']) button").click()
    expect(page.get_by_text("Nothing was committed")).to_be_visible(timeout=120_000)
    return urlsplit(page.url)._replace(scheme="", netloc="").geturl()


def main() -> None:
    """Take all of them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with demo() as shown:
        ticket = first(shown, "/approvals", "tbody tr:has-text('over_cap')")
        crossing = first(shown, "/crossings?code=over_cap&boundary=renewal.offer")
        story = first(shown, "/subjects?state=renewal/closed")
        pages = {
            "overview": "/?within=quarter",
            "crossings": "/crossings?boundary=renewal.offer",
            "crossing": crossing,
            "subject": story,
            "approvals": "/approvals",
            "diagnosis": "/diagnosis",
            "reliability": "/reliability?boundary=renewal.offer",
            "replay": first(shown, "/replay", "main"),
            "decisions": "/decisions",
            "controls": "/controls",
            "kill": "/controls/kill?scope=renewal.offer",
        }
        for name, path in pages.items():
            take(shown, name, path)
        take(shown, "policy", judged(shown), whole=True)
        take(shown, "ticket", ticket, whole=True)
        take(shown, "ticket-dark", ticket, whole=True, color_scheme="dark")
        take(shown, "ticket-phone", ticket, size=PHONE)


if __name__ == "__main__":
    main()
