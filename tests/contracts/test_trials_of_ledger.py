"""Crossings become trials, alike on every store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from deals import Deal, Offer, running, selling

from signoff import Runtime
from signoff.boundary import Answer
from signoff.clock import stamp
from signoff.diagnosis import Trial, fingerprint_label, reliability, trials_of_ledger
from signoff.errors import UsageError
from signoff.ledger import Fingerprint, canonical, digest
from signoff.testing import FakeClock

GOOD, BAD = Offer(price=7), Offer(price=50)


def trials(
    store: str,
    script: Callable[[Runtime], Coroutine[Any, Any, None]],
    *,
    clock: FakeClock | None = None,
    **options: Any,
) -> list[Trial]:
    async def main() -> list[Trial]:
        async with running(store, clock=clock) as runtime:
            await script(runtime)
            return [trial async for trial in trials_of_ledger(runtime.ledger, **options)]

    return asyncio.run(main())


async def three_deals(runtime: Runtime) -> None:
    boundary = selling(GOOD, BAD, GOOD, BAD, BAD, attempts=2)
    for number in range(3):
        await runtime.run(boundary, Deal(), key=f"k{number}")


def test_a_trial_is_about_the_first_proposal(any_store: str) -> None:
    found = trials(any_store, three_deals)
    assert [trial.ok for trial in found] == [True, False, False]
    assert [trial.verdict for trial in found] == ["accepted", "over_limit", "over_limit"]
    assert [trial.number for trial in found] == [1, 2, 3]
    assert len({trial.input for trial in found}) == 1
    assert {(trial.group, trial.model) for trial in found} == {("deal.sell", "scripted")}
    good, bad = digest(canonical({"price": 7})), digest(canonical({"price": 50}))
    assert [trial.proposal for trial in found] == [good, bad, bad]
    # The second crossing committed its second proposal; the third committed nothing.
    assert [trial.effect for trial in found] == [good, good, ""]
    assert found[1].shown == '{"price":50}'


def test_by_its_outcome_a_trial_is_about_the_commit(any_store: str) -> None:
    found = trials(any_store, three_deals, ok="outcome")
    assert [trial.ok for trial in found] == [True, True, False]
    (row,) = [s for s in reliability(found).slices if not s.group]
    assert row.passes[0].value == pytest.approx(2 / 3)


def test_no_proposal_is_an_error_and_has_no_digest(any_store: str) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.run(selling(ConnectionError("out of reach"), attempts=1), Deal())

    (trial,) = trials(any_store, script)
    assert (trial.ok, trial.verdict, trial.error) == (False, "no_proposal", "out of reach")
    assert (trial.proposal, trial.effect, trial.shown) == ("", "", "")


def test_an_error_that_a_revision_mended_is_none_of_the_outcome(any_store: str) -> None:
    async def script(runtime: Runtime) -> None:
        await runtime.run(selling(ConnectionError("out of reach"), GOOD, attempts=2), Deal())

    (outcome,) = trials(any_store, script, ok="outcome")
    assert (outcome.ok, outcome.error) == (True, "")


def test_subjects_that_are_stored_apart_are_the_same_input(any_store: str) -> None:
    class Wordy(Deal):
        words: str = ""

    async def script(runtime: Runtime) -> None:
        boundary = selling(GOOD, GOOD, GOOD, subject=Wordy)
        for key, words in (("1", "x" * 5000), ("2", "x" * 5000), ("3", "y" * 5000)):
            await runtime.run(boundary, Wordy(words=words), key=key)

    found = trials(any_store, script)
    assert [trial.number for trial in found] == [1, 2, 1]


def test_objections_that_are_stored_apart_are_read(any_store: str) -> None:
    def wordy(offer: Offer, deal: Deal) -> Any:
        from signoff import Reject

        return Reject("wordy", "no " * 3000)

    async def script(runtime: Runtime) -> None:
        await runtime.run(selling(GOOD, attempts=1, verifiers=[wordy]), Deal())

    assert trials(any_store, script)[0].verdict == "wordy"


def test_only_one_boundary_and_only_since_a_time(any_store: str) -> None:
    clock = FakeClock()
    begun = clock.now()

    async def script(runtime: Runtime) -> None:
        await runtime.run(selling(GOOD), Deal(), key="early")
        await clock.advance(days=3)
        await runtime.run(selling(BAD, attempts=1), Deal(), key="late")

    found = trials(any_store, script, clock=clock, since=stamp(begun + timedelta(days=1)))
    assert [trial.ok for trial in found] == [False]
    assert found[0].at == stamp(begun + timedelta(days=3))
    assert trials(any_store, three_deals, boundary="another") == []


def test_an_unknown_way_of_counting_is_a_mistake(any_store: str) -> None:
    with pytest.raises(UsageError, match="`first`"):
        trials(any_store, three_deals, ok="last")


def test_progress_is_told_for_every_record(any_store: str) -> None:
    told: list[int] = []
    trials(any_store, three_deals, progress=told.append)
    assert told == sorted(told)
    assert len(told) >= 9


def test_each_fingerprint_has_a_label_of_its_own(any_store: str) -> None:
    prints = [
        Fingerprint(model="m"),
        Fingerprint(model="m", version="2026-01"),
        Fingerprint(model="m", version="2026-01", prompt="a" * 64),
        Fingerprint(model="m", version="2026-01", settings={"temperature": 0.2}),
        Fingerprint(model="m", version="f" * 64),
        Fingerprint(model="m", version="f" * 12 + "0" * 52),
    ]
    labels = [fingerprint_label(each.body()) for each in prints]
    assert labels[:2] == ["m", "m@2026-01"]
    assert len(set(labels)) == len(labels)

    async def script(runtime: Runtime) -> None:
        said = Answer(content=GOOD, fingerprint=prints[2])
        await runtime.run(selling(said), Deal())

    assert trials(any_store, script)[0].model == labels[2]
