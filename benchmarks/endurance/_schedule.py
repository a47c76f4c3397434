"""What goes wrong when: drawn from a seed, so that the same seed draws the same."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "worker killed",
    "disk full",
    "clock an hour ahead",
    "clock an hour behind",
    "services fail",
    "connections cut",
    "server restarted",
    "server stopped at once",
]

ON_SQLITE: tuple[Kind, ...] = (
    "worker killed",
    "disk full",
    "clock an hour ahead",
    "clock an hour behind",
    "services fail",
)
ON_POSTGRES: tuple[Kind, ...] = (
    *ON_SQLITE,
    "connections cut",
    "server restarted",
    "server stopped at once",
)

#: Seconds that each takes, if there is room for it; 0 is over at once.
TAKES: dict[Kind, float] = {
    "disk full": 10,
    "clock an hour ahead": 15,
    "clock an hour behind": 15,
    "services fail": 15,
}

#: Faults of each kind in an hour.
ROUNDS = 8

#: The part of the run without faults at its beginning and at its end.
_CALM = 0.05


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: Seconds after the beginning.
        kind: What.
        takes: Seconds until it is over.
        whom: A number between 0 and 1 that chooses among those whom it can meet.
    """

    at: float
    kind: Kind
    takes: float
    whom: float


def drawn(seed: int, seconds: float, kinds: tuple[Kind, ...]) -> list[Fault]:
    """One fault after the other, each kind equally often.

    Workers are killed in the first part only: whoever lives through the rest shows whether memory
    grows.
    """
    luck = random.Random(seed)
    rounds = max(1, round(ROUNDS * seconds / 3600))
    early = [kind for kind in kinds if kind != "worker killed"] * rounds
    luck.shuffle(early)
    half = (len(early) + 1) // 2
    first = early[:half] + ["worker killed"] * rounds * ("worker killed" in kinds)
    luck.shuffle(first)
    order: list[Kind] = [*first, *early[half:]]
    slot = seconds * (1 - 2 * _CALM) / max(len(order), 1)
    faults: list[Fault] = []
    for number, kind in enumerate(order):
        takes = min(TAKES.get(kind, 0), slot * 0.6)
        at = seconds * _CALM + slot * number + luck.uniform(0, slot * 0.2)
        faults.append(Fault(round(at, 2), kind, round(takes, 2), luck.random()))
    return faults
