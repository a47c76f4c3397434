"""What a control says of a proposal by itself: no transaction, no hook, nothing that acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from signoff.boundary import Control, Reject, Rejection
from signoff.control._approval import Approval, Escalation
from signoff.control._gate import BoundGate
from signoff.control._kill_switch import KillSwitch
from signoff.control._throttle import Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A control's part that depends on (proposal, subject, principal) only.

    Attributes:
        name: Of the control.
        label: What the ledger calls it; changes with its policy.
        asks_person: It asks a person rather than object.
        objections: What it says; empty if it agrees. For one that asks a person, why it does.
    """

    name: str
    label: str
    asks_person: bool
    objections: Callable[[Any, Any, Any], tuple[Reject, ...]]

    def rejections(
        self, proposal: Any, subject: Any, principal: Any, *, attempt: int
    ) -> tuple[Rejection, ...]:
        """What it says, as the ledger would keep it."""
        said = self.objections(proposal, subject, principal)
        return tuple(Rejection.of(each, by=self.label, attempt=attempt) for each in said)


def judges_of(controls: Iterable[Control[Any, Any]]) -> tuple[tuple[Judge, ...], tuple[str, ...]]:
    """The judges among a boundary's controls, in order, and the names of what is none.

    Kills and throttles are about the moment, not about the proposal; they are left out of both.
    """
    judges: list[Judge] = []
    others: list[str] = []
    for control in controls:
        match control:
            case BoundGate():
                judge, asks = control.pure(), False
            case Approval() | Escalation():
                judge, asks = control.pure(), True
            case KillSwitch() | Throttle():
                continue
            case _:
                others.append(control.name)
                continue
        label = control.label
        judges.append(Judge(name=control.name, label=label, asks_person=asks, objections=judge))
    return tuple(judges), tuple(others)
