"""Where the console may listen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from signoff.console.access import AccessSettings, check_bind, find_users
from signoff.errors import BadInput, UsageError

USERS = Path("signoff-console.toml")
CERT = Path("cert.pem")
NAMES = ("console.example",)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_this_machine_it_needs_no_users(address: str) -> None:
    check_bind(AccessSettings(address=address))
    check_bind(AccessSettings(address=address, users=USERS))


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.7", "2001:db8::1"])
def test_elsewhere_it_needs_users_and_tls(address: str) -> None:
    settings = AccessSettings(address=address, host_names=NAMES)
    with pytest.raises(UsageError, match="without users"):
        check_bind(settings)
    with pytest.raises(UsageError, match="without users"):
        check_bind(replace(settings, certfile=CERT))
    with pytest.raises(UsageError, match="without TLS"):
        check_bind(replace(settings, users=USERS))
    check_bind(replace(settings, users=USERS, certfile=CERT))
    check_bind(replace(settings, users=USERS, behind_proxy="10.0.0.1"))


def test_behind_a_proxy_it_is_reached_from_elsewhere_even_on_this_machine() -> None:
    settings = AccessSettings(behind_proxy="127.0.0.1", host_names=NAMES)
    with pytest.raises(UsageError, match="without users"):
        check_bind(settings)
    check_bind(replace(settings, users=USERS))


def test_it_has_to_know_the_name_that_people_call_it_by() -> None:
    for settings in (
        AccessSettings(address="0.0.0.0", users=USERS, certfile=CERT),
        AccessSettings(users=USERS, behind_proxy="127.0.0.1"),
    ):
        with pytest.raises(UsageError, match="--host-name"):
            check_bind(settings)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (AccessSettings(address="console.example"), "no address to listen on"),
        (AccessSettings(address=""), "no address to listen on"),
        (AccessSettings(host_names=("https://x",)), "no host name"),
        (AccessSettings(host_names=("x:1",)), "no host name"),
        (AccessSettings(host_names=("",)), "no host name"),
        (AccessSettings(host_names=("*",)), "no host name"),
        (AccessSettings(users=USERS, behind_proxy="*", host_names=NAMES), "neither an IP address"),
        (
            AccessSettings(users=USERS, behind_proxy="::1", certfile=CERT, host_names=NAMES),
            "either the console serves TLS",
        ),
        (AccessSettings(keyfile=CERT), "--certfile"),
        (AccessSettings(idle=timedelta(0)), "idle"),
        (AccessSettings(idle=timedelta(hours=13)), "idle"),
        (AccessSettings(most_sessions=0), "at least 1"),
    ],
)
def test_what_contradicts_itself_is_refused(settings: AccessSettings, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_bind(settings)


def test_the_default_file_of_users_is_read_if_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_users(None) is None
    USERS.touch()
    assert find_users(None) == USERS


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="signoff console user add"):
        find_users(tmp_path / "other.toml")
