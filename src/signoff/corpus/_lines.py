"""Lines of a file that may be anything: compressed, cut off, binary, or one line of a gigabyte."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

from signoff.corpus._problems import Problems
from signoff.errors import BadInput

#: Longest line that is read, in bytes. A batch of spans is one line.
_LONGEST = 16_000_000

#: A document that spans lines is read whole, if it is no longer than this.
_WHOLE = 64_000_000

_CHUNK = 1_000_000
_STEP = 2_000

#: How far a file is read: bytes as they are on the disk, of how many.
Tell = Callable[[int, int], None]


def records(path: Path, problems: Problems, tell: Tell) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every JSON object of the file with its line; what is none is counted as a problem.

    Raises:
        BadInput: If the file cannot be opened or read at all.
    """
    for number, value in _values(path, problems, tell):
        items = cast("list[object]", value) if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, dict):
                yield number, cast("dict[str, Any]", item)
            else:
                problems.skip(number, "not a JSON object")


def _values(path: Path, problems: Problems, tell: Tell) -> Iterator[tuple[int, object]]:
    with _opened(path) as raw:
        size = os.fstat(raw.fileno()).st_size
        compressed = raw.peek(2)[:2] == b"\x1f\x8b"
        file = gzip.GzipFile(fileobj=raw) if compressed else raw
        number = 0
        for number, line in _lines(cast("BinaryIO", file), problems):
            if number % _STEP == 1 and raw.seekable():
                tell(raw.tell(), size)
            if number == 1 and line.strip() in (b"{", b"["):
                yield number, _document(line, cast("BinaryIO", file), path)
                break
            if line.strip():
                try:
                    yield number, _value(line)
                except ValueError as error:
                    problems.skip(number, str(error))
        if not number and not problems.found:
            raise BadInput(f"{path} is empty: a corpus has one JSON object a line")
        tell(size, size)


def _opened(path: Path) -> BufferedReader:
    if path.is_dir():
        raise BadInput(f"{path} is a folder; name a file")
    try:
        # A device may have no end, and no line that ends.
        if path.is_char_device() or path.is_block_device():
            raise BadInput(f"{path} is a device; name a file, or pipe into /dev/stdin")
        return path.open("rb")
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise BadInput(f"cannot read {path}: {why}") from error


def _lines(file: BinaryIO, problems: Problems) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        while line := file.readline(_LONGEST + 1):
            number += 1
            if len(line) > _LONGEST:
                problems.skip(number, f"longer than {_LONGEST:,} bytes")
                while line and not line.endswith(b"\n"):
                    line = file.readline(_CHUNK)
                continue
            yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            raise BadInput(f"reading fails after line {number:,}: {error.strerror}") from error
        problems.cut_off(number + 1, f"the compressed file is damaged or cut off: {error}")


def _document(first: bytes, file: BinaryIO, path: Path) -> object:
    """A JSON document that is not on one line."""
    try:
        rest = file.read(_WHOLE + 1)
    except (EOFError, zlib.error, OSError) as error:
        raise BadInput(f"{path} cannot be read to its end: {error}") from error
    if len(rest) > _WHOLE:
        raise BadInput(
            f"{path} is one JSON document of more than {_WHOLE:,} bytes: write an object a line"
        )
    try:
        return json.loads((first + rest).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{path} is not JSON, and does not have an object a line: {error}"
        ) from error


def _value(line: bytes) -> object:
    """The JSON value of a line.

    Raises:
        ValueError: If there is none; the message says why.
    """
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON, or cut off") from None
