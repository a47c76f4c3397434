"""`signoff console user`, as somebody would type it."""

from __future__ import annotations

import io
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from signoff.cli._console_users import app
from signoff.cli._ending import Program, ending
from signoff.console.access import Role, list_users

PASSWORD = "correct horse battery"
USERS = Path("signoff-console.toml")

_console = typer.Typer(cls=Program, pretty_exceptions_enable=False)
_console.add_typer(app, name="user")
_console.callback()(lambda: None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNOFF_CONSOLE_USERS", raising=False)
    return tmp_path


@pytest.fixture(autouse=True)
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    type_(monkeypatch, PASSWORD)


def type_(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))


def user(*words: str) -> int:
    with ending() as status:
        get_command(_console)(args=["user", *words], prog_name="signoff console")
    return status()


def add(name: str, role: str = "viewer", *words: str) -> int:
    return user("add", name, "--role", role, "--password-stdin", *words)


def test_somebody_is_added_and_the_file_is_the_owners_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert add("ada", "admin") == 0
    assert stat.S_IMODE(USERS.stat().st_mode) == 0o600
    assert list_users(USERS).accounts["ada"].role is Role.admin
    assert capsys.readouterr().out == "ada may come into the console, as admin\n"
    assert PASSWORD not in USERS.read_text()


def test_who_may_come_in_is_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add("ada", "admin")
    type_(monkeypatch, PASSWORD)
    add("ron")
    capsys.readouterr()
    assert user("list") == 0
    shown = capsys.readouterr().out
    assert [line.split() for line in shown.splitlines()] == [
        ["name", "role", "comes", "in", "by"],
        ["ada", "admin", "password"],
        ["ron", "viewer", "password"],
    ]
    assert user("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "users": [
            {"name": "ada", "role": "admin", "password": True},
            {"name": "ron", "role": "viewer", "password": True},
        ],
        "issuer": None,
    }


def test_the_provider_is_listed_with_those_whom_it_lets_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    USERS.touch(0o600)
    USERS.write_text('[oidc]\nissuer = "https://login.example"\nclient_id = "x"\n')
    assert user("add", "ada@x", "--role", "admin", "--no-password") == 0
    assert user("list") == 0
    shown = capsys.readouterr().out
    assert "ada@x  admin  OpenID Connect" in shown
    assert "https://login.example vouches for" in shown


def test_a_role_is_changed_and_somebody_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    add("ada", "admin")
    type_(monkeypatch, PASSWORD)
    add("ron")
    assert user("role", "ron", "operator") == 0
    assert list_users(USERS).accounts["ron"].role is Role.operator
    assert user("remove", "ron") == 0
    assert set(list_users(USERS).accounts) == {"ada"}


def test_another_password_is_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    add("ada")
    before = list_users(USERS).accounts["ada"].password
    type_(monkeypatch, "another horse battery")
    assert user("passwd", "ada", "--password-stdin") == 0
    assert list_users(USERS).accounts["ada"].password != before


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (["add", "ada", "--role", "admin", "--password-stdin"], 1, "lists ada already"),
        (["add", "ron", "--role", "king", "--password-stdin"], 1, "one of viewer, reviewer"),
        (["add", "a\nb", "--role", "viewer", "--password-stdin"], 1, "is no name"),
        (["add", "ron", "--role", "viewer"], 1, "no terminal to ask"),
        (["add", "ron", "--role", "viewer", "--no-password"], 1, "there is no [oidc]"),
        (["add", "ron", "--role", "viewer", "--no-password", "--password-stdin"], 2, "not both"),
        (["add", "ron"], 2, "--role"),
        (["remove", "ron"], 1, "does not list ron"),
        (["remove", "ada"], 1, "the only one"),
        (["passwd", "ron", "--password-stdin"], 1, "does not list ron"),
        (["role", "ron", "admin"], 1, "does not list ron"),
        (["role", "ada", "king"], 1, "one of viewer, reviewer"),
        (["list", "--users", "none.toml"], 1, "cannot read none.toml"),
        (
            ["add", "x", "--role", "viewer", "--password-stdin", "--users", "no/x"],
            1,
            "cannot write",
        ),
    ],
)
def test_what_is_refused_changes_nothing(
    words: list[str],
    status: int,
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add("ada", "admin")
    before = USERS.read_bytes()
    type_(monkeypatch, PASSWORD)
    assert user(*words) == status
    told = capsys.readouterr().err
    assert why in told
    assert "Traceback" not in told
    assert USERS.read_bytes() == before


def test_a_short_password_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    type_(monkeypatch, "short")
    assert add("ada") == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert not USERS.exists()


@pytest.mark.parametrize(("again", "status"), [(PASSWORD, 0), ("another horse battery", 1)])
def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    again: str, status: int
) -> None:
    program = (
        "import sys, test_console_user_command as t\n"
        "sys.exit(t.user('add', 'ada', '--role', 'admin'))"
    )
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    os.close(theirs)
    shown = b""
    for prompt, answer in ((b"Password: ", PASSWORD), (b"Again: ", again)):
        while prompt not in shown:
            shown += os.read(ours, 1024)
        os.write(ours, f"{answer}\n".encode())
    try:
        while part := os.read(ours, 1024):
            shown += part
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert asked.wait(30) == status
    assert PASSWORD.encode() not in shown
    assert USERS.exists() == (status == 0)
