"""A small disk of its own, which can be filled up and emptied."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Disk:
    """A folder on a file system of its own.

    Args:
        folder: Where it is.
        can_be_filled: Whether it is one; otherwise the folder is on the disk of everybody.
    """

    def __init__(self, folder: Path, *, can_be_filled: bool) -> None:
        self.folder = folder
        self.can_be_filled = can_be_filled
        self._balloon = folder / "balloon"

    def fill(self) -> None:
        """Leave no room: not one block."""
        file = os.open(self._balloon, os.O_CREAT | os.O_WRONLY, 0o644)
        try:
            size, step = os.fstat(file).st_size, 1 << 30
            while step >= 4096:
                try:
                    os.posix_fallocate(file, size, step)
                    size += step
                except OSError:
                    step //= 2
        finally:
            os.close(file)

    def empty(self) -> None:
        """Give the room back."""
        self._balloon.unlink(missing_ok=True)


@contextmanager
def small_disk(home: Path, megabytes: int) -> Iterator[Disk]:
    """An ext4 file system in a file, mounted; the folder itself where nobody may mount."""
    folder, image = home / "disk", home / "disk.img"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    try:
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        image.unlink()
        yield Disk(folder, can_be_filled=False)
        return
    try:
        folder.chmod(0o755)
        yield Disk(folder, can_be_filled=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=False, capture_output=True)
        image.unlink()
