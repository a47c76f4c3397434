"""One record of the ledger, in words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from signoff.cli._output import compact, count, moment, plain, took

Body = Mapping[str, Any]

#: Characters of a proposal, a receipt or a raw answer that a line shows.
_SHOWN = 300


def told(type: str, body: Body) -> Sequence[tuple[str, str]]:
    """(word, text) lines for one record; one that we do not understand is shown as it is."""
    tell = _TELL.get(type)
    if tell is not None:
        # Somebody altered it, or a newer version wrote it: showing it is all the more useful.
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            return tell(body)
    return [(plain(type), compact(body, _SHOWN))]


def _opened(body: Body) -> list[tuple[str, str]]:
    version = f"on version {body['version']}; " if "version" in body else ""
    verifiers = ", ".join(body.get("verifiers", ())) or "nobody"
    return [("opened", f"{version}verified by {verifiers}; key {body['key']}")]


def _proposed(body: Body) -> list[tuple[str, str]]:
    said = body.get("proposal")
    shown = compact(body.get("raw") or "nothing", _SHOWN) if said is None else compact(said, _SHOWN)
    by = body["fingerprint"].get("model", "?")
    notes = [" ".join(filter(None, (by, body["fingerprint"].get("version"))))]
    if body.get("repaired"):
        notes.append(f"repaired: {', '.join(body['repaired'])}")
    if body.get("seconds"):
        notes.append(took(body["seconds"]))
    if usage := body.get("usage"):
        notes.append(f"{usage.get('in', 0)}+{usage.get('out', 0)} tokens")
        if usage.get("usd"):
            notes.append(f"${usage['usd']:.4g}")
    return [("proposed", shown), ("", f"by {'; '.join(notes)}")]


def _judged(body: Body) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if body["accepted"]:
        lines.append(("accepted", "by every verifier"))
    for rejection in body.get("rejections", ()):
        path = f", at {rejection['path']}" if rejection.get("path") else ""
        text = f"{rejection['code']}: {rejection['message']}"
        lines.append(("objection", f"{text} ({rejection['by']}{path}; then {rejection['then']})"))
    if body.get("evidence"):
        lines.append(("evidence", compact(body["evidence"], _SHOWN)))
    return lines


def _rejected(body: Body) -> list[tuple[str, str]]:
    ended = {
        "stop": "an objection said stop",
        "budget": "the budget is spent",
        "no_progress": "the proposer repeats itself",
        "effect": "the effect did not happen",
    }.get(body["ended"], body["ended"])
    after = count(body["attempts"], "attempt")
    return [("REJECTED", f"{body['code']}: {ended}, after {after}; nothing was committed")]


def _committed(body: Body) -> list[tuple[str, str]]:
    receipt = f"receipt {compact(body['receipt'], _SHOWN)}" if "receipt" in body else "no receipt"
    return [("COMMITTED", f"{receipt}; after {count(body['attempts'], 'attempt')}")]


def _reconciled(body: Body) -> list[tuple[str, str]]:
    happened = "it happened" if body["happened"] else "it did not happen"
    because = f": {body['because']}" if body.get("because") else ""
    return [("settled", f"{body['effect']}: {happened}, says the {body['by']}{because}")]


def _moved(body: Body) -> list[tuple[str, str]]:
    because = f"; {body['because']}" if body.get("because") else ""
    way = f"{body['source']} -> {body['state']}"
    return [("moved", f"{way} (version {body['version']}){because}")]


_TELL: dict[str, Callable[[Body], Sequence[tuple[str, str]]]] = {
    "opened": _opened,
    "proposed": _proposed,
    "judged": _judged,
    "intended": lambda b: [("intended", f"effect {b['effect']}, under key {b['key']}")],
    "delivered": lambda b: [
        ("delivered", f"effect {b['effect']}: receipt {compact(b.get('receipt'), _SHOWN)}")
    ],
    "committed": _committed,
    "rejected": _rejected,
    "suspended": lambda b: [("SUSPENDED", f"waits for {b['ask']}: {b['because']}")],
    "unknown": lambda b: [("UNKNOWN", f"effect {b['effect']} is in doubt: {b['because']}")],
    "reconciled": _reconciled,
    "started": lambda b: [("started", f"{b['machine']} at {b['state']} (version {b['version']})")],
    "moved": _moved,
    "changed": lambda b: [("changed", f"at {b['state']} (version {b['version']}); {b['because']}")],
    "timerset": lambda b: [("timer set", f"{n}: due {moment(due)}") for n, due in b["timers"]],
    "timerfired": lambda b: [("timer", f"{b['name']} fired (set on version {b['version']})")],
    "sealed": lambda b: [("sealed", f"{count(b['records'], 'record')} under root {b['root']}")],
}
