"""What of a chain may go: the decision alone, over chains of every shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.errors import BadInput
from signoff.ledger import CONTROLS, SEALS
from signoff.storage import Keep, Retention
from signoff.storage._retention import Outlined, Unsettled, before, removable

_TYPES = ["opened", "committed", "moved", "timerset", "appended", "forked", "cut"]


def _chain(*records: tuple[str, str, str]) -> list[Outlined]:
    return [
        Outlined(position=n * 3, seq=n, at=at, crossing=crossing, type=type, hash=f"h{n}")
        for n, (at, crossing, type) in enumerate(records, start=1)
    ]


_chains = st.lists(
    st.tuples(
        st.sampled_from("12345"), st.sampled_from(["", "a", "b", "c"]), st.sampled_from(_TYPES)
    ),
    max_size=12,
).map(lambda records: _chain(*records))

_unsettled = st.builds(
    Unsettled,
    crossings=st.sets(st.sampled_from("abc")),
    ticket=st.booleans(),
    timer=st.booleans(),
)


@given(_chains, st.sampled_from("123456"), _unsettled)
def test_only_what_is_old_and_has_ended_goes(
    chain: list[Outlined], limit: str, unsettled: Unsettled
) -> None:
    decided = removable(chain, before=limit, unsettled=unsettled)
    goes, stays = chain[: decided.records], chain[decided.records :]
    assert all(record.at < limit for record in goes)
    assert not any(record.crossing in unsettled.crossings for record in goes)
    assert not any(record.type in ("appended", "forked") for record in goes)
    assert not {r.crossing for r in goes if r.crossing} & {r.crossing for r in stays}
    if unsettled.ticket:
        assert not goes
    armed = [n for n, record in enumerate(chain) if record.type == "timerset"]
    if unsettled.timer and armed:
        assert len(goes) <= armed[-1]
    assert [r.type for r in goes] != ["cut"], "a cut would come in the place of a cut"


@given(_chains, st.sampled_from("123456"))
def test_what_is_settled_goes_as_far_as_it_can(chain: list[Outlined], limit: str) -> None:
    decided = removable(chain, before=limit, unsettled=Unsettled())

    def could(goes: int) -> bool:
        crossings = {r.crossing for r in chain[:goes] if r.crossing}
        return (
            all(r.at < limit and r.type not in ("appended", "forked") for r in chain[:goes])
            and not crossings & {r.crossing for r in chain[goes:]}
            and [r.type for r in chain[:goes]] != ["cut"]
        )

    assert decided.records == max(goes for goes in range(len(chain) + 1) if could(goes))


@pytest.mark.parametrize(
    ("unsettled", "why"),
    [
        (Unsettled(ticket=True), "ticket"),
        (Unsettled(timer=True), "timer"),
        (Unsettled(crossings={"a"}), "crossing"),
        (Unsettled(), None),
    ],
)
def test_it_is_said_why_something_stays(unsettled: Unsettled, why: str | None) -> None:
    chain = _chain(("1", "a", "opened"), ("1", "a", "committed"))
    assert removable(chain, before="2", unsettled=unsettled).why == why


def test_the_first_rule_about_a_subject_holds() -> None:
    short, long = timedelta(days=1), timedelta(days=9)
    policy = Retention(rules=[Keep(subjects="lead:", records=short), Keep(records=long)])
    rules = [policy.rule_of(name) for name in ("lead:7", "deal:7", CONTROLS, SEALS)]
    assert [rule and rule.records for rule in rules] == [short, long, None, None]
    only = Retention(rules=[Keep(subjects="lead:", records=short)])
    assert only.rule_of("deal:7") is None
    assert only.digest != policy.digest


def test_a_policy_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadInput, match="at least as long"):
        Keep(records=timedelta(days=2), keys=timedelta(days=1))
    with pytest.raises(BadInput, match="for some time"):
        Keep(records=timedelta())
    with pytest.raises(BadInput, match="without a rule"):
        Retention(rules=[])


def test_what_is_kept_for_longer_than_there_has_been_time_stays() -> None:
    assert before(datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=10**6)) == ""
