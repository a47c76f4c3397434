"""The agent: it keeps no state of its own, because where it stands follows from its input."""

from __future__ import annotations

%% if gate and saga
from typing import Any

%% end
%% if gather or saga
from signoff import Committed
%% end
from signoff import Outcome
from signoff import Runtime
%% if saga
from signoff.coordination import Compensated
%% end
from signoff.runtime import Known

from $package.boundaries import Boundaries
from $package.subject import $Subject


class Agent:
    """Sees each subject through, from its input to its end.

    Handling the same subject again asks nobody and does nothing: every crossing has a key of its
    own, and its recorded outcome comes back. So it goes on from wherever it was.
    """

    def __init__(self, crossed: Boundaries) -> None:
        self.crossed = crossed

    @property
    def knows(self) -> tuple[Known, ...]:
        """What the agent is wired from, for the runtime and for `signoff check`."""
        return self.crossed.all

%% if saga
    async def handle(self, runtime: Runtime, subject: $Subject) -> Outcome[Any] | Compensated:
        """See one subject through, or as far as it goes now."""
%% else
    async def handle(self, runtime: Runtime, subject: $Subject) -> Outcome[float]:
        """See one subject through, or as far as it goes now."""
%% end
%% if gather
        assessed = await runtime.run(self.crossed.assess, subject)
        if isinstance(assessed, Committed):
            subject = subject.model_copy(update={"estimate": assessed.receipt})
%% end
%% if saga
        decided = await runtime.run(self.crossed.decide, subject)
        if not isinstance(decided, Committed):
            return decided
        subject = subject.model_copy(update={"amount": decided.receipt})
        return await runtime.run(self.crossed.settle, subject)
%% else
        return await runtime.run(self.crossed.decide, subject)
%% end
