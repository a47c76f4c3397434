"""Streams, expected versions, positions, forks and offsets: the same on every database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from orders import Model, Offered, Paid, Placed, orders
from stores import listed, opened

from signoff import Runtime
from signoff.errors import BadInput, UsageError
from signoff.state import Appended, Consumer, Event, EventLog, Stale
from signoff.storage import Storage


async def history(runtime: Runtime, stream: str, **some: Any) -> list[Event[Any]]:
    return [event async for event in runtime.events(orders, stream, **some)]


async def tailed(runtime: Runtime, **some: Any) -> list[Event[Any]]:
    return [event async for event in runtime.tail(orders, **some)]


async def intact(runtime: Runtime) -> bool:
    verification = await runtime.ledger.verify()
    assert verification.faults == ()
    return verification.intact


def test_events_are_numbered_in_their_stream_and_in_the_log(any_store: str) -> None:
    async def main() -> None:
        async with Runtime(any_store) as runtime:
            first = await runtime.append(orders, "o-1", Placed(amount=3), Paid(amount=3))
            await runtime.append(orders, "o-2", Placed(amount=5))
            assert first == Appended(stream="o-1", version=2)
            assert [(e.version, e.data) for e in await history(runtime, "o-1")] == [
                (1, Placed(amount=3)),
                (2, Paid(amount=3)),
            ]
            assert [(e.position, e.stream, e.type) for e in await tailed(runtime)] == [
                (1, "o-1", "Placed"),
                (2, "o-1", "Paid"),
                (3, "o-2", "Placed"),
            ]
            assert [e.version for e in await history(runtime, "o-1", after=1)] == [2]
            assert [e.position for e in await tailed(runtime, after=2)] == [3]
            assert (await runtime.standing(orders, "o-1")).paid == 3
            assert await intact(runtime)

    asyncio.run(main())


def test_a_losing_append_changes_nothing_and_says_so(any_store: str) -> None:
    async def main() -> None:
        async with Runtime(any_store) as runtime:
            assert isinstance(
                await runtime.append(orders, "o", Placed(amount=1), expected=0), Appended
            )
            for expected in (0, 2):
                lost = await runtime.append(orders, "o", Paid(amount=1), expected=expected)
                assert lost == Stale(stream="o", expected=expected, version=1)
            won = await runtime.append(orders, "o", Paid(amount=1), expected=1)
            assert won == Appended(stream="o", version=2)
            assert len(await tailed(runtime)) == 2
            assert len(await listed(runtime.ledger, "o")) == 2

    asyncio.run(main())


def test_of_sixteen_writers_that_expect_one_version_exactly_one_wins(any_store: str) -> None:
    async def main() -> None:
        async with Runtime(any_store) as runtime:
            for version in range(5):
                writers = (
                    runtime.append(orders, "o", Placed(amount=n), expected=version)
                    for n in range(16)
                )
                outcomes = await asyncio.gather(*writers)
                won = [outcome for outcome in outcomes if isinstance(outcome, Appended)]
                assert won == [Appended(stream="o", version=version + 1)]
            assert [e.version for e in await history(runtime, "o")] == [1, 2, 3, 4, 5]
            assert await intact(runtime)

    asyncio.run(main())


def test_sixteen_writers_that_try_again_lose_nothing_and_leave_no_gap(any_store: str) -> None:
    async def write(runtime: Runtime, n: int) -> None:
        while True:
            version = await runtime.version(orders, "o")
            outcome = await runtime.append(orders, "o", Placed(amount=n), expected=version)
            if isinstance(outcome, Appended):
                return

    async def main() -> None:
        async with Runtime(any_store) as runtime:
            await asyncio.gather(*(write(runtime, n) for n in range(16)))
            told = await history(runtime, "o")
            assert sorted(event.data.amount for event in told) == list(range(16))
            assert [event.version for event in told] == list(range(1, 17))
            assert [event.position for event in await tailed(runtime)] == list(range(1, 17))

    asyncio.run(main())


def test_writers_in_two_processes_leave_no_gap(postgres_database: str) -> None:
    async def main() -> None:
        async with Runtime(postgres_database) as one, Runtime(postgres_database) as two:
            await asyncio.gather(
                *(
                    runtime.append(orders, f"o-{n % 5}", Placed(amount=n))
                    for runtime in (one, two)
                    for n in range(40)
                )
            )
            assert [event.position for event in await tailed(one)] == list(range(1, 81))
            for stream in range(5):
                told = await history(two, f"o-{stream}")
                assert [event.version for event in told] == list(range(1, 17))
            assert await intact(one)

    asyncio.run(main())


def test_the_same_key_adds_nothing_again(any_store: str) -> None:
    async def main() -> None:
        async with Runtime(any_store) as runtime:
            for again in (False, True, True):
                outcome = await runtime.append(
                    orders, "o", Placed(amount=1), Paid(amount=1), key="order 1", expected=0
                )
                assert outcome == Appended(stream="o", version=2, again=again)
            other = await runtime.append(orders, "p", Placed(amount=1), key="order 1")
            assert other == Appended(stream="p", version=1)
            assert len(await tailed(runtime)) == 3
            same = (runtime.append(orders, "q", Placed(amount=n), key="once") for n in range(16))
            outcomes = await asyncio.gather(*same)
            assert (
                sum(not outcome.again for outcome in outcomes if isinstance(outcome, Appended)) == 1
            )

    asyncio.run(main())


def test_a_fork_shares_its_past_and_goes_its_own_way(any_store: str) -> None:
    async def main() -> None:
        async with Runtime(any_store) as runtime:
            await runtime.append(orders, "o", *(Placed(amount=n) for n in (1, 2, 3)))
            await runtime.fork(orders, "o", at=2, to="what-if")
            await runtime.append(orders, "what-if", Paid(amount=9), expected=2)
            await runtime.append(orders, "o", Paid(amount=4), expected=3)
            await runtime.fork(orders, "what-if", at=3, to="further")
            await runtime.fork(orders, "further", at=1, to="back")
            await runtime.append(orders, "further", Paid(amount=5))

            async def amounts(stream: str, **some: Any) -> list[int]:
                return [event.data.amount for event in await history(runtime, stream, **some)]

            assert await amounts("o") == [1, 2, 3, 4]
            assert await amounts("what-if") == [1, 2, 9]
            assert await amounts("further") == [1, 2, 9, 5]
            assert await amounts("further", after=2) == [9, 5]
            assert await amounts("further", after=1, until=3) == [2, 9]
            assert await amounts("back") == [1]
            assert len(await tailed(runtime)) == 6, "nothing is copied"
            with pytest.raises(BadInput, match="has no version"):
                await runtime.fork(orders, "itself", at=0, to="itself")
            for wrong in ({"at": 9, "to": "x"}, {"at": 1, "to": "o"}, {"at": 1, "to": "back"}):
                with pytest.raises(BadInput):
                    await runtime.fork(orders, "o", **wrong)
            assert await intact(runtime)

    asyncio.run(main())


def test_an_event_that_was_altered_or_removed_is_found(store_url: str) -> None:
    table = "signoff_events" if store_url.startswith("sqlite") else "signoff.events"

    async def faults(sql: str) -> list[str]:
        async with opened(store_url) as storage:
            await storage.transact(lambda tx: tx.execute(f"{sql}") if sql else [])
            return [fault.what for fault in (await storage.verify()).faults]

    async def main() -> None:
        async with Runtime(store_url) as runtime:
            await runtime.append(orders, "o", Placed(amount=1), Paid(amount=1))
        assert await faults("") == []
        altered = f"""UPDATE {table} SET data = '{{"amount":7}}' WHERE version = 1"""
        assert "altered" in (await faults(altered))[0]
        assert len(await faults(f"DELETE FROM {table} WHERE version = 2")) == 2
        added = (
            f"INSERT INTO {table} SELECT log, 8, 'p', 1, type, data, at, happened, key, caused_by, "
            f"fingerprint, about FROM {table} WHERE version = 1 AND stream = 'o'"
        )
        await faults(added)
        assert any(
            "no record is about" in what for what in await faults(added.replace("8, 'p'", "9, 'q'"))
        )

    asyncio.run(main())


def test_a_reader_does_not_pass_an_event_that_commits_late(postgres_database: str) -> None:
    """Of two writers the earlier one is held up between its event and its commit."""
    import threading

    begun, go_on = threading.Event(), threading.Event()

    def hold_up(name: str) -> None:
        if name == "commit" and threading.current_thread() in held:
            begun.set()
            go_on.wait(20)

    held: set[threading.Thread] = set()

    async def main() -> None:
        async with (
            opened(postgres_database, fault_point=hold_up) as slow,
            opened(postgres_database) as quick,
        ):

            def write(storage: Storage, stream: str, *, holding: bool) -> Any:
                from signoff.boundary import Adding, add_events

                def script(tx: Any) -> None:
                    if holding:
                        held.add(threading.current_thread())
                    adding = Adding(
                        log="orders", stream=stream, events=[("Placed", "{}")], now=slow.clock.now()
                    )
                    tx.append(stream, "", "2026-01-01", add_events(tx, adding).records)

                return storage.transact(script)

            first = asyncio.create_task(write(slow, "a", holding=True))
            assert await asyncio.to_thread(begun.wait, 20)
            second = asyncio.create_task(write(quick, "b", holding=False))
            await asyncio.sleep(0.2)
            assert await quick.events_of_log("orders", after=0, limit=9) == []
            assert not second.done(), "a later position waits for the earlier one"
            other = write(quick, "c", holding=False)
            go_on.set()
            held.clear()
            await asyncio.gather(first, second, other)
            rows = await quick.events_of_log("orders", after=0, limit=9)
            assert [row.position for row in rows] == [1, 2, 3]
            assert rows[0].stream == "a"

    asyncio.run(main())


def test_what_the_log_was_not_declared_with_is_refused(any_store: str) -> None:
    class Alien(Placed):
        pass

    async def main() -> None:
        async with Runtime(any_store) as runtime:
            with pytest.raises(UsageError, match="has no events of type Alien"):
                await runtime.append(orders, "o", Alien(amount=1))
            await runtime.append(orders, "o", Placed(amount=1))
            narrow = EventLog("orders", events=Paid)
            with pytest.raises(BadInput, match="not declared with"):
                _ = [event async for event in runtime.events(narrow, "o")]
            for name in ("", "a\nb", "signoff:x", "x" * 201):
                with pytest.raises(BadInput, match="cannot name a stream"):
                    await runtime.append(orders, name, Placed(amount=1))

    asyncio.run(main())


# Consumers


def test_a_consumer_that_asks_a_model_leaves_events_with_its_fingerprint(any_store: str) -> None:
    async def main() -> None:
        model = Model()
        async with Runtime(any_store, knows=[model.consumer()]) as runtime:
            for n in range(5):
                await runtime.append(orders, f"o-{n}", Placed(amount=n))
            await runtime.drain()
            assert sorted(model.asked) == [f"o-{n}" for n in range(5)]
            for n in range(5):
                placed, offered = await history(runtime, f"o-{n}")
                assert offered.data == Offered(discount=10 + n % 3, total=n)
                assert offered.fingerprint is not None
                assert offered.fingerprint["model"] == "first"
                recorded = await runtime.ledger.crossing(offered.caused_by)
                assert recorded is not None
                assert recorded.key == f"discounts/o-{n}/1"
                assert placed.fingerprint is None
            assert await runtime.drain() == 0
            assert await intact(runtime)

    asyncio.run(main())


def test_another_process_goes_on_where_the_last_one_was(store_url: str) -> None:
    async def main() -> None:
        for run in range(3):
            model = Model()
            async with Runtime(store_url, knows=[model.consumer()]) as runtime:
                await runtime.append(orders, f"o-{run}", Placed(amount=run))
                await runtime.drain()
                assert model.asked == [f"o-{run}"]

    asyncio.run(main())


def test_what_a_handler_adds_is_added_with_the_offset(any_store: str) -> None:
    async def main() -> None:
        failures = 2

        async def receipt(delivery: Any, event: Event[Any]) -> None:
            nonlocal failures
            delivery.append(orders, Paid(amount=event.data.amount))
            delivery.append(orders, Paid(amount=100), stream="sum")
            if failures:
                failures -= 1
                raise ValueError("not yet")

        consumer = Consumer("receipts", orders, handle=receipt, on=Placed)
        from signoff.testing import FakeClock

        clock = FakeClock()
        async with Runtime(any_store, clock=clock) as runtime:
            await runtime.consume(consumer)
            await runtime.append(orders, "o", Placed(amount=7))
            await runtime.drain()
            assert len(await history(runtime, "o")) == 1
            await clock.advance(minutes=1)
            assert [event.data for event in await history(runtime, "o")] == [
                Placed(amount=7),
                Paid(amount=7),
            ]
            assert [event.key for event in await history(runtime, "sum")] == ["receipts/o/1/2"]
            assert await intact(runtime)

    asyncio.run(main())


def test_two_processes_do_not_handle_one_event_twice(postgres_database: str) -> None:
    async def main() -> None:
        models = Model(), Model()
        one = Runtime(postgres_database, knows=[models[0].consumer()])
        two = Runtime(postgres_database, knows=[models[1].consumer()])
        async with one, two:
            for n in range(60):
                await (one, two)[n % 2].append(orders, f"o-{n % 7}", Placed(amount=n))
            await asyncio.gather(one.drain(), two.drain())
            for _ in range(500):
                if len([e for e in await tailed(one) if e.type == "Offered"]) == 60:
                    break
                await asyncio.sleep(0.02)
            asked = [*models[0].asked, *models[1].asked]
            assert len(asked) == 60
            assert await intact(one)

    asyncio.run(main())


def test_a_fork_is_handled_from_where_it_leaves_its_source(any_store: str) -> None:
    async def main() -> None:
        model = Model()
        async with Runtime(any_store, knows=[model.consumer()]) as runtime:
            await runtime.append(orders, "o", Placed(amount=1), Placed(amount=2))
            await runtime.drain()
            await runtime.fork(orders, "o", at=2, to="what-if")
            assert await runtime.drain() == 0
            await runtime.append(orders, "what-if", Placed(amount=4))
            await runtime.drain()
            assert model.asked == ["o", "o", "what-if"]
            told = [e.data for e in await history(runtime, "what-if") if e.type == "Offered"]
            assert [offered.total for offered in told] == [7], "its past is that of its source"
            compared = await runtime.reread(model.consumer())
            assert (compared.events, compared.diverged) == (3, 0)

    asyncio.run(main())


def test_an_event_and_all_that_comes_of_it_cost_one_flush_each(sqlite_url: str) -> None:
    async def main() -> None:
        model = Model()
        async with Runtime(sqlite_url, knows=[model.consumer()]) as runtime:
            await runtime.append(orders, "o", Placed(amount=0))
            await runtime.drain()
            storage: Any = runtime.ledger
            before = storage.commits
            for n in range(10):
                await runtime.append(orders, "o", Placed(amount=n))
                await runtime.drain()
            assert storage.commits - before <= 20 + 1

    asyncio.run(main())


def test_a_handler_may_drain_the_runtime_that_called_it(any_store: str) -> None:
    async def main() -> None:
        async with Runtime(any_store) as runtime:

            async def handle(delivery: Any, event: Event[Any]) -> None:
                await runtime.drain()
                delivery.append(orders, Paid(amount=1))

            await runtime.consume(Consumer("draining", orders, on=Placed, handle=handle))
            await runtime.append(orders, "o", Placed(amount=1))
            async with asyncio.timeout(20):
                await runtime.drain()
            assert len(await history(runtime, "o")) == 2

    asyncio.run(main())


def test_a_consumer_may_begin_with_the_next_event(any_store: str) -> None:
    async def main() -> None:
        handled: list[int] = []

        async def handle(delivery: Any, event: Event[Any]) -> None:
            handled.append(event.data.amount)

        async with Runtime(any_store) as runtime:
            await runtime.append(orders, "o", Placed(amount=1))
            await runtime.consume(Consumer("late comer", orders, handle=handle, begins="next"))
            await runtime.drain()
            await runtime.append(orders, "o", Placed(amount=2))
            await runtime.drain()
            assert handled == [2]
            other = EventLog("other", events=Placed)
            with pytest.raises(UsageError, match="reads log orders"):
                await runtime.ledger.add_consumer("late comer", other.name, from_now=False)

    asyncio.run(main())
