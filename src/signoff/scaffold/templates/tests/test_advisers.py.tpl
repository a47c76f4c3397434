from __future__ import annotations

from signoff import Committed
from signoff import run_sync
from signoff.coordination import Part

from $package.advisers import one_decision
from $package.proposals import Risk
from stage import SUBJECT
from stage import decision
from stage import stage


def test_the_merge_weighs_what_both_say() -> None:
    risk = Risk(subject_id=SUBJECT.id, share=0.3)
    parts = {
        "amount": Part(name="amount", state="answered", value=decision(100.0), weight=2.0),
        "risk": Part(name="risk", state="answered", value=risk, weight=1.0),
    }
    assert one_decision(parts, SUBJECT).amount == 90.0


def test_both_are_asked_and_only_the_owner_commits() -> None:
    async def story() -> None:
        async with stage() as on:
            outcome = await on.cross()
            assert isinstance(outcome, Committed)
            assert {name: part["state"] for name, part in outcome.parts.items()} == {
                "amount": "answered",
                "risk": "answered",
            }

    run_sync(story())
