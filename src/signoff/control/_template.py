"""Messages with checked references: `{proposal.discount:.0%} offered`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from string import Formatter
from typing import Any

from signoff.control._fields import Field, Fields, Unreadable

#: What may follow the colon, by type. Nothing here has a width that could be made enormous.
_FORMATS: dict[str, tuple[re.Pattern[str], str]] = {
    "double": (re.compile(r",?(\.[0-9])?[f%eg]|,"), ".0%, .2f or ,.2f"),
    "int": (re.compile(r",?d?|,?(\.[0-9])?[f%]"), "d or ,"),
    "string": (re.compile(r"\.[0-9]{1,3}"), ".40, which cuts"),
    "timestamp": (re.compile(r"(%[YmdHMSjaAbB]|[-/:. T]){1,20}"), "%Y-%m-%d"),
}
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class _Slot:
    field: Field
    format: str


@dataclass(frozen=True, slots=True)
class Template:
    """A message whose references were checked; filling it in cannot fail."""

    parts: tuple[str | _Slot, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        """The paths that it shows."""
        slots = [part.field.path for part in self.parts if isinstance(part, _Slot)]
        return tuple(dict.fromkeys(slots))

    def fill(self, roots: Mapping[str, object]) -> str:
        """The message about these values; what cannot be read shows as `?`, null as `none`."""
        return "".join(
            part if isinstance(part, str) else _shown(part, roots) for part in self.parts
        )


def template(text: str, fields: Fields, complain: Callable[[str, str], None]) -> Template:
    """Read a template.

    Args:
        text: With references in braces; `{{` is a brace.
        fields: What may be referred to.
        complain: Told what is wrong: the part of the text, and why.
    """
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        complain(text, f"the message cannot be read: {error}; a brace by itself is written {{{{")
        return Template(())
    parts: list[str | _Slot] = []
    for literal, path, format, conversion in parsed:
        if literal:
            parts.append(literal)
        if path is None:
            continue
        field, format = fields.known.get(path), format or ""
        if field is None:
            reason = fields.why_not(path) if path else "name a field between the braces"
            complain(path or "{", reason)
        elif conversion:
            complain(path, f"a message takes no !{conversion}")
        elif wrong := _misformatted(field, format):
            complain(path, wrong)
        else:
            parts.append(_Slot(field, format))
    return Template(tuple(parts))


def _misformatted(field: Field, format: str) -> str:
    if not field.kind.scalar:
        return f"{field.path} is of type {field.kind}, which a message cannot show"
    allowed, example = _FORMATS.get(field.kind.name, (None, ""))
    if not format or (allowed is not None and allowed.fullmatch(format)):
        return ""
    hint = f"; a format is such as {example}" if example else ""
    return f"{field.path} of type {field.kind} cannot be shown as {format[:40]!r}{hint}"


def _shown(slot: _Slot, roots: Mapping[str, object]) -> str:
    try:
        value = slot.field.read(roots.get(slot.field.root))
    except Unreadable:
        return "?"
    if value is None:
        return "none"
    try:
        return _plain(value, slot.format)
    except (ValueError, OverflowError):
        return "?"


def _plain(value: Any, format: str) -> str:
    if format:
        shown = f"{value:{format}}"
    elif isinstance(value, bool):
        shown = "true" if value else "false"
    elif isinstance(value, float):
        shown = f"{value:.12g}"
    elif isinstance(value, datetime):
        shown = value.isoformat(timespec="seconds")
    else:
        shown = str(value) if isinstance(value, str | int | timedelta) else "?"
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[: _LONGEST_VALUE - 1]}…"
