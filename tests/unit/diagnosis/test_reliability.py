from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from signoff.diagnosis import Reliability, Slice, Trial, reliability
from signoff.diagnosis._levers import _beta_pass  # pyright: ignore[reportPrivateUsage]
from signoff.errors import BadInput, UsageError
from signoff.statistics import mcnemar_exact, sign_flip, wilson


def trials(answers: dict[str, str], *, model: str = "m", group: str = "") -> Iterator[Trial]:
    """One trial per letter: `+` accepted, `-` not, `?` unknown, `!` an error."""
    for asked, letters in answers.items():
        for number, letter in enumerate(letters, 1):
            yield Trial(
                input=asked,
                model=model,
                number=number,
                group=group,
                ok={"+": True, "-": False}.get(letter),
                error="gone" if letter == "!" else "",
            )


def row(found: Reliability, model: str = "m", group: str = "") -> Slice:
    (only,) = [s for s in found.slices if (s.model, s.group) == (model, group)]
    return only


def test_pass_k_is_the_mean_over_inputs_of_the_unbiased_estimator() -> None:
    found = reliability(trials({"a": "++++", "b": "++--", "c": "+---", "d": "----"}))
    assert found.k == 4
    values = [each.value for each in row(found).passes]
    assert values == pytest.approx([7 / 16, (1 + 1 / 6) / 4, 1 / 4, 1 / 4])


def test_inputs_with_too_few_trials_do_not_count_for_larger_k() -> None:
    found = reliability(trials({"a": "++", "b": "+-", "c": "+"}), k=3)
    passes = row(found).passes
    assert [each.inputs for each in passes] == [3, 2, 0]
    assert passes[2].value is None
    assert (passes[2].interval.low, passes[2].interval.high) == (0.0, 1.0)


def test_the_usual_k_is_what_half_of_the_inputs_have() -> None:
    assert reliability(trials({"a": "+++", "b": "+++", "c": "+"})).k == 3
    assert reliability(trials({"a": "+++", "b": "+", "c": "+"})).k == 1
    assert reliability(trials({"a": "+" * 50})).k == 8
    assert reliability([]).k == 1


def test_unknown_is_left_out_and_an_error_is_a_failure_unless_told_otherwise() -> None:
    answers = {"a": "+?!", "b": "+-?"}
    strict = row(reliability(trials(answers), k=1))
    assert (strict.trials, strict.unknown, strict.errors) == (4, 2, 1)
    assert strict.passes[0].value == 0.5
    mild = row(reliability(trials(answers), k=1, errors="skip"))
    assert (mild.trials, mild.unknown, mild.errors) == (3, 2, 1)
    assert mild.passes[0].value == 0.75


def test_an_accepted_answer_stays_accepted_whatever_error_came_after_it() -> None:
    told = [Trial(input="a", model="m", ok=True, error="tidying up failed")]
    for errors in ("fail", "skip"):
        assert row(reliability(told, errors=errors)).passes[0].value == 1.0


def test_one_answer_per_input_has_nearly_the_usual_interval() -> None:
    found = row(reliability(trials({str(n): "+" if n % 4 else "-" for n in range(200)})))
    usual = wilson(150, 200)
    assert found.passes[0].interval.low == pytest.approx(usual.low, abs=0.003)
    assert found.passes[0].interval.high == pytest.approx(usual.high, abs=0.003)
    assert found.sigma is None


def test_answers_that_repeat_themselves_do_not_count_as_more() -> None:
    once = row(reliability(trials({str(n): "+" if n % 4 else "-" for n in range(40)}), k=1))
    often = row(reliability(trials({str(n): ("+" if n % 4 else "-") * 8 for n in range(40)}), k=1))
    assert often.passes[0].interval == once.passes[0].interval
    assert often.sigma == 0.0
    assert often.sigma_interval.high > 0.1


def test_flips_are_the_pairs_that_disagree() -> None:
    found = row(reliability(trials({"a": "++-", "b": "+++", "c": "-+"})))
    assert found.variance.flips == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert found.sigma == pytest.approx(math.sqrt((2 / 3 + 1) / 6))


def test_groups_have_rows_of_their_own_and_equal_inputs_of_two_groups_are_two() -> None:
    both = [*trials({"a": "++"}, group="x"), *trials({"a": "--"}, group="y")]
    found = reliability(both)
    assert [(s.group, s.inputs, s.passes[0].value) for s in found.slices] == [
        ("", 2, 0.5),
        ("x", 1, 1.0),
        ("y", 1, 0.0),
    ]
    assert [s.group for s in reliability(both, by="model").slices] == [""]


