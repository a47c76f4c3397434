"""The three-way procedure: what it says of counts, and how often it is right."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from signoff.diagnosis import Reproduced, three_way
from signoff.errors import UsageError

N = 8

#: A failure that persists, or is gone, at these rates is told at eight answers of each model.
PERSISTS, GONE = 0.98, 0.02

RATES = {
    "functional": (PERSISTS, PERSISTS),
    "replay divergence": (PERSISTS, GONE),
    "variance": (GONE, GONE),
}


def asked(current: int, prior: int, n: int = N, prior_of: int | None = None) -> Reproduced:
    return Reproduced(
        current=current, current_of=n, prior=prior, prior_of=n if prior_of is None else prior_of
    )


@pytest.mark.parametrize(
    ("current", "prior", "label"),
    [
        (8, 8, "functional"),
        (7, 8, "functional"),
        (8, 0, "replay divergence"),
        (7, 1, "replay divergence"),
        (0, 0, "variance"),
        (1, 1, "variance"),
        (8, 4, "REVIEW"),
        (4, 0, "REVIEW"),
        (6, 8, "REVIEW"),
        (0, 8, "REVIEW"),
    ],
)
def test_eight_answers_of_each_model_are_labelled(current: int, prior: int, label: str) -> None:
    assert three_way([asked(current, prior)]).label == label


def test_without_a_prior_model_it_is_blocked() -> None:
    procedure = three_way([Reproduced(current=8, current_of=8)])

    assert procedure.label == "blocked"
    assert procedure.pooled.prior is None
    assert "pin" in procedure.pooled.next


def test_four_answers_cannot_decide() -> None:
    assert three_way([asked(4, 4, n=4)]).label == "REVIEW"
    assert three_way([asked(5, 5, n=5)]).label == "functional"


def test_failures_of_two_kinds_are_not_one() -> None:
    procedure = three_way([asked(8, 8), asked(8, 0), asked(8, 8)])

    assert [case.label for case in procedure.cases] == [
        "functional",
        "replay divergence",
        "functional",
    ]
    assert procedure.label == "REVIEW"


def test_what_one_case_leaves_open_many_decide() -> None:
    cases = [asked(6, 2)] * 6

    assert {case.label for case in three_way(cases).cases} == {"REVIEW"}
    assert three_way(cases).label == "replay divergence"


@pytest.mark.parametrize("label", RATES)
def test_planted_failures_are_labelled_rightly_or_not_at_all(label: str) -> None:
    chance = random.Random(20260301)
    right = wrong = 0
    for _ in range(2000):
        current, prior = (sum(chance.random() < r for _ in range(N)) for r in RATES[label])
        said = three_way([asked(current, prior)]).label
        right += said == label
        wrong += said not in (label, "REVIEW")

    assert right / 2000 >= 0.95
    assert wrong == 0


@pytest.mark.parametrize(
    ("label", "rates"),
    [("functional", (0.9, 0.9)), ("replay divergence", (0.9, 0.1)), ("variance", (0.1, 0.1))],
)
def test_five_failures_together_are_labelled_rightly_at_less_clear_rates(
    label: str, rates: tuple[float, float]
) -> None:
    chance = random.Random(20260302)
    right = 0
    for _ in range(1000):
        drawn = [[sum(chance.random() < r for _ in range(N)) for r in rates] for _ in range(5)]
        right += three_way([asked(current, prior) for current, prior in drawn]).label == label

    assert right / 1000 >= 0.95


def test_a_coin_is_hardly_ever_labelled() -> None:
    chance = random.Random(20260303)
    labelled = 0
    for _ in range(2000):
        current, prior = (sum(chance.random() < 0.5 for _ in range(N)) for _ in range(2))
        labelled += three_way([asked(current, prior)]).label != "REVIEW"

    assert labelled / 2000 < 0.02


@given(st.integers(1, 40), st.data())
def test_the_intervals_are_those_of_clopper_and_pearson(n: int, data: st.DataObject) -> None:
    current, prior = (data.draw(st.integers(0, n)) for _ in range(2))

    (case,) = three_way([asked(current, prior, n=n)]).cases

    for failures, interval in ((current, case.current), (prior, case.prior)):
        expected = binomtest(failures, n).proportion_ci(0.9, method="exact")
        assert interval is not None
        assert interval.low == pytest.approx(expected.low, abs=1e-9)
        assert interval.high == pytest.approx(expected.high, abs=1e-9)


@given(st.integers(0, N), st.integers(0, N))
def test_more_of_the_same_never_turns_one_label_into_another(current: int, prior: int) -> None:
    once = three_way([asked(current, prior)]).label
    thrice = three_way([asked(3 * current, 3 * prior, n=3 * N)]).label

    assert once in (thrice, "REVIEW")


def test_counts_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="9 failures of 8"):
        asked(9, 0)
    with pytest.raises(UsageError, match="nothing failed"):
        three_way([])
