"""What a kill reaches: crossings in its scope that have not ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from signoff.boundary import Kill, Recorded
from signoff.control import Principals
from signoff.errors import NotAllowed
from signoff.ledger import CONTROLS
from signoff.reading._account import body_of, parsed
from signoff.storage import Storage

_SWITCH = "kill_switch:"

#: What becomes of a crossing that a kill meets, by where it stands.
FATES = {
    "intended": "its effect is under way, and ends",
    "unknown": "its effect is in doubt; whether it happened is still found out",
    "suspended": "waits; nobody can approve it until the kill is lifted",
    "open": "waits; run again, it is halted until the kill is lifted",
}


@dataclass(frozen=True, slots=True)
class Reached:
    """What a kill stands before, and where on the ledger it stands.

    Attributes:
        position: Of the kill's own record: after it nothing in its scope commits.
        crossings: In its scope, and not ended, in the order of `FATES`.
        boundaries: The names of all that the ledger knows.
    """

    position: int
    crossings: tuple[Recorded, ...]
    boundaries: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """How many crossings stand where."""
        statuses = [crossing.status for crossing in self.crossings]
        return {status: statuses.count(status) for status in FATES if status in statuses}


async def reached(storage: Storage, kill: Kill) -> Reached:
    """What a kill that was just thrown stands before."""
    found = [c async for c in storage.under_way() if await _is_in_scope(storage, kill, c)]
    order = list(FATES)
    found.sort(key=lambda crossing: (order.index(crossing.status), crossing.opened))
    boundaries = sorted({boundary for boundary, *_ in await storage.crossings_by_status()})
    return Reached(await last_change(storage, kill.scope), tuple(found), tuple(boundaries))


def may_be_a_slip(scope: str, known: bool, under_way: int) -> bool:
    """Whether a scope names nothing that the ledger knows: a kill of it may stop nothing.

    Args:
        scope: As somebody gave it.
        known: Whether the ledger has a boundary of that name.
        under_way: Crossings in the scope that have not ended.
    """
    bare = scope != "everything" and not scope.startswith(("tenant:", "subject:"))
    return bare and not under_way and not known


def refused_to_kill(may: Principals, scope: str, by: str) -> NotAllowed:
    """That somebody may not kill or lift a scope, and who may."""
    names = ", ".join(name for name in may if may.may_kill(name, scope)) or "nobody that is listed"
    text = f"{by} is not listed as one who may kill or lift {scope}; {names} may"
    return NotAllowed("may_not_kill", f"may_not_kill: {text}. That {by} tried is on the ledger.")


async def last_change(storage: Storage, scope: str) -> int:
    """The ledger position of the last record about a kill of a scope."""
    position = 0
    async for entry in storage.of_subject(CONTROLS):
        if parsed(entry).get("control") == f"kill:{scope}":
            position = entry.position
    return position


async def _is_in_scope(storage: Storage, kill: Kill, crossing: Recorded) -> bool:
    boundary, subject = crossing.boundary, crossing.subject
    if kill.reaches(boundary=boundary, subject=subject, tenant="", switches=()):
        return True
    if kill.scope.startswith("subject:"):
        return False
    opened = await _opened(storage, crossing)
    about = opened.get("subject")
    tenant = cast("dict[str, Any]", about).get("tenant") if isinstance(about, dict) else ""
    switches = [
        label.removeprefix(_SWITCH)
        for label in map(str, opened.get("controls", ()))
        if label.startswith(_SWITCH)
    ]
    return kill.reaches(
        boundary=boundary,
        subject=subject,
        tenant=tenant if isinstance(tenant, str) else "",
        switches=switches,
    )


async def _opened(storage: Storage, crossing: Recorded) -> dict[str, Any]:
    """The record with which a crossing began."""
    async for entry in storage.of_subject(crossing.subject):
        if entry.crossing == crossing.id and entry.type == "opened":
            return await body_of(storage, entry)
    return {}
