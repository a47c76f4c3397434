"""P6, the throttle: reservations, so that no cap is ever passed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from signoff.boundary import AGREE, Boundary, Control, Halt, Passing, Said, Transaction, Use
from signoff.clock import from_stamp, stamp
from signoff.errors import UsageError
from signoff.ledger import canonical

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

#: What a crossing holds is returned when it ends; if its process died, after this long.
LEASE = timedelta(minutes=10)


class Throttle(Control[Any, Any]):
    """At most so many commits per minute, per tenant and hour, and so many dollars per day.

    A crossing reserves its share before the proposer is asked, and gives back what it did not use
    when it is rejected, halted or suspended. Every cap is checked; the tightest wins. Minutes and
    hours are sliding windows over the times of the commits; a day is a calendar day in UTC.

    A day's dollars are what the proposers report. A crossing reserves `usd_each`; without it, the
    boundary's `Budget(usd=...)`; without that, the most that one crossing has cost so far, and then
    crossings already under way may pass the cap by what they cost above that. What a crossing held
    whose process died stays held until the day is over: nobody can tell how much of it was spent.

    Where the clocks of several processes differ, or one is put back, the caps hold by every clock.

    Args:
        per_minute: Commits in any 60 seconds.
        per_tenant_per_hour: Commits of one tenant (the subject's `tenant`) in any 60 minutes.
        per_day_usd: US dollars that proposers may cost on one day.
        usd_each: US dollars that one crossing may cost.
        name: Boundaries whose throttles have the same name share the caps; by default each
            boundary has its own.

    Raises:
        UsageError: Without a cap, or with one that lets nothing through.
    """

    reserves = True

    #: How long a share is held of a crossing that is under way.
    lease = LEASE

    def __init__(
        self,
        *,
        per_minute: int | None = None,
        per_tenant_per_hour: int | None = None,
        per_day_usd: float | None = None,
        usd_each: float | None = None,
        name: str = "",
    ) -> None:
        caps = (per_minute, per_tenant_per_hour, per_day_usd)
        if all(cap is None for cap in caps):
            raise UsageError("a throttle needs a cap, such as Throttle(per_minute=60)")
        if any(cap is not None and not cap > 0 for cap in (*caps, usd_each)):
            raise UsageError("a cap of 0 lets nothing through: use a KillSwitch for that")
        self.name = f"throttle:{name}" if name else ""
        self._per_minute = per_minute
        self._per_tenant_per_hour = per_tenant_per_hour
        self._per_day_usd = per_day_usd
        self._usd_each = usd_each

    @property
    def label(self) -> str:
        caps = {
            "/min": self._per_minute,
            "/tenant/h": self._per_tenant_per_hour,
            "$/day": self._per_day_usd,
        }
        told = [f"{cap}{unit}" for unit, cap in caps.items() if cap is not None]
        return f"{self.name}({','.join(told)})"

    def bound_to(self, boundary: Boundary[Any, Any, Any]) -> Throttle:
        if self.name and (self._usd_each or boundary.budget.usd is None):
            return self
        bound = Throttle(
            per_minute=self._per_minute,
            per_tenant_per_hour=self._per_tenant_per_hour,
            per_day_usd=self._per_day_usd,
            usd_each=self._usd_each or boundary.budget.usd,
        )
        bound.name = self.name or f"throttle:{boundary.name}"
        return bound

    def reserve(self, tx: Transaction, passing: Passing) -> Said:
        return self._reserve(tx, passing, self._locked(tx, passing))

    def at_commit(self, tx: Transaction, passing: Passing) -> Said:
        day = self._locked(tx, passing)
        mine = tx.use(self.name, passing.crossing)
        held = mine is not None and mine.state == "held"
        if mine and held and stamp(day.now - LEASE) < mine.at <= stamp(passing.now):
            return AGREE
        # It gave its share back while it waited for a person, took longer than it may, or by this
        # clock it holds none yet: the commit would be recorded as earlier than what was counted.
        return self._reserve(tx, passing, day)

    def ended(self, tx: Transaction, passing: Passing, *, committed: bool) -> None:
        day = self._locked(tx, passing)
        mine = tx.use(self.name, passing.crossing)
        if mine is None:
            return
        # What was asked of the proposer was spent, whatever came of it.
        spent = max(passing.usage.usd, mine.spent)
        day.spend(spent - mine.spent)
        self._save(tx, day)
        if committed:
            tx.save_use(replace(mine, state="used", at=stamp(day.now), usd=0.0, spent=spent))
        elif spent:
            tx.save_use(replace(mine, state="spent", usd=0.0, spent=spent))
        else:
            tx.drop_use(self.name, passing.crossing)

    def _reserve(self, tx: Transaction, passing: Passing, day: _Day) -> Said:
        now = day.now
        mine = tx.use(self.name, passing.crossing)
        # What was spent has been counted, even if it was so long ago that it has been forgotten.
        spent = passing.usage.usd if mine is None else mine.spent
        more = max(self._each(day) - spent, 0.0)
        halted = self._over(tx, passing, day, more)
        if halted is not None:
            return halted
        tx.forget_uses(self.name, before=stamp(now - 2 * _DAY))
        tx.save_use(
            Use(
                throttle=self.name,
                crossing=passing.crossing,
                tenant=passing.tenant,
                state="held",
                at=stamp(now),
                usd=more,
                spent=spent,
            )
        )
        self._save(tx, day)
        return AGREE

    def _over(self, tx: Transaction, passing: Passing, day: _Day, more: float) -> Halt | None:
        """The first cap that has no room, if one has none."""
        # Of the latest time that was seen and this process's own, the earlier reaches further back.
        now, crossing, held = passing.now, passing.crossing, stamp(day.now - LEASE)
        windows = (
            (self._per_minute, _MINUTE, None, "a minute"),
            (self._per_tenant_per_hour, _HOUR, passing.tenant, "an hour for this tenant"),
        )
        for cap, window, tenant, unit in windows:
            if cap is None:
                continue
            used = stamp(now - window)
            count = tx.count_uses(self.name, crossing=crossing, tenant=tenant, held=held, used=used)
            if count >= cap:
                return self._halt(f"{cap} commits {unit}", now + window)
        if self._per_day_usd is not None:
            begun = min(held, stamp(day.begun))
            reserved = tx.held_usd(self.name, crossing=crossing, held=begun)
            if day.usd + reserved + more > self._per_day_usd + 1e-9:
                return self._halt(f"{self._per_day_usd:.2f} US dollars a day", day.ends)
        return None

    def _halt(self, cap: str, again: datetime) -> Halt:
        return Halt("throttled", f"the cap of {cap} has no room", by=self.label, again=again)

    def _each(self, day: _Day) -> float:
        if self._per_day_usd is None:
            return 0.0
        return day.most if self._usd_each is None else self._usd_each

    def _locked(self, tx: Transaction, passing: Passing) -> _Day:
        """The throttle's own row. One crossing at a time counts and takes its share."""
        return _Day(tx.lock_switch(self.name), passing.now)

    def _save(self, tx: Transaction, day: _Day) -> None:
        tx.set_switch(self.name, day.text(self.label))


class _Day:
    """What a throttle has seen on one day, and the latest time that it has seen.

    Where two processes are on different days, dollars count on both.
    """

    def __init__(self, text: str, now: datetime) -> None:
        stored: dict[str, Any] = json.loads(text) if text else {}
        self.now = max(now, from_stamp(stored["at"])) if stored else now
        self._days = {now.date().isoformat(), self.now.date().isoformat()}
        self._begun = now
        oldest = (self.now - 2 * _DAY).date().isoformat()
        spent: dict[str, float] = stored.get("spent", {})
        self._spent = {day: usd for day, usd in spent.items() if day >= min(oldest, *self._days)}
        self.most = float(stored.get("most", 0.0))

    @property
    def usd(self) -> float:
        """What was spent today."""
        return max(self._spent.get(day, 0.0) for day in self._days)

    @property
    def begun(self) -> datetime:
        """The midnight before."""
        return self._begun.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def ends(self) -> datetime:
        """The midnight after."""
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY

    def spend(self, usd: float) -> None:
        for day in self._days:
            self._spent[day] = self._spent.get(day, 0.0) + usd
        self.most = max(self.most, usd)

    def text(self, label: str) -> str:
        spent = dict(sorted(self._spent.items()))
        return canonical({"at": stamp(self.now), "caps": label, "spent": spent, "most": self.most})
