"""Whether this machine is fit: Python, SQLite, the disk, and what is installed beside."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from signoff.clock import SystemClock
from signoff.errors import MissingExtra
from signoff.reading import Finding
from signoff.words import took

#: SQLite learned STRICT tables in this version.
_SQLITE = (3, 37, 0)

_MEGABYTE = 1024 * 1024


def examine_machine(folder: Path | None) -> Iterator[Finding]:
    """Check the machine; `folder` is where the store's file lives, None for a server."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "OK", f"{version} at {sys.executable}")
    yield _sqlite()
    if folder is not None:
        yield _disk(folder)
        yield _flush(folder)


def _sqlite() -> Finding:
    version, safety = sqlite3.sqlite_version, sqlite3.threadsafety
    if sqlite3.sqlite_version_info < _SQLITE or not safety:
        wanted = ".".join(map(str, _SQLITE))
        return Finding(
            "sqlite",
            "FAIL",
            f"{version}, thread safety {safety}",
            f"Use a Python whose sqlite3 is {wanted} or newer and built for threads.",
        )
    return Finding("sqlite", "OK", f"{version}, thread safety {safety}")


def _disk(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(
            "disk", "FAIL", f"{folder}: {error.strerror}", "Make the folder, or check --store."
        )
    found = f"{free // _MEGABYTE:,} MB free at {folder}"
    if free < 64 * _MEGABYTE:
        return Finding("disk", "FAIL", found, "Free some space: a full disk stops every commit.")
    if free < 1024 * _MEGABYTE:
        return Finding("disk", "--", found, "A busy ledger grows by some 3 KB per crossing.")
    return Finding("disk", "OK", found)


def _flush(folder: Path) -> Finding:
    try:
        median = _median_flush(folder)
    except OSError as error:
        return Finding(
            "flush",
            "FAIL",
            f"{folder}: {error.strerror}",
            "Make the folder writable, or use another.",
        )
    found = f"{took(median)} for an fsync (median of 20)"
    if median < 5e-6:
        return Finding(
            "flush",
            "--",
            found,
            "Too quick for a disk: this folder may be in memory, and lost with the power.",
        )
    if median > 0.05:
        return Finding(
            "flush", "--", found, "Slow: one caller alone waits for one flush per commit."
        )
    return Finding("flush", "OK", found)


def _median_flush(folder: Path) -> float:
    clock = SystemClock()
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(20):
            os.write(file.fileno(), b"\0" * 4096)
            began = clock.elapsed()
            os.fsync(file.fileno())
            taken.append(clock.elapsed() - began)
    return statistics.median(taken)


def examine_extras() -> Iterator[Finding]:
    """Check which optional parts are installed."""
    yield _extra("models", "pydantic_ai", "any provider's models", "pip install 'signoff[models]'")
    from signoff.proposers import weights

    try:
        found = Finding("local", "OK", f"{weights().stem}, on this machine's CPU")
    except MissingExtra:
        found = Finding("local", "--", "no model on this machine", "signoff local install")
    yield found
    yield _extra("postgres", "psycopg", "the PostgreSQL driver", "pip install 'signoff[postgres]'")
    yield _extra("policy", "cel_expr_python", "policy files", "pip install 'signoff[policy]'")


def _extra(name: str, module: str, what: str, install: str) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(name, "--", f"not installed: {what}", install)
    return Finding(name, "OK", what)
