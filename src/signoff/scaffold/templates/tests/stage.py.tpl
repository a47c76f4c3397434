"""What the tests share: a subject, proposals, and an agent over a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from signoff import Outcome
from signoff import Runtime
from signoff import run_sync
from signoff.boundary import Proposer
%% if machine
from signoff.boundary import crossing_key
%% end
%% if gate
from signoff.control import Principal
from signoff.control import Principals
%% end
from signoff.coordination import boundary_of
from signoff.testing import FakeClock
from signoff.testing import Scripted

from $package.agent import Agent
from $package.boundaries import boundaries
from $package.proposals import Decision
from $package.proposers import simulated
from $package.subject import $Subject
%% if gate
from $package.systems import Systems
%% end

SUBJECT = $Subject(id="case-1", limit=400.0)
%% if gate

DANA = Principal(roles=frozenset({"desk"}), may_kill=frozenset({"everything"}))
%% end


@dataclass(frozen=True, slots=True)
class Stage:
    """An agent whose models answer well, and what it acts on."""

    agent: Agent
    runtime: Runtime
    clock: FakeClock
%% if gate
    systems: Systems
%% end

    async def cross(self, model: Proposer[$Subject, Decision] | None = None) -> Outcome[float]:
        """Have the subject decided about, by the agent's own models or by another."""
        decide = boundary_of(self.agent.crossed.decide)
        if model is not None:
            decide = decide.proposed_by(model)
%% if machine
        row = await self.runtime.start(self.agent.lifecycle, SUBJECT)
        key = crossing_key(decide.name, SUBJECT.id, None)
        return await self.runtime.advance(row, "waiting", through=decide, key=key)
%% else
        return await self.runtime.run(decide, SUBJECT)
%% end


@asynccontextmanager
%% if gate
async def stage(systems: Systems | None = None) -> AsyncIterator[Stage]:
    systems, clock = systems or Systems(), FakeClock()
    agent = Agent(boundaries(simulated(), systems))
    listed = Principals({"dana": DANA})
    runtime = Runtime("sqlite://:memory:", clock=clock, knows=agent.knows, principals=listed)
    async with runtime:
        yield Stage(agent, runtime, clock, systems)
%% else
async def stage() -> AsyncIterator[Stage]:
    clock = FakeClock()
    agent = Agent(boundaries(simulated()))
    async with Runtime("sqlite://:memory:", clock=clock, knows=agent.knows) as runtime:
        yield Stage(agent, runtime, clock)
%% end


def decision(amount: float, *, subject_id: str = SUBJECT.id) -> Decision:
    return Decision(subject_id=subject_id, amount=amount, reason="the test says so")


def crossed(*said: Decision) -> Outcome[float]:
    """What comes of a crossing in which the model says these, one after the other."""

    async def cross() -> Outcome[float]:
        async with stage() as on:
            return await on.cross(Scripted(*said))

    return run_sync(cross())
