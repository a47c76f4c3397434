"""Files that take the place of others at once: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Literal, TextIO

__all__ = ["replacing"]


@contextlib.contextmanager
def replacing(
    path: Path,
    *,
    readable: Literal["as_usual", "as_before", "by_owner"],
    encoding: str = "utf-8",
    newline: str | None = None,
) -> Generator[TextIO]:
    """A file to write, which takes the place of the one at `path` when all is written.

    Until then the old one is there, and after a failure it still is.

    Args:
        path: In a folder that exists; what it leads to is replaced.
        readable: By whom: as new files are here, as the old file was, or by its owner alone.
        encoding: Of the text.
        newline: As `open` takes it.

    Raises:
        OSError: If it cannot be written.
    """
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(number, "w", encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if readable == "as_before" and path.exists():
            os.chmod(name, path.stat().st_mode & 0o777)
        elif readable != "by_owner":
            os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
