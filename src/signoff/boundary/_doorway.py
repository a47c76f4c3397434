"""Asking the controls, in their order: before the proposer is asked, and in the commit itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from signoff.boundary._boundary import Boundary
from signoff.boundary._control import AGREE, Agree, Halt, Object, Passing, Said
from signoff.boundary._kills import KILLS, read_kills
from signoff.boundary._ports import Transaction
from signoff.boundary._verdict import Reject, objection_of
from signoff.boundary._watch import NOT_WATCHED, Watch

#: What stands first in every doorway, declared or not.
KILL = "kill"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the controls said.

    Attributes:
        said: `Agree` if all of them did; otherwise what the first said that did not.
        by: Who that was.
        asked: Labels of those that were asked, in order.
        waived: Objections that a person's answer set aside, as `who:code#rule`.
    """

    said: Said
    by: str
    asked: tuple[str, ...]
    waived: tuple[str, ...] = ()


def ask_before(
    boundary: Boundary[Any, Any, Any],
    kills: str,
    passing: Passing,
    watch: Watch = NOT_WATCHED,
) -> Heard:
    """Ask before the proposer is asked, to save the call. Reads nothing, writes nothing."""
    halt = _killed(boundary, kills, passing)
    if halt is not None:
        return Heard(halt, KILL, (KILL,))
    asked = [KILL]
    for control in boundary.controls:
        with watch.step("control", control.label, "before") as step:
            said = control.before(passing)
            step.tell(said)
        asked.append(control.label)
        if not isinstance(said, Agree):
            return Heard(said, control.label, tuple(asked))
    return Heard(AGREE, "", tuple(asked))


def reserve(
    boundary: Boundary[Any, Any, Any],
    tx: Transaction,
    passing: Passing,
    watch: Watch = NOT_WATCHED,
) -> Heard:
    """Let the controls that reserve something do so; all of it, or none."""
    halt = _killed(boundary, tx.switch(KILLS), passing)
    if halt is not None:
        return Heard(halt, KILL, (KILL,))
    asked = [KILL]
    for control in boundary.controls:
        if not control.reserves:
            continue
        with watch.step("control", control.label, "reserve") as step:
            said = control.reserve(tx, passing)
            step.tell(said)
        asked.append(control.label)
        if not isinstance(said, Agree):
            release(boundary, tx, passing)
            return Heard(said, control.label, tuple(asked))
    return Heard(AGREE, "", tuple(asked))


def ask_at_commit(
    boundary: Boundary[Any, Any, Any],
    tx: Transaction,
    passing: Passing,
    watch: Watch = NOT_WATCHED,
) -> Heard:
    """Ask in the commit's own transaction: after a kill has committed, nothing gets past this."""
    halt = _killed(boundary, tx.switch(KILLS), passing)
    if halt is not None:
        return Heard(halt, KILL, (KILL,))
    asked, waived = [KILL], list[str]()
    for control in boundary.controls:
        with watch.step("control", control.label, "at_commit") as step:
            said = control.at_commit(tx, passing)
            step.tell(said)
        by = getattr(said, "by", "") or control.label
        asked.append(by)
        if isinstance(said, Object):
            aside = [r for r in said.rejects if _is_waived(r, by, passing)]
            waived.extend(objection_of(by, reject) for reject in aside)
            rejects = tuple(reject for reject in said.rejects if reject not in aside)
            said = Object(rejects, by) if rejects else AGREE
        if not isinstance(said, Agree):
            return Heard(said, by, tuple(asked), tuple(waived))
    return Heard(AGREE, "", tuple(asked), tuple(waived))


def _is_waived(reject: Reject, by: str, passing: Passing) -> bool:
    return reject.then == "escalate" and objection_of(by, reject) in passing.waived


def release(
    boundary: Boundary[Any, Any, Any], tx: Transaction, passing: Passing, *, committed: bool = False
) -> None:
    """Tell the controls that the crossing ended or paused: what it did not use is returned."""
    for control in boundary.controls:
        control.ended(tx, passing, committed=committed)


def is_killed(boundary: Boundary[Any, Any, Any], tx: Transaction, passing: Passing) -> bool:
    """Whether a kill reaches it; that stays so until the transaction ends."""
    return _killed(boundary, tx.switch(KILLS), passing) is not None


def _killed(boundary: Boundary[Any, Any, Any], kills: str, passing: Passing) -> Halt | None:
    for kill in read_kills(kills):
        if kill.reaches(
            boundary=boundary.name,
            subject=passing.subject_id,
            tenant=passing.tenant,
            switches=boundary.switches,
        ):
            message = f"stopped by {kill.by} ({kill.scope}): {kill.because}"
            return Halt("killed", message, by=KILL)
    return None
