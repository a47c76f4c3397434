from __future__ import annotations

import asyncio
from typing import Any

from stores import AT, LATER, append, listed, note, opened, swap, timer

from signoff.storage import Storage


async def _swap(storage: Storage, wanted: Any, *, crossing: str = "") -> Any:
    def write(tx: Any) -> Any:
        row = tx.swap(wanted, crossing=crossing)
        if row is not None:
            tx.append(wanted.subject, crossing, AT, [note(wanted.state)])
        return row

    return await storage.transact(write)


async def _due(storage: Storage, now: str = LATER) -> list[tuple[str, int]]:
    timers = await storage.claim_timers(["m"], now=now, limit=9, busy=())
    return [(found.name, found.version) for found in timers]


def test_a_row_begins_moves_and_counts_its_versions(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            assert await storage.row("s") is None
            assert (await _swap(storage, swap())).version == 1
            moved = await _swap(storage, swap(expected=1, state="offered", data='{"a":1}'))
            assert (moved.version, moved.state) == (2, "offered")
            assert await storage.row("s") == moved
            assert await storage.rows_by_state("m") == {"offered": 1}
            assert [row async for row in storage.rows_of("m")] == [moved]

    asyncio.run(main())


def test_a_swap_with_a_stale_version_changes_nothing_and_says_so(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _swap(storage, swap(timers=(timer(),)))
            first = await _swap(storage, swap(expected=1, state="won", timers=None))
            for expected in (None, 1, 3):
                lost = swap(expected=expected, state="lost", timers=(timer("other"),))
                assert await _swap(storage, lost) is None
            assert await storage.row("s") == first
            assert await _due(storage) == [("t", 2)]
            assert len(await listed(storage, "s")) == 2

    asyncio.run(main())


def test_of_many_swaps_from_one_version_exactly_one_wins(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _swap(storage, swap())
            moves = (_swap(storage, swap(expected=1, state=f"to{n}")) for n in range(20))
            assert len([row for row in await asyncio.gather(*moves) if row is not None]) == 1
            row = await storage.row("s")
            assert row is not None
            assert row.version == 2
            assert (await storage.verify()).intact

    asyncio.run(main())


def test_of_two_processes_that_start_one_subject_one_wins(postgres_database: str) -> None:
    async def main() -> None:
        async with opened(postgres_database) as one, opened(postgres_database) as two:
            for n in range(20):
                starts = (_swap(store, swap(f"s{n}")) for store in (one, two))
                assert len([row for row in await asyncio.gather(*starts) if row]) == 1
            assert (await one.verify()).intact

    asyncio.run(main())


def test_a_held_row_moves_only_for_its_holder(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _swap(storage, swap())
            await storage.transact(lambda tx: tx.hold("s", "holder"))
            row = await storage.row("s")
            assert row is not None
            assert row.pending == "holder"
            for other in ("", "another"):
                assert await _swap(storage, swap(expected=1), crossing=other) is None
            await append(storage, "s", "a record may still be added")
            moved = await _swap(storage, swap(expected=1, state="done"), crossing="holder")
            assert (moved.state, moved.pending) == ("done", "")

    asyncio.run(main())


def test_a_hold_that_is_let_go_blocks_nobody(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _swap(storage, swap())
            await storage.transact(lambda tx: tx.hold("s", "holder"))
            await storage.transact(lambda tx: tx.hold("s", ""))
            assert await _swap(storage, swap(expected=1, state="free")) is not None

    asyncio.run(main())


def test_timers_are_carried_over_by_a_change_and_replaced_by_a_move(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _swap(storage, swap(timers=(timer("a"), timer("b", due=LATER))))
            assert await _due(storage, AT) == [("a", 1)]
            await _swap(storage, swap(expected=1, timers=None))
            assert await _due(storage) == [("a", 2), ("b", 2)]
            await _swap(storage, swap(expected=2, timers=(timer("c", version=3),)))
            assert await _due(storage) == [("c", 3)]
            await _swap(storage, swap(expected=3))
            assert await _due(storage) == []

    asyncio.run(main())


def test_a_timer_is_dropped_only_at_the_version_it_was_set_for(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _swap(storage, swap(timers=(timer(),)))
            await storage.transact(lambda tx: tx.drop_timer(timer(version=7)))
            assert await _due(storage) == [("t", 1)]
            await storage.transact(lambda tx: tx.drop_timer(timer()))
            assert await _due(storage) == []

    asyncio.run(main())


def test_a_postponed_timer_comes_later_and_counts_its_tries(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _swap(storage, swap(timers=(timer(),)))
            await storage.transact(lambda tx: tx.postpone_timer(timer(), due=LATER))
            assert await _due(storage, AT) == []
            assert await storage.next_due(["m"], []) == LATER
            (found,) = await storage.claim_timers(["m"], now=LATER, limit=9, busy=())
            assert (found.tries, found.due) == (1, LATER)

    asyncio.run(main())


def test_timers_of_machines_that_nobody_knows_stay_where_they_are(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _swap(storage, swap(timers=(timer(),)))
            assert await storage.claim_timers(["other"], now=LATER, limit=9, busy=()) == []
            assert await storage.claim_timers([], now=LATER, limit=9, busy=()) == []
            assert await storage.next_due(["other"], []) is None
            assert await storage.pending() == [("timer", "m", 1, AT)]

    asyncio.run(main())
