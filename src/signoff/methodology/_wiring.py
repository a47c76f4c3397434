"""What an application is wired from, as values: its boundaries and the patterns around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from signoff.boundary import Boundary, External, Strength
from signoff.coordination import Delegation, Saga, ScatterGather, boundary_of
from signoff.errors import UsageError
from signoff.state import Consumer, EventLog, StateMachine

#: What proposes at a boundary: a model or whatever stands in for one, specialists, peers, the steps
#: of a saga; or nobody, because it is a step or takes one back.
Role: TypeAlias = Literal["proposer", "delegation", "scatter-gather", "saga", "step"]

_ROLES: tuple[tuple[type[Any], Role], ...] = (
    (Delegation, "delegation"),
    (ScatterGather, "scatter-gather"),
    (Saga, "saga"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """One boundary, as it is wired.

    Attributes:
        name: Its name.
        role: What proposes there.
        strength: Its own report.
        verifiers: Names of what judges each proposal; gates are among `controls`.
        controls: Kinds of the controls around it: `gate`, `kill switch`, `escalation`,
            `approval`, `throttle`, or `other`.
        effects: Names of what it does in other systems, each with its commit semantics.
        model: `model@version` of the proposer; empty if that is no model.
        attempts: How often the proposer is asked.
        part_of: Names of the boundaries that cross it as a part.
    """

    name: str
    role: Role
    strength: Strength
    verifiers: tuple[str, ...]
    controls: tuple[str, ...]
    effects: tuple[tuple[str, str], ...]
    model: str
    attempts: int
    part_of: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether anything but its schema judges what is proposed."""
        return bool(self.verifiers) or "gate" in self.controls


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What an application is wired from.

    Attributes:
        boundaries: Everything that is crossed, parts included, by name.
        machines: Names of the state machines.
        logs: Names of the event logs.
        supervisors: How many supervisors of its own it has; the runtime supervises its work
            without one.
    """

    boundaries: tuple[Wired, ...]
    machines: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    supervisors: int = 0

    def of_role(self, role: Role) -> tuple[str, ...]:
        """Names of the boundaries where this proposes."""
        return tuple(each.name for each in self.boundaries if each.role == role)

    def bounded_by(self, control: str) -> tuple[str, ...]:
        """Names of the boundaries that have a control of this kind."""
        return tuple(each.name for each in self.boundaries if control in each.controls)

    @property
    def models(self) -> tuple[str, ...]:
        """`model@version` of everybody who proposes."""
        return tuple(sorted({each.model for each in self.boundaries} - {""}))


def wiring_of(things: Iterable[object]) -> Wiring:
    """Read what an application is wired from. Nothing is run.

    Args:
        things: What a runtime would be told to know: boundaries, delegations, gathers, sagas, state
            machines, consumers; event logs and supervisors, too.

    Raises:
        UsageError: If one of them is nothing of the kind.
    """
    read = _Reader()
    for thing in things:
        read.take(thing)
    return Wiring(
        boundaries=tuple(sorted(read.wired.values(), key=lambda each: each.name)),
        machines=tuple(sorted(read.machines)),
        logs=tuple(sorted(read.logs)),
        supervisors=len(read.supervisors),
    )


class _Reader:
    def __init__(self) -> None:
        self.wired: dict[str, Wired] = {}
        self.machines: set[str] = set()
        self.logs: set[str] = set()
        self.supervisors: set[int] = set()

    def take(self, thing: Any) -> None:
        from signoff.control import Supervisor

        match thing:
            case StateMachine():
                self.machines.add(thing.name)
            case EventLog():
                self.logs.add(thing.name)
            case Consumer():
                self.logs.add(thing.log.name)  # pyright: ignore[reportUnknownMemberType]
                if thing.through is not None:
                    self._cross(thing.through)
            case Supervisor():
                self.supervisors.add(id(thing))
            case _ if is_crossed(thing):
                self._cross(boundary_of(thing))
            case _:
                raise UsageError(
                    f"{type(thing).__name__} is nothing that an application is wired from: name "
                    "boundaries, what coordinates them, state machines, event logs, consumers"
                )

    def _cross(self, boundary: Boundary[Any, Any, Any], owner: str = "") -> None:
        name, read = boundary.name, _wired(boundary)
        known = self.wired.get(name)
        if known is not None and replace(known, part_of=()) != read:
            raise UsageError(
                f"two different boundaries are named {name}; the name is how one is found on the "
                "ledger, so name only the one that is run, or give each its own"
            )
        owners = known.part_of if known else ()
        if owner and owner not in owners:
            owners = (*owners, owner)
        self.wired[name] = replace(read, part_of=owners)
        if known is None:
            for part in _parts(boundary):
                self._cross(part, name)


def is_crossed(thing: Any) -> bool:
    """Whether a thing is a boundary, or is crossed through one."""
    return isinstance(thing, Boundary) or isinstance(getattr(thing, "boundary", None), Boundary)


def _parts(boundary: Boundary[Any, Any, Any]) -> tuple[Boundary[Any, Any, Any], ...]:
    return tuple(getattr(boundary.proposer, "boundaries", ()))


def _wired(boundary: Boundary[Any, Any, Any]) -> Wired:
    role = _role_of(boundary)
    fingerprint = boundary.proposer.fingerprint
    is_model = role == "proposer" and not fingerprint.model.startswith(("function:", "merged"))
    version = f"@{fingerprint.version}" if fingerprint.version else ""
    return Wired(
        name=boundary.name,
        role=role,
        strength=boundary.strength,
        verifiers=tuple(verifier.name for verifier in boundary.verifiers),
        controls=tuple(map(_kind_of, boundary.controls)),
        effects=_effects_of(boundary),
        model=f"{fingerprint.model}{version}" if is_model else "",
        attempts=boundary.budget.attempts,
    )


def _role_of(boundary: Boundary[Any, Any, Any]) -> Role:
    proposer: Any = boundary.proposer
    for kind, role in _ROLES:
        if isinstance(proposer, kind):
            return role
    # A step of a saga is handed what it needs, under the saga's own fingerprint.
    return "step" if proposer.fingerprint.model == "saga" else "proposer"


def _kind_of(control: Any) -> str:
    from signoff.control import Approval, Escalation, KillSwitch, Throttle

    kinds: dict[type[Any], str] = {
        KillSwitch: "kill switch",
        Escalation: "escalation",
        Approval: "approval",
        Throttle: "throttle",
    }
    for kind, name in kinds.items():
        if isinstance(control, kind):
            return name
    return "gate" if control.judges else "other"


def _effects_of(boundary: Boundary[Any, Any, Any]) -> tuple[tuple[str, str], ...]:
    commit = boundary.commit
    if isinstance(commit, External):
        return ((commit.name, boundary.strength.commit),)
    return tuple((effect.name, _semantics(effect)) for effect in commit.effects)


def _semantics(effect: External[Any, Any, Any]) -> str:
    if effect.reconcile is not None:
        return "reconcilable"
    return "idempotent" if effect.idempotent else "none"
