"""Everything that is crossed. A boundary has four parts: proposer, verifiers, commit, reject."""

from __future__ import annotations

from dataclasses import dataclass

from signoff import Boundary
from signoff import Budget
%% if gate and not saga
from signoff import External
%% end
from signoff import Transactional
from signoff import Write
%% if delegation
from signoff.coordination import Delegation
from signoff.coordination import Merged
%% end
%% if saga
from signoff.coordination import Saga
%% end
%% if gather
from signoff.coordination import ScatterGather
%% end
from signoff.runtime import Known

%% if delegation
from $package.advisers import advised
%% end
%% if gate
from $package.controls import bounded
%% end
%% if log
from $package.history import HISTORY
from $package.history import Decided
%% end
from $package.proposals import Decision
from $package.proposers import Proposers
%% if saga
from $package.settlement import settlement
%% end
%% if gather
from $package.sources import assessment
%% end
from $package.subject import $Subject
%% if gate
from $package.systems import Systems
%% end
from $package.verifiers import about_this_one
%% if not gate
from $package.verifiers import within_limit
%% end


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What the agent crosses, in the order in which it does."""

%% if gather
    assess: ScatterGather[$Subject, float]
%% end
%% if delegation
    decide: Delegation[$Subject, Decision, float]
%% else
    decide: Boundary[$Subject, Decision, float]
%% end
%% if saga
    settle: Saga[$Subject]
%% end

    @property
    def all(self) -> tuple[Known, ...]:
        """All of them."""
%% if gather and saga
        return (self.assess, self.decide, self.settle)
%% elif gather
        return (self.assess, self.decide)
%% elif saga
        return (self.decide, self.settle)
%% else
        return (self.decide,)
%% end


%% if gate
def boundaries(proposers: Proposers, systems: Systems) -> Boundaries:
%% else
def boundaries(proposers: Proposers) -> Boundaries:
%% end
    """Build what is crossed."""
%% if gate and not saga

    async def act(decision: Decision, subject: $Subject, key: str) -> str:
        return await systems.office.perform(f"grant {decision.amount:.2f} to", subject.id, key)

    acting = External(
        act,
        reconcile=systems.office.find,
        idempotent=True,
        name="$package.act",
    )
%% end

    def commit(decision: Decision, subject: $Subject, write: Write[$Subject]) -> float:
%% if machine
        write.replace(subject.model_copy(update={"amount": decision.amount}))
%% elif log
        write.append(HISTORY, Decided(amount=decision.amount))
%% end
%% if gate and not saga
        write.enqueue(acting, decision)
%% end
        return decision.amount

    decide = Boundary(
        "$package.decide",
%% if delegation
        proposer=Merged(Decision),
%% else
        proposer=proposers.decision,
%% end
%% if gate
        verifiers=[about_this_one],
%% else
        verifiers=[about_this_one, within_limit],
%% end
%% if gate and not saga
        commit=Transactional(commit, effects=(acting,)),
%% else
        commit=Transactional(commit),
%% end
%% if conversational
        budget=Budget(attempts=2, seconds=10.0),  # somebody sits and waits
%% else
        budget=Budget(attempts=3, seconds=120.0),
%% end
    )
    return Boundaries(
%% if gather
        assess=assessment(),
%% end
%% if delegation and gate
        decide=advised(bounded(decide), proposers),
%% elif delegation
        decide=advised(decide, proposers),
%% elif gate
        decide=bounded(decide),
%% else
        decide=decide,
%% end
%% if saga
        settle=settlement(systems),
%% end
    )
