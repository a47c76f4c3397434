"""`signoff store`: what each verb says, and when it refuses."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from movable import execute, filled, works
from stores import append, opened

from signoff.cli import main
from signoff.errors import StorageUnavailable
from signoff.storage import _migration as migration
from signoff.storage import migrations, vacuum


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(words)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return status, out, err


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    status, out, _ = _said(capsys, *words, "--json")
    return status, json.loads(out)


# migrate


def _older(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store as the third version of the tables made it."""

    async def build() -> None:
        async with opened(url) as storage:
            await append(storage, "s", 1)

    before = {dialect: migrations(dialect)[:3] for dialect in ("sqlite", "postgres")}
    with monkeypatch.context() as patch:
        patch.setattr(migration, "migrations", lambda dialect: before[dialect])
        patch.setattr(
            migration,
            "schema",
            lambda dialect: [sql for *_, todo in before[dialect] for sql in todo],
        )
        asyncio.run(build())


def test_migrate_says_from_which_version_to_which(
    store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _older(store_url, monkeypatch)
    words = ("store", "migrate", "--store", store_url)
    for _ in range(2):  # what is only shown stays to be done
        status, told = _json(capsys, *words, "--dry-run")
        assert (status, told["from"], told["done"]) == (0, 3, False)
        assert told["migrations"][0] == "0004_pre_code_versions.sql"
    _, out, _ = _said(capsys, *words)
    assert f"from tables version 3 to {told['to']}" in out
    _, out, _ = _said(capsys, *words)
    assert "up to date" in out
    assert works(store_url) == 1


def test_migrate_makes_no_store_and_leaves_a_newer_one_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "none.db"
    for verb in ("migrate", "check", "vacuum"):
        status, _, err = _said(capsys, "store", verb, "--store", f"sqlite:///{nowhere}")
        assert (status, "there is no store" in err) == (1, True)
    assert not nowhere.exists()
    filled(url := f"sqlite:///{tmp_path / 'new.db'}")
    execute(url, "UPDATE signoff_meta SET value = '99' WHERE key = 'version'")
    status, _, err = _said(capsys, "store", "migrate", "--store", url)
    assert status == 1
    assert "newer signoff (tables version 99" in err
    assert "Upgrade signoff" in err


def test_migrate_waits_for_no_runtime(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from signoff.storage._file_lock import held

    _older(sqlite_url, monkeypatch)
    with held(sqlite_url.removeprefix("sqlite:///")):
        status, _, err = _said(capsys, "store", "migrate", "--store", sqlite_url)
    assert status == 1
    assert "in use by another run" in err


# check


def test_check_is_quiet_about_a_sound_store_and_ends_with_1_about_another(
    store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(store_url)
    status, out, _ = _said(capsys, "store", "check", "--store", store_url)
    assert status == 0
    assert out.endswith("sound\n")
    assert "FAIL" not in out
    execute(store_url, "UPDATE signoff_effects SET crossing = 'gone'")
    status, out, _ = _said(capsys, "store", "check", "--store", store_url)
    assert status == 1
    assert "FAIL  outbox" in out
    assert "NOT SOUND" in out
    status, told = _json(capsys, "store", "check", "--store", store_url)
    assert (status, told["sound"]) == (1, False)
    assert {check["check"] for check in told["checks"] if check["verdict"] == "FAIL"} == {"outbox"}
    assert any("records" in table and size > 0 for table, size in told["bytes"].items())


def test_check_writes_nothing(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    filled(sqlite_url)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    before = path.read_bytes()
    assert _said(capsys, "store", "check", "--store", sqlite_url)[0] == 0
    assert path.read_bytes() == before


# vacuum


def test_vacuum_gives_back_what_was_deleted_and_keeps_every_record(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE scratch AS SELECT randomblob(200000) AS a")
        db.commit()
        db.execute("DROP TABLE scratch")
        db.commit()
    records = works(sqlite_url)
    status, told = _json(capsys, "store", "vacuum", "--store", sqlite_url)
    assert status == 0
    assert told["before"] - told["after"] > 150_000
    assert path.stat().st_size == told["after"]
    assert works(sqlite_url) == records


def test_vacuum_refuses_a_file_that_a_runtime_has(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from signoff.storage._file_lock import FileLock

    filled(sqlite_url)
    path = sqlite_url.removeprefix("sqlite:///")
    lock = FileLock(Path(f"{path}.lock"))
    lock.acquire(path)
    status, _, err = _said(capsys, "store", "vacuum", "--store", sqlite_url)
    lock.release()
    assert status == 1
    assert "in use by another run" in err


def test_what_a_dead_runtime_noted_outlives_a_vacuum(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_url)
    lock = Path(f"{sqlite_url.removeprefix('sqlite:///')}.lock")
    lock.write_text("12345\n17\n")
    assert _said(capsys, "store", "vacuum", "--store", sqlite_url)[0] == 0
    assert lock.read_text() == "\n17\n"


def test_vacuum_needs_room(sqlite_url: str) -> None:
    filled(sqlite_url)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    before = path.read_bytes()
    with pytest.raises(StorageUnavailable, match="not room enough") as caught:
        asyncio.run(vacuum(sqlite_url, free=lambda folder: 1000))
    assert "1,000 are" in str(caught.value)
    assert path.read_bytes() == before


def test_vacuum_deletes_jobs_that_ended_long_ago(
    postgres_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def with_workers() -> None:
        async with opened(postgres_database) as storage:
            await storage.make_jobs()
            await append(storage, "s", 1)

    asyncio.run(with_workers())
    with psycopg.connect(postgres_database, autocommit=True) as database:
        database.execute("SET search_path = signoff_jobs")
        for days in (30, 1):
            database.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
                "VALUES ('q', 'signoff.due', 'todo')"
            )
            database.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE status = 'todo'")
            database.execute(
                "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE status = 'doing'"
            )
            database.execute(
                "UPDATE procrastinate_events SET at = now() - make_interval(days => %s) "
                "WHERE job_id = (SELECT max(id) FROM procrastinate_jobs)",
                [days],
            )
    words = ("store", "vacuum", "--store", postgres_database)
    assert _json(capsys, *words)[1]["jobs"] == 1
    assert _json(capsys, *words)[1]["jobs"] == 0
    assert _json(capsys, *words, "--jobs-older-than", "0")[1]["jobs"] == 1
    assert works(postgres_database) == 1


def test_a_store_in_memory_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="memory"):
        asyncio.run(vacuum("sqlite://:memory:", jobs_older_than=timedelta(days=1)))
    assert _said(capsys, "store", "check", "--store", "sqlite://:memory:")[0] == 1


# move


def test_move_says_what_it_proved_and_what_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(here := f"sqlite:///{tmp_path / 'a.db'}")
    there = f"sqlite:///{tmp_path / 'b.db'}"
    status, out, _ = _said(capsys, "store", "move", "--from", here, "--to", there)
    assert status == 0
    assert "read back and proved" in out
    assert "is closed" in out
    status, _, err = _said(capsys, "ledger", "seal", "--store", here)
    assert status == 1
    assert "work on" in err
    status, told = _json(
        capsys, "store", "move", "--from", here, "--to", there.replace("b.db", "c.db"), "--copy"
    )
    assert (status, told["copied"], told["intact"]) == (0, True, True)
    proved = _json(capsys, "ledger", "verify", "--store", there)[1]
    assert proved["root"] == told["root"]


# retain


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "signoff.toml"
    file.write_text('[[retention]]\nrecords = "1 ms"\n', encoding="utf-8")
    return file


def test_retain_says_what_would_go_and_then_what_went(
    store_url: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(store_url)
    words = ("store", "retain", "--store", store_url, "--policy", str(policy), "--by", "ops")
    before = works(store_url)
    status, would, _ = _said(capsys, *words, "--dry-run")
    assert (status, works(store_url)) == (0, before)
    assert "records would be removed" in would
    assert "somebody is asked about it" in would
    archive = policy.with_name("gone.jsonl")
    status, said = _json(capsys, *words, "--archive", str(archive))
    assert status == 0
    assert said["records"] == len(archive.read_text().splitlines()) > 20
    assert works(store_url) == before + 1 + 1 + said["subjects"] - said["records"]
    sealed = ("--sealed", said["root"])
    status, out, _ = _said(capsys, "ledger", "verify", "--store", store_url, *sealed)
    assert status == 0
    assert f"{said['records']} more records were removed" in out
    status, out, _ = _said(capsys, "ledger", "show", "signoff:controls", "--store", store_url)
    assert f"{said['records']} records of {said['subjects']} subjects" in out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "there is no"),
        ("", "says nothing about retention"),
        ("[retention]\nrecords = '1 day'", "in two brackets"),
        ("[[retention]]", "say how long"),
        ("[[retention]]\nrecords = 400", "in quotes"),
        ("[[retention]]\nrecords = '400'", "a number and a unit"),
        ("[[retention]]\nrecords = '0 days'", "kept for some time"),
        ("[[retention]]\nrecords = '2 days'\nkeys = '1 day'", "at least as long"),
        ("[[retention]]\nrecords = '2 days'\nsubject = 'a'", "it has subject"),
        ("[[retention]]\nrecords = '2 days'\nsubjects = 7", "how their ids begin"),
        ("retention = [1]", "a rule is a table"),
        ("retention = []", "without a rule"),
        ("[[retention]", "no TOML"),
    ],
)
def test_a_policy_that_is_wrong_removes_nothing(
    tmp_path: Path, text: str | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"sqlite:///{tmp_path / 'signoff.db'}"
    filled(store)
    before = works(store)
    file = tmp_path / "rules.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    status, _, err = _said(capsys, "store", "retain", "--store", store, "--policy", str(file))
    assert (status, works(store)) == (1, before)
    assert says in err


def test_retain_is_refused_where_the_ledger_is_not_intact(
    store_url: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(store_url)
    execute(store_url, "UPDATE signoff_records SET body = '{}' WHERE position = 2")
    words = ("store", "retain", "--store", store_url, "--policy", str(policy))
    status, _, err = _said(capsys, *words)
    assert status == 1
    assert "not intact" in err
    assert "ledger verify" in err
