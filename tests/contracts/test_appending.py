from __future__ import annotations

import asyncio
import json

import pytest
from stores import append, listed, note, opened, recorded

from signoff.errors import BadInput, UsageError
from signoff.storage import storage_at


def test_records_come_back_in_order_after_the_store_was_closed(store_url: str) -> None:
    async def main() -> None:
        async with opened(store_url) as storage:
            await append(storage, "s", 1, 2)
            await append(storage, "other", 3)
            await append(storage, "s", 4)
        async with opened(store_url) as storage:
            entries = await listed(storage)
            assert [json.loads(entry.body)["subject"] for entry in entries] == [1, 2, 3, 4]
            assert [entry.seq for entry in await listed(storage, "s")] == [1, 2, 3]
            positions = [entry.position for entry in entries]
            assert positions == sorted(set(positions))
            verification = await storage.verify()
            assert verification.intact
            assert (verification.records, verification.subjects) == (4, 2)

    asyncio.run(main())


def test_more_records_than_one_page_come_back_whole(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await append(storage, "s", *range(2500))
            assert [entry.seq for entry in await listed(storage, "s")] == list(range(1, 2501))
            assert len(await listed(storage)) == 2500
            assert (await storage.verify()).records == 2500

    asyncio.run(main())


def test_a_chain_stays_linear_under_concurrent_writers(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await asyncio.gather(*(append(storage, f"s{n % 3}", n) for n in range(120)))
            assert (await storage.verify()).faults == ()
            assert [entry.seq for entry in await listed(storage, "s0")] == list(range(1, 41))

    asyncio.run(main())


def test_two_processes_append_to_one_chain_without_forking_it(postgres_database: str) -> None:
    async def main() -> None:
        async with opened(postgres_database) as one, opened(postgres_database) as two:
            writes = (append(store, "s", n) for n in range(60) for store in (one, two))
            await asyncio.gather(*writes)
            assert len(await listed(one, "s")) == 120
            assert (await one.verify()).faults == ()

    asyncio.run(main())


def test_the_first_records_of_a_subject_may_come_from_two_writers_at_once(
    postgres_database: str,
) -> None:
    async def main() -> None:
        async with opened(postgres_database) as one, opened(postgres_database) as two:
            for n in range(20):
                await asyncio.gather(append(one, f"s{n}", 1), append(two, f"s{n}", 2))
                assert len(await listed(one, f"s{n}")) == 2
            assert (await one.verify()).faults == ()

    asyncio.run(main())


def test_a_crossing_is_found_by_the_beginning_of_its_id(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            for id in ("ab12", "ab34", "cd56"):
                await storage.transact(lambda tx, id=id: tx.save_crossing(recorded(id)))
                await storage.transact(lambda tx, id=id: tx.append("s", id, "", [note(id)]))
            found = [entry async for entry in storage.of_crossing("c")]
            assert [entry.crossing for entry in found] == ["cd56"]
            with pytest.raises(BadInput, match="several"):
                _ = [entry async for entry in storage.of_crossing("ab")]

    asyncio.run(main())


def test_a_store_that_is_not_open_says_so(any_store: str) -> None:
    async def main() -> None:
        storage = storage_at(any_store)
        with pytest.raises(UsageError, match="not open"):
            await storage.transact(lambda tx: None)
        await storage.open(exclusive=True)
        with pytest.raises(UsageError, match="already open"):
            await storage.open(exclusive=True)
        await storage.close()
        with pytest.raises(UsageError, match="not open"):
            await storage.transact(lambda tx: None)

    asyncio.run(main())


def test_what_was_accepted_is_finished_before_the_store_closes(store_url: str) -> None:
    async def main() -> None:
        async with opened(store_url) as storage:
            writes = [asyncio.create_task(append(storage, "s", n)) for n in range(30)]
            await asyncio.sleep(0)
        await asyncio.gather(*writes)
        async with opened(store_url) as storage:
            assert len(await listed(storage, "s")) == 30

    asyncio.run(main())
