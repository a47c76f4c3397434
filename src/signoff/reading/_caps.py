"""The caps of a throttle, and what of each is taken now."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from signoff.clock import from_stamp, stamp
from signoff.control import Throttle
from signoff.storage import Storage

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

#: A throttle's label says its caps: `throttle:offers(60/min,10/tenant/h,20.0$/day)`.
_TOLD = re.compile(r"([0-9.e+]+)(/min|/tenant/h|\$/day)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """One cap of a throttle.

    Attributes:
        unit: Commits `a minute`, commits of one tenant `an hour`, or dollars `a day`.
        most: How many.
        used: By crossings that have committed; dollars that were spent.
        held: By crossings that are under way; dollars that they may cost.
        tenant: Whose share it is, of a cap per tenant.
        frees: When some of what is used counts no longer, as a stamp; empty if nothing is used.
    """

    unit: str
    most: float
    used: float
    held: float
    tenant: str = ""
    frees: str = ""

    @property
    def share(self) -> float:
        """How much of the cap is taken, from 0; above 1 if more was spent than was held."""
        return (self.used + self.held) / self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """A throttle as it stands.

    Attributes:
        name: Of the throttle, without what says that it is one.
        caps: The tightest first, of a cap per tenant those of the busiest tenants.
        tenants: How many tenants have a share of the last hour.
        at: When something was last taken of it, as a stamp.
    """

    name: str
    caps: tuple[Cap, ...]
    tenants: int
    at: str


async def throttled(storage: Storage, name: str, now: datetime, *, tenants: int = 5) -> Throttled:
    """How a throttle stands.

    Args:
        storage: The store.
        name: The name of its switch, such as `throttle:offers`.
        now: The time.
        tenants: So many tenants are told.
    """
    stored: dict[str, Any] = json.loads(await storage.switch(name) or "{}")
    # As the throttle does: the latest time that it has seen counts, where clocks differ.
    at = str(stored.get("at", ""))
    latest = max(now, from_stamp(at)) if at else now
    lease = stamp(latest - Throttle.lease)
    midnight = latest.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = await storage.uses(
        name,
        minute=stamp(latest - _MINUTE),
        hour=stamp(latest - _HOUR),
        held=lease,
        # Dollars of a crossing whose process died are held until the day is over.
        day=min(lease, stamp(midnight)),
    )
    caps: list[Cap] = []
    label = str(stored.get("caps", ""))
    for told, unit in _TOLD.findall(label.rpartition("(")[2]):
        most = float(told)
        held = float(sum(row[5] for row in rows))
        if unit == "/min":
            first = min((row[2] for row in rows if row[2]), default="")
            used = float(sum(row[1] for row in rows))
            frees = _later(first, _MINUTE)
            caps.append(Cap(unit="a minute", most=most, used=used, held=held, frees=frees))
        elif unit == "/tenant/h":
            caps += [
                Cap(
                    unit="an hour",
                    most=most,
                    used=float(row[3]),
                    held=float(row[5]),
                    tenant=row[0],
                    frees=_later(row[4], _HOUR),
                )
                for row in sorted(rows, key=lambda row: -(row[3] + row[5]))[:tenants]
                if row[3] or row[5]
            ]
        else:
            spent = float(stored.get("spent", {}).get(latest.date().isoformat(), 0.0))
            caps.append(
                Cap(
                    unit="dollars a day",
                    most=most,
                    used=spent,
                    held=float(sum(row[6] for row in rows)),
                    frees=stamp(midnight + timedelta(days=1)) if spent else "",
                )
            )
    return Throttled(
        name=name.removeprefix("throttle:"),
        caps=tuple(sorted(caps, key=lambda cap: -cap.share)),
        tenants=sum(1 for row in rows if row[3] or row[5]),
        at=at,
    )


def _later(first: str, window: timedelta) -> str:
    return stamp(from_stamp(first) + window) if first else ""
