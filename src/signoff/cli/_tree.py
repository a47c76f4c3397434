"""Which crossings were parts of which: for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from signoff.boundary import Recorded, Row
from signoff.cli._output import count, plain, put, show_table, styled
from signoff.cli._story import Chapter, standing
from signoff.cli._telling import Body, part_told

_COLUMNS = ("part", "became", "boundary", "outcome", "attempts", "crossing")


@dataclass(slots=True, kw_only=True)
class Node:
    """One crossing, with those that were parts of it.

    Attributes:
        crossing: Its id.
        opened: How it began, as recorded.
        recorded: Where it stands.
        told: (attempt, name, what is told) of everybody whom it asked, as recorded.
        children: Its parts that are on the ledger, in the order in which they came there.
    """

    crossing: str
    opened: Body
    recorded: Recorded | None
    told: list[tuple[int, str, Body]]
    children: list[Node] = field(default_factory=list["Node"])

    @property
    def parent(self) -> str:
        """Id of the crossing that this is a part of, if it is one."""
        return str(self.opened.get("parent", ""))

    @property
    def key(self) -> str:
        """Its key."""
        return str(self.opened.get("key", ""))

    @property
    def outcome(self) -> str:
        """Its status; `halted` if a control stopped it for now."""
        if self.recorded is None:
            return ""
        return "halted" if "halted" in self.recorded.state else self.recorded.status

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "crossing": self.crossing,
            "boundary": self.opened.get("boundary"),
            "key": self.key,
            "parent": self.parent or None,
            "status": self.outcome or None,
            "attempts": None if self.recorded is None else self.recorded.attempts,
            "parts": [{"attempt": n, "name": name, **body} for n, name, body in self.told],
            "children": [child.as_json() for child in self.children],
        }


def tree(told: Iterable[Chapter], crossings: Mapping[str, Recorded | None]) -> list[Node]:
    """The crossings that are no part of another one here, with their parts below them."""
    nodes = {
        chapter.crossing: _node(chapter, crossings.get(chapter.crossing))
        for chapter in told
        if chapter.crossing
    }
    roots: list[Node] = []
    for node in nodes.values():
        above = nodes.get(node.parent)
        # Whoever altered the ledger may have made a circle of it.
        if above is None or node.crossing in _line(above, nodes):
            roots.append(node)
        else:
            above.children.append(node)
    return roots


def find(roots: Iterable[Node], crossing: str) -> Node | None:
    """The crossing of this id, wherever it stands."""
    for node in roots:
        found = node if node.crossing == crossing else find(node.children, crossing)
        if found is not None:
            return found
    return None


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


def _node(chapter: Chapter, recorded: Recorded | None) -> Node:
    opened: Body = {}
    asked: list[tuple[int, str, Body]] = []
    for entry, body in chapter.records:
        if entry.type == "opened":
            opened = body
        parts = body.get("parts")
        if entry.type == "proposed" and isinstance(parts, Mapping):
            attempt = body.get("attempt")
            for name, part in cast("Mapping[str, object]", parts).items():
                if isinstance(part, Mapping) and isinstance(attempt, int):
                    asked.append((attempt, name, cast("Body", part)))
    return Node(crossing=chapter.crossing, opened=opened, recorded=recorded, told=asked)


def _line(node: Node, nodes: Mapping[str, Node]) -> set[str]:
    """Ids of a crossing, and of all those that it is a part of."""
    line: set[str] = set()
    above: Node | None = node
    while above is not None and above.crossing not in line:
        line.add(above.crossing)
        above = nodes.get(above.parent)
    return line


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
