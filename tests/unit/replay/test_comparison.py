"""Planted lanes: what is known about them must be found, and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import accepted, lane, trial
from scipy.stats import binom

from signoff.diagnosis import Trial
from signoff.errors import UsageError
from signoff.replay import Comparison, Kind, compare


def kind_of(baseline: list[Trial], candidate: list[Trial]) -> Kind:
    (only,) = compare(baseline, candidate).inputs
    return only.kind


def level(comparison: Comparison, name: str) -> Any:
    return next(each for each in comparison.levels if each.level == name)


# One input


def test_equal_answers_are_the_same() -> None:
    assert kind_of(lane(["aaa"]), lane(["aaa"])) == "same"


def test_answers_that_one_lane_mixes_are_variance() -> None:
    assert kind_of(lane(["aab"]), lane(["abb"])) == "variance"


def test_answers_that_never_repeat_are_variance_even_if_no_two_are_equal() -> None:
    assert kind_of(lane(["abc"]), lane(["xyz"])) == "variance"


def test_steady_answers_that_differ_are_a_divergence_of_proposals() -> None:
    assert kind_of(lane(["aaa"]), lane(["bbb"])) == "proposal"


def test_another_verdict_is_graver_than_another_proposal() -> None:
    candidate = lane(["bbb"], ok=False, verdict="over_cap")
    assert kind_of(lane(["aaa"]), candidate) == "verdict"


def test_the_same_verdict_about_another_code_diverges() -> None:
    one = lane(["aa"], ok=False, verdict="over_cap")
    assert kind_of(one, lane(["aa"], ok=False, verdict="malformed")) == "verdict"


def test_another_effect_is_the_gravest() -> None:
    assert kind_of(lane(["aa"], effect="pay 1"), lane(["bb"], effect="pay 2")) == "effect"


def test_an_effect_of_one_lane_only_is_not_another_effect() -> None:
    baseline = lane(["aa"], effect="pay 1")
    assert kind_of(baseline, lane(["bb"], ok=False, verdict="over_cap")) == "verdict"


def test_an_input_of_one_lane_is_alone() -> None:
    comparison = compare(lane(["aa", "bb"]), lane(["aa"]))
    assert [each.kind for each in comparison.inputs] == ["same", "alone"]
    assert "1 input only in the baseline" in comparison.notes


# All inputs


def test_variance_and_divergence_are_shares_of_pairs() -> None:
    comparison = compare(lane(["aabb", "cccc"]), lane(["aabb", "dddd"]))
    found = level(comparison, "proposal")
    assert found.baseline_variance == pytest.approx((4 / 6 + 0) / 2)
    assert found.across == pytest.approx((8 / 16 + 1) / 2)
    assert found.divergence == pytest.approx(((8 / 16 - 4 / 6) + 1) / 2)


def test_planted_divergence_is_found_and_planted_variance_is_not() -> None:
    chance = random.Random(1)

    def noisy(steady: str) -> list[list[str]]:
        return [[steady if chance.random() < 0.7 else "other" for _ in range(4)] for _ in range(60)]

    alike = compare(lane(noisy("a")), lane(noisy("a")))
    assert level(alike, "proposal").p > 0.05
    assert any("no more than chance" in reason for reason in alike.reasons)
    other = compare(lane(noisy("a")), lane(noisy("b")))
    found = level(other, "proposal")
    assert found.p < 0.001
    assert 0.4 < found.divergence < 0.6  # half the squared distance: 0.7 ** 2
    assert found.divergence in found.interval
    assert any("proposal divergence" in reason for reason in other.reasons)


def test_one_trial_each_claims_no_divergence() -> None:
    comparison = compare(lane(["a"] * 300), lane(["b"] * 300))
    assert not comparison.variance_measured
    assert not any("divergence" in reason for reason in comparison.reasons)
    assert any("variance is not known" in note for note in comparison.notes)
    assert comparison.decision == "SHIP"  # proposals may differ, and all are accepted


def test_a_format_that_is_refused_is_told_from_another_answer() -> None:
    baseline = lane(["a"] * 50)
    candidate = lane(["a"] * 50, ok=False, verdict="malformed")
    comparison = compare(baseline, candidate)
    (shift,) = comparison.shifts
    assert (shift.baseline, shift.candidate) == ("accepted", "malformed")
    assert (shift.inputs, shift.same_proposal) == (50, 50)
    assert any("its format or its judging changed" in reason for reason in comparison.reasons)


# The decision


def test_equal_lanes_of_enough_inputs_ship() -> None:
    comparison = compare(lane(["aa"] * 200), lane(["aa"] * 200))
    assert (comparison.decision, comparison.status) == ("SHIP", 0)


def test_equal_lanes_of_few_inputs_are_not_enough() -> None:
    comparison = compare(lane(["aa"] * 20), lane(["aa"] * 20))
    assert (comparison.decision, comparison.status) == ("REVIEW", 3)
    assert "not enough evidence" in comparison.reasons[0]


def test_failures_everywhere_are_equal_lanes_too() -> None:
    comparison = compare(lane(["aa"] * 200, ok=False), lane(["aa"] * 200, ok=False))
    assert comparison.decision == "SHIP"
    assert comparison.acceptance is not None
    assert comparison.acceptance.candidate == 0


def test_a_clear_loss_holds() -> None:
    baseline = [trial(n, ok=True) for n in range(200)]
    candidate = [trial(n, ok=n >= 30) for n in range(200)]
    comparison = compare(baseline, candidate)
    assert (comparison.decision, comparison.status) == ("HOLD", 1)
    assert comparison.acceptance is not None
    assert comparison.acceptance.test == "mcnemar"
    assert comparison.acceptance.p == pytest.approx(2 * 0.5**30)


def test_a_loss_within_the_margin_ships() -> None:
    baseline = [trial(n, ok=True) for n in range(1000)]
    candidate = [trial(n, ok=n >= 3) for n in range(1000)]
    ships = compare(baseline, candidate)
    assert ships.decision == "SHIP"
    assert "as often" in ships.reasons[0]
    fewer = compare(baseline, [trial(n, ok=n >= 9) for n in range(1000)])
    assert fewer.decision == "SHIP"
    assert "less often, but no more so than is allowed" in fewer.reasons[0]
    assert compare(baseline, candidate, margin=0.001).decision == "REVIEW"


def test_a_gain_ships() -> None:
    baseline = [trial(n, ok=n >= 30) for n in range(200)]
    candidate = [trial(n, ok=True) for n in range(200)]
    ships = compare(baseline, candidate)
    assert ships.decision == "SHIP"
    assert "more often" in ships.reasons[0]


def test_another_effect_asks_for_a_look_unless_it_is_allowed() -> None:
    baseline = lane(["aaa"] * 200, effect="pay 1")
    candidate = lane(["aaa"] * 200, effect="pay 2")
    assert compare(baseline, candidate).decision == "REVIEW"
    assert "effect" in compare(baseline, candidate).reasons[0]
    allowed = compare(baseline, candidate, allow=("proposal", "verdict", "effect"))
    assert allowed.decision == "SHIP"


def test_effects_that_differ_by_nobody_knows_what_ask_for_a_look() -> None:
    baseline, candidate = (lane(["a"] * 200, effect=paid) for paid in ("pay 1", "pay 2"))
    comparison = compare(baseline, candidate)
    assert comparison.decision == "REVIEW"
    assert "differs on 200 inputs" in comparison.reasons[0]
    assert compare(baseline, baseline).decision == "SHIP"


def test_incomplete_lanes_never_ship() -> None:
    comparison = compare(lane(["aa"] * 200), lane(["aa"] * 200), incomplete="stopped half-way")
    assert comparison.decision == "REVIEW"
    assert "partial: stopped half-way" in comparison.notes


def test_what_is_missing_counts_against_the_candidate() -> None:
    whole, part = lane(["aa"] * 400), lane(["aa"] * 380)
    assert compare(whole, lane(["aa"] * 399)).decision == "SHIP"
    missing = compare(whole, part)
    assert missing.decision == "REVIEW"
    assert "too much is missing" in missing.reasons[0]


def test_a_candidate_that_times_out_half_way_is_said_to_be_partial() -> None:
    baseline = lane(["aa"] * 200)
    candidate = lane(["aa"] * 100) + [
        trial(n, ok=None, number=number, error=f"timeout: after {n} s")
        for n in range(100, 200)
        for number in (1, 2)
    ]
    comparison = compare(baseline, candidate)
    assert comparison.decision == "REVIEW"
    assert comparison.candidate.failures == {"timeout": 200}
    assert "200 of 400 trials of the candidate were never judged" in comparison.notes
    assert comparison.kinds == {"same": 100, "alone": 100}


def test_nothing_to_compare_is_reviewed() -> None:
    for lanes in ([], []), (lane(["a"]), []), ([], lane(["a"])):
        comparison = compare(*lanes)
        assert comparison.decision == "REVIEW"
        assert "nothing can be said" in comparison.reasons[0]
        assert any("has no trials" in note for note in comparison.notes)


def test_outcomes_that_nobody_knows_are_reviewed() -> None:
    comparison = compare(lane(["aa"] * 200, ok=None), lane(["bb"] * 200, ok=None))
    assert comparison.decision == "REVIEW"
    assert level(comparison, "proposal").p < 0.001


@pytest.mark.parametrize(
    "wrong", [{"confidence": 1}, {"confidence": 0}, {"margin": -0.1}, {"margin": 1}]
)
def test_wrong_settings_are_told(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="lies between"):
        compare([], [], **wrong)  # type: ignore[arg-type]


def test_a_level_that_does_not_exist_is_told() -> None:
    with pytest.raises(UsageError, match="no level 'effects'"):
        compare([], [], allow=("effects",))  # type: ignore[arg-type]


def test_groups_are_broken_down() -> None:
    baseline = [trial(n, ok=True, group="ab"[n % 2]) for n in range(20)]
    candidate = [trial(n, ok=n % 2 == 0, group="ab"[n % 2]) for n in range(20)]
    groups = {group.group: group for group in compare(baseline, candidate).groups}
    assert (groups["a"].candidate, groups["a"].worse) == (1, 0)
    assert (groups["b"].candidate, groups["b"].worse) == (0, 10)


def test_examples_show_what_got_worse_first() -> None:
    baseline = lane(["aa"] * 3)
    candidate = lane(["bb"] * 3)
    candidate[4] = replace(candidate[4], ok=False, verdict="over_cap")
    candidate[5] = replace(candidate[5], ok=False, verdict="over_cap")
    comparison = compare(baseline, candidate, examples=1)
    assert [(each.kind, each.input) for each in comparison.examples] == [
        ("verdict", "2"),
        ("proposal", "0"),
    ]
    (said,) = comparison.examples[0].candidate
    assert (said.verdict, said.shown) == ("over_cap", "b")


# Levels that are held: a few runs each time, many of them where time is

slow = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("inputs", "times", "runs"),
    [
        (40, 1, 200),
        (40, 4, 50),
        pytest.param(40, 1, 2000, marks=slow),
        pytest.param(40, 4, 1000, marks=slow),
        pytest.param(300, 1, 1000, marks=slow),
    ],
)
def test_lanes_that_answer_alike_are_not_held(inputs: int, times: int, runs: int) -> None:
    """Without a margin a hold is a one-sided claim at 2.5 %; its exact test may only be shyer."""
    held = 0
    for seed in range(runs):
        chance = random.Random(seed)
        rates = [chance.betavariate(0.8, 0.8) for _ in range(inputs)]
        lanes = accepted(rates, times, chance), accepted(rates, times, chance)
        held += compare(*lanes, margin=0).decision == "HOLD"
    assert held <= binom.ppf(0.999, runs, 0.025)


@pytest.mark.parametrize(
    ("times", "runs"),
    [(1, 150), pytest.param(1, 1000, marks=slow), pytest.param(3, 200, marks=slow)],
)
def test_a_candidate_that_is_worse_by_the_margin_rarely_ships(times: int, runs: int) -> None:
    inputs, shipped, margin = 150, 0, 0.1
    for seed in range(runs):
        chance = random.Random(seed)
        rates = [chance.uniform(0.3, 1.0) for _ in range(inputs)]
        worse = [rate - margin for rate in rates]
        lanes = accepted(rates, times, chance), accepted(worse, times, chance)
        shipped += compare(*lanes, margin=margin).decision == "SHIP"
    assert shipped <= binom.ppf(0.999, runs, 0.025)


@pytest.mark.parametrize("runs", [60, pytest.param(1000, marks=slow)])
def test_the_interval_of_the_difference_covers(runs: int) -> None:
    covered = 0
    for seed in range(runs):
        chance = random.Random(seed)
        before = [chance.betavariate(1, 1) for _ in range(50)]
        after = [chance.betavariate(2, 1) for _ in range(50)]
        true = sum(after) / 50 - sum(before) / 50
        found = compare(accepted(before, 2, chance), accepted(after, 2, chance)).acceptance
        assert found is not None
        covered += true in found.interval
    assert covered >= binom.ppf(0.001, runs, 0.95)


@pytest.mark.parametrize(
    ("inputs", "runs"),
    [
        (12, 100),
        pytest.param(12, 1000, marks=slow),
        pytest.param(60, 500, marks=slow),
        pytest.param(400, 500, marks=slow),
    ],
)
def test_the_divergence_test_holds_its_level(inputs: int, runs: int) -> None:
    alarms = 0
    for seed in range(runs):
        chance = random.Random(seed)
        ways = [chance.choices("abcd", k=3) for _ in range(inputs)]

        def answers(chance: random.Random = chance, ways: Any = ways) -> list[Trial]:
            return lane([[chance.choice(each) for _ in range(3)] for each in ways])

        found = level(compare(answers(), answers()), "proposal")
        alarms += found.p <= 0.05
    assert alarms <= binom.ppf(0.999, runs, 0.05)


# Anything at all

words = st.sampled_from(["", "a", "b", "accepted", "\x00|<&\ud800"])
trials = st.lists(
    st.builds(
        Trial,
        input=st.sampled_from("pqrs"),
        model=words,
        number=st.integers(1, 3),
        ok=st.sampled_from([True, False, None]),
        proposal=words,
        verdict=words,
        effect=words,
        group=words,
        error=words,
        shown=words,
    ),
    max_size=14,
)


@settings(deadline=None)
@given(trials, trials)
def test_any_lanes_are_compared_the_same_way_each_time(
    baseline: list[Trial], candidate: list[Trial]
) -> None:
    comparison = compare(baseline, candidate)
    assert comparison == compare(baseline, candidate)
    assert sum(comparison.kinds.values()) == len(comparison.inputs)
    assert len(comparison.inputs) == len({each.input for each in baseline + candidate})


@settings(deadline=None)
@given(trials, trials)
def test_the_lanes_exchanged_differ_by_the_sign(
    baseline: list[Trial], candidate: list[Trial]
) -> None:
    one, other = compare(baseline, candidate).acceptance, compare(candidate, baseline).acceptance
    assert (one is None) == (other is None)
    if one and other:
        assert one.difference == pytest.approx(-other.difference)
        assert one.interval.low == pytest.approx(-other.interval.high)
        assert one.p == pytest.approx(other.p)
        assert (one.worse, one.better) == (other.better, other.worse)


@settings(deadline=None)
@given(trials)
def test_a_lane_beside_itself_never_holds(both: list[Trial]) -> None:
    comparison = compare(both, both)
    assert comparison.decision != "HOLD"
    if comparison.acceptance:
        assert comparison.acceptance.difference == 0
