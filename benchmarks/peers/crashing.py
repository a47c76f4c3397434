"""A thousand under way, killed three times, then led to their end: what was lost or doubled."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.peers.contenders import Contender
from benchmarks.peers.programs.work import accepted, proposed
from benchmarks.peers.running import Failed, Running

#: Orders under way at the same time.
NUMBER = 1000

#: Seconds that the model takes.
PAUSE = 0.3

#: Shares of what is to be sent, at which the process is killed.
KILLS = (0.1, 0.35, 0.6)

#: Seconds at most until so much is sent, or until all is done.
PATIENCE = 240.0


def crash(who: Contender, store: str, folder: Path, number: int = NUMBER) -> dict[str, Any]:
    """Kill it three times, and let it finish.

    Returns:
        `recovery`: seconds from the last start until all have ended; `lost`, `doubled`: orders;
        `most`: how often one was sent; `failed`: what calls ended with.
    """
    owed = {f"order-{n}" for n in range(number) if accepted(proposed(n))}
    for share in KILLS:
        peer = Running(who, store, folder)
        peer.tell(do="send", number=number, pause=PAUSE)
        until = time.monotonic() + PATIENCE
        while len(_sent(folder)) < share * len(owed) and time.monotonic() < until:
            if peer.process.poll() is not None:
                raise Failed(f"{who.name} ended by itself")
            time.sleep(0.005)
        peer.kill()
    began = time.monotonic()
    peer = Running(who, store, folder)
    up = time.monotonic() - began
    said = peer.ask(do="send", number=number, pause=PAUSE)
    recovery = time.monotonic() - began
    peer.end()
    sent = _sent(folder)
    return {
        "recovery": recovery,
        "up": up,
        "owed": len(owed),
        "accepted": said["accepted"],
        "lost": len(owed - set(sent)),
        "doubled": sum(times > 1 for times in sent.values()),
        "most": max(sent.values(), default=0),
        "never_owed": len(set(sent) - owed),
        "failed": said["failed"],
    }


def _sent(folder: Path) -> Counter[str]:
    file = folder / "sent"
    return Counter(file.read_text().splitlines() if file.exists() else [])
