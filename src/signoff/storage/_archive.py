"""A file of removed records: one line of JSON each, as `signoff ledger export` writes them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from signoff.errors import BadInput
from signoff.storage._columns import read_entry
from signoff.storage._connection import CHUNK, Connection

#: What stands in place of a value that is kept apart.
_APART = "$payload"


class Archive:
    """Takes records before they are removed. What is there already stays.

    After a process was killed a record may be in it twice: its subject and its place in the chain
    tell.

    Args:
        path: Of the file; it is made if it is not there.

    Raises:
        BadInput: If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise BadInput(f"cannot write {path}: {error.strerror}") from error
        self._lines: list[bytes] = []

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def end(self) -> int:
        """Where the file ends."""
        return os.fstat(self._file.fileno()).st_size

    def go_back(self, end: int) -> None:
        """Forget what was taken since the file ended there."""
        self._lines.clear()
        if self.end != end:
            self._file.truncate(end)

    def take(self, connection: Connection, subject: str, upto: int) -> None:
        """Take the beginning of a chain."""
        after = 0
        while rows := connection.run(
            "records_until", {"subject": subject, "upto": upto, "after": after, "limit": CHUNK}
        ):
            self._lines += [_line(connection, values) for values in rows]
            after = rows[-1][2]

    def make_durable(self) -> None:
        """Write what was taken, and wait until the disk has it.

        Raises:
            BadInput: If the disk refuses.
        """
        left, end = memoryview(b"".join(self._lines)), self.end
        self._lines.clear()
        try:
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self.go_back(end)  # half a line would be in the way of what comes next
            raise BadInput(
                f"cannot write {self.path}: {error.strerror}; what is not in it was not removed"
            ) from error


def digests_in(body: str) -> Iterator[str]:
    """Digests of the values of a record that are kept apart."""
    fields: object = json.loads(body)
    if isinstance(fields, dict):
        for value in cast("dict[str, object]", fields).values():
            if isinstance(value, dict) and _APART in value:
                yield str(cast("dict[str, object]", value)[_APART])


def _line(connection: Connection, values: tuple[Any, ...]) -> bytes:
    entry = read_entry(values)
    line: dict[str, Any] = {
        "position": entry.position,
        "subject": entry.subject,
        "seq": entry.seq,
        "at": entry.at,
        "crossing": entry.crossing,
        "type": entry.type,
        "body": json.loads(entry.body),
        "hash": entry.hash,
    }
    if _APART in entry.body:
        found = {
            digest: connection.run("payload", {"digest": digest})
            for digest in digests_in(entry.body)
        }
        if found:
            line["payloads"] = {
                digest: json.loads(rows[0][0]) if rows else None for digest, rows in found.items()
            }
    return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"
