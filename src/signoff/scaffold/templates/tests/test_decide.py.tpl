from __future__ import annotations

from signoff import Committed
%% if escalation
from signoff import Suspended
%% else
from signoff import Rejected
%% end
from signoff import run_sync
from signoff.testing import Scripted

from stage import crossed
from stage import decision
from stage import stage


def test_a_good_proposal_commits() -> None:
    outcome = crossed(decision(50.0))
    assert isinstance(outcome, Committed)
    assert outcome.receipt == 50.0


def test_a_proposal_about_another_subject_is_sent_back() -> None:
    outcome = crossed(decision(50.0, subject_id="another"), decision(50.0))
    assert isinstance(outcome, Committed)
    assert outcome.attempts == 2


def test_a_proposal_over_the_limit_is_sent_back() -> None:
    outcome = crossed(decision(999.0), decision(50.0))
    assert isinstance(outcome, Committed)
    assert outcome.attempts == 2


def test_a_model_that_insists_gets_nowhere() -> None:
    outcome = crossed(decision(999.0), decision(999.0))
%% if escalation
    assert isinstance(outcome, Suspended)
    assert outcome.ticket.ask == "role:desk"
%% else
    assert isinstance(outcome, Rejected)
    assert outcome.ended == "no_progress"
    assert outcome.rejections[0].code == "over_limit"
%% end


def test_the_same_subject_again_asks_nobody() -> None:
    model = Scripted(decision(50.0))

    async def twice() -> None:
        async with stage() as on:
            first = await on.cross(model)
            assert await on.cross(model) == first

    run_sync(twice())
    assert len(model.asked) == 1
