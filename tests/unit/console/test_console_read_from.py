"""Pages from a replica: a copy of the store that lags for ever, is another one, or is not there."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from console_doors import Browser
from console_world import filled, principals_file
from movable import execute
from stores import append, opened

from signoff.console import AccessSettings, Settings, create_app
from signoff.errors import UsageError
from signoff.storage import reading_from


def _pair(folder: Path) -> tuple[str, str]:
    store = filled(folder)
    shutil.copy(folder / "store.db", folder / "replica.db")
    return store, f"sqlite:///{folder / 'replica.db'}"


def _page(folder: Path, store: str, replica: str, *, write: bool = False) -> str:
    settings = Settings(
        store=store,
        read_from=replica,
        access=AccessSettings(by="ada"),
        principals=principals_file(folder),
        index=folder / "index",
    )
    app = create_app(settings)
    with Browser(app) as browser:
        assert browser.get(f"/enter?key={app.state.access.key}").status_code == 303
        if write:
            csrf = browser.form_token("/controls/kill?scope=order.sell")
            said = {"csrf": csrf, "scope": "order.sell", "because": "tried"}
            assert browser.post("/controls/kill", data=said).status_code == 303
        return browser.get("/controls").text


def test_pages_say_how_far_the_replica_is_behind(tmp_path: Path) -> None:
    store, replica = _pair(tmp_path)
    execute(replica, "DELETE FROM signoff_records WHERE position > 80")
    execute(replica, "UPDATE signoff_switches SET state = '[]' WHERE name = 'kills'")
    text = _page(tmp_path, store, replica)
    assert "Read from a replica, as of record 80; 10 behind" in text
    assert "order.killed" not in text, "the replica does not know of this kill yet"


def test_a_person_sees_what_they_wrote_though_the_replica_never_does(tmp_path: Path) -> None:
    store, replica = _pair(tmp_path)
    assert "tried" in _page(tmp_path, store, replica, write=True)


@pytest.mark.parametrize("replica", ["missing/none.db", "other.db"])
def test_without_its_replica_the_console_reads_the_store_and_says_so(
    tmp_path: Path, replica: str
) -> None:
    store = filled(tmp_path)
    url = f"sqlite:///{tmp_path / replica}"

    async def other() -> None:
        async with opened(url) as storage:
            await append(storage, "s", 1)

    if replica == "other.db":
        asyncio.run(other())
    text = _page(tmp_path, store, url)
    assert "Read from the primary, because the replica" in text
    assert "order.killed" in text
    assert ("another store" in text) == (replica == "other.db")


def test_a_replica_that_breaks_is_left_at_once(sqlite_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(sqlite_url) as primary:
            await append(primary, "s", 1, 2)
            copy = tmp_path / "copy.db"
            with_log = Path(sqlite_url.removeprefix("sqlite:///"))
            await primary.survey(lambda connection: connection.raw("SELECT 1", ()))
            execute(f"sqlite:///{with_log}", "PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy(with_log, copy)
            async with reading_from(primary, f"sqlite:///{copy}") as storage:
                assert not storage.lag.down
                assert (storage.lag.record, storage.lag.behind) == (2, 0)
                execute(f"sqlite:///{copy}", "DROP TABLE signoff_subjects")
                assert await storage.length_of("s") == 2
                assert storage.lag.down
                with pytest.raises(UsageError):
                    await storage.claim_commit("c", busy=())

    asyncio.run(main())
