"""mu and sigma are found again where they were planted."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from signoff.diagnosis import Momentum, Trial, reliability
from signoff.statistics import clustered_share, least_squares, pass_k, variance_shares

SIMULATIONS = 1000


def day(number: int) -> str:
    return f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T09:00:00.000000Z"


def days(shares: dict[int, tuple[int, int]]) -> Iterator[Trial]:
    for number, (successes, asked) in shares.items():
        for place in range(asked):
            yield Trial(input=f"{number}/{place}", model="m", ok=place < successes, at=day(number))


def trend(trials: Iterator[Trial], **options: float) -> Momentum:
    (found,) = reliability(trials, **options).momentum  # type: ignore[arg-type]
    return found


def test_a_line_is_found_as_it_is() -> None:
    found = trend(days({0: (50, 100), 10: (60, 100), 20: (70, 100)}))
    assert found.mu == pytest.approx(0.30)
    assert found.noise == pytest.approx(0.0, abs=1e-9)
    assert [point.share for point in found.points] == [0.5, 0.6, 0.7]
    assert [point.day for point in found.points] == [0, 10, 20]
    assert found.points[1].at == "2026-01-11T00:00:00.000000Z"


def test_a_day_counts_by_its_trials() -> None:
    found = trend(days({0: (50, 100), 10: (0, 1), 20: (70, 100)}))
    assert found.mu == pytest.approx(0.30, abs=0.01)


def test_what_cannot_be_told_is_not_told() -> None:
    never = trend(Trial(input=str(n), model="m", ok=True) for n in range(9))
    assert (never.mu, never.timeless) == (None, 9)
    assert never.because == "no trial has a time on record"
    two = trend(days({0: (1, 2), 5: (1, 2)}))
    assert two.mu is None
    assert "at least three days; there are 2" in two.because
    unreadable = trend(Trial(input="a", model="m", ok=True, at="yesterday") for _ in range(3))
    assert unreadable.timeless == 3


def test_windows_may_be_wider_and_times_without_a_zone_are_utc() -> None:
    told = [
        Trial(input=str(n), model="m", ok=True, at=f"2026-01-{1 + n:02d}T23:30:00")
        for n in range(28)
    ]
    assert len(trend(iter(told), window=7.0).points) in (4, 5)
    assert trend(iter(told)).points[0].at.startswith("2026-01-01")


def test_the_trend_goes_on_in_the_lever_table() -> None:
    found = reliability(days({0: (50, 100), 10: (60, 100), 20: (70, 100)}), horizon=30.0)
    (mu,) = [each for each in found.levers if each.lever == "mu"]
    assert mu.before == pytest.approx(0.6)
    assert mu.after == pytest.approx(0.9)
    down = reliability(days({0: (70, 100), 10: (60, 100), 20: (50, 100)}), horizon=900.0)
    (mu,) = [each for each in down.levers if each.lever == "mu"]
    assert mu.after == 0.0


def held(hits: int) -> None:
    assert 0.93 <= hits / SIMULATIONS <= 0.97, hits


def test_mu_and_sigma_of_the_stated_model_are_recovered() -> None:
    """y(t) = mu * t + sigma * xi(t), as it is written."""
    chance, mu, sigma = random.Random(20), -0.002, 0.07
    slopes = noises = 0
    for _ in range(SIMULATIONS):
        values = [0.9 + mu * t + chance.gauss(0, sigma) for t in range(25)]
        line = least_squares(range(25), values)
        slopes += mu in line.slope_interval
        noises += sigma in line.noise_interval
    held(slopes)
    held(noises)


def test_mu_and_the_noise_of_days_are_recovered_from_zeros_and_ones() -> None:
    chance, mu, sigma, asked = random.Random(21), 0.003, 0.05, 40
    monthly = noises = 0
    for _ in range(SIMULATIONS):
        counts: dict[int, tuple[int, int]] = {}
        for number in range(30):
            share = min(max(0.65 + mu * number + chance.gauss(0, sigma), 0.0), 1.0)
            counts[number] = (sum(chance.random() < share for _ in range(asked)), asked)
        line = least_squares(
            list(counts), [c / n for c, n in counts.values()], weights=[asked] * 30
        )
        monthly += mu in line.slope_interval
        middle = 0.65 + mu * 14.5
        noises += math.sqrt(sigma**2 + middle * (1 - middle) / asked) in line.noise_interval
    held(monthly)
    held(noises)


def test_reliability_fits_the_same_line() -> None:
    counts = {n: (20 + n % 3 + n // 2, 40) for n in range(28)}
    line = least_squares(list(counts), [c / n for c, n in counts.values()], weights=[40] * 28)
    found = trend(days(counts))
    assert found.mu == pytest.approx(30 * line.slope)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(30 * line.slope_interval.low)


@pytest.mark.parametrize(("a", "b"), [(2, 2), (4, 1)])
def test_sigma_within_an_input_and_pass_k_are_recovered(a: float, b: float) -> None:
    """Inputs whose shares are beta-distributed, four answers each: the truth is known."""
    chance, inputs, asked = random.Random(22), 50, 4
    size = a + b
    within = a * b / (size * (size + 1))
    passes = [math.prod((a + i) / (size + i) for i in range(k)) for k in (1, 2)]
    sigmas, kept = 0, [0, 0]
    for _ in range(SIMULATIONS):
        counts = [
            (sum(chance.random() < share for _ in range(asked)), asked)
            for share in (chance.betavariate(a, b) for _ in range(inputs))
        ]
        sigmas += within in variance_shares(counts).within_interval
        for place, truth in enumerate(passes):
            values = [pass_k(c, n, place + 1) for c, n in counts]
            kept[place] += truth in clustered_share(values, trials=inputs * asked)
    held(sigmas)
    held(kept[0])
    held(kept[1])
