"""`signoff console user`: who may come into the console."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Annotated

import typer

from signoff.cli._output import AsJson, show_json, show_table
from signoff.errors import BadInput, MissingExtra
from signoff.words import plain

app = typer.Typer(help="Who may come into the console.", no_args_is_help=True)

#: The `--users` of every command that asks who may come in.
UsersFile = Annotated[
    Path,
    typer.Option(
        "--users",
        metavar="FILE",
        envvar="SIGNOFF_CONSOLE_USERS",
        help="Who may come into the console, in TOML.",
    ),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A person; their name in the file of principals.")
]
RoleName = Annotated[
    str,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="viewer, reviewer, operator or admin.",
    ),
]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
]

DEFAULT_USERS = Path("signoff-console.toml")


@app.command()
def add(
    name: Name,
    role: RoleName,
    users: UsersFile = DEFAULT_USERS,
    password_stdin: FromStdin = False,
    without_password: Annotated[
        bool,
        typer.Option("--no-password", help="For somebody who comes in by OpenID Connect."),
    ] = False,
) -> None:
    """Let somebody in. Makes the file if there is none; asks for a password, twice."""
    if password_stdin and without_password:
        raise typer.BadParameter("say --password-stdin or --no-password, not both")
    with extra():
        from signoff.console.access import add_user, check_new_user, hash_password, read_role
    given = read_role(role, "the role")
    check_new_user(users, name)
    hashed = "" if without_password else hash_password(_password(password_stdin), name)
    add_user(users, name, given, hashed)
    print(plain(f"{name} may come into the console, as {given}"))


@app.command("list")
def list_(users: UsersFile = DEFAULT_USERS, json: AsJson = False) -> None:
    """Who may come in, and as what."""
    with extra():
        from signoff.console.access import list_users
    listed = list_users(users)
    if json:
        show_json(
            {
                "users": [
                    {"name": name, "role": str(account.role), "password": bool(account.password)}
                    for name, account in listed.accounts.items()
                ],
                "issuer": listed.provider.issuer if listed.provider else None,
            }
        )
        return
    show_table(
        ("name", "role", "comes in by"),
        [
            [name, str(account.role), "password" if account.password else "OpenID Connect"]
            for name, account in listed.accounts.items()
        ],
    )
    if listed.provider is not None:
        print(plain(f"And whoever {listed.provider.issuer} vouches for and has a role."))


@app.command()
def remove(name: Name, users: UsersFile = DEFAULT_USERS) -> None:
    """Let somebody in no longer. Whoever is in is out at their next click."""
    with extra():
        from signoff.console.access import remove_user
    remove_user(users, name)
    print(plain(f"{name} may no longer come into the console"))


@app.command()
def passwd(name: Name, users: UsersFile = DEFAULT_USERS, password_stdin: FromStdin = False) -> None:
    """Give somebody another password; it ends all their sessions."""
    with extra():
        from signoff.console.access import hash_password, list_users, put_password
    if name not in list_users(users).accounts:
        raise BadInput(f"{users} does not list {name}; nothing was changed")
    put_password(users, name, None, hash_password(_password(password_stdin), name))
    print(plain(f"{name} has another password"))


@app.command("role")
def role_(
    name: Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, reviewer, operator, admin.")],
    users: UsersFile = DEFAULT_USERS,
) -> None:
    """Give somebody another role; it holds from their next click on."""
    with extra():
        from signoff.console.access import put_role, read_role
    given = read_role(role, "the role")
    put_role(users, name, given)
    print(plain(f"{name} comes into the console as {given}"))


@contextlib.contextmanager
def extra() -> Generator[None]:
    """Say what to install, if what the console needs is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"the console needs {error.name}; install it with: pip install 'signoff[console]'"
        ) from error


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise BadInput("there is no terminal to ask for a password; give it by --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise BadInput("the two are not the same; nothing was changed")
    return password
