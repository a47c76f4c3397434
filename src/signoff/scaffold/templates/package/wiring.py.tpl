"""What the agent is made of, for programs that read it: `signoff.toml` names these functions."""

from __future__ import annotations

from signoff.runtime import Known

from $package.agent import Agent
from $package.boundaries import boundaries
from $package.proposers import simulated
%% if gate
from $package.systems import Systems
%% end


def agent() -> Agent:
    """The agent as it is wired; put your models and your systems here."""
%% if gate
    return Agent(boundaries(simulated(), Systems()))
%% else
    return Agent(boundaries(simulated()))
%% end


def wiring() -> tuple[Known, ...]:
    """Everything: what `signoff check` compares with the decision record."""
    return agent().knows


def crossed() -> tuple[Known, ...]:
    """The boundaries: what `signoff replay` and `signoff diagnose` ask again."""
    return agent().crossed.all
