"""Another system, with an account of its own: one line per thing that it did, under its key."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KeyedService:
    """Does things and writes them down. Whether it honours keys is up to its caller's question.

    Every line is one `write` to a file opened for appending: once it returns, killing whoever
    called changes nothing any more.
    """

    log: Path

    def do(self, key: str, *, honours_keys: bool) -> str:
        file = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        fcntl.flock(file, fcntl.LOCK_EX)  # two who ask at the same time are told the same
        if not (honours_keys and self.done(key)):
            os.write(file, f"{key}\n".encode())
        os.close(file)
        return self.receipt(key)

    def ask(self, key: str) -> str | None:
        return self.receipt(key) if self.done(key) else None

    def receipt(self, key: str) -> str:
        return f"receipt of {key}"

    def done(self, key: str) -> int:
        return self.account()[key]

    def account(self) -> Counter[str]:
        if not self.log.exists():
            return Counter()
        return Counter(self.log.read_text().splitlines())
