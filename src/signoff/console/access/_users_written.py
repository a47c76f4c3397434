"""The users file, written: whole or not at all, by one at a time, with its comments kept."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, MutableMapping
from pathlib import Path
from typing import cast

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError

from signoff.console.access._directory import UsersFile, read_private
from signoff.console.access._role import Role
from signoff.console.access._users import Listed, check_name, read_users
from signoff.errors import BadInput
from signoff.replacing import replacing

_NEW = """\
# Who may come into the console. Written by `signoff console user`; comments are kept.
# Keep it to yourself: nobody else may read it.
"""


def list_users(path: Path) -> Listed:
    """What a users file says.

    Raises:
        BadInput: If it is missing, can be read by others, or is wrong.
    """
    return UsersFile(path).listed()


def check_new_user(path: Path, name: str) -> None:
    """Find out whether somebody can be listed who is not yet.

    Raises:
        BadInput: If they cannot be, are listed already, or the file is wrong.
    """
    check_name(name)
    if path.exists() and name in list_users(path).accounts:
        raise BadInput(f"{path} lists {name} already; nothing was changed")


def add_user(path: Path, name: str, role: Role, password: str) -> None:
    """List somebody new; make the file if it is not there.

    Args:
        path: The users file.
        name: Nobody who is listed.
        role: Theirs.
        password: Its hash; empty for somebody who comes in by OpenID Connect.

    Raises:
        BadInput: If they are listed, or the file is wrong.
    """
    check_name(name)

    def add(document: TOMLDocument) -> None:
        users = _users(document)
        if name in users:
            raise BadInput(f"{path} lists {name} already; nothing was changed")
        table = tomlkit.table()
        if password:
            table["password"] = password
        table["role"] = str(role)
        users[name] = table

    _change(path, add)


def remove_user(path: Path, name: str) -> None:
    """List somebody no longer.

    Raises:
        BadInput: If they are not listed, or were the last one who may come in.
    """

    def remove(document: TOMLDocument) -> None:
        _account(path, document, name)
        del _users(document)[name]
        if not _users(document) and "oidc" not in document:
            raise BadInput(f"{name} is the only one who may come in; add somebody else first")

    _change(path, remove)


def put_role(path: Path, name: str, role: Role) -> None:
    """Give somebody another role.

    Raises:
        BadInput: If they are not listed.
    """

    def put(document: TOMLDocument) -> None:
        _account(path, document, name)["role"] = str(role)

    _change(path, put)


def put_password(path: Path, name: str, before: str | None, password: str) -> None:
    """Keep another hash for somebody.

    Args:
        path: The users file.
        name: Somebody who is listed.
        before: The hash that has to be there now; None for any, or none.
        password: The new hash.

    Raises:
        BadInput: If they are not listed, or have got another password meanwhile.
    """

    def put(document: TOMLDocument) -> None:
        account = _account(path, document, name)
        if before is not None and account.get("password") != before:
            raise BadInput(f"{name} has got another password meanwhile")
        account["password"] = password

    _change(path, put)


def _users(document: TOMLDocument) -> MutableMapping[str, object]:
    if "users" not in document:
        document["users"] = tomlkit.table(is_super_table=True)
    return cast("MutableMapping[str, object]", document["users"])


def _account(path: Path, document: TOMLDocument, name: str) -> MutableMapping[str, object]:
    account = _users(document).get(name)
    if account is None:
        raise BadInput(f"{path} does not list {name}; nothing was changed")
    return cast("MutableMapping[str, object]", account)


def _change(path: Path, change: Callable[[TOMLDocument], None]) -> None:
    """Read, change, check and replace the file, while nobody else does."""
    with _alone(path):
        if path.exists():
            text, _ = read_private(path)
            _checked(path, text)
        else:
            text = _NEW
        try:
            document = tomlkit.parse(text)
            change(document)
            written = tomlkit.dumps(document)
        except TOMLKitError as error:
            raise BadInput(f"{path}: cannot be changed: {error}") from error
        _checked(path, written)
        with replacing(path.resolve(), readable="by_owner", newline="") as file:
            file.write(written)


def _checked(path: Path, text: str) -> None:
    try:
        read_users(text)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


@contextlib.contextmanager
def _alone(path: Path) -> Generator[None]:
    """Hold the folder's lock: the file itself is another one after each change."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error
    finally:
        os.close(folder)
