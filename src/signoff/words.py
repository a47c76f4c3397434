"""How values are said to people: on one line, in few words, nothing that a terminal would obey."""

from __future__ import annotations

import json

__all__ = ["compact", "count", "moment", "plain", "took"]

# Joiners that names and emoji are written with; every other invisible character is shown.
_HARMLESS = frozenset("\u00ad\u200c\u200d")


def plain(text: str, most: int = 0) -> str:
    """Text that no terminal obeys: what is invisible, or reorders what is not, becomes `�`.

    Args:
        text: From anywhere, a model included.
        most: Characters that are kept; 0 for all.
    """
    if most and len(text) > most:
        text = f"{text[: most - 1]}…"
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or character in _HARMLESS:
        return character
    return " " if character.isspace() else "\ufffd"


def compact(value: object, most: int = 0) -> str:
    """A JSON value on one line, safe to show; a text without its quotes."""
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return plain(value, most)


def moment(stamp: str) -> str:
    """`2026-03-01T12:00:00.000000Z` as `2026-03-01 12:00:00`."""
    return plain(stamp[:19].replace("T", " "))


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 record`, `2 records`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def took(seconds: float) -> str:
    """A duration: `0.21 ms`, `3.4 s`, `2 h`, `12 days`."""
    if seconds < 1:
        return f"{seconds * 1000:.2f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
