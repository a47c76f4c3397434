"""One runtime per SQLite file: a lock that the operating system drops when a process dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from signoff.errors import StorageUnavailable, StoreInUse


class FileLock:
    """An exclusive `flock` on a file beside the database; the file holds the owner's process id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self, what: str) -> None:
        """Take the lock.

        Raises:
            StoreInUse: If another runtime, in this process or another, has it.
            StorageUnavailable: If the file cannot be made.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageUnavailable(
                f"cannot use {what}: {error.strerror} at {self._path}; "
                "check that its folder exists and is writable"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(file, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise StoreInUse(
                f"{what} is in use by another run (process {owner}): one runtime at a time may "
                "work on a SQLite file. Wait for it or stop it; for several processes use "
                "PostgreSQL."
            ) from error
        try:
            os.ftruncate(file, 0)
            os.write(file, f"{os.getpid()}\n".encode())
        except OSError:
            pass  # the id is a courtesy to whoever is refused; a full disk must not stop us here
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
