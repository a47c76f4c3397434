"""Kills: who threw them, how far they reach, and what they reach."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from signoff.errors import BadInput
from signoff.ledger import canonical

#: The row that every commit reads, and every kill writes.
KILLS = "kills"

#: What the row says while nothing is killed.
NO_KILLS = ("", "[]")

EVERYTHING = "everything"
_TENANT, _SUBJECT = "tenant:", "subject:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill that holds.

    Attributes:
        scope: `everything`, the name of a boundary or of a switch, `tenant:NAME`, or
            `subject:PREFIX`.
        by: Who threw it.
        because: Why.
        at: When, as text.
    """

    scope: str
    by: str
    because: str
    at: str

    def reaches(
        self, *, boundary: str, subject: str, tenant: str, switches: Collection[str]
    ) -> bool:
        """Whether something is in its scope."""
        scope = self.scope
        if scope in (EVERYTHING, boundary) or scope in switches:
            return True
        if scope.startswith(_TENANT):
            return bool(tenant) and tenant == scope[len(_TENANT) :]
        return scope.startswith(_SUBJECT) and subject.startswith(scope[len(_SUBJECT) :])


def checked_scope(scope: str) -> str:
    """A scope that can be meant.

    Raises:
        BadInput: If it is empty, too long or not printable.
    """
    name = scope.removeprefix(_TENANT).removeprefix(_SUBJECT)
    if not name or len(scope) > 300 or not scope.isprintable() or scope != scope.strip():
        raise BadInput(
            f"{scope[:40]!r} is no scope: say everything, the name of a boundary or of a switch, "
            "tenant:NAME, or subject:PREFIX"
        )
    return scope


def read_kills(text: str) -> tuple[Kill, ...]:
    """The kills that hold, as the row has them."""
    if text in NO_KILLS:
        return ()
    return tuple(Kill(**fields) for fields in json.loads(text))


def write_kills(kills: Iterable[Kill]) -> str:
    """The row's text for these kills."""
    return canonical([asdict(kill) for kill in kills])
