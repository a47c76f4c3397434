"""Replay has nothing with which to act: tests that try."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from deals import Deal, Offer, within_limit
from recordings import Deeds, always, everything, recorded

from signoff import Accept, Boundary, Reject, Verdict
from signoff.boundary import Control, External, Question
from signoff.control import Approval, Escalation, Gate, KillSwitch, Throttle
from signoff.coordination import Delegation, Merged, Specialist
from signoff.errors import UsageError
from signoff.ledger import Fingerprint
from signoff.proposers import Function
from signoff.replay import Examination, ask_lane, questions_of, replay

HOUR = timedelta(hours=1)


def dear(offer: Offer, deal: Deal) -> bool:
    return offer.price > 8


def affordable(offer: Offer, deal: Deal, facts: Any) -> Verdict:
    return Accept() if offer.price <= facts["balance"] else Reject("broke", "too little money")


def rich_in_controls(deeds: Deeds, proposer: Any) -> Boundary[Any, Any, Any]:
    hook: Any = External(deeds.tell, name="tell")
    return deeds.boundary(
        proposer, verifiers=[within_limit, affordable], evidence=[deeds.balance]
    ).bounded_by(
        KillSwitch("deals"),
        Gate(within_limit),
        Throttle(per_minute=1000),
        Approval(when=dear, ask="dana", within=HOUR, notify=[hook]),
        Escalation(name="budget", ask="dana", on_budget=True, notify=[hook]),
    )


def test_nothing_is_done_looked_up_or_told_and_the_ledger_is_as_it_was(store_url: str) -> None:
    deeds = Deeds()
    boundary = rich_in_controls(deeds, always(5))

    async def main() -> None:
        async with recorded(boundary, store=store_url) as runtime:
            before = await everything(runtime)
            deeds.armed = True
            for candidate in (always(4), always(9), always(50)):
                report = await replay(boundary, runtime.ledger, model=candidate, n=2)
                assert report.candidate.answers == 20
            assert deeds.done == []
            assert await everything(runtime) == before
            assert (await runtime.ledger.verify()).intact
            deeds.armed = False

    asyncio.run(main())


def _reachable(value: Any, seen: dict[int, Any], depth: int = 0) -> None:
    """Everything that attributes, items and closures lead to."""
    if id(value) in seen or depth > 12 or isinstance(value, str | bytes | int | float | type):
        return
    seen[id(value)] = value
    module = getattr(type(value), "__module__", "")
    if module.startswith("pydantic") or type(value).__name__ == "module":
        return
    children: list[Any] = []
    if isinstance(value, dict):
        children += list(value.values())
    elif isinstance(value, list | tuple | set | frozenset):
        children += list(value)
    elif dataclasses.is_dataclass(value):
        children += [getattr(value, field.name) for field in dataclasses.fields(value)]
    children += list(vars(value).values()) if hasattr(value, "__dict__") else []
    children += [cell.cell_contents for cell in getattr(value, "__closure__", None) or ()]
    children += [value.__self__] if hasattr(value, "__self__") else []
    for child in children:
        _reachable(child, seen, depth + 1)


def test_no_attribute_of_an_examination_leads_to_a_commit_an_undo_or_a_hook() -> None:
    class Hermit:
        """A proposer that holds on to nothing."""

        proposes = Offer
        fingerprint = Fingerprint(model="hermit")

        async def __call__(self, question: Question[Deal], /) -> Any:
            raise AssertionError("nobody asked")

    deeds = Deeds()
    whole = rich_in_controls(deeds, Hermit())
    found: dict[int, Any] = {}
    _reachable(whole, found)
    assert any(isinstance(value, External) for value in found.values()), "the search finds one"
    # The lookup is the one of these functions that an examination may call, when it is told to.
    examined = dataclasses.replace(Examination[Any, Any].of(whole), lookups=())
    found = {}
    _reachable(examined, found)
    reached = list(found.values())
    assert len(reached) > 20
    assert not [each for each in reached if isinstance(each, Boundary | External | Control)]
    assert deeds not in [each for each in reached if isinstance(each, Deeds)]
    names = {field.name for field in dataclasses.fields(Examination)}
    assert not names & {"commit", "perform", "undo", "reconcile", "effects", "controls", "boundary"}


def test_an_examination_cannot_be_given_a_commit() -> None:
    examined: Any = Examination[Any, Any].of(Deeds().boundary(always(5)))
    with pytest.raises((AttributeError, TypeError)):
        examined.commit = Deeds().send
    assert not hasattr(examined, "commit")
    assert not hasattr(examined, "__dict__")


def test_a_proposer_that_tries_to_cross_something_has_nothing_to_cross_it_with() -> None:
    tried: list[Any] = []
    deeds = Deeds()

    async def grasping(question: Question[Deal]) -> Offer:
        tried.append(question.cross)
        if question.cross is not None:
            await question.cross(deeds.boundary(always(5)), question.subject, name="part")
        return Offer(price=6)

    boundary = deeds.boundary(always(5))

    async def main() -> None:
        async with recorded(boundary) as runtime:
            deeds.armed = True
            before = await everything(runtime)
            report = await replay(boundary, runtime.ledger, model=Function(grasping), n=2)
            assert report.candidate.answers == 20
            assert tried == [None] * 20
            assert deeds.done == []
            assert await everything(runtime) == before

    asyncio.run(main())


def test_what_is_decided_by_crossing_others_is_refused_and_its_parts_are_named() -> None:
    deeds = Deeds()
    part: Any = deeds.boundary(always(5), attempts=1)
    owner: Any = Boundary(
        "deal.own", proposer=Merged(Offer), verifiers=[], commit=deeds.send, subject=Deal
    )
    whole = Delegation(owner, [Specialist(boundary=part)], merge=lambda parts, deal: Offer(price=1))
    with pytest.raises(UsageError, match=r"deal\.own is decided by crossing others \(deal\.sell\)"):
        Examination[Any, Any].of(whole.boundary)


def test_lookups_are_asked_only_when_somebody_says_so() -> None:
    deeds = Deeds()
    asked: list[int] = []

    async def balance(offer: Offer, deal: Deal) -> int:
        asked.append(offer.price)
        return 6

    boundary = deeds.boundary(always(5), verifiers=[within_limit, affordable], evidence=[balance])

    async def main() -> None:
        async with recorded(boundary, [Deal(id="a"), Deal(id="b")]) as runtime:
            asked.clear()
            report = await replay(boundary, runtime.ledger, model=always(6), n=1)
            assert asked == []
            assert any(note.startswith("evidence_reused: 2 ") for note in report.notes)
            report = await replay(boundary, runtime.ledger, model=always(7), n=1, look_up=True)
            assert sorted(asked) == [5, 5, 7, 7]
            verdicts = {
                reply.trial.verdict for reply in report.replies if reply.lane == "candidate"
            }
            assert verdicts == {"broke"}
            assert any("looked up anew" in note for note in report.notes)

    asyncio.run(main())


def test_a_lane_alone_commits_nothing_either() -> None:
    deeds = Deeds()
    boundary = deeds.boundary(always(5))

    async def main() -> None:
        async with recorded(boundary) as runtime:
            deeds.armed = True
            found = await questions_of(runtime.ledger, "deal.sell", boundary.subject_adapter)
            trials = await ask_lane(boundary, found.asked, always(6), 3)
            assert [trial.ok for trial in trials] == [True] * 30
            assert deeds.done == []

    asyncio.run(main())
