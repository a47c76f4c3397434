"""`signoff controls`: what bounds the boundaries of a store right now."""

from __future__ import annotations

import asyncio
import json as json_
from dataclasses import asdict, dataclass
from typing import Any

from signoff.boundary import KILLS, Kill, read_kills
from signoff.cli._output import AsJson, moment, plain, show_json, show_table
from signoff.cli._store import DEFAULT_STORE, StoreUrl, existing
from signoff.cli.kill import show_kills
from signoff.control import POLICIES
from signoff.storage import Storage


@dataclass(slots=True)
class _Share:
    """What one tenant's crossings have of a throttle; those of nobody in particular together."""

    throttle: str
    tenant: str
    held: int = 0
    used: int = 0
    held_usd: float = 0.0
    spent_usd: float = 0.0
    last: str = ""


@dataclass(frozen=True, slots=True)
class _Set:
    """How the controls of a store are set."""

    kills: tuple[Kill, ...]
    policies: dict[str, list[str]]
    shares: list[_Share]
    days: dict[str, dict[str, Any]]


def controls(store: StoreUrl = DEFAULT_STORE, json: AsJson = False) -> None:
    """Kills that hold, policies in force, and what is held and used of every throttle."""

    async def read() -> _Set:
        async with existing(store) as storage:
            return await _settings(storage)

    found = asyncio.run(read())
    if json:
        show_json(
            {
                "kills": [asdict(kill) for kill in found.kills],
                "policies": found.policies,
                "throttles": [asdict(share) for share in found.shares],
                "days": found.days,
            }
        )
        return
    show_kills(found.kills)
    policies = [[name, ", ".join(labels) or "none"] for name, labels in found.policies.items()]
    if policies:
        print()
        show_table(("boundary", "policies in force"), policies)
    if found.shares:
        print()
        _show_shares(found)


async def _settings(storage: Storage) -> _Set:
    shares: dict[tuple[str, str], _Share] = {}
    for name, tenant, state, number, usd, spent, _, last in await storage.throttles():
        share = shares.setdefault((name, tenant), _Share(name, tenant))
        share.spent_usd += spent
        share.last = max(share.last, last)
        if state == "held":
            share.held, share.held_usd = number, usd
        elif state == "used":
            share.used = number
    days = {name: json_.loads(await storage.switch(name) or "{}") for name, _ in shares}
    return _Set(
        read_kills(await storage.switch(KILLS)),
        json_.loads(await storage.switch(POLICIES) or "{}"),
        [*shares.values()],
        days,
    )


def _show_shares(found: _Set) -> None:
    rows: list[list[object]] = [
        [
            share.throttle.removeprefix("throttle:"),
            share.tenant,
            share.held,
            share.used,
            f"{share.held_usd:.2f}",
            f"{share.spent_usd:.2f}",
            moment(share.last),
        ]
        for share in found.shares
    ]
    numbers = ("held", "used", "$ held", "$ spent")
    show_table(("throttle", "tenant", *numbers, "last"), rows, numbers=numbers)
    for name, day in found.days.items():
        print(plain(f"caps: {day.get('caps', name)}"))
        for date, usd in day.get("spent", {}).items():
            if usd:
                print(plain(f"{name.removeprefix('throttle:')}: ${usd:.2f} spent on {date}"))
    print("Held by crossings that are under way; used and spent within the last two days.")
