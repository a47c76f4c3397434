"""The console over a server and a real streaming replica of it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from console_doors import Browser
from console_world import principals_file
from movable import filled
from replicas import Replica, replica_of
from stores import append, opened

from signoff.console import AccessSettings, Settings, create_app
from signoff.errors import StorageUnavailable
from signoff.storage import ReadFrom, reading_from

pytestmark = pytest.mark.slow


@pytest.fixture
def replica(postgres_database: str) -> Iterator[Replica]:
    filled(postgres_database)
    with replica_of(postgres_database) as following:
        yield following


def _until(true: Callable[[], object]) -> None:
    waiting = threading.Event()
    for _ in range(1500):
        if true():
            return
        waiting.wait(0.02)
    raise AssertionError("it does not come")


def _footer(browser: Browser) -> str:
    found = re.search(r'<span id="replica">(.*?)</span>', browser.get("/").text, re.DOTALL)
    assert found is not None
    return " ".join(found[1].split())


def _send(browser: Browser, path: str) -> Any:
    csrf = browser.form_token(f"{path}?scope=order.sell")
    return browser.post(path, data={"csrf": csrf, "scope": "order.sell", "because": "tried"})


def test_pages_come_from_the_replica_and_a_person_sees_what_they_wrote(
    postgres_database: str, replica: Replica, tmp_path: Path
) -> None:
    settings = Settings(
        store=postgres_database,
        read_from=replica.url(postgres_database),
        access=AccessSettings(by="ada"),
        principals=principals_file(tmp_path),
        index=tmp_path / "index",
    )
    app = create_app(settings)
    with Browser(app) as browser:
        assert browser.get(f"/enter?key={app.state.access.key}").status_code == 303
        storage = app.state.desk.storage
        assert isinstance(storage, ReadFrom)
        _until(lambda: not storage.lag.down and storage.lag.behind == 0)
        assert re.match(r"Read from a replica, as of record \d+; 0 behind", _footer(browser))

        # Held back, it lags, and says so; what was written here is seen all the same.
        replica.hold()
        killed = _send(browser, "/controls/kill")
        assert killed.status_code == 303, killed.text
        assert "order.sell" in browser.get("/controls").text
        _until(lambda: storage.lag.behind)
        assert re.search(r"; [1-9]\d* behind", _footer(browser))

        # Once it has come there, it is read again.
        replica.go_on()
        _until(lambda: storage.lag.behind == 0)
        assert "order.sell" in browser.get("/controls").text

        # Without it, everything comes from the primary, and the pages say so.
        replica.stop()
        assert browser.get("/controls").status_code == 200
        _until(lambda: storage.lag.down)
        assert "Read from the primary, because the replica" in _footer(browser)
        lifted = _send(browser, "/controls/lift")
        assert lifted.status_code == 303, lifted.text

        # And when it is back, from there again.
        replica.start()
        _until(lambda: not storage.lag.down)
        assert "Read from a replica" in _footer(browser)


def test_a_read_waits_for_the_replica_or_is_answered_by_the_primary(
    postgres_database: str, replica: Replica
) -> None:
    url = replica.url(postgres_database)

    async def main() -> None:
        async with (
            opened(postgres_database, exclusive=False) as primary,
            reading_from(primary, url) as storage,
            opened(url, exclusive=False) as there,
        ):
            assert not storage.lag.down
            for number in range(30):
                await append(storage, "s", number)
                assert await storage.length_of("s") == number + 1
            replica.hold()
            await append(storage, "s", 30)
            assert await there.length_of("s") == 30
            assert await storage.length_of("s") == 31
            replica.go_on()
            while await there.length_of("s") < 31:  # noqa: ASYNC110 (a server sets no event)
                await asyncio.sleep(0.01)
            assert await storage.length_of("s") == 31
            with pytest.raises(StorageUnavailable, match="read-only"):
                await append(there, "s", 1)

    asyncio.run(main())
