"""How often somebody may try to sign in."""

from __future__ import annotations

import pytest
from console_doors import later
from hypothesis import given
from hypothesis import strategies as st

from signoff.console.access._throttle import FREE, MOST, LoginThrottle, network
from signoff.testing import FakeClock


@pytest.fixture
def throttle(clock: FakeClock) -> LoginThrottle:
    return LoginThrottle(clock)


def test_many_tries_at_once_are_no_way_around_it(throttle: LoginThrottle) -> None:
    """Each counts before it is known whether it was right."""
    assert [throttle.wait("ron", f"10.0.0.{i}") for i in range(8)] == [0] * FREE + [1] * 3


def test_one_address_cannot_try_one_name_after_another(throttle: LoginThrottle) -> None:
    waits = [throttle.wait(f"user{i}", "10.0.0.1") for i in range(8)]
    assert waits == [0] * FREE + [1] * 3


def test_whoever_may_sign_in_makes_no_room_for_guessing_others_passwords(
    throttle: LoginThrottle,
) -> None:
    guessed = 0
    for i in range(20):
        if throttle.wait("eve", "10.0.0.1") == 0:
            throttle.succeeded("eve", "10.0.0.1")
        guessed += throttle.wait(f"victim{i}", "10.0.0.1") == 0
    assert guessed == FREE


def test_failures_from_elsewhere_do_not_slow_down_who_has_come_in_from_here(
    throttle: LoginThrottle,
) -> None:
    assert throttle.wait("ron", "10.0.0.1") == 0
    throttle.succeeded("ron", "10.0.0.1")
    for i in range(50):
        throttle.wait("ron", f"192.0.2.{i}")
    assert throttle.wait("ron", "192.0.2.99") > 0
    assert throttle.wait("ron", "10.0.0.1") == 0


def test_a_try_that_is_too_early_does_not_make_the_wait_longer(
    throttle: LoginThrottle, clock: FakeClock
) -> None:
    for _ in range(FREE):
        throttle.wait("ron", "10.0.0.1")
    for _ in range(100):
        assert throttle.wait("ron", "10.0.0.1") == 1
    later(clock, seconds=1)
    assert throttle.wait("ron", "10.0.0.1") == 0
    assert throttle.wait("ron", "10.0.0.1") == 2


def test_after_half_an_hour_all_is_forgotten(throttle: LoginThrottle, clock: FakeClock) -> None:
    for _ in range(40):
        later(clock, seconds=throttle.wait("ron", "10.0.0.1"))
    later(clock, minutes=31)
    assert [throttle.wait("ron", "10.0.0.1") for _ in range(FREE)] == [0] * FREE


def test_what_is_kept_in_mind_is_bounded(throttle: LoginThrottle) -> None:
    for i in range(3 * MOST):
        throttle.wait(f"user{i}", f"2001:db8:0:{i % 65_536:x}::1")
    assert len(throttle) <= 2 * MOST


@given(st.lists(st.integers(0, 3), max_size=60))
def test_nobody_is_locked_out_for_ever(names: list[int]) -> None:
    clock = FakeClock()
    throttle = LoginThrottle(clock)
    for name in names:
        throttle.wait(f"user{name}", "10.0.0.1")
    wait = throttle.wait("user0", "10.0.0.1")
    assert 0 <= wait <= 60
    later(clock, seconds=wait)
    assert throttle.wait("user0", "10.0.0.1") == 0 or wait == 0


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_one_person_has_many_addresses_of_ipv6(address: str, counts_as: str) -> None:
    assert network(address) == counts_as
