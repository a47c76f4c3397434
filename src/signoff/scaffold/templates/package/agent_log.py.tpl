"""The agent: consumers of its history, each of which handles every event once."""

from __future__ import annotations

%% if gather or saga
from signoff import Committed
%% end
%% if saga
from signoff import Rejected
%% end
from signoff import Runtime
%% if delegation
from signoff.coordination import boundary_of
%% end
%% if saga
from signoff.errors import NotNow
%% end
from signoff.runtime import Known
from signoff.state import Consumer
%% if gather or saga
from signoff.state import Delivery
from signoff.state import Event
%% end

from $package.boundaries import Boundaries
from $package.history import HISTORY
%% if saga
from $package.history import Closed
from $package.history import Decided
%% end
%% if gather
from $package.history import Looked
%% end
from $package.history import Opened
from $package.subject import $Subject


class Agent:
    """Sees each subject through, one event after the other; holds no state of its own."""

    def __init__(self, crossed: Boundaries) -> None:
        self.crossed = crossed

    @property
    def knows(self) -> tuple[Known, ...]:
        """What the agent is wired from, for the runtime and for `signoff check`."""
        return (
%% if gather
            Consumer("$package.assess", HISTORY, on=Opened, handle=self.assess),
%% end
            Consumer(
                "$package.decide",
                HISTORY,
%% if gather
                on=Looked,
%% else
                on=Opened,
%% end
%% if delegation
                through=boundary_of(self.crossed.decide),
%% else
                through=self.crossed.decide,
%% end
            ),
%% if saga
            Consumer("$package.settle", HISTORY, on=Decided, handle=self.settle),
%% end
            *self.crossed.all,
        )

    async def open(self, runtime: Runtime, subject: $Subject) -> None:
        """Begin a subject's history; one that has begun stays as it is."""
        await runtime.append(HISTORY, subject.id, Opened(limit=subject.limit), key="opened")
%% if gather

    async def assess(self, delivery: Delivery, event: Event[Opened]) -> None:
        """Ask the sources; without enough answers, the decision does without."""
        outcome = await delivery.run(self.crossed.assess.boundary, delivery.state)
        estimate = outcome.receipt if isinstance(outcome, Committed) else None
        delivery.append(HISTORY, Looked(estimate=estimate))
%% end
%% if saga

    async def settle(self, delivery: Delivery, event: Event[Decided]) -> None:
        """Carry out what was decided, in all systems or in none."""
        match await delivery.run(self.crossed.settle.boundary, delivery.state):
            case Committed():
                delivery.append(HISTORY, Closed(settled=True))
            case Rejected() as rejected if rejected.ended != "halted":
                delivery.append(HISTORY, Closed(settled=False))
            case _:
                raise NotNow("what is under way has to end first")
%% end
