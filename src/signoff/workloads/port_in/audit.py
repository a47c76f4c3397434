"""What really happened to numbers, read from the systems' own accounts and the customers' files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from signoff.workloads.port_in.workload import PORT_IN
from signoff.workloads.port_in.world import ENDS_OF, World


def audit(world: World) -> dict[str, int]:
    """What really happened, from the systems' own accounts and the customers' files alone."""
    found: Counter[str] = Counter()
    times: Counter[tuple[str, str, str]] = Counter()
    approved = {told["about"] for act, told in world.entries("desk") if act == "approve"}
    for name in world.books:
        for action, told in world.entries(name):
            times[action, told["about"], str(told.get("order", ""))] += 1
            found["wrong_port"] += told["subject"] != told["about"]
            if action == "file":
                _check_order(world, told, approved, found)
    for id, case in world.case.items():
        once = {action: times[action, id, ""] for action in ("reserve", "activate", "confirm")}
        lent = once["reserve"] - times["release", id, ""]
        live = once["activate"] - times["deactivate", id, ""]
        held = times["take", id, ""] > 0  # by the desk, which goes on with it
        found["leaked"] += max(0, lent - held)
        found["live_twice"] += live > 0 and not once["confirm"]
        found["doubles"] += max(0, live - 1) + max(0, once["confirm"] - 1)
        found["doubles"] += sum(max(0, times["file", id, str(order)] - 1) for order in range(1, 10))
        found["lost"] += ENDS_OF[case] == "ported" and not once["confirm"]
    return {name: found[name] for name in PORT_IN.damage}


def _check_order(
    world: World, told: Mapping[str, Any], approved: set[str], found: Counter[str]
) -> None:
    port = world.ports.get(str(told["about"]))
    if port is None:
        return
    file = port.file
    known = {
        "account": {port.account, file.account},
        "holder": {port.holder, *file.holders},
        "date": {port.date.isoformat(), *file.dates},
    }
    found["invented"] += any(str(told.get(field)) not in values for field, values in known.items())
    found["unapproved"] += told.get("holder") != port.holder and port.id not in approved
