"""What may stop, delay or ask before a decision commits."""

from __future__ import annotations

%% if approval
from datetime import timedelta
%% end
from pathlib import Path

from signoff import Boundary
%% if approval
from signoff.control import Approval
%% end
%% if escalation
from signoff.control import Escalation
%% end
from signoff.control import Gate
%% if kill
from signoff.control import KillSwitch
%% end
%% if throttle
from signoff.control import Throttle
%% end

from $package.proposals import Decision
from $package.subject import $Subject

POLICY = Path(__file__).parent / "policy"
%% if desk

#: Who is asked; signoff.toml lists who that is.
DESK = "role:desk"
%% end
%% if approval


def large(decision: Decision, subject: $Subject) -> bool:
    return decision.amount > 250
%% end


def bounded(of: Boundary[$Subject, Decision, float]) -> Boundary[$Subject, Decision, float]:
    """The boundary with its controls, in the order in which they are asked."""
    return of.bounded_by(
%% if kill
        KillSwitch("$package"),
%% end
        Gate(POLICY / "decide.yaml"),
%% if throttle
        Throttle(per_minute=600),
%% end
%% if approval
        Approval(name="large", when=large, ask=DESK, within=$within),
%% end
%% if escalation
        Escalation(name="budget", ask=DESK, on_budget=True),
%% end
    )
