"""The systems that the agent acts on, simulated. Put clients of real ones in their place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from signoff import EffectRefused


class System:
    """Acts once under a key, can be asked about one, and refuses some subjects.

    Args:
        name: What it is called in its receipts.
        refuses: Ids of subjects for which it does nothing.
    """

    def __init__(self, name: str, *, refuses: Collection[str] = ()) -> None:
        self.name = name
        self.refuses = frozenset(refuses)
        #: What happened, by key.
        self.done: dict[str, str] = {}

    async def perform(self, action: str, subject_id: str, key: str) -> str:
        """Do something under a key; the same key again does nothing more.

        Raises:
            EffectRefused: It says no, and nothing happened.
        """
        if subject_id in self.refuses:
            raise EffectRefused("refused", f"{self.name} will not {action} {subject_id}")
        return self.done.setdefault(key, f"{self.name}: {action} {subject_id}")

    async def find(self, key: str) -> str | None:
        """What became of a key; None if it never arrived."""
        return self.done.get(key)


@dataclass(frozen=True, slots=True)
class Systems:
    """Everything that the agent acts on."""

%% if saga
    stock: System = field(default_factory=lambda: System("stock"))
    billing: System = field(default_factory=lambda: System("billing"))
    mail: System = field(default_factory=lambda: System("mail"))
%% else
    office: System = field(default_factory=lambda: System("office"))
%% end
