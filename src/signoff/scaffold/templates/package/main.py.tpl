"""A demonstration: simulated models that misbehave, and what became of what they proposed."""

from __future__ import annotations

import os
%% if gate
from pathlib import Path
%% end
%% if rebuilt and saga
from typing import Any
%% end

from signoff import Runtime
%% if rebuilt
from signoff import Committed
from signoff import Outcome
from signoff import Rejected
from signoff import Suspended
from signoff import Unknown
%% end
from signoff import run_sync
%% if rebuilt and saga
from signoff.coordination import Compensated
%% end

from $package.agent import Agent
from $package.boundaries import boundaries
%% if log
from $package.history import HISTORY
%% end
from $package.proposers import simulated
from $package.subject import $Subject
%% if saga
from $package.systems import System
%% end
%% if gate
from $package.systems import Systems
%% end

STORE = os.environ.get("SIGNOFF_STORE", "sqlite:///signoff.db")
%% if gate

#: Lists who may answer and who may kill.
SETTINGS = Path(__file__).parents[1] / "signoff.toml"
%% end

SUBJECTS = [$Subject(id=f"case-{number}", limit=100.0 * number) for number in range(1, 9)]


def agent_for_show() -> Agent:
    """The agent, with a model three of whose ten answers go wrong."""
%% if saga
    systems = Systems(billing=System("billing", refuses={"case-2"}))
    return Agent(boundaries(simulated(misbehaves=0.3), systems))
%% elif gate
    return Agent(boundaries(simulated(misbehaves=0.3), Systems()))
%% else
    return Agent(boundaries(simulated(misbehaves=0.3)))
%% end
%% if rebuilt


%% if saga
def told(outcome: Outcome[Any] | Compensated) -> str:
%% else
def told(outcome: Outcome[float]) -> str:
%% end
    """An outcome, for people."""
    match outcome:
        case Committed():
            return f"done: {outcome.receipt}"
%% if saga
        case Compensated():
            return f"undone: {outcome.because}"
%% end
        case Rejected():
            return f"rejected: {outcome.rejections[-1]}"
        case Suspended():
            return f"waits for {outcome.ticket.ask}: {outcome.ticket.because}"
        case Unknown():
            return f"unknown: {outcome.because}"
%% end


async def main() -> None:
    """See a few subjects through; run again, it goes on from where it was."""
    agent = agent_for_show()
%% if gate
    async with Runtime(STORE, knows=agent.knows, principals=SETTINGS) as runtime:
%% else
    async with Runtime(STORE, knows=agent.knows) as runtime:
%% end
%% if rebuilt
        for subject in SUBJECTS:
            outcome = await agent.handle(runtime, subject)
            print(f"{subject.id}  {told(outcome)}")
%% elif log
        for subject in SUBJECTS:
            await agent.open(runtime, subject)
        await runtime.drain()
        for subject in SUBJECTS:
            happened = [event.type async for event in runtime.events(HISTORY, subject.id)]
            print(f"{subject.id}  {' -> '.join(happened)}")
%% else
        rows = [await runtime.start(agent.lifecycle, subject) for subject in SUBJECTS]
        await runtime.drain()
        for row in rows[:-1]:  # the last one gets no answer, and waits for its timer
            await agent.hear(runtime, row)
        await runtime.drain()
        for row in rows:
            await runtime.refresh(row)
            print(f"{row.id}  {row.state}  {row.subject.amount or '-'}")
%% end
        print()
        for boundary, status, crossings, _ in await runtime.ledger.crossings_by_status():
            print(f"{crossings:>4} {status:<10} {boundary}")


if __name__ == "__main__":
    run_sync(main())
