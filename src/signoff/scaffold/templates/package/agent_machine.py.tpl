"""The agent: a row per subject that moves from state to state, and what its timers start."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

%% if gather or saga
from signoff import Committed
%% end
from signoff import Rejected
from signoff import Runtime
from signoff.boundary import crossing_key
%% if saga
from signoff.coordination import Compensated
%% end
from signoff.errors import NotNow
from signoff.runtime import Known
from signoff.state import After, Handle, StateMachine

from $package.boundaries import Boundaries
from $package.subject import $Subject

%% if saga
Stage = Literal["opened", "$parked", "waiting", "settling", "closed", "expired"]
%% else
Stage = Literal["opened", "$parked", "waiting", "closed", "expired"]
%% end

#: How long one unit of work lasts, its waiting included.
HORIZON = $horizon

AT_ONCE = timedelta()


class Agent:
    """Leads each subject from state to state; holds no state of its own."""

    def __init__(self, crossed: Boundaries) -> None:
        self.crossed = crossed
        self.lifecycle = StateMachine[Stage](
            "$package",
            {
                "opened": {"waiting", "$parked"},
%% if desk
                "human_required": {"waiting"},
%% end
%% if saga
                "waiting": {"settling", "expired"},
                "settling": {"closed", "$parked"},
%% else
                "waiting": {"closed", "expired"},
%% end
            },
            start="opened",
            subject=$Subject,
            timers=[
                After(AT_ONCE, at="opened", do=self.decide),
                After(HORIZON, at="waiting", go="expired"),
%% if saga
                After(AT_ONCE, at="settling", do=self.settle),
%% end
            ],
        )

    @property
    def knows(self) -> tuple[Known, ...]:
        """What the agent is wired from, for the runtime and for `signoff check`."""
        return (self.lifecycle, *self.crossed.all)

    async def decide(self, runtime: Runtime, handle: Handle[Stage, $Subject]) -> None:
        """Decide, and wait for the outside to answer."""
%% if gather
        if handle.subject.estimate is None:
            await self._assess(runtime, handle)
%% end
        # One decision per subject, whoever asks for it and wherever its row stands by then.
        key = crossing_key("$package.decide", handle.id, None)
        outcome = await runtime.advance(
            handle,
            "waiting",
            through=self.crossed.decide,
            key=key,
%% if desk
            waits_in="human_required",
%% end
        )
        match outcome:
            case Rejected() if outcome.ended == "halted":
                raise NotNow(str(outcome.rejections[-1]))
            case Rejected() if outcome.code != "stale_version" and handle.state == "opened":
                await runtime.move(handle, "$parked", because=f"rejected: {outcome.code}")
            case _:
                pass
%% if gather

    async def _assess(self, runtime: Runtime, handle: Handle[Stage, $Subject]) -> None:
        """Ask the sources; without enough answers, the decision does without."""
        outcome = await runtime.run(self.crossed.assess, handle.subject)
        if isinstance(outcome, Committed):
            found = {"estimate": outcome.receipt}
            await runtime.change(
                handle, lambda subject: subject.model_copy(update=found), because="sources said so"
            )
%% end

    async def hear(self, runtime: Runtime, handle: Handle[Stage, $Subject]) -> bool:
        """The outside has answered; False if nothing waited for it."""
        if handle.state != "waiting":
            return False
%% if saga
        return await runtime.move(handle, "settling", because="the outside has answered")

    async def settle(self, runtime: Runtime, handle: Handle[Stage, $Subject]) -> None:
        """Carry out what was decided, in all systems or in none."""
        key = crossing_key("$package.settle", handle.id, None)
        match await runtime.run(self.crossed.settle, handle.subject, key=key):
            case Committed():
                await runtime.move(handle, "closed", because="it is settled")
            case Compensated(because=why):
                await runtime.move(handle, "$parked", because=f"undone: {why}"[:200])
            case _:
                raise NotNow("what is under way has to end first")
%% else
        return await runtime.move(handle, "closed", because="the outside has answered")
%% end
