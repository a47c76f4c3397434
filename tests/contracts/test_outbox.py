from __future__ import annotations

import asyncio
import threading
from typing import Any

import psycopg
import pytest
from stores import AT, LATER, effect, opened, swap, timer

from signoff.storage import Storage
from signoff.storage._postgres import PostgresConnection


async def _enqueue(storage: Storage, *effects: Any) -> list[int]:
    return await storage.transact(lambda tx: [tx.enqueue(each) for each in effects])


async def _claim(storage: Storage, now: str = AT, **more: Any) -> list[Any]:
    return await storage.claim_effects(["mail", "bill"], now=now, limit=99, busy=(), **more)


def test_effects_come_in_the_order_in_which_they_were_intended(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            ids = await _enqueue(storage, *(effect(crossing=f"c{n}") for n in range(30)))
            ids += await _enqueue(storage, effect("bill", crossing="c0"))
            assert [found.id for found in await _claim(storage)] == ids == sorted(ids)

    asyncio.run(main())


def test_an_effect_is_settled_once(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            (id,) = await _enqueue(storage, effect())
            assert await storage.transact(lambda tx: tx.settle(id)) is True
            assert await storage.transact(lambda tx: tx.settle(id)) is False
            assert await _claim(storage) == []
            assert await storage.pending() == []

    asyncio.run(main())


def test_a_postponed_effect_waits_and_keeps_its_doubt(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            (id,) = await _enqueue(storage, effect())
            await storage.transact(lambda tx: tx.postpone(id, due=LATER, doubt=True))
            assert await _claim(storage) == []
            assert await storage.next_due([], ["mail"]) == LATER
            (found,) = await _claim(storage, LATER)
            assert (found.tries, found.doubt, found.adopted) == (1, True, False)

    asyncio.run(main())


def test_a_later_effect_of_the_same_crossing_waits_for_a_postponed_one(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            first, second, other = await _enqueue(
                storage, effect("mail"), effect("bill"), effect("bill", crossing="another")
            )
            await storage.transact(lambda tx: tx.postpone(first, due=LATER, doubt=False))
            assert [found.id for found in await _claim(storage)] == [other]
            assert [found.id for found in await _claim(storage, LATER)] == [first, second, other]
            await storage.transact(lambda tx: tx.settle(other))
            assert await storage.next_due([], ["mail", "bill"]) == LATER

    asyncio.run(main())


def test_effects_that_are_busy_or_unknown_here_are_left_alone(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            first, second = await _enqueue(storage, effect(), effect("bill", crossing="d"))
            assert [found.id for found in await storage.claim_effects(
                ["mail", "bill"], now=AT, limit=9, busy={first}
            )] == [second]  # fmt: skip
            assert [found.id for found in await storage.claim_effects(
                ["bill"], now=AT, limit=9, busy=()
            )] == [second]  # fmt: skip

    asyncio.run(main())


def test_the_next_run_finds_what_the_last_one_left_and_knows_that_it_is_not_its_own(
    store_url: str,
) -> None:
    async def main() -> None:
        async with opened(store_url) as storage:
            await _enqueue(storage, effect(kind="commit", due=LATER, doubt=True))
            assert await _claim(storage) == [], "its own is not due yet"
        async with opened(store_url) as storage:
            (found,) = await _claim(storage)
            assert found.adopted

    asyncio.run(main())


def test_the_commit_of_a_crossing_is_claimed_by_name_even_before_it_is_due(any_store: str) -> None:
    async def main() -> None:
        async with opened(any_store) as storage:
            await _enqueue(storage, effect(), effect("b", kind="commit", due=LATER))
            found = await storage.claim_commit("c", busy=())
            assert found is not None
            assert found.kind == "commit"
            assert await storage.claim_commit("c", busy={found.id}) is None
            assert await storage.claim_commit("unheard", busy=()) is None

    asyncio.run(main())


def test_two_runtimes_never_get_the_same_work(postgres_database: str) -> None:
    async def main() -> None:
        async with opened(postgres_database) as gone:
            await _enqueue(gone, *(effect(crossing=f"c{n}") for n in range(60)))
            for n in range(60):
                await gone.transact(
                    lambda tx, n=n: tx.swap(swap(f"s{n}", timers=(timer(subject=f"s{n}"),)))
                )
        async with opened(postgres_database) as one, opened(postgres_database) as two:
            claims = await asyncio.gather(*(
                store.claim_effects(["mail"], now=AT, limit=7, busy=())
                for _ in range(10) for store in (one, two)
            ))  # fmt: skip
            by_one = {found.id for claim in claims[::2] for found in claim}
            by_two = {found.id for claim in claims[1::2] for found in claim}
            assert not by_one & by_two
            timers = await asyncio.gather(*(
                store.claim_timers(["m"], now=AT, limit=60, busy=()) for store in (one, two)
            ))  # fmt: skip
            assert sorted(found.subject for claim in timers for found in claim) == sorted(
                f"s{n}" for n in range(60)
            )

    asyncio.run(main())


def test_a_runtime_that_opens_in_the_middle_of_a_claim_loses_nothing_to_it(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lists the living, and then claims, must not take what a newcomer claimed between."""
    listed_the_living, newcomer_claimed = threading.Event(), threading.Event()
    plain = PostgresConnection.run

    def slow(self: PostgresConnection, name: str, params: Any) -> Any:
        rows = plain(self, name, params)
        if name == "live_owners" and not listed_the_living.is_set():
            listed_the_living.set()
            newcomer_claimed.wait(0.5)  # in vain: the newcomer has to wait for this claim
        return rows

    async def main() -> None:
        async with opened(postgres_database) as gone:
            await _enqueue(gone, effect())
        async with opened(postgres_database) as old_hand:
            monkeypatch.setattr(PostgresConnection, "run", slow)
            claim = asyncio.create_task(_claim(old_hand))
            await asyncio.to_thread(listed_the_living.wait, 10)
            async with opened(postgres_database) as newcomer:
                theirs = await _claim(newcomer)
                newcomer_claimed.set()
                assert len(theirs) + len(await claim) == 1

    asyncio.run(main())


def test_what_a_dead_runtime_claimed_is_adopted_once_its_connection_is_gone(
    postgres_database: str,
) -> None:
    async def main() -> None:
        async with opened(postgres_database) as heir, opened(postgres_database) as dying:
            (id,) = await _enqueue(dying, effect(kind="commit", due=LATER, doubt=True))
            await dying.transact(lambda tx: tx.swap(swap(timers=(timer(),))))
            assert len(await dying.claim_timers(["m"], now=AT, limit=9, busy=())) == 1
            assert await heir.claim_timers(["m"], now=AT, limit=9, busy=()) == []
            assert await _claim(heir, LATER) == []
            assert await heir.claim_commit("c", busy=()) is None
            with psycopg.connect(postgres_database, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks "
                    "WHERE locktype = 'advisory' AND objid = %s",
                    [dying._owner],
                )
            (found,) = await _claim(heir)
            assert (found.id, found.adopted) == (id, True)
            assert len(await heir.claim_timers(["m"], now=AT, limit=9, busy=())) == 1

    asyncio.run(main())


def test_a_runtime_whose_presence_broke_takes_it_up_again(postgres_database: str) -> None:
    async def main() -> None:
        async with opened(postgres_database) as one, opened(postgres_database) as two:
            (id,) = await _enqueue(one, effect())
            with psycopg.connect(postgres_database, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks "
                    "WHERE locktype = 'advisory' AND objid = %s",
                    [one._owner],
                )
            assert [found.id for found in await _claim(one)] == [id]
            assert await _claim(two) == []

    asyncio.run(main())
