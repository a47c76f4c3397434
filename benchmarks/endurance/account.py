"""What has come of it all: nothing lost, nothing doubled, the chain intact, nobody stuck."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.endurance._files import Files
from benchmarks.endurance.orders import ENDED, log, times
from benchmarks.machine import ROOT, child_environment
from signoff.reading import existing
from signoff.storage import Storage
from signoff.workloads.contract_renewal.services import open_services

#: What the services have done in the end for an order in each state: done minus undone.
_OWED = {
    "closed": {"mail": 1, "charge": 1, "contract": 1, "invoice": 1, "confirmation": 1},
    "undone": {"mail": 1, "charge": 1, "contract": 0, "invoice": 0, "confirmation": 0},
    "refused": {"mail": 0, "charge": 0, "contract": 0, "invoice": 0, "confirmation": 0},
}
_SIGNS = {
    "send_offer": ("mail", 1),
    "reserve_price": ("charge", 1),
    "issue_contract": ("contract", 1),
    "void_contract": ("contract", -1),
    "book_invoice": ("invoice", 1),
    "void_invoice": ("invoice", -1),
    "send_confirmation": ("confirmation", 1),
}


async def settled(store: str, files: Files) -> dict[str, Any]:
    """Compare what was accepted, what the ledger says and what the services did.

    Returns:
        Figures; what is wrong is listed under `lost`, `doubled`, `stuck` and `chain`.
    """
    async with existing(store) as storage:
        states = {row.subject: row.state async for row in storage.rows_of("order")}
        lost = [order for order in times(files.accepted) if order not in states]
        stuck = [f"{order}: {state}" for order, state in states.items() if state not in ENDED]
        stuck += [f"waits: {row}" for row in await storage.pending()]
        stuck += [f"under way: {crossing.key}" async for crossing in storage.under_way()]
        stuck += [f"asks: {t.ask}: {t.because}" async for t in storage.tickets("open")]
        events_lost, events_doubled = await _events(storage, states)
        records = await storage.read(
            lambda c: c.raw(f"SELECT count(*) FROM {_table(store, 'records')}", [])
        )
    missing, doubled, requests = _effects(files.folder, states)
    return {
        "orders": dict(Counter(states.values())),
        "accepted": len(times(files.accepted)),
        "records": int(records[0][0]),
        "requests": requests,
        "lost": lost + missing + events_lost,
        "doubled": doubled + events_doubled,
        "stuck": stuck,
        "chain": _verified(store),
    }


def _effects(folder: Path, states: dict[str, str]) -> tuple[list[str], list[str], dict[str, int]]:
    """What the services lack, what they have done too often, and what became of requests."""
    net: dict[str, Counter[str]] = {}
    became: Counter[str] = Counter()
    keys: Counter[str] = Counter()
    with open_services(folder / "services") as services:
        for service in services:
            for effect in service.effects():
                what, sign = _SIGNS[effect.action]
                net.setdefault(effect.subject, Counter())[what] += sign
                keys[f"{service.name} {effect.key}"] += 1
            for request in service.account():
                became[request.became] += 1
                if request.fault:
                    became[f"fault: {request.fault}"] += 1
    lost: list[str] = []
    doubled = [f"key {key} took effect {n} times" for key, n in keys.items() if n > 1]
    for order, state in states.items():
        done = net.pop(order, Counter())
        for what, owed in _OWED.get(state, {}).items():
            if done[what] < owed:
                lost.append(f"{order} ({state}): {what} {done[what]}, not {owed}")
            elif done[what] > owed:
                doubled.append(f"{order} ({state}): {what} {done[what]}, not {owed}")
    doubled += [f"{order} is known to no ledger: {dict(done)}" for order, done in net.items()]
    return lost, doubled, dict(became)


async def _events(storage: Storage, states: dict[str, str]) -> tuple[list[str], list[str]]:
    """An event for each offer, and one of the consumer about each of them."""
    offered: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    position = 0
    while events := await storage.events_of_log(log.name, after=position, limit=1000):
        for event in events:
            position = event.position
            if event.type == "Offered":
                offered[event.stream] += 1
            else:
                counted[json.loads(event.data)["order"]] += 1
    lost: list[str] = []
    doubled: list[str] = []
    for order, state in states.items():
        owed = int(state in ("closed", "undone"))
        for name, found in (("offered", offered[order]), ("counted", counted[order])):
            if found != owed:
                (lost if found < owed else doubled).append(f"{order}: {name} {found}, not {owed}")
    return lost, doubled


def _table(store: str, name: str) -> str:
    return f"signoff_{name}" if store.startswith("sqlite") else f"signoff.{name}"


def _verified(store: str) -> dict[str, Any]:
    """What `signoff ledger verify` says."""
    words = [sys.executable, "-m", "signoff", "ledger", "verify", "--store", store]
    done = subprocess.run(
        words, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False
    )
    return {"status": done.returncode, "said": done.stdout.strip()[-600:] + done.stderr[-600:]}
