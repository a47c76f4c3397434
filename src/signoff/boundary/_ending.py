"""After a rejection: ask again, stop, or wait for a person. A plain decision over values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from signoff.boundary._attempt import KEPT
from signoff.boundary._control import Control, Terms
from signoff.boundary._ports import Recorded
from signoff.boundary._verdict import Consequence, Rejection
from signoff.ledger import Record, Rejected

#: Who is asked when a verifier escalates and no control says whom.
OPERATOR = "role:operator"

#: What a crossing remembers over everything that happens to it.
_KEPT = ("tickets",)


def end_or_revise(
    recorded: Recorded,
    rejections: Sequence[Rejection],
    *,
    consequence: Consequence,
    spent: bool,
    going_on: Mapping[str, Any],
) -> tuple[Recorded, tuple[Record, ...]]:
    """Where the crossing stands after its last attempt was rejected, if no person is asked.

    Args:
        recorded: The crossing before.
        rejections: All of them, oldest first; the last one decides what is told.
        consequence: The gravest of the last attempt's.
        spent: The budget allows no further attempt.
        going_on: What the crossing has to remember if it goes on.

    Returns:
        The crossing after, and the record that ends it; no record while it may be revised.
    """
    last = rejections[-1]
    if consequence != "revise" or spent:
        ended = "budget" if consequence == "revise" else "stop"
        if last.code == "no_progress":
            ended = "no_progress"
        told = [rejection.body() for rejection in rejections]
        rejected = Rejected(code=last.code, ended=ended, attempts=recorded.attempts)
        state: dict[str, Any] = {"rejections": told, "ended": ended}
        state.update({name: going_on[name] for name in KEPT if going_on.get(name)})
        return replace(recorded, status="rejected", state=state), (rejected,)
    kept = {name: recorded.state[name] for name in _KEPT if name in recorded.state}
    if "waiting" in recorded.state:
        # A worker may have to go on with it: on whose behalf, and which row it moves.
        kept["waiting"] = {**recorded.state["waiting"], "proposal": None, "editor": ""}
    return replace(recorded, state={**kept, **going_on}), ()


def terms_of(
    controls: Iterable[Control[Any, Any]],
    rejections: Sequence[Rejection],
    *,
    consequence: Consequence,
    spent: bool,
) -> Terms | None:
    """How a person is asked after the last attempt was rejected; None if nobody is."""
    last = rejections[-1]
    if consequence == "escalate":
        because = next(str(r) for r in reversed(rejections) if r.then == "escalate")
        taken = (control.takes("escalate", because) for control in controls)
        return next(filter(None, taken), Terms(ask=OPERATOR, because=because))
    if last.code == "no_progress" or (spent and consequence == "revise"):
        objection = next((r for r in reversed(rejections) if r.code != "no_progress"), last)
        taken = (control.takes("budget", str(objection)) for control in controls)
        return next(filter(None, taken), None)
    return None
