"""What is kept comes back as it was: hostile text, large values, and nothing that was redacted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deals import Deal, Offer, always, running, selling
from stores import append, listed, opened, recorded

from signoff import Reject, Rejected, Runtime
from signoff.ledger import digest
from signoff.storage import Storage, storage_at
from signoff.testing import FakeClock

HOSTILE = [
    "nul \x00 in the middle",
    "\ud800 alone, \udfff too",
    "\U0001f600 and \u2028 and \x7f",
    "'; DROP TABLE signoff_records; -- %s %(id)s :id ?",
    "\\u0000 \\ud800 \\",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_comes_back_as_it_was(any_store: str, text: str) -> None:
    async def main() -> None:
        crossing = recorded(state={"said": text, text[:50]: [text, None, 1.5, True]})
        async with opened(any_store) as storage:
            await storage.transact(lambda tx: tx.save_crossing(crossing))
            assert await storage.crossing("c") == crossing
            await append(storage, "s", text)
            (entry,) = await listed(storage)
            said = json.loads(entry.body)["subject"]
            if isinstance(said, dict):
                kept = await storage.payload(said["$payload"])
                assert kept is not None
                said = json.loads(kept)
            assert said == text
            assert (await storage.verify()).intact

    asyncio.run(main())


def test_names_may_be_in_any_script(any_store: str) -> None:
    async def main() -> None:
        names = ["Zoë", "子", "שלום", "a/b?c=d&e", "zz", "Z", "_"]
        async with opened(any_store) as storage:
            for name in names:
                await append(storage, name, name)
            await storage.seal()
            verification = await storage.verify()
            assert verification.intact
            assert verification.subjects == len(names)
            assert all([len(await listed(storage, name)) == 1 for name in names])

    asyncio.run(main())


def test_a_large_value_is_kept_once_under_its_digest(any_store: str) -> None:
    async def main() -> None:
        prompt = "say it " * 2000
        async with opened(any_store) as storage:
            for subject in ("a", "b"):
                await append(storage, subject, prompt, prompt)
            bodies = [json.loads(entry.body) for entry in await listed(storage)]
            mark = digest(json.dumps(prompt))
            kept = {"$payload": mark, "characters": len(prompt) + 2}
            assert [body["subject"] for body in bodies] == [kept] * 4
            assert await storage.payload(mark) == json.dumps(prompt)
            assert await _count(storage, "payloads") == 1
            assert (await storage.verify()).intact

    asyncio.run(main())


async def _count(storage: Storage, table: str) -> int:
    prefix = "signoff_" if storage.url.startswith("sqlite") else "signoff."
    rows = await storage.transact(lambda tx: tx.execute(f"SELECT count(*) FROM {prefix}{table}"))
    return int(rows[0][0])


async def _tamper(storage: Storage, sql: str) -> None:
    if not storage.url.startswith("sqlite"):
        sql = sql.replace("signoff_", "signoff.")
    await storage.transact(lambda tx: tx.execute(sql))


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE signoff_payloads SET body = '\"other\"'", "no longer has its digest"),
        ("DELETE FROM signoff_payloads", "is gone"),
    ],
)
def test_a_payload_that_was_altered_or_removed_is_noticed(
    any_store: str, sql: str, what: str
) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await append(storage, "s", "x" * 5000)
            await _tamper(storage, sql)
            (fault,) = (await storage.verify()).faults
            assert what in fault.what

    asyncio.run(main())


def test_what_looks_like_our_mark_for_a_payload_is_told_from_it(any_store: str) -> None:
    async def main() -> None:
        claim = {"$payload": "0" * 64, "characters": 5}
        async with opened(any_store) as storage:
            await append(storage, "s", claim, {"deeper": claim})
            first, second = [json.loads(entry.body)["subject"] for entry in await listed(storage)]
            assert json.loads(str(await storage.payload(first["$payload"]))) == claim
            assert second == {"deeper": claim}
            assert (await storage.verify()).intact

    asyncio.run(main())


# Redaction

SECRET = "hunter2-hunter2"


def _redact(type: str, fields: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(fields).replace(SECRET, "[redacted]")))


def _secretive() -> Any:
    no = Reject("no", "try again", then="stop")
    return selling(f'{{"price": 7}} the password is {SECRET}', verifiers=[always(no)])


def _bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_a_redacted_secret_is_in_no_byte_of_the_file(tmp_path: Path) -> None:
    async def main() -> None:
        url = f"sqlite:///{tmp_path / 'store.db'}"
        async with Runtime(url, clock=FakeClock(), redact=_redact) as runtime:
            outcome = await runtime.run(_secretive(), Deal())
            assert isinstance(outcome, Rejected)
            written = _bytes(tmp_path)
            assert b"[redacted]" in written
            assert SECRET.encode() not in written
            assert (await runtime.ledger.verify()).intact
        assert SECRET.encode() not in _bytes(tmp_path)

    asyncio.run(main())


def test_a_redacted_secret_is_in_no_table(postgres_database: str) -> None:
    async def main() -> None:
        async with Runtime(postgres_database, clock=FakeClock(), redact=_redact) as runtime:
            await runtime.run(_secretive(), Deal())
            with psycopg.connect(postgres_database) as admin:
                tables = admin.execute(
                    "SELECT table_name FROM information_schema.tables WHERE table_schema='signoff'"
                ).fetchall()
                dump = "".join(
                    str(admin.execute(f"SELECT * FROM signoff.{table}").fetchall())  # type: ignore[call-overload]
                    for (table,) in tables
                )
            assert "[redacted]" in dump
            assert SECRET not in dump

    asyncio.run(main())


def test_a_large_secret_is_redacted_before_it_is_set_apart(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store, redact=_redact) as storage:
            await append(storage, "s", "x" * 5000 + SECRET)
            mark = json.loads((await listed(storage))[0].body)["subject"]["$payload"]
            assert SECRET not in str(await storage.payload(mark))

    asyncio.run(main())


def test_a_hook_that_raises_leaves_nothing_half_written(any_store: str) -> None:
    async def main() -> None:
        def nervous(type: str, fields: dict[str, Any]) -> dict[str, Any]:
            if type == "judged":
                raise ValueError("the hook is broken")
            return fields

        async with running(storage_at(any_store, redact=nervous)) as runtime:
            with pytest.raises(ValueError, match="the hook is broken"):
                await runtime.run(selling(Offer(price=7)), Deal())
            assert await listed(runtime.ledger) == []
            assert await runtime.ledger.crossings_by_status() == []

    asyncio.run(main())
