from __future__ import annotations

%% if approval
from signoff import Committed
%% end
%% if kill
from signoff import Rejected
%% end
%% if approval
from signoff import Suspended
%% end
from signoff import run_sync
%% if approval
from signoff.testing import Scripted
%% end

%% if approval
from stage import decision
%% end
from stage import stage
%% if kill


def test_nothing_commits_after_a_kill() -> None:
    async def story() -> None:
        async with stage() as on:
            await on.runtime.kill("$package", by="dana", because="a test")
            outcome = await on.cross()
            assert isinstance(outcome, Rejected)
            assert outcome.ended == "halted"

    run_sync(story())
%% end
%% if approval


def test_a_large_decision_waits_for_the_desk() -> None:
    async def story() -> None:
        async with stage() as on:
            asked = await on.cross(Scripted(decision(300.0)))
            assert isinstance(asked, Suspended)
            outcome = await on.runtime.approve(asked.ticket, by="dana", because="a test")
            assert isinstance(outcome, Committed)
            assert outcome.receipt == 300.0

    run_sync(story())
%% end
