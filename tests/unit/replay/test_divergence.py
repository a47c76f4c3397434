from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.replay._divergence import exchange_p, shares

answers = st.lists(st.sampled_from("abc"), min_size=1, max_size=5)


def differing(pairs: list[tuple[str, str]]) -> float | None:
    return sum(one != other for one, other in pairs) / len(pairs) if pairs else None


@settings(deadline=None)
@given(answers, answers)
def test_shares_are_what_counting_pairs_one_by_one_gives(
    baseline: list[str], candidate: list[str]
) -> None:
    found = shares(Counter(baseline), Counter(candidate))
    assert found.across == pytest.approx(differing(list(product(baseline, candidate))))
    for said, lane in ((found.baseline, baseline), (found.candidate, candidate)):
        assert said == (
            None if len(lane) < 2 else pytest.approx(differing([*combinations(lane, 2)]))
        )


@settings(deadline=None)
@given(st.lists(st.tuples(answers, answers), min_size=1, max_size=2))
def test_the_p_is_that_of_every_way_to_deal_the_trials(
    inputs: list[tuple[list[str], list[str]]],
) -> None:
    def divergence(baseline: tuple[str, ...], candidate: tuple[str, ...]) -> float:
        return shares(Counter(baseline), Counter(candidate)).divergence or 0.0

    dealt: list[list[float]] = []
    observed = 0.0
    for baseline, candidate in inputs:
        if len(baseline) == len(candidate) == 1:
            continue
        everything = (*baseline, *candidate)
        observed += divergence(tuple(baseline), tuple(candidate))
        places = range(len(everything))
        dealt.append(
            [
                divergence(
                    tuple(everything[at] for at in taken),
                    tuple(everything[at] for at in places if at not in taken),
                )
                for taken in combinations(places, len(baseline))
            ]
        )
    ways = [sum(way) for way in product(*dealt)]
    exact = sum(way >= observed - 1e-9 for way in ways) / len(ways)
    pairs = [(Counter(baseline), Counter(candidate)) for baseline, candidate in inputs]
    assert exchange_p(pairs) == pytest.approx(exact, abs=0.03)  # 5,000 draws: 4 sigma


def test_lanes_with_nothing_to_exchange_are_alike() -> None:
    assert exchange_p([]) == 1
    assert exchange_p([(Counter("aa"), Counter("aa"))]) == 1
    assert exchange_p([(Counter("a"), Counter("b"))]) == 1


def test_long_lanes_are_dealt_by_drawing() -> None:
    baseline, candidate = Counter("abcdefgh" * 4), Counter("ijklmnop" * 4)
    assert 0 < exchange_p([(baseline, candidate)]) < 0.01
    assert exchange_p([(baseline, baseline)]) > 0.5
