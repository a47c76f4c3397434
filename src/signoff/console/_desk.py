"""What every page has at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from signoff.clock import Clock
from signoff.console._settings import Settings
from signoff.console.index import Index
from signoff.console.studies import Studies
from signoff.control import Principals
from signoff.storage import Lag, ReadFrom, Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every page has at hand.

    Attributes:
        storage: The store, open for reading and for answers; read from a replica, if there is one.
        index: The console's own index of the ledger, for what would take too long to look up.
        studies: What takes longer than a page may take.
    """

    settings: Settings
    storage: Storage
    index: Index
    studies: Studies
    clock: Clock

    @property
    def lag(self) -> Lag | None:
        """How far the replica has come that pages are read from; None without one."""
        return self.storage.lag if isinstance(self.storage, ReadFrom) else None

    def principals(self) -> Principals:
        """Who may answer and kill, as the file says now; nobody without one.

        Raises:
            BadInput: If the file cannot be read.
        """
        path = self.settings.principals
        return Principals.load(path) if path.exists() else Principals()


def desk_of(request: Request) -> Desk:
    """What a request's page has at hand."""
    return cast("Desk", request.app.state.desk)
