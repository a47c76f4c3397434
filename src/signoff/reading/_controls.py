"""How the controls of a store are set, and what is held and used of every throttle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from signoff.boundary import KILLS, Kill, read_kills
from signoff.control import POLICIES
from signoff.storage import Storage


@dataclass(slots=True)
class Share:
    """What one tenant's crossings have of a throttle; those of nobody in particular together."""

    throttle: str
    tenant: str
    held: int = 0
    used: int = 0
    held_usd: float = 0.0
    spent_usd: float = 0.0
    last: str = ""


@dataclass(frozen=True, slots=True)
class ControlsSet:
    """How the controls of a store are set."""

    kills: tuple[Kill, ...]
    policies: dict[str, list[str]]
    shares: list[Share]
    days: dict[str, dict[str, Any]]


async def controls_set(storage: Storage) -> ControlsSet:
    """Kills that hold, policies in force, and shares of throttles."""
    shares: dict[tuple[str, str], Share] = {}
    for name, tenant, state, number, usd, spent, _, last in await storage.throttles():
        share = shares.setdefault((name, tenant), Share(name, tenant))
        share.spent_usd += spent
        share.last = max(share.last, last)
        if state == "held":
            share.held, share.held_usd = number, usd
        elif state == "used":
            share.used = number
    days = {name: json.loads(await storage.switch(name) or "{}") for name, _ in shares}
    return ControlsSet(
        read_kills(await storage.switch(KILLS)),
        json.loads(await storage.switch(POLICIES) or "{}"),
        [*shares.values()],
        days,
    )
