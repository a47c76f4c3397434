"""What a transaction needs of a database connection, in either dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Params: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = list[tuple[Any, ...]]

#: Rows that are read at a time, where there may be many.
CHUNK = 1000

#: Called with the name of every statement just before it runs, and around commits. A test makes it
#: fail, or kill the process.
FaultPoint: TypeAlias = Callable[[str], None]


class Connection(Protocol):
    """Runs named statements. Blocking; used by one thread at a time."""

    #: Whether reading a row in order to write it must lock it first.
    locks: bool

    def run(self, name: str, params: Params) -> Rows:
        """Run one named statement; its rows, if it has any."""
        ...

    def run_many(self, name: str, params: Sequence[Params]) -> None:
        """Run one named statement once per set of parameters."""
        ...

    def raw(self, sql: str, parameters: Sequence[Any]) -> Rows:
        """Run a user's own statement."""
        ...
