"""The text of a CEL expression, word by word: what it reads, and what is wrong before its types.

The engine bounds what an expression can cost once it runs: 10,000 steps of loops in all, regular
expressions in linear time, 32 levels of recursion. What it leaves open is bounded here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signoff.control._fields import Field, Fields

LONGEST = 2000
_DEEPEST = 20
_MOST_LOOPS = 4

#: What binds an operand more closely than a comparison does.
_REACHING = ("+", "-", "*", "/", "%", ".", "[", "(")

_LOOPS = frozenset({"all", "exists", "exists_one", "filter"})

_STRING = "|".join(
    [
        r"""[bB]?[rR]?(?:\"{3}.*?\"{3}|'{3}.*?'{3})""",
        r"""[bB]?[rR](?:"[^"\n]*"|'[^'\n]*')""",
        r"""[bB]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""",
    ]
)
_WORD = re.compile(
    rf"(?P<blank>\s+|//[^\n]*)|(?P<string>{_STRING})|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>\d[\w.]*)|(?P<mark>[=!<>]=|&&|\|\||.)",
    re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of an expression, with its place."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A path in an expression: the words from `first` up to `end`, and the field they name."""

    path: str
    first: int
    end: int
    field: Field | None


def words_of(text: str) -> list[Word]:
    """The words, without blanks and comments."""
    return [
        Word(found.lastgroup or "", found[0], found.start())
        for found in _WORD.finditer(text)
        if found.lastgroup != "blank"
    ]


def references(words: Sequence[Word], fields: Fields) -> list[Reference]:
    """Every path that begins at a root."""
    roots = {path.partition(".")[0] for path in (*fields.known, *fields.refused)}
    found: list[Reference] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word.kind != "name" or word.text not in roots or _is_selected(words, at):
            at += 1
            continue
        first, parts = at, [word.text]
        at += 1
        while _spells(words, at, ".") and at + 1 < len(words) and words[at + 1].kind == "name":
            if _spells(words, at + 2, "("):  # a method of the value
                break
            parts.append(words[at + 1].text)
            at += 2
        path = ".".join(parts)
        field = fields.longest(path)
        if field is None or (field.path != path and field.kind.name != "map"):
            found.append(Reference(path, first, at, None))
        else:
            taken = first + 2 * field.path.count(".") + 1
            found.append(Reference(field.path, first, taken, field))
    return found


def objections(
    text: str, words: Sequence[Word], paths: Sequence[Reference], fields: Fields
) -> Iterator[tuple[int, str]]:
    """What is wrong with an expression before its types are looked at: where, and what."""
    yield from _bounds(words)
    for reference in paths:
        at = words[reference.first].start
        if reference.field is None:
            yield at, fields.why_not(reference.path)
        else:
            yield from _comparisons(words, reference, reference.field)
    for at, word in enumerate(words):
        if word.kind == "name" and _spells(words, at + 1, "("):
            if word.text == "has":
                yield word.start, "has() is not used here: compare the field with null instead"
            if word.text == "map":
                yield word.start, "map() is not allowed: its result can grow without bound"
            if word.text == "matches" and not (
                _is_selected(words, at)
                and at + 2 < len(words)
                and words[at + 2].kind == "string"
                and _spells(words, at + 3, ")")
            ):
                yield word.start, "matches() takes one pattern, written out: x.matches('...')"


def constants(words: Sequence[Word]) -> Iterator[tuple[int, str]]:
    """Patterns, times and durations that are written out: where, and an expression to try."""
    for at, word in enumerate(words):
        if not (_spells(words, at + 1, "(") and at + 3 < len(words)):
            continue
        if words[at + 2].kind != "string" or not _spells(words, at + 3, ")"):
            continue
        if word.text == "matches":
            yield words[at + 2].start, f"''.matches({words[at + 2].text})"
        if word.text in ("timestamp", "duration"):
            yield words[at + 2].start, f"{word.text}({words[at + 2].text}) == null"


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def rewritten(text: str, words: Sequence[Word], paths: Sequence[Reference]) -> str:
    """The expression with optional times made from their texts, as which they are evaluated."""
    make = {"timestamp": "timestamp", "duration": "duration"}
    for reference in reversed(paths):
        field = reference.field
        if field is None or not field.optional or field.kind.name not in make:
            continue
        start, last = words[reference.first].start, words[reference.end - 1]
        path, function = field.path, make[field.kind.name]
        made = f"({path} == null ? null : {function}({path}))"
        text = text[:start] + made + text[last.start + len(last.text) :]
    return text


def _bounds(words: Sequence[Word]) -> Iterator[tuple[int, str]]:
    depth = loops = 0
    within = -1  # the depth of the loop that is open
    for at, word in enumerate(words):
        if word.kind == "mark":
            depth += (word.text in "([{") - (word.text in ")]}")
            within = -1 if depth <= within else within
        if depth > _DEEPEST:
            yield word.start, f"nested more than {_DEEPEST} levels deep"
            return
        if (
            word.text not in _LOOPS
            or not _is_selected(words, at)
            or not _spells(words, at + 1, "(")
        ):
            continue
        if within >= 0:
            yield word.start, f"{word.text}() within another loop is not allowed"
            return
        within, loops = depth, loops + 1
        if loops > _MOST_LOOPS:
            yield word.start, f"more than {_MOST_LOOPS} of {', '.join(sorted(_LOOPS))}"
            return


def _comparisons(
    words: Sequence[Word], reference: Reference, field: Field
) -> Iterator[tuple[int, str]]:
    """Comparisons that are always the same: with a value it never has, with null if never null."""
    for at in _compared(words, reference):
        text = _literal(words, at)
        if text is not None and field.kind.choices and text not in field.kind.choices:
            alike = difflib.get_close_matches(text, field.kind.choices, n=1)
            hint = f"did you mean {alike[0]!r}?" if alike else _listing(field.kind.choices)
            yield words[at].start, f"{field.path} is never {text!r}; {hint}"
        if words[at].text == "null" and not field.optional:
            yield words[at].start, f"{field.path} is never null"


def _compared(words: Sequence[Word], reference: Reference) -> Iterator[int]:
    before, after = reference.first - 1, reference.end
    if _spells(words, before, *_REACHING):
        return  # the field is only a part of what is compared
    if _spells(words, after, "==", "!=") and not _spells(words, after + 2, *_REACHING):
        yield from range(after + 1, min(after + 2, len(words)))
    if _spells(words, before, "==", "!=") and not _spells(words, before - 2, *_REACHING):
        yield from range(max(before - 1, 0), before)
    if _spells(words, after, "in") and _spells(words, after + 1, "["):
        at = after + 2
        while at < len(words) and words[at].kind == "string":
            yield at
            at += 2 if _spells(words, at + 1, ",") else len(words)


def _listing(choices: Sequence[str]) -> str:
    listed = ", ".join(map(repr, choices[:8]))
    return f"it is one of {listed}{', ...' if len(choices) > 8 else ''}"


def _literal(words: Sequence[Word], at: int) -> str | None:
    """A string that is written without escapes; None for anything else."""
    if not 0 <= at < len(words) or words[at].kind != "string":
        return None
    text = words[at].text
    plain = text[0] in "\"'" and text[:3] not in ('"""', "'''") and "\\" not in text
    return text[1:-1] if plain else None


def _is_selected(words: Sequence[Word], at: int) -> bool:
    return at > 0 and words[at - 1].text == "."


def _spells(words: Sequence[Word], at: int, *texts: str) -> bool:
    return 0 <= at < len(words) and words[at].kind != "string" and words[at].text in texts
