"""What a person may do in the console, and who they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a person may do. Each role includes those before it.

    It is the first of two locks: what a reviewer answers and what an operator kills is also asked
    of `signoff.control.Principals`.
    """

    viewer = 1
    """Reads everything."""
    reviewer = 2
    """Answers tickets."""
    operator = 3
    """Kills and lifts, retries and drops."""
    admin = 4
    """Sees who is signed in, and ends their sessions."""

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        return format(self.name, spec)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is signed in.

    Attributes:
        name: The principal's name: under it every write goes on the ledger.
    """

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether their role is this one, or includes it."""
        return self.role >= role
