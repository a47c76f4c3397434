from __future__ import annotations

%% if rebuilt
from signoff import Committed
%% end
from signoff import run_sync

%% if log
from $package.history import HISTORY
%% elif machine
from $package.agent import HORIZON
%% end
from stage import SUBJECT
%% if log
from stage import Stage
%% end
from stage import stage
%% if rebuilt


def test_a_subject_is_seen_through() -> None:
    async def story() -> None:
        async with stage() as on:
            outcome = await on.agent.handle(on.runtime, SUBJECT)
            assert isinstance(outcome, Committed)

    run_sync(story())


def test_handling_it_again_does_nothing_more() -> None:
    async def story() -> None:
        async with stage() as on:
            first = await on.agent.handle(on.runtime, SUBJECT)
%% if gate and not saga
            await on.runtime.drain()
%% end
%% if saga
            happened = dict(on.systems.stock.done)
%% elif gate
            happened = dict(on.systems.office.done)
%% end
            assert await on.agent.handle(on.runtime, SUBJECT) == first
%% if saga
            assert on.systems.stock.done == happened
%% elif gate
            await on.runtime.drain()
            assert on.systems.office.done == happened
            assert len(happened) == 1
%% end

    run_sync(story())
%% elif log


async def happened(on: Stage) -> list[str]:
    await on.runtime.drain()
    return [event.type async for event in on.runtime.events(HISTORY, SUBJECT.id)]


%% if gather and saga
THROUGH = ["Opened", "Looked", "Decided", "Closed"]
%% elif gather
THROUGH = ["Opened", "Looked", "Decided"]
%% elif saga
THROUGH = ["Opened", "Decided", "Closed"]
%% else
THROUGH = ["Opened", "Decided"]
%% end


def test_a_subject_is_seen_through() -> None:
    async def story() -> None:
        async with stage() as on:
            await on.agent.open(on.runtime, SUBJECT)
            assert await happened(on) == THROUGH

    run_sync(story())


def test_opening_it_again_does_nothing_more() -> None:
    async def story() -> None:
        async with stage() as on:
            await on.agent.open(on.runtime, SUBJECT)
            await on.agent.open(on.runtime, SUBJECT)
            assert await happened(on) == THROUGH

    run_sync(story())


def test_where_it_stands_follows_from_what_happened() -> None:
    async def story() -> None:
        async with stage() as on:
            await on.agent.open(on.runtime, SUBJECT)
            await happened(on)
            stands = await on.runtime.standing(HISTORY, SUBJECT.id)
            assert stands.limit == SUBJECT.limit
            assert stands.amount is not None

    run_sync(story())
%% else


def test_a_subject_is_seen_through() -> None:
    async def story() -> None:
        async with stage() as on:
            row = await on.runtime.start(on.agent.lifecycle, SUBJECT)
            await on.runtime.drain()
            stood: list[str] = [row.state]
            assert row.subject.amount is not None
            assert await on.agent.hear(on.runtime, row)
            await on.runtime.drain()
            assert [*stood, row.state] == ["waiting", "closed"]
%% if gate and not saga
            assert len(on.systems.office.done) == 1
%% end

    run_sync(story())


def test_what_nobody_answers_expires() -> None:
    async def story() -> None:
        async with stage() as on:
            row = await on.runtime.start(on.agent.lifecycle, SUBJECT)
            await on.runtime.drain()
            await on.clock.advance_to(on.clock.now() + HORIZON)
            assert row.state == "expired"
            assert not await on.agent.hear(on.runtime, row)

    run_sync(story())
%% end
