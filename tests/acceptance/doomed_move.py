"""A process that moves a store, and is killed before a chosen step.

Run as a program it is a fork server: it imports everything once, and forks for every line of JSON
that it is given, so that a kill costs milliseconds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import Any

import signoff.storage._moving_postgres  # noqa: F401  # before the forks
from signoff.storage import move


def _live(wish: dict[str, Any]) -> None:
    steps = 0

    def step(name: str) -> None:
        nonlocal steps
        steps += 1
        if steps == wish["at"] or name == wish["at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    move(wish["source"], wish["destination"], step=step)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _live(json.loads(line))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
