"""After a rejection: ask again, stop, or wait for a person. A plain decision over values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from signoff.boundary._ports import Recorded
from signoff.boundary._verdict import Consequence, Rejection
from signoff.ledger import Record, Rejected, Suspended, Usage

#: Who is asked when a verifier escalates.
OPERATOR = "operator"


def end_or_revise(
    recorded: Recorded,
    rejections: Sequence[Rejection],
    *,
    consequence: Consequence,
    spent: bool,
    usage: Usage,
    seen: Iterable[str],
) -> tuple[Recorded, tuple[Record, ...]]:
    """Where the crossing stands after its last attempt was rejected.

    Args:
        recorded: The crossing before.
        rejections: All of them, oldest first; the last one decides what is told.
        consequence: The gravest of the last attempt's.
        spent: The budget allows no further attempt.
        usage: Of all attempts.
        seen: Marks of the proposals that were rejected, to notice one that comes again.

    Returns:
        The crossing after, and the record that ends it; no record while it may be revised.
    """
    told = [rejection.body() for rejection in rejections]
    last = rejections[-1]
    going_on: dict[str, Any] = {
        "rejections": told,
        "usage": {
            "tokens_in": usage.tokens_in,
            "tokens_out": usage.tokens_out,
            "usd": usage.usd,
        },
        "seen": sorted(seen),
    }
    if consequence == "escalate":
        because = next(str(r) for r in reversed(rejections) if r.then == "escalate")
        ticket = {"id": recorded.id, "ask": OPERATOR, "because": because}
        state = {**going_on, "ticket": ticket}
        suspended = Suspended(ticket=recorded.id, ask=OPERATOR, because=because)
        return replace(recorded, status="suspended", state=state), (suspended,)
    if consequence == "stop" or spent:
        ended = "stop" if consequence == "stop" else "budget"
        if last.code == "no_progress":
            ended = "no_progress"
        state = {"rejections": told, "ended": ended}
        rejected = Rejected(code=last.code, ended=ended, attempts=recorded.attempts)
        return replace(recorded, status="rejected", state=state), (rejected,)
    return replace(recorded, state=going_on), ()
