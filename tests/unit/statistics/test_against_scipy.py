"""Where a closed form exists, ours and the heavy packages' agree."""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Sequence
from typing import Any

import pytest

from signoff.statistics import (
    chi_square_quantile,
    clopper_pearson,
    cluster_interval,
    holm,
    least_squares,
    mcnemar_exact,
    newcombe,
    normal_quantile,
    permutation_test,
    sign_flip,
    student_t_quantile,
    variance_shares,
    wilson,
)

st: Any = pytest.importorskip("scipy.stats")
pytest.importorskip("statsmodels")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import statsmodels.api as sm
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import (
        confint_proportions_2indep,
        proportion_confint,
    )

CLOSE = 1e-9
COUNTS = [(k, n) for n in (1, 2, 5, 37, 1000, 200_000) for k in sorted({0, 1, n // 3, n - 1, n})]


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(("k", "n"), COUNTS)
def test_intervals_of_a_share_are_those_of_statsmodels(k: int, n: int, confidence: float) -> None:
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        low, high = proportion_confint(k, n, 1 - confidence, method=method)
        found = ours(k, n, confidence=confidence)
        assert found.low == pytest.approx(low if k else 0.0, abs=CLOSE)
        assert found.high == pytest.approx(high if k < n else 1.0, abs=CLOSE)


def test_exact_intervals_are_those_of_scipy() -> None:
    for k, n in ((3, 17), (0, 9), (9, 9), (501, 1000)):
        theirs = st.binomtest(k, n).proportion_ci(0.95, "exact")
        found = clopper_pearson(k, n)
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=CLOSE)


@pytest.mark.parametrize(
    "table", [(5, 50, 9, 40), (0, 10, 0, 12), (10, 10, 0, 5), (0, 3, 3, 3), (300, 1000, 280, 900)]
)
def test_newcombe_is_that_of_statsmodels(table: tuple[int, int, int, int]) -> None:
    s1, n1, s2, n2 = table
    low, high = confint_proportions_2indep(s2, n2, s1, n1, method="newcomb", compare="diff")
    found = newcombe(s1, n1, s2, n2)
    assert (found.low, found.high) == pytest.approx((low, high), abs=CLOSE)


@pytest.mark.parametrize(
    ("worse", "better"), [*itertools.product((0, 1, 5, 50), (0, 3, 60)), (5000, 4800)]
)
def test_mcnemar_is_that_of_statsmodels(worse: int, better: int) -> None:
    theirs = mcnemar([[1, worse], [better, 1]], exact=True).pvalue
    assert mcnemar_exact(worse, better) == pytest.approx(theirs, abs=CLOSE)
    if worse + better:
        binomial = st.binomtest(worse, worse + better).pvalue
        assert mcnemar_exact(worse, better) == pytest.approx(binomial, abs=CLOSE)


@pytest.mark.parametrize("share", [1e-6, 0.025, 0.4, 0.5, 0.6, 0.9, 0.975, 0.9999])
@pytest.mark.parametrize("freedom", [1, 2, 3, 7.5, 30, 1000, 1e6])
def test_quantiles_are_those_of_scipy(share: float, freedom: float) -> None:
    assert student_t_quantile(share, freedom) == pytest.approx(
        st.t.ppf(share, freedom), rel=CLOSE, abs=CLOSE
    )
    assert chi_square_quantile(share, freedom) == pytest.approx(
        st.chi2.ppf(share, freedom), rel=CLOSE
    )
    assert normal_quantile(share) == pytest.approx(st.norm.ppf(share), rel=CLOSE, abs=CLOSE)


def test_a_line_is_that_of_scipy_and_statsmodels() -> None:
    chance = random.Random(3)
    xs = [chance.uniform(0, 90) for _ in range(25)]
    ys = [0.8 - 0.002 * x + chance.gauss(0, 0.05) for x in xs]
    ws = [float(chance.randint(1, 30)) for _ in xs]
    plain, theirs = least_squares(xs, ys), st.linregress(xs, ys)
    assert (plain.slope, plain.intercept, plain.error) == pytest.approx(
        (theirs.slope, theirs.intercept, theirs.stderr), abs=CLOSE
    )
    weighted = least_squares(xs, ys, weights=ws, confidence=0.9)
    fit = sm.WLS(ys, sm.add_constant(xs), weights=ws).fit()
    assert (weighted.intercept, weighted.slope) == pytest.approx(tuple(fit.params), abs=CLOSE)
    low, high = fit.conf_int(0.1)[1]
    assert weighted.slope_interval.low == pytest.approx(low, abs=CLOSE)
    assert weighted.slope_interval.high == pytest.approx(high, abs=CLOSE)
    frame = fit.get_prediction([[1, 0.0], [1, 45.0]]).conf_int(alpha=0.1)
    for time, (low, high) in zip((0.0, 45.0), frame, strict=True):
        band = weighted.band(time)
        assert (band.low, band.high) == pytest.approx((low, high), abs=CLOSE)


def test_the_mean_of_differences_has_the_interval_of_scipy() -> None:
    differences = [0.25, -0.5, 0.0, 0.0, 0.75, 0.25, -0.25]
    low, high = st.t.interval(0.95, 6, loc=sum(differences) / 7, scale=st.sem(differences))
    found = cluster_interval(differences)
    assert (found.low, found.high) == pytest.approx((low, high), abs=CLOSE)


def test_holm_is_that_of_statsmodels() -> None:
    ps = [0.04, 0.01, 0.2, 0.01, 0.9, 0.0]
    assert holm(ps) == pytest.approx(tuple(multipletests(ps, method="holm")[1]), abs=CLOSE)


def test_variance_shares_are_those_of_the_analysis_of_variance() -> None:
    chance = random.Random(5)
    groups = [[float(chance.random() < p) for _ in range(4)] for p in (0.1, 0.5, 0.9, 0.9, 1, 0.3)]
    shares = variance_shares((int(sum(group)), 4) for group in groups)
    f = st.f_oneway(*groups).statistic
    mean = sum(map(sum, groups)) / 24
    between_groups = sum(4 * (sum(g) / 4 - mean) ** 2 for g in groups) / 5
    within_groups = between_groups / f
    assert shares.within == pytest.approx(within_groups, abs=CLOSE)
    assert shares.between == pytest.approx((between_groups - within_groups) / 4, abs=CLOSE)


def _flipped_by_hand(differences: Sequence[float]) -> float:
    observed = abs(sum(differences)) - 1e-12
    signs = list(itertools.product((1, -1), repeat=len(differences)))
    hits = sum(
        abs(sum(s * d for s, d in zip(flip, differences, strict=True))) >= observed
        for flip in signs
    )
    return hits / len(signs)


@pytest.mark.parametrize("seed", range(12))
def test_sign_flips_are_all_counted(seed: int) -> None:
    chance = random.Random(seed)
    fine = [chance.choice((-1, -0.75, -0.5, 0.0, 1 / 4, 1 / 3, 1)) for _ in range(10)]
    rough = [chance.gauss(0.3, 1) for _ in range(9)]
    for differences in (fine, rough):
        assert sign_flip(differences) == pytest.approx(_flipped_by_hand(differences), abs=1e-12)


def test_sign_flips_of_ones_are_mcnemar() -> None:
    differences = [1.0] * 31 + [-1.0] * 14 + [0.0] * 200
    assert sign_flip(differences) == pytest.approx(mcnemar_exact(14, 31), abs=CLOSE)


def test_random_flips_come_near_the_exact_share_and_repeat() -> None:
    chance = random.Random(8)
    rough = [chance.gauss(0.4, 1) for _ in range(40)]
    found = sign_flip(rough, seed=1)
    assert found == sign_flip(rough, seed=1)
    t_test = st.ttest_1samp(rough, 0).pvalue
    assert found == pytest.approx(t_test, abs=0.02)


def test_permutations_are_those_of_scipy() -> None:
    ones, others = [1.0] * 9 + [0.0] * 3, [1.0] * 4 + [0.0] * 10
    fisher = st.permutation_test(
        (ones, others), lambda x, y: abs(sum(x) / len(x) - sum(y) / len(y)),
        n_resamples=20_000, alternative="greater", rng=random.Random(1).randrange(99),
    ).pvalue  # fmt: skip
    assert permutation_test(ones, others) == pytest.approx(fisher, abs=0.01)
    small, other = [0.1, 0.9, 2.5, 0.7], [3.0, 2.0, 5.5, 4.0, 0.5]
    exact = st.permutation_test(
        (small, other), lambda x, y: abs(sum(x) / len(x) - sum(y) / len(y)),
        n_resamples=10_000, alternative="greater",
    ).pvalue  # fmt: skip
    assert permutation_test(small, other) == pytest.approx(exact, abs=CLOSE)