def test_all_models_together_count_an_input_once() -> None:
    both = [*trials({"a": "++", "b": "+-"}), *trials({"a": "--", "b": "+-"}, model="n")]
    found = reliability(both)
    together = row(found, model="")
    assert (together.inputs, together.trials) == (2, 8)
    assert together.passes[0].value == 0.5
    # Two models that each never disagree with themselves are not variance within an input.
    assert together.variance.flips == pytest.approx(0.5)


def test_a_version_is_compared_on_the_inputs_that_both_answered() -> None:
    old = trials({"a": "++", "b": "+-", "c": "--", "x": "++"}, model="1")
    new = trials({"a": "--", "b": "--", "c": "-+", "y": "--"}, model="2")
    (effect,) = reliability([*old, *new]).versions
    assert (effect.before, effect.after, effect.inputs) == ("1", "2", 3)
    assert effect.difference == pytest.approx((-1 - 0.5 + 0.5) / 3)
    assert effect.p == sign_flip([-1, -0.5, 0.5])
    assert (effect.worse, effect.better) == (2, 0)
    assert effect.p_mcnemar == mcnemar_exact(2, 0)


def test_the_first_run_is_the_one_with_the_lowest_number() -> None:
    old = [Trial(input="a", model="1", number=n, ok=ok) for n, ok in ((2, False), (1, True))]
    new = [Trial(input="a", model="2", number=n, ok=ok) for n, ok in ((3, True), (2, False))]
    (effect,) = reliability([*old, *new]).versions
    assert (effect.worse, effect.better) == (1, 0)


def test_versions_come_in_the_order_of_their_first_time() -> None:
    late = Trial(input="a", model="a-newer", ok=True, at="2026-02-01T00:00:00Z")
    early = Trial(input="a", model="z-older", ok=True, at="2026-01-01T00:00:00Z")
    (effect,) = reliability([late, early]).versions
    assert (effect.before, effect.after) == ("z-older", "a-newer")


def test_zero_disagreement_is_no_certainty() -> None:
    same = {str(n): "+" for n in range(30)}
    (effect,) = reliability([*trials(same), *trials(same, model="n")]).versions
    assert (effect.p, effect.p_mcnemar, effect.difference) == (1.0, 1.0, 0.0)
    assert effect.interval.low == pytest.approx(-effect.interval.high)
    assert effect.interval.high > 0.1


