"""The transaction in which a crossing gets through its controls, or is stopped by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

from signoff.boundary._attempt import Attempt, Settled, Stale, overtaken, worth_telling
from signoff.boundary._control import Agree, AskPerson, Halt
from signoff.boundary._doorway import Heard, ask_at_commit, release
from signoff.boundary._ports import Recorded, Transaction
from signoff.boundary._suspend import halt, suspend
from signoff.ledger import Judged

T = TypeVar("T")


def pass_controls(
    tx: Transaction,
    attempt: Attempt,
    commit: Callable[[Transaction, Recorded | None, Attempt], T],
) -> T | Settled | Stale | Heard:
    """Ask every control, and commit if all of them agree.

    Args:
        tx: The commit's own transaction: what is read here stays so until it is durable.
        attempt: What is about to cross.
        commit: Writes the commit or its intent.

    Returns:
        What `commit` returned; where the crossing stands if another process has taken it further,
        or if it was halted or suspended; `Stale` if the row moved; what was heard, if a control
        objects to the proposal and the loop has to go on.
    """
    recorded, standing = attempt.recorded, attempt.standing
    existing = tx.crossing(recorded.id)
    if existing is not None and overtaken(existing, recorded):
        return Settled(existing)
    if standing is not None:
        row = tx.row(recorded.subject)
        if row is None or row.version != standing.version or row.pending:
            return Stale()
    # The writer's thread, where a clock that lives on an event loop cannot be asked.
    began = perf_counter()
    heard = ask_at_commit(attempt.boundary, tx, attempt.passing, attempt.watch)
    told = attempt
    if attempt.boundary.controls:
        told = _told(attempt, heard, perf_counter() - began)
    match heard.said:
        case Agree():
            result = commit(tx, existing, told)
            if isinstance(result, Settled):
                if attempt.boundary.durable:
                    tx.settle_durable(recorded.id)
                release(attempt.boundary, tx, attempt.passing, committed=True)
            return result
        case AskPerson(terms):
            return suspend(tx, existing, told, terms)
        case Halt():
            return halt(tx, existing, told, heard.said, heard.by)
        case _:
            return heard


def _told(attempt: Attempt, heard: Heard, took: float) -> Attempt:
    """The attempt, with who was asked on its verdict, and how long that took."""
    judged = attempt.unwritten[-1]
    assert isinstance(judged, Judged), "a commit follows a verdict"
    judged = replace(
        judged,
        controls=heard.asked,
        waived=(*judged.waived, *heard.waived),
        seconds=worth_telling((judged.seconds or 0.0) + took),
    )
    return replace(attempt, unwritten=(*attempt.unwritten[:-1], judged))
