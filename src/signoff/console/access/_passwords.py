"""Passwords: hashed with argon2id, compared in the same time whether a name is listed or not."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerificationError

from signoff.errors import BadInput

T = TypeVar("T")

#: The only proof of who somebody is, so it has to be long.
SHORTEST = 12
LONGEST = 1000

#: Passwords that are compared at once, each with 64 MiB of memory; and that wait for it.
_AT_ONCE = 2
_WAITING = 32

_hasher = PasswordHasher()


class TooBusy(Exception):
    """More people sign in at once than can be served."""


def hash_password(password: str, name: str = "") -> str:
    """The hash to keep of a new password.

    Args:
        password: Whatever somebody chose.
        name: Whose it is; it may not be the password, too.

    Raises:
        BadInput: If it is too short, too long, or the name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"a password has {SHORTEST} to {LONGEST:,} characters; nothing was changed")
    if password.casefold() == name.casefold() or len(set(password)) < 3:
        raise BadInput("that password is guessed at once; choose another. Nothing was changed")
    return _hasher.hash(_normal(password))


class Passwords:
    """Compares passwords in threads of its own, a few at a time: so pages are served meanwhile."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0

    async def right(self, password: str, stored: str, *, like: str = "") -> bool:
        """Whether a password is the one of which a hash is stored.

        Args:
            password: What somebody typed.
            stored: The hash; empty if there is none, which takes as long to find out.
            like: A hash whose costs are paid where none is stored.

        Raises:
            TooBusy: If too many wait for an answer already.
        """
        if len(password) > LONGEST:
            password, stored = "", ""
        return await self._in_thread(lambda: _right(_normal(password), stored, like))

    async def anew(self, password: str, stored: str) -> str | None:
        """Another hash of a right password, if the stored one is weaker than those of today.

        Raises:
            TooBusy: If too many wait for an answer already.
        """
        if not _hasher.check_needs_rehash(stored):
            return None
        return await self._in_thread(lambda: _hasher.hash(_normal(password)))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= _WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _right(password: bytes, stored: str, like: str) -> bool:
    if not stored:
        # To hash costs what to compare costs.
        hasher = PasswordHasher.from_parameters(extract_parameters(like)) if like else _hasher
        hasher.hash(password)
        return False
    try:
        return _hasher.verify(stored, password)
    except VerificationError:
        return False


def _normal(password: str) -> bytes:
    """A password as bytes, the same ones from every keyboard."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
