"""Which crossings were parts of which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from signoff.boundary import Recorded
from signoff.reading._chapters import Chapter
from signoff.reading._telling import Body


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


def crossing_tree(told: Iterable[Chapter], crossings: Mapping[str, Recorded | None]) -> list[Node]:
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


def find_node(roots: Iterable[Node], crossing: str) -> Node | None:
    """The crossing of this id, wherever it stands."""
    for node in roots:
        found = node if node.crossing == crossing else find_node(node.children, crossing)
        if found is not None:
            return found
    return None


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
