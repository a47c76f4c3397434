"""The parts of a crossing: their places, and the steps and undoings of a saga among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from signoff.diagnosis._reading import Trail

_UNDO = "/undo/"


@dataclass(slots=True)
class Steps:
    """What a saga did at one step, and what it did to take it back."""

    forward: list[Trail] = field(default_factory=list[Trail])
    undo: list[Trail] = field(default_factory=list[Trail])

    @property
    def done(self) -> bool:
        """It happened."""
        return any(part.status == "committed" for part in self.forward)

    @property
    def undone(self) -> bool:
        """It was taken back."""
        return any(part.status == "committed" for part in self.undo)

    @property
    def failed(self) -> bool:
        """It was tried, and did not happen."""
        return bool(self.forward) and not self.done and self.forward[-1].status == "rejected"

    @property
    def writes(self) -> bool:
        """What it did is a write that a saga, or an effect, made."""
        return any(part.effects or part.model == "saga" for part in self.forward)


def place_of(parent: Trail, part: Trail) -> tuple[int, str]:
    """The parent's attempt and the name under which it was asked: the key says both."""
    rest = part.key.removeprefix(parent.key + "/")
    attempt, _, name = rest.partition("/")
    return (int(attempt), name) if rest != part.key and attempt.isdigit() else (0, part.key)


def steps_of(parent: Trail) -> dict[str, Steps]:
    """A parent's parts by step; once it has ended, they are sorted once for everybody."""
    known: dict[str, Steps] | None = parent.memory.get(Steps)
    if known is not None:
        return known
    steps: dict[str, Steps] = {}
    for part in parent.parts.values():
        _, name = place_of(parent, part)
        step, undo, _ = name.partition(_UNDO)
        if undo:
            steps.setdefault(step, Steps()).undo.append(part)
            continue
        head, _, tail = name.rpartition("/")
        step = head if head and tail.isdigit() else name  # what is insisted on is numbered
        steps.setdefault(step, Steps()).forward.append(part)
    if parent.status in ("committed", "rejected"):
        parent.memory[Steps] = steps
    return steps


def last_of(parent: Trail) -> str:
    """When anything was last written about a crossing or its parts."""
    return max([parent.last, *(part.last for part in parent.parts.values())])


def left_standing(steps: dict[str, Steps]) -> Iterator[str]:
    """Steps that wrote, and were not taken back."""
    return (name for name, step in steps.items() if step.writes and step.done and not step.undone)
