from __future__ import annotations

from signoff import Committed
from signoff import run_sync
from signoff.coordination import Compensated

from $package.systems import System
from $package.systems import Systems
from stage import SUBJECT
from stage import stage


def test_all_three_systems_do_their_part() -> None:
    async def story() -> None:
        async with stage() as on:
            outcome = await on.runtime.run(on.agent.crossed.settle, SUBJECT)
            assert isinstance(outcome, Committed)
            assert list(outcome.receipt) == ["reserve", "charge", "confirm"]

    run_sync(story())


def test_what_was_done_is_taken_back_when_a_later_step_is_refused() -> None:
    systems = Systems(billing=System("billing", refuses={SUBJECT.id}))

    async def story() -> None:
        async with stage(systems) as on:
            outcome = await on.runtime.run(on.agent.crossed.settle, SUBJECT)
            assert isinstance(outcome, Compensated)
            assert outcome.undone == ("release",)

    run_sync(story())
    assert list(systems.stock.done.values()) == ["stock: reserve case-1", "stock: release case-1"]
    assert not systems.mail.done
