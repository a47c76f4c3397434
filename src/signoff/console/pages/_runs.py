"""Runs of `signoff replay`: files in a folder, read as far as a page shows them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field

from signoff.clock import stamp
from signoff.console._shaped import Shape, shaped

#: Bytes of a file that is read.
LARGEST = 20 * 1024 * 1024

#: Files of a folder that are looked at, and runs that are kept in memory.
_FILES, _KEPT = 5000, 100

#: Of a document: entries of a list, characters of a text, levels.
_ENTRIES, _CHARACTERS, _DEEPEST = 60, 2000, 8


class Lane(Shape):
    """What one lane is made of."""

    models: tuple[str, ...]
    inputs: int
    trials: int
    judged: int
    accepted: int
    interval: tuple[float, float] | None
    failures: Mapping[str, int]


class Facts(Shape):
    """What a lane took, where somebody was asked."""

    label: str
    answers: int
    failures: int
    tokens: int
    usd: float
    seconds: float


class Acceptance(Shape):
    """The paired test."""

    inputs: int
    baseline: float
    candidate: float
    difference: float
    interval: tuple[float, float]
    p: float
    test: str
    worse: int
    better: int
    floor: float


class Level(Shape):
    """How much the lanes differ at a level, and how much each does by itself."""

    inputs: int
    differing: int
    across: float | None
    baseline_variance: float | None
    candidate_variance: float | None
    divergence: float | None
    interval: tuple[float, float] | None
    p: float | None


class Shift(Shape):
    """Inputs whose usual verdict moved."""

    baseline: str
    candidate: str
    inputs: int
    same_proposal: int


class Group(Shape):
    """Acceptance within a group."""

    group: str
    inputs: int
    baseline: float
    candidate: float
    worse: int
    better: int


class Said(Shape):
    """One answer."""

    verdict: str
    shown: str


class Example(Shape):
    """An input on which the lanes diverge."""

    input: str
    group: str
    kind: str
    baseline: tuple[Said, ...]
    candidate: tuple[Said, ...]


class Divergence(Shape):
    """What the objection to a candidate's answer says."""

    question: str
    because: str


class About(Shape):
    """Where the trials come from."""

    boundary: str = ""
    corpus: str = ""
    group: str = ""
    since: str = ""
    until: str = ""
    questions: int | None = None
    found: int | None = None
    answers_wanted: int | None = None
    skipped: int = 0


class Comparison(Shape):
    """What `signoff replay … --json` prints."""

    about: About
    decision: Literal["SHIP", "HOLD", "REVIEW"]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    baseline: Lane
    candidate: Lane
    acceptance: Acceptance | None
    levels: Mapping[str, Level]
    kinds: Mapping[str, int]
    shifts: tuple[Shift, ...]
    groups: tuple[Group, ...]
    examples: tuple[Example, ...]
    confidence: float
    margin: float
    variance_measured: bool
    inputs_total: int
    lanes: Mapping[str, Facts] = Field(default_factory=dict[str, Facts])
    divergences: tuple[Divergence, ...] = ()
    stopped: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """Which questions were compared."""
        return self.about.boundary or self.about.corpus or "trials"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the folder.

    Attributes:
        name: Without the folder.
        changed: When it was written, as a stamp.
        size: In bytes.
        mark: Differs when it was written anew.
    """

    name: str
    changed: str
    size: int
    mark: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a file holds: a comparison, or why there is none."""

    comparison: Comparison | None = None
    error: str = ""


_kept: dict[tuple[Path, File], Run] = {}


def files_in(folder: Path) -> Sequence[File]:
    """Runs of a folder, the latest first. No link is followed, wherever it leads."""
    found: list[File] = []
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, _FILES):
                name = entry.name
                # What is not printable may be no text at all, and could stand in no address.
                if name.endswith(".json") and name[0] != "." and name.isprintable():
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        found.append(_file(name, status))
    except OSError:
        return []
    return sorted(found, key=lambda file: (file.mark, file.name), reverse=True)


def _file(name: str, status: os.stat_result) -> File:
    changed = datetime.fromtimestamp(status.st_mtime, UTC)
    return File(name=name, changed=stamp(changed), size=status.st_size, mark=status.st_mtime_ns)


def known(folder: Path, file: File) -> Run | None:
    """A run that was read already."""
    return _kept.get((folder, file))


def run_in(folder: Path, file: File) -> Run:
    """Read a run; it takes a while, so not while anybody waits."""
    run = _read(folder, file)
    while len(_kept) >= _KEPT:
        _kept.pop(next(iter(_kept)), None)
    _kept[folder, file] = run
    return run


def _read(folder: Path, file: File) -> Run:
    if not file.size:
        return Run(error="It is empty: the replay is still at work, or it was refused.")
    if file.size > LARGEST:
        return Run(error=f"It is larger than {LARGEST // 1024**2} MB, and is not read here.")
    try:
        descriptor = os.open(folder / file.name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with open(descriptor, "rb") as opened:
            content = opened.read(LARGEST + 1)
        document = json.loads(content)
    except OSError as error:
        return Run(error=f"It cannot be read: {error.strerror}.")
    except RecursionError:
        return Run(error="It is nested too deeply.")
    except ValueError as error:
        return Run(error=f"It is no JSON: {error}.")
    comparison = shaped(Comparison, _trimmed(document, _DEEPEST))
    if comparison is None:
        return Run(error="It is JSON, and not what signoff replay prints when it compares.")
    return Run(comparison=comparison)


def _trimmed(value: Any, levels: int) -> Any:
    """As much of a document as is kept."""
    if isinstance(value, str):
        return value[:_CHARACTERS]
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return None
    if isinstance(value, list):
        entries = cast("list[object]", value)[:_ENTRIES]
        return [_trimmed(each, levels - 1) for each in entries]
    fields = islice(cast("dict[str, object]", value).items(), _ENTRIES)
    return {name[:_CHARACTERS]: _trimmed(each, levels - 1) for name, each in fields}
