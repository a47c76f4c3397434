"""The users file, read and written."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import argon2
import pytest
from console_doors import HASHED, users_file

from signoff.console.access import (
    Role,
    User,
    add_user,
    hash_password,
    list_users,
    put_password,
    put_role,
    remove_user,
)
from signoff.errors import BadInput

OIDC = """
[oidc]
issuer = "https://login.example"
client_id = "console"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signoff-console.toml"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_everybody_has_a_name_a_role_and_a_password(path: Path) -> None:
    text = f'[users."Ada L."]\npassword = "{HASHED}"\nrole = "admin"\n'
    accounts = list_users(written(path, text)).accounts
    assert {name: account.role for name, account in accounts.items()} == {"Ada L.": Role.admin}
    assert HASHED not in repr(accounts)


def test_who_comes_by_the_provider_needs_no_password(path: Path) -> None:
    listed = list_users(written(path, f'{OIDC}\n[users.ada]\nrole = "admin"\n'))
    assert listed.role_of("ada", frozenset()) is Role.admin
    assert listed.role_of("ron", frozenset()) is None


def test_the_provider_gives_the_highest_role_of_those_that_are_mapped(path: Path) -> None:
    text = f'{OIDC}\n[oidc.roles]\nstaff = "viewer"\n"on call" = "operator"\n'
    listed = list_users(written(path, text))
    assert listed.role_of("ron", frozenset({"staff", "on call", "others"})) is Role.operator
    assert listed.role_of("ron", frozenset({"others"})) is None


def test_only_allowed_names_come_in(path: Path) -> None:
    text = f'{OIDC}allowed = ["ron"]\n[oidc.roles]\nstaff = "viewer"\n[users.ada]\nrole = "admin"\n'
    listed = list_users(written(path, text))
    assert listed.role_of("ron", frozenset({"staff"})) is Role.viewer
    assert listed.role_of("vic", frozenset({"staff"})) is None
    assert listed.role_of("ada", frozenset({"staff"})) is None


def test_a_name_with_a_password_is_not_taken_by_the_provider(path: Path) -> None:
    text = f'{OIDC}\n[users.ada]\npassword = "{HASHED}"\nrole = "admin"\n'
    assert list_users(written(path, text)).role_of("ada", frozenset()) is None


ROLE = 'role = "admin"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[users.ada]\nrole = x\n", "line 2"),
        (f"x = 1\n[users.ada]\n{ROLE}", "the file has 'x'"),
        ("", "it lists nobody"),
        ("users = 1", "[users] is no table"),
        ("[users]\nada = 1", "[users.ada] is no table"),
        ("[users.ada]\n", "[users.ada] has no role"),
        ('[users.ada]\nrole = "king"', "[users.ada] role is 'king'; it has to be one of viewer"),
        ("[users.ada]\nrole = 4", "[users.ada] role is 4"),
        (f"[users.ada]\n{ROLE}", "[users.ada] has no password, and there is no [oidc]"),
        (f'[users.ada]\n{ROLE}password = "secret"', "[users.ada] password is no argon2id hash"),
        (f'[users.ada]\n{ROLE}password = ""', "[users.ada] password has to be a text"),
        (f'[users.ada]\n{ROLE}password = "$argon2i$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YWE"', "argon2id"),
        (f'[users.ada]\n{ROLE}pasword = "x"', "[users.ada] has 'pasword'"),
        (f'[users."a\\u202eb"]\n{ROLE}', "is no name"),
        (f'[users." ada"]\n{ROLE}', "is no name"),
        (f'[users.""]\n{ROLE}', "is no name"),
        (f"[users.{'a' * 101}]\n{ROLE}", "is no name"),
        ('[oidc]\nclient_id = "x"', "[oidc] has no issuer"),
        ('[oidc]\nissuer = "https://login.example"', "[oidc] has no client_id"),
        ('[oidc]\nissuer = "http://login.example"\nclient_id = "x"', "https://"),
        ('[oidc]\nissuer = "https://"\nclient_id = "x"', "https://"),
        (f'{OIDC}client_secret = "x"', "client_secret_env"),
        (f'{OIDC}scopes = ["email"]', "openid"),
        (f"{OIDC}scopes = [1]", "[oidc] scopes has to be a list of texts"),
        (f'{OIDC}scopes = "openid"', "[oidc] scopes has to be a list of texts"),
        (f"{OIDC}allowed = [1]", "[oidc] allowed has to be a list of texts"),
        (f'{OIDC}[oidc.roles]\nstaff = "king"', "[oidc.roles] 'staff' is 'king'"),
        (f"{OIDC}roles = 1", "[oidc.roles] is no table"),
        (f"{OIDC}surprise = 1", "[oidc] has 'surprise'"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path: Path, text: str, why: str) -> None:
    with pytest.raises(BadInput) as refused:
        list_users(written(path, text))
    assert str(refused.value).startswith(str(path))
    assert why in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o777])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = users_file(tmp_path, ada=Role.admin)
    path.chmod(mode)
    with pytest.raises(BadInput, match=f"mode {mode:03o}.*chmod 600"):
        list_users(path)


