"""The decision record as Markdown, and back.

What people read is written from the block at its end. Reading takes the block, writes the page
again, and refuses a page that says anything else; what follows the block is free.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest

from signoff.errors import BadInput
from signoff.methodology._decision_record import DecisionRecord
from signoff.methodology._json import document_of, record_of
from signoff.methodology._line import Line, Predicate, Value

_OPENS, _CLOSES = "```json", "```"


def markdown_of(record: DecisionRecord) -> str:
    """The page."""
    return "\n".join(_page(record)) + "\n"


def read_record(text: str, source: str = "the record") -> DecisionRecord:
    """The decision record that a text holds, Markdown or JSON.

    Args:
        text: What `DecisionRecord.as_markdown` or the JSON of `as_json` says.
        source: What to call it in a message, such as the name of its file.

    Raises:
        BadInput: If it holds none, or was changed by hand.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        return record_of(document_of(text, source), source)
    lines = text.splitlines()
    try:
        start = lines.index(_OPENS)
        end = lines.index(_CLOSES, start)
    except ValueError as error:
        raise BadInput(f"{source} has no block of JSON at its end, so it is no record") from error
    record = record_of(document_of("\n".join(lines[start + 1 : end]), source), source)
    written = markdown_of(record).splitlines()
    for number, (is_there, belongs) in enumerate(zip_longest(lines, written), 1):
        if belongs is None:
            break
        if (is_there or "").rstrip() != belongs.rstrip():
            raise BadInput(
                f"{source}:{number} was changed by hand: it has to be {belongs[:200]!r}. Notes "
                "belong below the block; to decide anew, use `signoff select`"
            )
    return record


def _page(record: DecisionRecord) -> Iterator[str]:
    yield f"# Decision record: {_safe(record.workload.name)}"
    yield ""
    if record.workload.about:
        yield _safe(record.workload.about)
        yield ""
    yield "| line | decision | because | if it is wrong, expect |"
    yield "|---|---|---|---|"
    for line in record.lines:
        codes = ", ".join(map(_code, line.expect))
        yield f"| {line.title} | {_safe(line.decision)} | {_safe(line.because)} | {codes} |"
    on = "not dated" if record.on is None else record.on.isoformat()
    model = _safe(record.model) or "no model named"
    told = "another model may answer otherwise: replay before it takes over"
    yield f"| date and model | {on}, {model} | {told} | `SDB-model-change` |"
    yield ""
    yield "## Why"
    yield ""
    for line in record.lines[:-1]:
        yield from _why(line)
    yield "## The record, for programs"
    yield ""
    yield _OPENS
    yield from json.dumps(record.as_json(), indent=1, ensure_ascii=True).splitlines()
    yield _CLOSES


def _why(line: Line) -> Iterator[str]:
    yield f"### {line.title.capitalize()}: {_safe(line.decision)}"
    yield ""
    for predicate in line.predicates:
        yield f"- {_asked(predicate)}"
    for note in line.notes:
        yield f"- {_safe(note)}"
    for each in line.alternatives:
        codes = ", ".join(map(_code, each.expect))
        start = "Without" if each.leaves_out else "Why not"
        pattern = _safe(each.pattern.removeprefix("no "))
        yield f"- {start} {pattern}: {_safe(each.why_not)}. It would show as {codes}."
    yield ""


def _asked(predicate: Predicate) -> str:
    holds = "holds" if predicate.holds else "does not hold"
    reads = "; ".join(
        f"{_code(name)}: {_safe(said(value, predicate.assumed.get(name, '')))}"
        for name, value in predicate.reads.items()
    )
    return f"{_code(predicate.name)} {holds}: {_safe(predicate.says)} ({reads})."


def said(value: Value, assumed: str = "") -> str:
    """An answer in words."""
    if value is None:
        return f"not answered, assumed: {assumed}" if assumed else "not answered"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value


def _safe(text: str) -> str:
    """A text that cannot end the cell, the line or the block that it stands in."""
    shown = _on_one_line(text)
    for special in "\\|`<>[]*#":
        shown = shown.replace(special, f"\\{special}")
    return shown


def _code(text: str) -> str:
    return f"`{_on_one_line(text).replace('`', '').replace('|', '')}`"


def _on_one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
