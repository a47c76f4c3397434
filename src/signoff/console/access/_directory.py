"""Who may be in right now. Asked at every request: a removal or a demotion holds at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Protocol

from signoff.console.access._identity import Identity
from signoff.console.access._role import Role, User
from signoff.console.access._users import Listed, Provider, read_users
from signoff.errors import BadInput

_LARGEST = 1_000_000


class Directory(Protocol):
    """Says who somebody is who proved it before."""

    def ready(self) -> None:
        """Find out whether it can be said at the moment.

        Raises:
            BadInput: If it cannot.
        """
        ...

    def user(self, identity: Identity) -> User | None:
        """The person, with the role that they have now; None if they may no longer be in.

        Raises:
            BadInput: If it cannot be said at the moment.
        """
        ...


class Alone:
    """The person at this machine, who may do everything.

    Args:
        name: Under which their decisions go on the ledger.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def ready(self) -> None:
        """It can always be said."""

    def user(self, identity: Identity) -> User | None:
        """The person, if they came in by the key."""
        return User(self.name, Role.admin) if identity.way == "key" else None


class UsersFile:
    """Everybody whom a users file lists. It is read again whenever it has changed.

    Args:
        path: The file. While it is missing or wrong, nobody is let in.

    Raises:
        BadInput: If the file is missing, can be read by others, or is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] = ()
        self._listed = self._read()

    def ready(self) -> None:
        """Find out whether the file can be read, and is right."""
        self.listed()

    def listed(self) -> Listed:
        """What the file says now.

        Raises:
            BadInput: If it is missing, can be read by others, or is wrong.
        """
        try:
            seen = _look(os.stat(self.path))
        except OSError as error:
            raise BadInput(f"cannot read {self.path}: {error.strerror}") from error
        if seen != self._seen:
            self._seen = ()  # until it has been read, so that a wrong file is read again
            self._listed = self._read()
        return self._listed

    def user(self, identity: Identity) -> User | None:
        """The person, if the file still lets them in by what they proved."""
        listed = self.listed()
        role: Role | None = None
        if identity.way == "password":
            account = listed.accounts.get(identity.name)
            if account is not None and account.password == identity.proof:
                role = account.role
        elif identity.way == "oidc" and identity.proof == vouching(listed.provider):
            role = listed.role_of(identity.name, identity.claimed)
        return None if role is None else User(identity.name, role)

    def _read(self) -> Listed:
        text, seen = read_private(self.path)
        try:
            listed = read_users(text)
        except BadInput as error:
            raise BadInput(f"{self.path}: {error}") from error
        self._seen = seen
        return listed


def vouching(provider: Provider | None) -> str:
    """What an identity rests on that a provider vouched for; empty without one."""
    return f"{provider.issuer} {provider.client_id}" if provider else ""


def read_private(path: Path) -> tuple[str, tuple[int, ...]]:
    """A file that nobody else may read, and what changes when it is changed.

    Raises:
        BadInput: If it is missing, can be read by others, or is no UTF-8.
    """
    try:
        with path.open("rb") as file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                raise BadInput(f"{path} is no file")
            if os.name == "posix" and seen.st_mode & 0o077:
                raise BadInput(
                    f"{path} can be read or written by others (mode {seen.st_mode & 0o777:03o}). "
                    f"Make it yours alone: chmod 600 {path}"
                )
            if seen.st_size > _LARGEST:
                raise BadInput(f"{path} is larger than {_LARGEST:,} bytes")
            return file.read().decode("utf-8"), _look(seen)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no UTF-8: byte {error.start}") from error


def _look(seen: os.stat_result) -> tuple[int, ...]:
    mode = stat.S_IMODE(seen.st_mode)
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, mode)
