"""Work that failed: how long it rests, and when it is given up."""

from __future__ import annotations

import logging
from datetime import timedelta

from signoff.boundary import PendingEffect, Timer
from signoff.clock import Clock
from signoff.state import SpineStore

_log = logging.getLogger("signoff.runtime")

#: How long work that a control halted rests before it is tried again.
HALTED_FOR = timedelta(seconds=30)


def backoff(tries: int) -> timedelta:
    """How long work rests that has failed so often."""
    return timedelta(seconds=min(2 ** min(tries, 12), 3600))


async def give_up_on(
    piece: PendingEffect | Timer, error: Exception, *, store: SpineStore, clock: Clock
) -> None:
    """Let a piece of work rest for good, and ask the operator about it."""
    from signoff.control import Work, described, give_up

    because = described(error)
    _log.error(
        "%s of %s failed %s times and rests now; an operator is asked: %s",
        piece.name,
        piece.subject,
        piece.tries + 1,
        because,
    )
    now = clock.now()
    await store.transact(lambda tx: give_up(tx, Work(piece), because, now))
