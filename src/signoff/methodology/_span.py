"""Lengths of time as somebody would write them: `90 days`, `2 s`, `1 h 30 min`."""

from __future__ import annotations

import re
from datetime import timedelta

_SECOND = 1_000_000
_UNITS = {
    "day": 86_400 * _SECOND,
    "hour": 3_600 * _SECOND,
    "minute": 60 * _SECOND,
    "second": _SECOND,
    "millisecond": 1_000,
    "microsecond": 1,
}
_SPELLED = {
    **_UNITS,
    **{f"{name}s": size for name, size in _UNITS.items()},
    **{"d": _UNITS["day"], "h": _UNITS["hour"], "min": _UNITS["minute"], "s": _SECOND},
    **{"week": 7 * _UNITS["day"], "weeks": 7 * _UNITS["day"], "ms": 1_000},
}
_PART = re.compile(r"\s*([0-9]{1,12})(?:\.([0-9]{1,6}))?\s*([a-z]+)\s*,?")


def spelled(span: timedelta) -> str:
    """A length of time in words, exactly: `90 days`, `1 hour 30 minutes`."""
    size = span // timedelta(microseconds=1)
    if size < 0:
        return f"-{spelled(-span)}"
    parts: list[str] = []
    for name, unit in _UNITS.items():
        number, size = divmod(size, unit)
        if number:
            parts.append(f"{number} {name}" if number == 1 else f"{number} {name}s")
    return " ".join(parts) or "0 seconds"


def span_of(text: str) -> timedelta:
    """The length of time that a text names.

    Raises:
        ValueError: If it names none; a number without a unit does not.
    """
    at, size = 0, 0
    while at < len(text) or not at:
        part = _PART.match(text.lower(), at)
        unit = _SPELLED.get(part[3]) if part else None
        if part is None or unit is None:
            raise ValueError(
                f"{text!r} is no length of time; write a number and a unit, such as "
                "90 days, 20 minutes or 2 s"
            )
        size += int(part[1]) * unit
        size += int((part[2] or "0").ljust(6, "0")) * unit // 1_000_000
        at = part.end()
    try:
        return timedelta(microseconds=size)
    except OverflowError as error:
        raise ValueError(f"{text!r} is longer than time itself is counted") from error