def test_all_failures_and_nothing_at_all_have_answers() -> None:
    failed = row(reliability(trials({"a": "--", "b": "--"})))
    assert [each.value for each in failed.passes] == [0.0, 0.0]
    nothing = reliability([])
    assert nothing.slices == nothing.versions == nothing.levers == ()
    unknown = reliability(trials({"a": "??"}))
    assert row(unknown).passes[0].value is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"by": "week"},
        {"errors": "ignore"},
        {"confidence": 1.5},
        {"window": 0},
        {"window": math.inf},
        {"horizon": math.nan},
        {"horizon": -1.0},
        {"strengthen": {"": math.nan}},
        {"strengthen": {"nowhere": 0.9}},
        {"strengthen": {"": 1.9}},
    ],
)
def test_arguments_that_cannot_be_are_mistakes(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        reliability(trials({"a": "++", "b": "+-"}), **wrong)  # type: ignore[arg-type]


def test_what_is_no_trial_is_refused() -> None:
    with pytest.raises(BadInput, match="not dict"):
        reliability([{"input": "a"}])  # type: ignore[list-item]


asked_often = some.dictionaries(
    some.sampled_from("abcdefgh"), some.text("+-?!", min_size=3, max_size=6), min_size=1
)


@given(asked_often, some.randoms(use_true_random=False))
def test_the_order_of_trials_does_not_matter(answers: dict[str, str], chance: Random) -> None:
    told = list(trials(answers))
    again = list(told)
    chance.shuffle(again)
    one, other = row(reliability(told, k=3)), row(reliability(again, k=3))
    assert one.variance.flips == other.variance.flips
    assert [each.value for each in one.passes] == [each.value for each in other.passes]
    assert (one.trials, one.unknown, one.errors) == (other.trials, other.unknown, other.errors)


@given(asked_often)
def test_more_answers_in_a_row_are_never_more_likely(answers: dict[str, str]) -> None:
    certain = {asked: letters.replace("?", "-") for asked, letters in answers.items()}
    values = [each.value or 0.0 for each in row(reliability(trials(certain), k=3)).passes]
    assert values == sorted(values, reverse=True)
    for each in row(reliability(trials(certain), k=3)).passes:
        assert each.value is not None
        assert each.interval.low - 1e-12 <= each.value <= each.interval.high + 1e-12


# The levers


def lever(found: Reliability, name: str, group: str = "") -> float:
    (only,) = [e for e in found.levers if (e.lever, e.group, e.model) == (name, group, "m")]
    assert only.after is not None
    return only.after


def test_half_of_sigma_does_nothing_where_there_is_none() -> None:
    found = reliability(trials({"a": "++", "b": "--", "c": "++"}))
    assert lever(found, "sigma") == pytest.approx(2 / 3)


def test_half_of_sigma_moves_equal_inputs_to_their_side() -> None:
    half = {f"{n}": "".join(word) for n, word in enumerate(product("+++-", repeat=2))}
    found = reliability(trials(half), k=2)
    before = row(found).passes[1].value
    assert before == pytest.approx(0.75**2)
    assert lever(found, "sigma") == pytest.approx((0.5 + math.sqrt(1 - 0.1875) / 2) ** 2, abs=0.01)


def test_half_of_sigma_of_spread_inputs_is_that_of_a_simulation() -> None:
    chance = random.Random(2)
    shares = [chance.betavariate(3, 1) for _ in range(4000)]
    steadier = [0.5 + math.copysign(math.sqrt(1 - p * (1 - p)) / 2, p - 0.5) for p in shares]
    told = {
        str(n): "".join("+" if chance.random() < p else "-" for _ in range(6))
        for n, p in enumerate(shares)
    }
    found = reliability(trials(told), k=4)
    expected = sum(p**4 for p in steadier) / len(steadier)
    assert lever(found, "sigma") == pytest.approx(expected, abs=0.02)


def test_a_stronger_boundary_is_that_of_a_simulation() -> None:
    chance = random.Random(4)
    shares = [chance.betavariate(2, 1) for _ in range(3000)]
    weak = {
        str(n): "".join("+" if chance.random() < p else "-" for _ in range(5))
        for n, p in enumerate(shares)
    }
    good = {str(n): "+++++" for n in range(1000)}
    both = [*trials(weak, group="weak"), *trials(good, group="good")]
    found = reliability(both, k=3, strengthen={"weak": 0.9})
    mean = sum(letters.count("+") for letters in weak.values()) / 15_000
    c = (0.9 - mean) / (1 - mean)
    expected = (sum((p + c * (1 - p)) ** 3 for p in shares) + 1000) / 4000
    assert lever(found, "boundary", "weak") == pytest.approx(expected, abs=0.01)


def test_by_default_every_group_may_reach_the_best_of_those_with_enough_inputs() -> None:
    many = trials({str(n): "++" if n % 2 else "+-" for n in range(40)}, group="many")
    less = trials({str(n): "+-" for n in range(40)}, group="less")
    few = trials({"a": "++"}, group="few")
    found = reliability([*many, *less, *few])
    levels = {e.group: e.level for e in found.levers if e.lever == "boundary"}
    assert levels == {"less": 0.75}


def test_a_level_that_is_reached_already_changes_nothing() -> None:
    found = reliability(trials({"a": "++", "b": "+-"}, group="g"), strengthen={"g": 0.2})
    assert lever(found, "boundary", "g") == row(found).passes[1].value


def test_sigma_of_a_few_inputs_is_no_lever_for_all() -> None:
    found = reliability(trials({"a": "+-", "b": "+-", "c": "+", "d": "-", "e": "+"}), k=1)
    assert row(found).sigma is not None
    assert found.levers[0].after is None
    assert "only 2 of 5 inputs were answered twice" in found.levers[0].because


def test_levers_that_cannot_be_told_say_why() -> None:
    found = reliability(trials({"a": "+", "b": "-"}))
    reasons = {e.lever: e.because for e in found.levers}
    assert "only 0 of 2 inputs were answered twice" in reasons["sigma"]
    assert "no trial has a time" in reasons["mu"]
    assert "5 trials" in reliability(trials({"a": "+"}), k=5).levers[0].because


@given(some.floats(0.02, 0.98), some.floats(-3.9, -0.7), some.integers(1, 8))
def test_the_mean_of_a_power_is_that_of_the_beta_distribution(
    mean: float, magnitude: float, k: int
) -> None:
    between = min(10**magnitude, 0.9 * mean * (1 - mean))
    size = mean * (1 - mean) / between - 1
    exact = math.prod((mean * size + i) / (size + i) for i in range(k))
    now, then = _beta_pass(mean, max(between, 1e-4), k)
    if between >= 1e-4:
        assert now == pytest.approx(exact, rel=1e-6)
    assert 0 <= then <= 1
