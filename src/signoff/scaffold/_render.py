r"""Templates: text with `$names`, and lines that stand only where a part was chosen.

A line `%% if saga` begins such lines and `%% end` ends them; `%% elif` and `%% else` stand between.
A condition is a part, or `not` one; several are joined by `and`, and those by `or`.
Imports stand one name to a line, and those of one module are joined; a function whose names are too
long for a line is broken as a formatter does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from string import Template

#: Characters of a line, as the generated project is formatted.
_WIDTH = 100

_IMPORT = re.compile(r"from (\S+) import (\w+)")
_SIGNATURE = re.compile(r"( *)((?:async )?def \w+\()(.+)(\) -> .+:)")
_DIRECTIVE = re.compile(r"\s*%% (if|elif|else|end) ?(.*)")


def rendered(text: str, parts: Collection[str], names: Mapping[str, str]) -> str:
    """A template's text, for the parts that were chosen.

    Raises:
        ValueError: If an `if` has no `end`, or the reverse.
        KeyError: If it names what `names` does not.
    """
    kept = "\n".join(_kept(text.splitlines(), parts))
    lines = Template(kept).substitute(names).strip("\n").splitlines()
    return "\n".join(part for line in _joined(lines) for part in _fitted(line)) + "\n"


def _kept(lines: list[str], parts: Collection[str]) -> Iterator[str]:
    # For each open `if`: whether its lines stand, and whether one of its branches already did.
    open_: list[tuple[bool, bool]] = []
    for line in lines:
        found = _DIRECTIVE.fullmatch(line)
        if found is None:
            if all(stands for stands, _ in open_):
                yield line
            continue
        word, condition = found.groups()
        if word == "if":
            stands = holds(condition, parts)
            open_.append((stands, stands))
            continue
        _, done = open_.pop() if open_ else _unopened(line)
        if word != "end":
            stands = not done and (word == "else" or holds(condition, parts))
            open_.append((stands, done or stands))
    if open_:
        raise ValueError("an if of a template has no end")


def _unopened(line: str) -> tuple[bool, bool]:
    raise ValueError(f"{line!r} of a template ends no if")


def _joined(lines: list[str]) -> Iterator[str]:
    for are_imports, several in groupby(lines, key=lambda line: bool(_IMPORT.fullmatch(line))):
        found = list(several)
        yield from _imports(found) if are_imports else found


def _imports(lines: list[str]) -> Iterator[str]:
    names: dict[str, set[str]] = {}
    for line in lines:
        _, module, _, name = line.split(" ")
        names.setdefault(module, set()).add(name)
    for module in sorted(names):
        # Constants, classes, functions: the order of isort and ruff.
        found = sorted(names[module], key=lambda n: (not n.isupper(), n[0].islower(), n))
        line = f"from {module} import {', '.join(found)}"
        if len(line) <= _WIDTH:
            yield line
        else:
            yield from (f"from {module} import (", *(f"    {name}," for name in found), ")")


def _fitted(line: str) -> tuple[str, ...]:
    signature = _SIGNATURE.fullmatch(line) if len(line) > _WIDTH else None
    if signature is None:
        return (line,)
    indent, opens, parameters, closes = signature.groups()
    alone = ", " not in re.sub(r"\[.*?\]", "", parameters)
    return (
        f"{indent}{opens}",
        f"{indent}    {parameters}{',' if alone else ''}",
        f"{indent}{closes}",
    )


def holds(condition: str, parts: Collection[str]) -> bool:
    """Whether a condition holds for the parts that were chosen."""
    return any(
        all(_one(each.strip(), parts) for each in either.split(" and "))
        for either in condition.split(" or ")
    )


def _one(part: str, parts: Collection[str]) -> bool:
    wanted = part.removeprefix("not ")
    return (wanted in parts) == (wanted == part)
