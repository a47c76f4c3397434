"""Workloads and decision records in files: reading, and writing without losing what is there."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signoff.errors import BadInput, MissingExtra, UsageError
from signoff.replacing import replacing

if TYPE_CHECKING:
    from signoff.methodology import DecisionRecord, Workload

#: Bytes of a file that is read; a workload has some twenty lines.
_LARGEST = 1_000_000

#: Names under which `signoff check` finds a project's record, the first that is there.
RECORDS = ("decision_record.md", "decision_record.json")


def read_workload(name: str) -> Workload:
    """The workload of a file, of standard input (`-`), or of `module:attribute`.

    Args:
        name: A file in YAML (`signoff[policy]`) or JSON; a decision record, whose workload is
            meant; or where to import a `Workload` from.

    Raises:
        BadInput: With the place of everything that is wrong.
        MissingExtra: If the file is YAML, and nothing is installed that reads it.
    """
    from signoff.cli._boundaries import imported
    from signoff.methodology import Workload

    if ":" in name and not Path(name).exists():
        found = imported("the workload", name)
        if not isinstance(found, Workload):
            raise UsageError(f"{name} is {type(found).__name__}, and no Workload")
        return found
    content = sys.stdin.buffer.read(_LARGEST + 1) if name == "-" else _bytes_of(Path(name))
    return _workload_in(content, "standard input" if name == "-" else name)


def _workload_in(content: bytes, source: str) -> Workload:
    from signoff.methodology import Contradiction, read_record, workload_of

    text = _text(content, source)
    if source.endswith(".md"):
        return read_record(text, source).workload
    try:
        if text.lstrip().startswith("{"):
            document = _json(text, source)
            if isinstance(document, Mapping) and "record" in document:
                return read_record(text, source).workload
            return workload_of(document, source)  # pyright: ignore[reportUnknownArgumentType]
        yaml = _yaml(content, source)
        return workload_of(yaml.value, source, place=lambda keys: _place(yaml, source, keys))
    except Contradiction as error:
        raise Contradiction(tuple(f"{source}: {reason}" for reason in error.reasons)) from error


def _yaml(content: bytes, source: str) -> Any:
    try:
        from signoff.control import read_yaml

        return read_yaml(content, source)
    except ImportError as error:
        raise MissingExtra(
            f"{source} is YAML, which needs an extra: pip install 'signoff[policy]'; JSON needs "
            "none"
        ) from error


def _place(yaml: Any, source: str, keys: tuple[str | int, ...]) -> str:
    problem = yaml.problem(keys, "")
    return f"{source}:{problem.line}:{problem.column}" if problem.line else source


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"{source} is no JSON: {error.msg} at {place}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{source} is no JSON: {error}"[:300]) from error


def read_record_file(path: Path) -> DecisionRecord:
    """The decision record of a file, Markdown or JSON.

    Raises:
        BadInput: If it cannot be read, holds none, or was changed by hand.
    """
    from signoff.methodology import read_record

    return read_record(_text(_bytes_of(path), str(path)), str(path))


def write_record(path: Path, record: DecisionRecord, *, dated: bool) -> DecisionRecord:
    """Write a record to a file; the suffix says how. Notes below a Markdown record stay.

    Args:
        path: `.md` or `.json`.
        record: What was decided.
        dated: Whether its date was asked for. If not, and the file says the same already, the
            file keeps its date.

    Returns:
        What the file says now.

    Raises:
        UsageError: If the suffix is another.
        BadInput: If the file is there, and is no decision record.
    """
    if path.suffix not in (".md", ".json"):
        raise UsageError(f"--record {path}: a record ends in .md or .json")
    notes = ""
    if path.exists():
        there = _text(_bytes_of(path), str(path))
        known = _known(path, there)
        if (
            known is not None
            and not dated
            and known.dated(_DAY, model=known.model) == record.dated(_DAY, model=record.model)
        ):
            return known
        notes = _notes(there) if path.suffix == ".md" else ""
    if path.suffix == ".md":
        text = record.as_markdown() + notes
    else:
        text = json.dumps(record.as_json(), indent=2) + "\n"
    with replacing(path, readable="as_before") as file:
        file.write(text)
    return record


#: Any day: to compare records without their dates.
_DAY = date(2000, 1, 1)


def _known(path: Path, text: str) -> DecisionRecord | None:
    """What a record says that is about to be written anew; None if it was changed by hand."""
    from signoff.methodology import read_record

    is_record = text.startswith("# Decision record: ") or '"signoff decision record"' in text
    if text.strip() and not is_record:
        raise BadInput(f"{path} is there, and is no decision record: name another file")
    try:
        return read_record(text, str(path))
    except BadInput:
        return None


def _notes(text: str) -> str:
    """What people wrote below the block of a Markdown record."""
    _, block, after = text.partition("\n```json\n")
    return after.partition("\n```\n")[2] if block else ""


def write_workload(path: Path, workload: Workload) -> None:
    """Write the answers to a file that is not there yet; the suffix says how.

    Raises:
        UsageError: If the suffix is no `.yaml`, `.yml` or `.json`.
        BadInput: If the file is there.
    """
    if path.suffix not in (".yaml", ".yml", ".json"):
        raise UsageError(f"--save {path}: a workload ends in .yaml or .json")
    if path.exists():
        raise BadInput(f"{path} is there already: name another file")
    if path.suffix == ".json":
        with replacing(path, readable="as_before") as file:
            file.write(json.dumps(workload.answers(), indent=2) + "\n")
    else:
        with replacing(path, readable="as_before") as file:
            file.write(as_yaml(workload))


def as_yaml(workload: Workload) -> str:
    """The answers as YAML. Texts are quoted, so that none is taken for anything else."""
    lines: list[str] = []
    for name, answer in workload.answers().items():
        if isinstance(answer, dict):
            lines.append(f"{name}:")
            lines += [f"  {plane}: {json.dumps(reason)}" for plane, reason in answer.items()]  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(answer, bool):
            lines.append(f"{name}: {'yes' if answer else 'no'}")
        elif name in ("name", "about"):
            lines.append(f"{name}: {json.dumps(answer)}")
        else:
            lines.append(f"{name}: {answer}")
    return "\n".join(lines) + "\n"


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(f"cannot read {path}: {why}") from error
    return content


def _text(content: bytes, source: str) -> str:
    if len(content) > _LARGEST:
        raise BadInput(f"{source} is larger than {_LARGEST:,} bytes")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{source} is no UTF-8 text") from error
