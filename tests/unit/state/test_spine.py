"""Crossings on a state machine: versions, races, and what is judged again."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from deals import Deal, Offer, asked, lifecycle, record_sale, running, selling, story
from stores import append, opened

from signoff import Committed, Rejected, Transactional, Write
from signoff.errors import UnknownTransition, UsageError
from signoff.state import After, StateMachine
from signoff.storage import storage_at

FINE = Offer(price=7)


def _gated(*offers: Offer) -> tuple[Any, asyncio.Event, asyncio.Event]:
    """A boundary whose first answer waits for a sign; when it was asked; the sign."""
    was_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(question: Any) -> Offer:
        was_asked.set()
        await may_answer.wait()
        return offers[0]

    boundary = selling(slow, *offers[1:], commit=Transactional(record_sale))
    return boundary, was_asked, may_answer


def _together(parties: int) -> Any:
    """Boundaries whose first answers wait until all of them have been asked."""
    barrier = asyncio.Barrier(parties)

    async def slow(question: Any) -> Offer:
        await barrier.wait()
        return FINE

    return [selling(slow, commit=Transactional(record_sale)) for _ in range(parties)]


def test_a_row_moves_if_and_only_if_the_crossing_commits() -> None:
    async def main() -> None:
        async with running() as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            dear = selling(Offer(price=50), commit=Transactional(record_sale), attempts=1)
            assert isinstance(await runtime.advance(handle, "sold", through=dear), Rejected)
            assert (handle.state, handle.version, handle.subject.sold) == ("open", 1, 0)
            fine = selling(FINE, commit=Transactional(record_sale))
            outcome = await runtime.advance(handle, "sold", through=fine, key="second try")
            assert isinstance(outcome, Committed)
            assert (handle.state, handle.version, handle.subject.sold) == ("sold", 2, 1)
            assert (await story(runtime))[-2:] == ["committed", "moved"]

    asyncio.run(main())


def test_a_move_that_the_machine_forbids_asks_nobody() -> None:
    async def main() -> None:
        async with running() as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            boundary = selling(FINE)
            with pytest.raises(UnknownTransition, match=r"allows `lost`, `sold`"):
                await runtime.advance(handle, "closed", through=boundary)
            with pytest.raises(UnknownTransition):
                await runtime.move(handle, "closed", because="by hand")
            assert asked(boundary) == 0
            assert await story(runtime) == ["started"]

    asyncio.run(main())


def test_the_same_move_again_answers_what_was_recorded(store_url: str) -> None:
    async def main() -> None:
        boundary = selling(FINE)
        async with running(store_url) as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            first = await runtime.advance(handle, "sold", through=boundary, key="k")
        async with running(store_url) as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            assert handle.state == "sold"
            assert await runtime.advance(handle, "sold", through=boundary, key="k") == first
            assert asked(boundary) == 1

    asyncio.run(main())


def test_a_proposal_on_a_stale_version_is_judged_again_and_not_asked_for_again() -> None:
    async def main() -> None:
        async with running() as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            boundary, was_asked, may_answer = _gated(FINE)
            task = asyncio.create_task(runtime.advance(handle, "sold", through=boundary))
            await was_asked.wait()
            await runtime.change(handle, lambda deal: Deal(limit=8), because="the world moved")
            may_answer.set()
            outcome = await task
            assert isinstance(outcome, Committed)
            assert asked(boundary) == 1
            assert (handle.version, handle.subject) == (3, Deal(limit=8, sold=1))

    asyncio.run(main())


def test_what_the_new_version_forbids_is_rejected_and_revised_on_the_new_version() -> None:
    async def main() -> None:
        async with running() as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            boundary, was_asked, may_answer = _gated(FINE, Offer(price=3))
            task = asyncio.create_task(runtime.advance(handle, "sold", through=boundary))
            await was_asked.wait()
            await runtime.change(handle, lambda deal: Deal(limit=5), because="the world moved")
            may_answer.set()
            outcome = await task
            assert isinstance(outcome, Committed)
            assert (outcome.receipt, outcome.attempts) == (3, 2)
            question = boundary.proposer.asked[1]
            assert question.subject == Deal(limit=5)
            assert question.feedback[0]["rejections"][0]["message"] == "7 asked, 5 allowed"

    asyncio.run(main())


def test_a_row_that_went_where_the_move_is_not_allowed_stops_the_crossing() -> None:
    async def main() -> None:
        async with running() as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            boundary, was_asked, may_answer = _gated(FINE)
            task = asyncio.create_task(runtime.advance(handle, "sold", through=boundary))
            await was_asked.wait()
            assert await runtime.move(handle, "lost", because="by hand")
            may_answer.set()
            outcome = await task
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.ended, outcome.attempts) == ("stale_version", "stop", 1)
            assert (handle.state, handle.subject.sold) == ("lost", 0)

    asyncio.run(main())


def test_of_parallel_crossings_of_one_row_one_wins_and_the_others_stop(any_store: str) -> None:
    async def main() -> None:
        async with running(any_store) as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            boundaries = _together(8)
            outcomes = await asyncio.gather(
                *(
                    runtime.advance(handle, "sold", through=boundary, key=f"k{n}")
                    for n, boundary in enumerate(boundaries)
                )
            )
            assert sum(isinstance(outcome, Committed) for outcome in outcomes) == 1
            losers = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
            assert {loser.code for loser in losers} == {"stale_version"}
            assert (handle.state, handle.version, handle.subject.sold) == ("sold", 2, 1)
            assert all(asked(boundary) == 1 for boundary in boundaries)

    asyncio.run(main())


def test_a_loser_whose_move_is_still_allowed_is_judged_again_and_follows(any_store: str) -> None:
    async def main() -> None:
        moves: dict[str, set[str]] = {"open": {"open"}}
        machine = StateMachine("counter", moves, start="open", subject=Deal)
        async with running(any_store) as runtime:
            handle = await runtime.start(machine, Deal())
            crossings = (
                runtime.advance(
                    handle, "open", key=f"k{n}",
                    through=selling(FINE, commit=Transactional(record_sale)),
                )
                for n in range(8)
            )  # fmt: skip
            outcomes = await asyncio.gather(*crossings)
            assert all(isinstance(outcome, Committed) for outcome in outcomes)
            assert (handle.version, handle.subject.sold) == (9, 8)

    asyncio.run(main())


def test_two_runtimes_move_one_row_and_one_of_them_wins(postgres_database: str) -> None:
    async def main() -> None:
        async with running(postgres_database) as one, running(postgres_database) as two:
            runtimes = (one, two)
            handles = [await runtime.start(lifecycle(), Deal()) for runtime in runtimes]
            racers = zip(runtimes, handles, _together(2), strict=True)
            outcomes = await asyncio.gather(
                *(
                    runtime.advance(handle, "sold", through=boundary, key=f"k{n}")
                    for n, (runtime, handle, boundary) in enumerate(racers)
                )
            )
            ends = sorted(type(outcome).__name__ for outcome in outcomes)
            assert ends == ["Committed", "Rejected"]
            for runtime, handle in zip(runtimes, handles, strict=True):
                await runtime.refresh(handle)
                assert handle.subject.sold == 1

    asyncio.run(main())


def test_two_runtimes_under_one_key_commit_once(postgres_database: str) -> None:
    """Both look for the crossing before either has written it."""

    async def main() -> None:
        meeting = threading.Barrier(2, timeout=10)

        def meet(statement: str) -> None:
            # Each comes here once: the crossing was looked for, and its subject comes next.
            if statement == "lock_subject" and not meeting.broken:
                with suppress(threading.BrokenBarrierError):
                    meeting.wait()
                    meeting.abort()

        storages = [storage_at(postgres_database, fault_point=meet) for _ in range(2)]

        def count(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
            write.execute("INSERT INTO sales VALUES (1)")
            return 1

        async with opened(postgres_database) as storage:
            await append(storage, "d", "the subject is known already")
            await storage.transact(lambda tx: tx.execute("CREATE TABLE sales (one INTEGER)"))
        async with running(storages[0]) as one, running(storages[1]) as two:
            boundaries = [selling(FINE, commit=Transactional(count)) for _ in range(2)]
            outcomes = await asyncio.gather(
                one.run(boundaries[0], Deal()), two.run(boundaries[1], Deal())
            )
            assert outcomes[0] == outcomes[1]
            rows = await storages[0].transact(lambda tx: tx.execute("SELECT one FROM sales"))
            assert rows == [(1,)]
            assert (await story(one)).count("committed") == 1

    asyncio.run(main())


def test_changes_at_once_are_all_made_one_after_the_other(any_store: str) -> None:
    async def main() -> None:
        def one_more(deal: Deal) -> Deal:
            return deal.model_copy(update={"sold": deal.sold + 1})

        async with running(any_store) as runtime:
            handle = await runtime.start(lifecycle(), Deal())
            changes = (runtime.change(handle, one_more, because="") for _ in range(20))
            await asyncio.gather(*changes)
            assert (handle.version, handle.subject.sold) == (21, 20)

    asyncio.run(main())


def test_a_row_is_started_once_and_found_again(store_url: str) -> None:
    async def main() -> None:
        machine = lifecycle()
        async with running(store_url) as runtime:
            starts = (runtime.start(machine, Deal(limit=n)) for n in range(5))
            handles = await asyncio.gather(*starts)
            assert len({id(handle) for handle in handles}) == 1
            assert await story(runtime) == ["started"]
        async with running(store_url) as runtime:
            found = await runtime.find(machine, "d", Deal)
            assert found is not None
            assert found.subject == handles[0].subject
            assert await runtime.find(machine, "nobody", Deal) is None
            moves: dict[str, set[str]] = {"x": set()}
            other = StateMachine("other", moves, start="x", subject=Deal)
            with pytest.raises(UsageError, match="already stands on machine deal"):
                await runtime.start(other, Deal())

    asyncio.run(main())


@pytest.mark.parametrize(
    "build",
    [
        lambda: lifecycle(After(timedelta(days=1), at="nowhere", go="lost")),
        lambda: lifecycle(After(timedelta(days=1), at="open", go="closed")),
        lambda: After(timedelta(days=1), at="open"),
        lambda: StateMachine("", {"a": {"b"}}, start="a"),
        lambda: StateMachine("m", {"a": {"b"}}, start="c"),
        lambda: lifecycle(*[After(timedelta(days=n), at="open", go="lost") for n in (1, 2)]),
    ],
)
def test_a_machine_that_contradicts_itself_is_a_mistake_of_the_code(build: Any) -> None:
    with pytest.raises(UsageError):
        build()
