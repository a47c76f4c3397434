"""`signoff controls`: what bounds the boundaries of a store right now."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from signoff.cli._output import AsJson, show_json, show_table
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.cli.kill import show_kills
from signoff.reading import ControlsSet, controls_set, existing
from signoff.words import moment, plain


def controls(store: StoreUrl = DEFAULT_STORE, json: AsJson = False) -> None:
    """Kills that hold, policies in force, and what is held and used of every throttle."""

    async def read() -> ControlsSet:
        async with existing(store) as storage:
            return await controls_set(storage)

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


def _show_shares(found: ControlsSet) -> None:
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
