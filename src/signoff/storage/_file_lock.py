"""One runtime per SQLite file: a lock that the operating system drops when a process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from signoff.errors import StorageUnavailable, StoreInUse


class FileLock:
    """An exclusive `flock` on a file beside the database.

    The file holds the owner's process id and a note of its; both are wiped when it lets go, so
    that what is found in it was left by a process that died.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        #: What the last owner had noted, if it died.
        self.left = ""

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
            text = os.read(file, 100).decode("ascii", "replace")
            owner = text.partition("\n")[0].strip() or "unknown"
            os.close(file)
            raise StoreInUse(
                f"{what} is in use by another run (process {owner}): one runtime at a time may "
                "work on a SQLite file. Wait for it or stop it; for several processes use "
                "PostgreSQL."
            ) from error
        self._file = file
        self.left = os.pread(file, 100, 0).decode("ascii", "replace").partition("\n")[2].strip()
        self.note("")

    def note(self, text: str) -> None:
        """Leave a note for whoever comes after a death. Lost without a word if the disk is full."""
        assert self._file is not None, "the lock is not held"
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n{text}\n".encode(), 0)

    def release(self, *, leave: str = "") -> None:
        """Give the lock back.

        Args:
            leave: A note for whoever comes next, as if its writer had died.
        """
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
                if leave:
                    os.pwrite(self._file, f"\n{leave}\n".encode(), 0)
            os.close(self._file)
            self._file = None


@contextlib.contextmanager
def held(path: str) -> Generator[None]:
    """Keep runtimes from a SQLite file without being one: what a dead one noted stays.

    Raises:
        StoreInUse: If a runtime has it.
        StorageUnavailable: If the lock's file cannot be made.
    """
    lock = FileLock(Path(path + ".lock"))
    lock.acquire(path)
    try:
        if lock.left:
            lock.note(lock.left)
        yield
    finally:
        lock.release(leave=lock.left)
