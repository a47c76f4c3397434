"""Lead warming: what it accepts, and where a lead stands by the log of its touches alone."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.boundary import Accept, Reject, Verdict
from signoff.errors import BadInput
from signoff.methodology import check, read_record, wiring_of
from signoff.workloads import Plan, lead_warming, shipped
from signoff.workloads.lead_warming.boundary import (
    Standing,
    Touch,
    about_this_lead,
    has_consent,
    key_of,
    next_touch,
    promises_no_price,
    within_contact_policy,
)
from signoff.workloads.lead_warming.lifecycle import standing_of
from signoff.workloads.lead_warming.proposers import model_for
from signoff.workloads.lead_warming.world import Entry, world_of

RECORD = Path(lead_warming.__file__).parent / "decision_record.md"
DAY = date(2026, 2, 1)

STANDING = Standing(
    id="L-1", today=DAY, touches=3, contacts=2, recent=1, called=None, due=DAY,
    left=False, replied=False,
)  # fmt: skip


def touch(channel: str = "mail", words: str = "A story.", lead: str = "L-1") -> Touch:
    return Touch.model_validate({"lead": lead, "channel": channel, "days": 3, "words": words})


def standing(**changed: object) -> Standing:
    return STANDING.model_copy(update=changed)


def entry(action: str, day: date = DAY, days: int = 3, number: int = 0) -> Entry:
    return Entry(
        subject="L-1", about="L-1", action=action, number=number, day=day, days=days, words=""
    )


def code(verdict: Verdict) -> str:
    assert isinstance(verdict, Accept | Reject)
    return "" if isinstance(verdict, Accept) else verdict.code


@pytest.mark.parametrize(
    ("channel", "changed", "expected"),
    [
        ("mail", {}, ""),
        ("mail", {"recent": 2}, "too_often"),
        ("call", {"recent": 2}, "too_often"),
        ("wait", {"recent": 2, "contacts": 9}, ""),
        ("mail", {"contacts": 9}, "enough"),
        ("call", {"called": DAY - timedelta(days=13)}, "called_lately"),
        ("call", {"called": DAY - timedelta(days=14)}, ""),
        ("mail", {"called": DAY - timedelta(days=1)}, ""),
    ],
)
def test_contacts_keep_to_the_policy(
    channel: str, changed: dict[str, object], expected: str
) -> None:
    assert code(within_contact_policy(touch(channel), standing(**changed))) == expected


def test_whoever_unsubscribed_is_not_contacted_also_if_they_did_so_a_moment_ago() -> None:
    assert code(has_consent(touch(), STANDING, {"consent": True})) == ""
    assert code(has_consent(touch("wait"), STANDING, {"consent": False})) == ""
    for verdict in (
        has_consent(touch(), STANDING, {"consent": False}),
        has_consent(touch(), standing(left=True), {"consent": True}),
    ):
        assert isinstance(verdict, Reject)
        assert (verdict.code, verdict.then) == ("no_consent", "stop")


@pytest.mark.parametrize(
    ("words", "promised"),
    [
        ("Pay 40 % less.", True),
        ("Only €9 a month", True),
        ("It is 20 EUR", True),
        ("a Discount for you", True),
        ("Number 3 of our stories", False),
        ("Feel freedom", False),
    ],
)
def test_no_price_is_promised(words: str, promised: bool) -> None:
    assert code(promises_no_price(touch(words=words), STANDING)) == promised * "price_promised"


def test_a_touch_is_about_the_lead_that_is_due() -> None:
    assert code(about_this_lead(touch(), STANDING)) == ""
    assert code(about_this_lead(touch(lead="L-2"), STANDING)) == "wrong_lead"


def test_a_lead_stands_where_its_log_says() -> None:
    log = [
        entry("mail", DAY - timedelta(days=9)),
        entry("call", DAY - timedelta(days=6)),
        entry("wait", DAY - timedelta(days=3), days=5),
    ]
    found = standing_of("L-1", DAY, log, DAY)
    assert (found.touches, found.contacts, found.recent) == (3, 2, 1)
    assert found.called == DAY - timedelta(days=6)
    assert found.due == DAY + timedelta(days=2)
    assert standing_of("L-1", DAY, [*log, entry("unsubscribe")], DAY).ended == "unsubscribed"
    assert standing_of("L-1", DAY, [*log, entry("reply")], DAY).ended == ""
    over = [*log, entry("reply"), entry("hand_over")]
    assert standing_of("L-1", DAY, over, DAY).ended == "handed over"


@given(st.lists(st.sampled_from(["mail", "call", "wait", "skip", "reply", "unsubscribe"])))
def test_every_touch_has_a_key_of_its_own_and_nothing_else_moves_it(actions: list[str]) -> None:
    log: list[Entry] = []
    seen = {key_of(standing_of("L-1", DAY, log, DAY))}
    for action in actions:
        log.append(entry(action))
        key = key_of(standing_of("L-1", DAY, log, DAY))
        assert (key in seen) == (not log[-1].by_the_agent)
        seen.add(key)


def test_the_record_is_what_the_method_says_today() -> None:
    assert RECORD.read_text(encoding="utf-8") == lead_warming.decided().as_markdown()


def test_the_wiring_is_what_the_record_says() -> None:
    record = read_record(RECORD.read_text(encoding="utf-8"))
    with Plan(rows=1).placed() as plan, world_of(plan, "crm") as world:
        checked = check(record, wiring_of([next_touch(model_for(plan, world), world.crm)]))
    assert checked.holds
    assert checked.drifts == ()


def test_a_proposer_that_there_is_not_is_told() -> None:
    with pytest.raises(BadInput, match="simulated"):
        asyncio.run(shipped("lead-warming").run(Plan(rows=1, proposer="oracle")))
