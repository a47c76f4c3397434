"""P6, the kill switch: after a kill has committed, nothing in its scope commits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from signoff.boundary import (
    KILLS,
    Control,
    Kill,
    Transaction,
    checked_scope,
    read_kills,
    write_kills,
)
from signoff.clock import stamp
from signoff.control._principals import Principals
from signoff.errors import BadInput, UsageError
from signoff.ledger import CONTROLS, ControlChanged


class KillSwitch(Control[Any, Any]):
    """A name under which several boundaries are stopped together.

    A boundary needs none to be stopped by its own name, with its tenant or subject, or with
    everything: every commit reads the kills in its own transaction.

    Args:
        name: What `signoff kill NAME` says.
    """

    def __init__(self, name: str) -> None:
        if not name or not name.isprintable() or ":" in name:
            raise UsageError(f"{name!r} cannot name a kill switch: printable, without a colon")
        self.name = f"kill_switch:{name}"
        self._switch = name

    @property
    def switches(self) -> tuple[str, ...]:
        return (self._switch,)


def throw(
    tx: Transaction, principals: Principals, scope: str, *, by: str, because: str, now: datetime
) -> bool:
    """Throw a kill; False, with the attempt on record, if `by` may not.

    Raises:
        BadInput: If there is no such scope, or nobody says who and why.
    """
    return _switched(tx, principals, scope, by=by, because=because, now=now, on=True)


def lift(
    tx: Transaction, principals: Principals, scope: str, *, by: str, because: str, now: datetime
) -> bool:
    """Lift a kill; False, with the attempt on record, if `by` may not.

    Raises:
        BadInput: If that scope is not killed, or nobody says who and why.
    """
    return _switched(tx, principals, scope, by=by, because=because, now=now, on=False)


def _switched(
    tx: Transaction,
    principals: Principals,
    scope: str,
    *,
    by: str,
    because: str,
    now: datetime,
    on: bool,
) -> bool:
    checked_scope(scope)
    if not by.strip() or not because.strip():
        raise BadInput("say who stops or lifts, and because of what")
    # Waits for every commit that has read the kills; whoever reads them later sees this one.
    kills = read_kills(tx.lock_switch(KILLS))
    others = [kill for kill in kills if kill.scope != scope]
    if not on and len(others) == len(kills):
        raise BadInput(f"{scope} is not killed; `signoff kill --list` shows what is")
    allowed, at = principals.may_kill(by, scope), stamp(now)
    if allowed:
        thrown = Kill(scope=scope, by=by, because=because, at=at)
        tx.set_switch(KILLS, write_kills([*others, thrown] if on else others))
    changed = ("killed" if on else "lifted") if allowed else "refused"
    record = ControlChanged(
        control=f"kill:{scope}",
        change=changed,
        by=by,
        because=because if allowed else f"not listed as one who may kill {scope}; {because}",
    )
    tx.append(CONTROLS, "", at, [record])
    return allowed
