"""The same key again: the outcome that was recorded."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from signoff.boundary._boundary import Boundary
from signoff.boundary._outcome import Committed, Outcome, Rejected, Suspended, Ticket, Unknown
from signoff.boundary._ports import Recorded
from signoff.boundary._verdict import Rejection

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class InFlight:
    """The crossing's effect is under way, or was when its process died."""

    recorded: Recorded


def answer_again(boundary: Boundary[Any, Any, R], recorded: Recorded) -> Outcome[R] | InFlight:
    """The outcome that was recorded. Raises nothing, asks nobody, writes nothing."""
    state = recorded.state
    parts = state.get("parts", {})
    match recorded.status:
        case "committed":
            receipt = state["receipt"]
            # If the receipt's type has changed since, what was recorded is returned.
            with contextlib.suppress(ValueError):
                receipt = boundary.receipt_adapter.validate_python(receipt)
            return Committed(receipt, recorded.id, recorded.attempts, parts)
        case "rejected":
            rejections = tuple(Rejection.from_body(body) for body in state["rejections"])
            return Rejected(rejections, state["ended"], recorded.id, recorded.attempts, parts)
        case "suspended":
            return Suspended(Ticket(**state["ticket"]), recorded.id)
        case "unknown":
            name = cast("Any", boundary.commit).name
            return Unknown(name, recorded.key, state["because"], recorded.id)
        case "open" if "halted" in state:
            told = [*state.get("rejections", ()), state["halted"]]
            rejections = tuple(Rejection.from_body(body) for body in told)
            return Rejected(rejections, "halted", recorded.id, recorded.attempts, parts)
        case "intended" | "open":
            return InFlight(recorded)