def test_what_is_no_file_or_no_text_is_refused(path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read"):
        list_users(path)
    with pytest.raises(BadInput, match="cannot read"):
        list_users(path.parent)
    path.write_bytes(b"# \xff")
    path.chmod(0o600)
    with pytest.raises(BadInput, match="no UTF-8"):
        list_users(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(BadInput, match="larger than"):
        list_users(path)


# Written


def test_a_new_file_is_its_owners_alone(path: Path) -> None:
    add_user(path, "ada", Role.admin, HASHED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_comments_and_everything_else_stay_as_they_were(path: Path) -> None:
    text = (
        f"# ours\n[users.ada]  # the boss\npassword = '{HASHED}'\nrole = \"admin\" # for ever\n"
        f"# the provider\n{OIDC}"
    )
    written(path, text)
    add_user(path, "ron's", Role.viewer, HASHED)
    put_role(path, "ron's", Role.reviewer)
    assert list_users(path).accounts["ron's"].role is Role.reviewer
    remove_user(path, "ron's")
    assert path.read_text().replace("\n", "") == text.replace("\n", "")


def test_names_are_written_as_they_are(path: Path) -> None:
    names = ["a.b", 'say "x"', "ada@example.com", "zoë", "[users.x]", "#", "'", "\\", "="]
    for name in names:
        add_user(path, name, Role.viewer, HASHED)
    assert list(list_users(path).accounts) == names


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[2J", "x" * 101, " a"])
def test_what_is_no_name_is_not_written(path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="is no name"):
        add_user(path, name, Role.viewer, HASHED)
    assert not path.exists()


def test_nobody_is_written_over_or_changed_who_is_not_listed(tmp_path: Path) -> None:
    path = users_file(tmp_path, ada=Role.admin)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="lists ada already"):
        add_user(path, "ada", Role.viewer, HASHED)
    for change in (
        lambda: remove_user(path, "ron"),
        lambda: put_role(path, "ron", Role.admin),
        lambda: put_password(path, "ron", None, HASHED),
    ):
        with pytest.raises(BadInput, match="does not list ron"):
            change()
    with pytest.raises(BadInput, match="the only one"):
        remove_user(path, "ada")
    with pytest.raises(BadInput, match="another password meanwhile"):
        put_password(path, "ada", "an older hash", HASHED)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_that_is_wrong_is_not_changed(path: Path) -> None:
    written(path, "[users.ada")
    with pytest.raises(BadInput, match="no TOML"):
        add_user(path, "ron", Role.viewer, HASHED)
    assert path.read_text() == "[users.ada"


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    path = users_file(tmp_path, ada=Role.admin)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    add_user(link, "ron", Role.viewer, HASHED)
    assert link.is_symlink()
    assert set(list_users(path).accounts) == {"ada", "ron"}


def test_many_at_once_lose_nobody(path: Path) -> None:
    add_user(path, "ada", Role.admin, HASHED)
    program = (
        "import sys; from pathlib import Path; from signoff.console.access import *\n"
        "for i in range(10): "
        "add_user(Path(sys.argv[1]), f'{sys.argv[2]}{i}', Role.viewer, sys.argv[3])"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(path), name, HASHED])
        for name in ("x", "y", "z")
    ]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert len(list_users(path).accounts) == 31


# Passwords


def test_a_password_is_hashed_with_argon2id_and_costs_of_today() -> None:
    costs = argon2.extract_parameters(hash_password("correct horse battery"))
    assert costs.type is argon2.Type.ID
    assert costs == argon2.extract_parameters(argon2.PasswordHasher().hash("x"))


@pytest.mark.parametrize("password", ["", "short", "x" * 1_001, "aaaaaaaaaaaaaa", "Ada Lovelace"])
def test_a_password_that_is_guessed_at_once_is_refused(password: str) -> None:
    with pytest.raises(BadInput, match=r"[Nn]othing was changed"):
        hash_password(password, "ada lovelace")


# Roles


def test_each_role_includes_those_before_it() -> None:
    order = [Role.viewer, Role.reviewer, Role.operator, Role.admin]
    assert sorted(Role) == order
    for i, role in enumerate(order):
        assert [User("x", role).may(each) for each in order] == [True] * (i + 1) + [False] * (3 - i)
    assert f"{Role.admin} {Role.viewer!s} {Role.operator:>9}" == "admin viewer  operator"
