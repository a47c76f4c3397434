"""The ledger as lines of JSON, streamed; a file is there whole, or not at all."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path
from typing import Any, TextIO

from signoff.cli._output import console
from signoff.errors import BadInput, SignoffError
from signoff.ledger import Entry
from signoff.reading import apart, parsed
from signoff.replacing import replacing
from signoff.storage import Storage


async def export(storage: Storage, out: TextIO, *, subject: str | None, since: int) -> int:
    """Write one line per record with a position greater than `since`; how many there were."""
    entries = storage.entries(after=since) if subject is None else storage.of_subject(subject)
    last = await storage.read(lambda connection: connection.run("last", {})[0][0] or 0)
    written = 0
    with _progress(since, last) as progress:
        async for line in _lines(storage, entries, since):
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
            written += 1
            progress(line["position"])
    return written


async def _lines(
    storage: Storage, entries: AsyncIterator[Entry], since: int
) -> AsyncIterator[dict[str, Any]]:
    """What is hashed stays as it was recorded; values stored apart come beside it."""
    async for entry in entries:
        if entry.position <= since:
            continue
        body = parsed(entry)
        line: dict[str, Any] = {
            "position": entry.position,
            "subject": entry.subject,
            "seq": entry.seq,
            "at": entry.at,
            "crossing": entry.crossing,
            "type": entry.type,
            "body": body,
            "hash": entry.hash,
        }
        kept = {digest: await storage.payload(digest) for _, digest in apart(body)}
        if kept:
            line["payloads"] = {d: None if v is None else json.loads(v) for d, v in kept.items()}
        yield line


@contextlib.contextmanager
def destination(path: Path | None, *, encoding: str = "ascii") -> Generator[TextIO]:
    """Standard output; or a file that replaces what was there only when all is written.

    Raises:
        BadInput: If no file can be made there.
        SignoffError: If the disk fails on the way; the old file is then still there.
    """
    if path is None or str(path) == "-":
        yield sys.stdout
        return
    if path.is_dir():
        raise BadInput(f"{path} is a folder; name a file")
    opened = False
    try:
        with replacing(path, readable="as_usual", encoding=encoding) as file:
            opened = True
            yield file
    except OSError as error:
        if not opened:
            raise BadInput(f"cannot write beside {path}: {error.strerror}") from error
        raise SignoffError(f"cannot write {path}: {error.strerror}") from error


@contextlib.contextmanager
def _progress(start: int, end: int) -> Generator[Callable[[int], None]]:
    if sys.stderr is None or not sys.stderr.isatty() or sys.stdout.isatty():
        # Lines that go to a terminal are their own progress.
        yield lambda position: None
        return
    from rich.progress import Progress

    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("exporting", total=max(end - start, 1))

        def tell(position: int) -> None:
            if position % 500 == 0:
                progress.update(task, completed=position - start)

        yield tell
