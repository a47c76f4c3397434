from __future__ import annotations

from signoff import Committed
from signoff import run_sync

from stage import SUBJECT
from stage import stage


def test_the_middle_of_three_counts() -> None:
    async def story() -> None:
        async with stage() as on:
            outcome = await on.runtime.run(on.agent.crossed.assess, SUBJECT)
            assert isinstance(outcome, Committed)
            assert outcome.receipt == 0.6 * SUBJECT.limit

    run_sync(story())


def test_two_of_three_are_enough() -> None:
    unreachable = SUBJECT.model_copy(update={"id": "case-3"})

    async def story() -> None:
        async with stage() as on:
            outcome = await on.runtime.run(on.agent.crossed.assess, unreachable)
            assert isinstance(outcome, Committed)
            assert outcome.parts["$package.archive"]["state"] == "rejected"

    run_sync(story())
