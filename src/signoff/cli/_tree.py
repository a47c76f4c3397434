"""Which crossings were parts of which: for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from signoff.boundary import Row
from signoff.cli._output import put, show_table, styled
from signoff.reading import Node, part_told, standing
from signoff.words import count, plain

_COLUMNS = ("part", "became", "boundary", "outcome", "attempts", "crossing")


def as_json(subject: str, row: Row | None, roots: Iterable[Node]) -> dict[str, Any]:
    """The whole tree for programs."""
    return {"subject": subject, "stands": standing(row), "tree": [r.as_json() for r in roots]}


def show_tree(subject: str, roots: Sequence[Node]) -> None:
    """Print the tree."""
    put(styled(subject, "bold"))
    rows = [row for root in roots for row in _rows(root)]
    crossings = sum(bool(row[-1]) for row in rows)
    put(styled(count(crossings, "crossing"), "dim"))
    print()
    show_table(_COLUMNS, rows, numbers=("attempts",))


def _rows(
    node: Node, depth: int = 0, label: str = "", became: str = ""
) -> Iterator[tuple[str, str, str, str, int | str, str]]:
    indent = "  " * depth
    if not label:
        label = node.key
        became = f"part of {node.parent[:12]}" if node.parent else ""
    attempts = "" if node.recorded is None else node.recorded.attempts
    boundary = plain(str(node.opened.get("boundary", "")))
    yield f"{indent}{label}", became, boundary, node.outcome, attempts, node.crossing[:12]
    children = {child.key: child for child in node.children}
    for attempt, name, part in node.told:
        child = children.pop(f"{node.key}/{attempt}/{name}", None)
        named, told = f"{attempt}/{name}", part_told(part)
        if child is None:
            yield f"{indent}  {named}", told, "", "", "", ""
        else:
            yield from _rows(child, depth + 1, named, told)
    for key, child in children.items():
        yield from _rows(child, depth + 1, key.removeprefix(f"{node.key}/") or key)
