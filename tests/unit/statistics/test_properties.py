"""What holds for every count: bounds, monotony, symmetry; and what is refused."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from signoff.errors import BadInput, UsageError
from signoff.statistics import (
    Interval,
    clopper_pearson,
    cluster_interval,
    clustered_share,
    confidence_sequence,
    holm,
    least_squares,
    mcnemar_exact,
    newcombe,
    pass_k,
    permutation_test,
    sign_flip,
    student_t_quantile,
    variance_shares,
    wilson,
)

counts = some.integers(0, 400).flatmap(lambda n: some.tuples(some.integers(0, n), some.just(n)))
ONE_SHARE = [wilson, clopper_pearson, confidence_sequence]
quarters = some.sampled_from([x / 4 for x in range(-4, 5)])


@given(counts, some.sampled_from(ONE_SHARE))
def test_an_interval_holds_its_estimate_and_mirrors(count: tuple[int, int], interval) -> None:  # type: ignore[no-untyped-def]
    k, n = count
    found, mirrored = interval(k, n), interval(n - k, n)
    assert 0.0 <= found.low <= (k / n if n else 0.5) <= found.high <= 1.0
    assert found.low == pytest.approx(1.0 - mirrored.high, abs=1e-9)


@given(counts, some.sampled_from(ONE_SHARE))
def test_more_confidence_is_never_narrower(count: tuple[int, int], interval) -> None:  # type: ignore[no-untyped-def]
    narrow, wide = interval(*count, confidence=0.8), interval(*count, confidence=0.99)
    assert wide.low <= narrow.low + 1e-12
    assert wide.high >= narrow.high - 1e-12


@given(counts.filter(lambda c: c[0] < c[1]), some.sampled_from(ONE_SHARE))
def test_more_successes_move_an_interval_up(count: tuple[int, int], interval) -> None:  # type: ignore[no-untyped-def]
    k, n = count
    assert interval(k, n).low <= interval(k + 1, n).low + 1e-12
    assert interval(k, n).high <= interval(k + 1, n).high + 1e-12


@given(counts)
def test_the_exact_interval_holds_the_score_interval_s_estimate(count: tuple[int, int]) -> None:
    k, n = count
    if n:
        assert k / n in clopper_pearson(k, n)
        assert confidence_sequence(k, n).width >= wilson(k, n).width - 1e-9


@given(counts, counts)
def test_a_difference_mirrors(first: tuple[int, int], second: tuple[int, int]) -> None:
    there, back = newcombe(*first, *second), newcombe(*second, *first)
    assert -1.0 - 1e-12 <= there.low <= there.high <= 1.0 + 1e-12
    assert there.low == pytest.approx(-back.high, abs=1e-12)


@given(some.integers(0, 300), some.integers(0, 300))
def test_mcnemar_is_symmetric_and_a_probability(worse: int, better: int) -> None:
    p = mcnemar_exact(worse, better)
    assert 0.0 < p <= 1.0
    assert p == mcnemar_exact(better, worse)


@given(some.lists(quarters, max_size=60))
def test_flipping_all_signs_changes_nothing(differences: list[float]) -> None:
    p = sign_flip(differences)
    assert 0.0 < p <= 1.0
    assert p == sign_flip([-d for d in differences])
    assert p == sign_flip([*differences, 0.0])


@given(some.lists(quarters, max_size=60))
def test_the_mean_difference_lies_in_its_interval(differences: list[float]) -> None:
    found = cluster_interval(differences)
    assert -1.0 <= found.low <= found.high <= 1.0
    if differences:
        assert found.low - 1e-12 <= sum(differences) / len(differences) <= found.high + 1e-12


@given(some.lists(some.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=60))
def test_a_clustered_share_lies_in_its_interval(shares: list[float]) -> None:
    found = clustered_share(shares, trials=4 * len(shares))
    assert 0.0 <= found.low <= sum(shares) / len(shares) + 1e-12
    assert sum(shares) / len(shares) - 1e-12 <= found.high <= 1.0


@given(some.lists(counts, max_size=40))
def test_variance_shares_are_shares(groups: list[tuple[int, int]]) -> None:
    found = variance_shares(groups)
    if found.within is not None:
        assert 0.0 <= found.within <= 0.5
        assert found.flips == 2 * found.within
        assert found.within_interval.low - 1e-12 <= found.within
        assert found.within <= found.within_interval.high + 1e-12
    if found.between_share is not None:
        assert 0.0 <= found.between_share <= 1.0


@given(some.lists(some.floats(0, 1), max_size=12))
def test_holm_raises_and_keeps_the_order(ps: list[float]) -> None:
    raised = holm(ps)
    assert all(p <= q <= 1.0 for p, q in zip(ps, raised, strict=True))
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    assert [raised[place] for place in order] == sorted(raised)


def test_nothing_is_claimed_from_nothing() -> None:
    assert wilson(0, 0) == clopper_pearson(0, 0) == confidence_sequence(0, 0) == Interval(0.0, 1.0)
    assert newcombe(0, 0, 3, 9) == Interval(-1.0, 1.0)
    assert cluster_interval([]) == Interval(-1.0, 1.0)
    assert clustered_share([]) == clustered_share([1.0]) == Interval(0.0, 1.0)
    assert sign_flip([]) == sign_flip([0.0, 0.0]) == 1.0
    assert mcnemar_exact(0, 0) == permutation_test([], [1.0]) == 1.0
    assert variance_shares([]).within is None
    assert variance_shares([(1, 1), (0, 1)]).within is None
    assert variance_shares([(1, 2)]).between is None
    assert holm([]) == ()


def test_no_spread_is_not_certainty() -> None:
    none_changed = cluster_interval([0.0] * 50)
    assert none_changed.low == -none_changed.high
    assert none_changed.high == pytest.approx(clopper_pearson(0, 50).high)
    assert clustered_share([1.0] * 20) == wilson(20, 20)
    assert clustered_share([0.5] * 20, trials=80) == wilson(40, 80)


def test_one_trial_per_input_is_the_usual_interval_nearly() -> None:
    alone = clustered_share([1.0] * 70 + [0.0] * 30)
    usual = wilson(70, 100)
    assert alone.low == pytest.approx(usual.low, abs=0.005)
    assert alone.high == pytest.approx(usual.high, abs=0.005)


def test_pass_k_of_one_is_the_share_and_of_all_asks_for_all() -> None:
    assert pass_k(3, 4, 1) == 0.75
    assert pass_k(3, 4, 2) == 0.5
    assert pass_k(3, 4, 4) == 0.0
    assert pass_k(4, 4, 4) == 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_a_number_is_refused(value: float) -> None:
    for refuse in (
        lambda: sign_flip([0.5, value]),
        lambda: cluster_interval([value]),
        lambda: clustered_share([value, 0.0]),
        lambda: permutation_test([value], [0.0]),
        lambda: least_squares([0, 1, value], [0, 0, 0]),
        lambda: least_squares([0, 1, 2], [0, value, 0]),
    ):
        with pytest.raises(BadInput, match="number"):
            refuse()


def test_what_cannot_be_is_a_mistake() -> None:
    for refuse in (
        lambda: wilson(3, 2),
        lambda: wilson(-1, 2),
        lambda: wilson(1, 2, confidence=1.0),
        lambda: clopper_pearson(1, 2, confidence=math.nan),
        lambda: mcnemar_exact(-1, 2),
        lambda: cluster_interval([1.5]),
        lambda: clustered_share([-0.5, 0.0]),
        lambda: holm([1.5]),
        lambda: pass_k(1, 2, 3),
        lambda: pass_k(1, 2, 0),
        lambda: least_squares([0, 1], [0, 1]),
        lambda: least_squares([1, 1, 1], [0, 1, 0]),
        lambda: least_squares([0, 1, 2], [0, 1]),
        lambda: least_squares([0, 1, 2], [0, 1, 2], weights=[1, 0, 1]),
        lambda: student_t_quantile(0.5, 0),
        lambda: student_t_quantile(1.0, 3),
    ):
        with pytest.raises(UsageError):
            refuse()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_confidence_sequence_holds_at_every_look(share: float) -> None:
    chance, missed = random.Random(11), 0
    for _ in range(200):
        successes = 0
        for trials in range(1, 201):
            successes += chance.random() < share
            if trials % 5 == 0 and share not in confidence_sequence(successes, trials):
                missed += 1
                break
    assert missed / 200 <= 0.05
