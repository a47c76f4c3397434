"""What a retention policy removes is gone; what remains is proved as before, and goes on."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from deals import Deal, selling
from movable import execute, filled
from stores import append, listed, note, opened

from signoff import Committed, Runtime
from signoff.errors import BadInput
from signoff.ledger import EMPTY, Entry, Verification, link
from signoff.storage import (
    Archive,
    Gone,
    Keep,
    Retention,
    Storage,
    StoredTransaction,
    check_store,
    retain,
)
from signoff.testing import FakeClock

YEAR = timedelta(days=365)
NOW = datetime(2036, 1, 1, tzinfo=UTC)
POLICY = Retention(rules=[Keep(records=YEAR)])


def _retained(url: str, policy: Retention = POLICY, **more: Any) -> Gone:
    async def main() -> Gone:
        async with opened(url, exclusive=False) as storage:
            given: dict[str, Any] = {"by": "ops", "now": NOW, **more}
            return await retain(storage, policy, **given)

    return asyncio.run(main())


def _entries(url: str) -> list[Entry]:
    async def main() -> list[Entry]:
        async with opened(url, exclusive=False) as storage:
            return await listed(storage)

    return asyncio.run(main())


def _proved(url: str) -> Verification:
    async def main() -> Verification:
        async with opened(url, exclusive=False) as storage:
            return await storage.verify()

    return asyncio.run(main())


def _sound(url: str) -> None:
    wrong = {each.check: list(each.wrong) for each in check_store(url) if each.wrong}
    assert wrong == {}


def test_what_has_ended_goes_and_the_rest_is_proved(store_url: str, tmp_path: Path) -> None:
    filled(store_url)
    before = _entries(store_url)
    under_way = {
        id
        for (id,) in execute(
            store_url,
            "SELECT id FROM signoff_crossings WHERE status NOT IN ('committed', 'rejected')",
        )
    }
    waiting = execute(store_url, "SELECT count(*) FROM signoff_effects")
    assert under_way
    with Archive(tmp_path / "gone.jsonl") as archive:
        gone = _retained(store_url, archive=archive)
    after = _entries(store_url)
    assert gone.records > 20
    assert gone.payloads > 0
    assert {"ticket", "events"} <= set(gone.kept)
    cuts = [entry for entry in after if entry.type == "cut"]
    assert min(cut.position for cut in cuts) > max(entry.position for entry in before)
    assert len(cuts) == gone.subjects
    there = {(e.subject, e.seq) for e in after}
    left = [e for e in before if (e.subject, e.seq) not in there]
    assert len(left) == gone.records
    assert not {entry.crossing for entry in left} & under_way
    assert execute(store_url, "SELECT count(*) FROM signoff_effects") == waiting
    verification = _proved(store_url)
    assert (verification.faults, verification.removed) == ((), gone.records)
    _sound(store_url)
    _archived(tmp_path / "gone.jsonl", left, after)


def _archived(path: Path, left: list[Entry], after: list[Entry]) -> None:
    """The file holds what went, whole; with what is there, it makes unbroken chains."""
    lines = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    assert {(o["subject"], o["seq"], o["hash"]) for o in lines} == {
        (e.subject, e.seq, e.hash) for e in left
    }
    assert any("payloads" in line for line in lines)
    heads: dict[str, str] = {}
    for entry in sorted([*left, *after], key=lambda entry: (entry.subject, entry.seq)):
        head = link(
            heads.get(entry.subject, EMPTY),
            subject=entry.subject,
            seq=entry.seq,
            at=entry.at,
            crossing=entry.crossing,
            type=entry.type,
            body=entry.body,
        )
        assert head == entry.hash
        heads[entry.subject] = head


def test_again_it_removes_nothing_until_time_has_passed(store_url: str) -> None:
    filled(store_url)
    first = _retained(store_url)
    records = len(_entries(store_url))
    again = _retained(store_url)
    assert (again.records, again.subjects, again.payloads) == (0, 0, 0)
    assert len(_entries(store_url)) == records
    # Ten years later the cuts themselves are old: each is all that is there of its chain.
    much_later = _retained(store_url, now=NOW + 10 * YEAR)
    assert much_later.records == 0
    assert _proved(store_url).removed == first.records


def test_a_chain_that_goes_on_is_cut_again(store_url: str) -> None:
    async def say(*texts: str) -> None:
        async with opened(store_url) as storage:
            await append(storage, "s", *texts)

    asyncio.run(say("one", "two"))
    _retained(store_url)
    asyncio.run(say("three", "four"))
    assert [e.seq for e in _entries(store_url) if e.subject == "s"] == [3, 4, 5]
    # The stamps of the last two are as old as the first; the cut between them is of `NOW`.
    assert _retained(store_url, now=NOW + 2 * YEAR).records == 3
    assert [(e.seq, e.type) for e in _entries(store_url) if e.subject == "s"] == [(6, "cut")]
    verification = _proved(store_url)
    assert (verification.intact, verification.removed) == (True, 5)
    assert verification.outlived == 1
    _sound(store_url)


@pytest.mark.parametrize(
    "tamper",
    [
        "DELETE FROM signoff_records WHERE subject = 's' AND seq = 3",
        "DELETE FROM signoff_records WHERE subject = 's' AND type = 'cut'",
        "UPDATE signoff_records SET body = replace(body, 'ops', 'eve') WHERE type = 'cut'",
        "UPDATE signoff_records SET hash = replace(hash, '1', '2') WHERE seq = 3",
        "UPDATE signoff_records SET body = replace(body, 'three', 'drei') WHERE subject = 's'",
        "DELETE FROM signoff_records WHERE subject = 's'",
    ],
)
def test_what_is_done_to_a_cut_chain_is_found(store_url: str, tamper: str) -> None:
    async def say() -> None:
        async with opened(store_url) as storage:
            await append(storage, "s", "one", "two")
            await storage.transact(partial(_say_lately, subject="s", text="three"))

    asyncio.run(say())
    assert _retained(store_url).records == 2
    assert _proved(store_url).intact
    execute(store_url, tamper)
    assert not _proved(store_url).intact
    with pytest.raises(BadInput, match="not intact"):
        _retained(store_url, now=NOW + 9 * YEAR)


def test_a_beginning_that_no_cut_accounts_for_is_missed(store_url: str) -> None:
    async def say() -> None:
        async with opened(store_url) as storage:
            await append(storage, "s", "one", "two", "three")

    asyncio.run(say())
    execute(store_url, "DELETE FROM signoff_records WHERE subject = 's' AND seq < 3")
    (fault,) = _proved(store_url).faults
    assert (fault.seq, fault.what) == (3, "record 2 is missing before it")


def test_a_seal_from_after_the_cut_still_counts(store_url: str) -> None:
    async def say(subject: str) -> None:
        async with opened(store_url) as storage:
            await append(storage, subject, "one", "two")
            await storage.seal()

    asyncio.run(say("s"))
    asyncio.run(say("t"))
    _retained(store_url)
    execute(store_url, "DELETE FROM signoff_records WHERE subject = 't'")
    execute(store_url, "DELETE FROM signoff_subjects WHERE id = 't'")
    verification = _proved(store_url)
    assert [fault.what for fault in verification.faults] == [
        "the sealed records are not those that remain"
    ]
    assert verification.outlived == 2


def test_what_would_be_removed_is_counted(store_url: str) -> None:
    filled(store_url)
    before = _entries(store_url)
    said = _retained(store_url, dry=True)
    assert _entries(store_url) == before
    done = _retained(store_url)
    assert (said.subjects, said.records, said.kept) == (done.subjects, done.records, done.kept)


def _crosses(url: str, clock: FakeClock, key: str) -> Committed[Any]:
    async def main() -> Committed[Any]:
        boundary = selling({"price": 7})
        async with Runtime(url, clock=clock) as runtime:
            outcome = await runtime.run(boundary, Deal(id="d"), key=key)
            assert isinstance(outcome, Committed)
            return outcome

    return asyncio.run(main())


def test_a_key_is_known_for_as_long_as_the_policy_says(store_url: str) -> None:
    clock = FakeClock(NOW - 3 * YEAR)
    _crosses(store_url, clock, "k")
    assert _retained(store_url).records > 0
    assert _proved(store_url).intact
    _crosses(store_url, clock, "k")
    assert [e.type for e in _entries(store_url) if e.subject == "d"] == ["cut"], "asked nobody"
    keys = Retention(rules=[Keep(records=YEAR, keys=2 * YEAR)])
    assert _retained(store_url, keys).keys == 1
    _crosses(store_url, clock, "k")
    assert "committed" in [e.type for e in _entries(store_url) if e.subject == "d"]
    _sound(store_url)


def test_no_key_is_forgotten_that_something_under_way_may_ask_for(store_url: str) -> None:
    clock = FakeClock(NOW - 3 * YEAR)
    _crosses(store_url, clock, "k")
    execute(
        store_url,
        "INSERT INTO signoff_crossings (id, key, subject, boundary, status, attempts, opened, "
        "state) VALUES ('0', 'older', 'd', 'b', 'suspended', 0, ?, '{}')",
        "2030-01-01T00:00:00.000000Z",
    )
    keys = Retention(rules=[Keep(records=YEAR, keys=2 * YEAR)])
    assert _retained(store_url, keys).keys == 0


def test_a_value_that_is_recorded_again_meanwhile_stays(store_url: str) -> None:
    """Whoever records the same large value while nothing refers to it any more finds it there."""
    large = "L" * 9000

    async def anew(storage: Storage, number: int) -> None:
        for part in range(5):
            await storage.transact(partial(_say_lately, subject=f"new-{number}-{part}", text=large))

    async def main() -> None:
        async with opened(store_url) as storage, opened(store_url, exclusive=False) as other:
            for number in range(10):
                await append(storage, f"old-{number}", large, "x")
                await asyncio.gather(
                    anew(storage, number), retain(other, POLICY, by="ops", now=NOW)
                )
                assert (await storage.verify()).faults == ()

    asyncio.run(main())


def _say_lately(tx: StoredTransaction, subject: str, text: str) -> None:
    tx.append(subject, "", "2035-12-31T00:00:00.000000Z", [note(text)])


def test_chains_that_are_written_to_meanwhile_are_cut_or_not(store_url: str) -> None:
    async def main() -> None:
        async with opened(store_url) as storage, opened(store_url, exclusive=False) as other:
            await asyncio.gather(*(append(storage, f"s{n}", "one", "two") for n in range(60)))
            _, gone, also = await asyncio.gather(
                asyncio.gather(*(append(storage, f"s{n}", "three") for n in range(60))),
                retain(other, POLICY, by="ops", now=NOW),
                retain(other, POLICY, by="ops", now=NOW),
            )
            verification = await storage.verify()
            assert verification.faults == ()
            assert gone.records + also.records > 0
            assert verification.records + verification.removed >= 3 * 60

    asyncio.run(main())


def test_an_archive_that_cannot_be_written_keeps_everything(store_url: str) -> None:
    filled(store_url)
    before = _entries(store_url)
    with pytest.raises(BadInput, match="cannot write"), Archive(Path("/dev/full")) as archive:
        _retained(store_url, archive=archive)
    assert _entries(store_url) == before
