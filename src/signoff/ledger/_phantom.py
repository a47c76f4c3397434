"""Phantom success: a model says that something was done, and the ledger says that it was not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from signoff.ledger._entry import Entry
from signoff.ledger._record import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSuccess:
    """A claim in a model's message that nothing on the ledger bears out.

    Attributes:
        claimed: Name of the boundary or effect that is said to have happened.
        words: The words that say so.
        status: What the ledger says instead: `rejected`, `suspended`, `unknown`, `pending`, or
            `absent` if it was never even tried.
    """

    claimed: str
    words: str
    status: str


def phantom_successes(
    message: str, claims: Mapping[str, str], entries: Iterable[Entry]
) -> tuple[PhantomSuccess, ...]:
    """Compare a model's closing message with what was committed.

    Args:
        message: What the model tells the customer or the next agent.
        claims: Name of a boundary or effect -> regular expression of the words that claim it. It is
            searched without regard to case; write it so that a denial does not match.
        entries: The ledger records of the subject or crossing that the message is about.

    Returns:
        One for each claim that the message makes and the ledger does not bear out.
    """
    standing = _standing(entries)
    phantoms: list[PhantomSuccess] = []
    for name, pattern in claims.items():
        said = re.search(pattern, message, re.IGNORECASE)
        status = standing.get(name, "absent")
        if said is not None and status != "done":
            phantoms.append(PhantomSuccess(claimed=name, words=said[0], status=status))
    return tuple(phantoms)


def said(message: str, claims: Mapping[str, str], entries: Iterable[Entry]) -> Said:
    """The record of a closing message, with the claims in it that are not borne out.

    Args:
        message: See `phantom_successes`.
        claims: See `phantom_successes`.
        entries: See `phantom_successes`.
    """
    phantoms = phantom_successes(message, claims, entries)
    return Said(message=message, phantoms=tuple(asdict(phantom) for phantom in phantoms))


def _standing(entries: Iterable[Entry]) -> dict[str, str]:
    """Where every boundary and effect stands; once done, done."""
    standing: dict[str, str] = {}
    boundary_of: dict[str, str] = {}
    for entry in entries:
        body = json.loads(entry.body)
        names: tuple[str, ...] = ()
        status = "pending"
        match entry.type:
            case "opened":
                boundary_of[entry.crossing] = body["boundary"]
                names = (body["boundary"],)
            case "intended":
                names = (body["effect"],)
            case "committed":
                names = (boundary_of.get(entry.crossing, ""), body.get("effect", ""))
                status = "done"
            case "delivered":
                names, status = (body["effect"],), "done"
            case "reconciled" if not body["happened"]:
                names, status = (body["effect"],), "rejected"
            case "rejected" | "suspended":
                names, status = (boundary_of.get(entry.crossing, ""),), entry.type
            case "unknown":
                names, status = (body["effect"], boundary_of.get(entry.crossing, "")), "unknown"
            case _:
                continue
        for name in names:
            if standing.get(name) != "done":
                standing[name] = status
    return standing
