"""Whether the wiring is still what the decision record says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from signoff.methodology._decision_record import DecisionRecord
from signoff.methodology._patterns import (
    DELEGATION,
    EVENT_LOG,
    GATE,
    PEOPLE,
    SCATTER_SAGA,
    STATE_MACHINE,
)
from signoff.methodology._select import select
from signoff.methodology._wiring import Wired, Wiring
from signoff.methodology._workload import PLANES

#: `drift` fails a check; a `note` does not.
Gravity: TypeAlias = Literal["drift", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One place where record and wiring say different things.

    Attributes:
        code: For programs: `no_verifier`, `no_commit`, `ungated`, `absent`, `undeclared`, `model`,
            `no_reject`, `draft`, `outdated`, `empty`.
        where: The boundary, the pattern, or the line of the record.
        says: What differs.
        remedy: What to do.
        gravity: Whether it fails the check.
    """

    code: str
    where: str
    says: str
    remedy: str
    gravity: Gravity = "drift"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternFound:
    """One pattern, as declared and as wired.

    Attributes:
        pattern: Its name.
        declared: Whether the record chose it; for a plane, whether it is not deferred.
        where: Names of what makes it; empty if nothing does.
    """

    pattern: str
    declared: bool
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of comparing a record with the wiring.

    Attributes:
        record: What was decided.
        wiring: What is there.
        patterns: The patterns, as declared and as wired.
        drifts: Where they say different things, drifts before notes.
    """

    record: DecisionRecord
    wiring: Wiring
    patterns: tuple[PatternFound, ...]
    drifts: tuple[Drift, ...]

    @property
    def holds(self) -> bool:
        """Whether the wiring is what was decided."""
        return not any(drift.gravity == "drift" for drift in self.drifts)


def check(record: DecisionRecord, wiring: Wiring) -> Checked:
    """Compare a decision record with the wiring of an application.

    A pure function of both: whoever reads an application and its record does so before.
    """
    patterns = tuple(_patterns(record, wiring))
    drifts = [
        *_of_record(record),
        *_of_boundaries(record, wiring),
        *_of_patterns(record, wiring, patterns),
        *_of_models(record, wiring),
    ]
    drifts.sort(key=lambda drift: drift.gravity != "drift")
    return Checked(record=record, wiring=wiring, patterns=patterns, drifts=tuple(drifts))


def _of_record(record: DecisionRecord) -> Iterator[Drift]:
    if record.on is None or not record.model:
        yield Drift(
            code="draft",
            where="date and model",
            says="the record has no date, or names no model",
            remedy="write it with `signoff select WORKLOAD --model NAME@VERSION --record FILE`",
        )
    now = select(record.workload)
    for said, line in zip(record.lines, now.lines, strict=True):
        if said.chosen != line.chosen:
            yield Drift(
                code="outdated",
                where=line.title,
                says=f"the record says {said.decision}; its answers select {line.decision}",
                remedy="decide anew with `signoff select`",
            )


def _of_boundaries(record: DecisionRecord, wiring: Wiring) -> Iterator[Drift]:
    if not wiring.boundaries:
        yield Drift(
            code="empty",
            where="wiring",
            says="no boundary is wired",
            remedy="name what the application is made of with --app, or [check] in signoff.toml",
        )
    gated = set(wiring.bounded_by("gate"))
    by_name = {wired.name: wired for wired in wiring.boundaries}
    for wired in wiring.boundaries:
        yield from _of_boundary(wired)
        behind = gated & _with_owners(wired, by_name)
        asked = wired.role not in ("saga", "step")  # what is done there was decided before
        if GATE in record.control.chosen and asked and wired.effects and not behind:
            effects = ", ".join(name for name, _ in wired.effects)
            yield Drift(
                code="ungated",
                where=wired.name,
                says=f"its effect passes no gate: {effects}",
                remedy="bound it, or the boundary that it is a part of: bounded_by(Gate(...))",
            )


def _of_boundary(wired: Wired) -> Iterator[Drift]:
    if wired.role in ("proposer", "delegation") and not wired.judged:
        yield Drift(
            code="no_verifier",
            where=wired.name,
            says="nothing judges what is proposed"
            if wired.strength.verifier == "none"
            else "nothing but its schema judges what is proposed",
            remedy="give it verifiers=[...], or a Gate",
        )
    elif wired.role in ("proposer", "delegation") and not wired.verifiers:
        yield Drift(
            code="no_verifier",
            where=wired.name,
            says="its gate alone judges what is proposed",
            remedy="give it verifiers=[...] if a rule needs more than a policy can say",
            gravity="note",
        )
    unsettled = [name for name, semantics in wired.effects if semantics == "none"]
    if unsettled:
        yield Drift(
            code="no_commit",
            where=wired.name,
            says=f"after a crash nobody can tell whether it happened: {', '.join(unsettled)}",
            remedy="External(..., reconcile=probe), or idempotent=True if the other side honours "
            "keys",
        )
    if not wired.strength.reject.startswith("typed, budgeted"):
        yield Drift(
            code="no_reject",
            where=wired.name,
            says=f"its rejections are {wired.strength.reject}",
            remedy="cross it through a runtime, with a finite budget",
        )


def _with_owners(wired: Wired, by_name: dict[str, Wired]) -> set[str]:
    """The names of a boundary and of everything that it is a part of."""
    found: set[str] = set()
    waiting = [wired.name]
    while waiting:
        name = waiting.pop()
        if name not in found and name in by_name:
            found.add(name)
            waiting += by_name[name].part_of
    return found


def _patterns(record: DecisionRecord, wiring: Wiring) -> Iterator[PatternFound]:
    spine, coordination, control = record.spine, record.coordination, record.control
    there = {
        STATE_MACHINE: wiring.machines,
        EVENT_LOG: wiring.logs,
        DELEGATION: wiring.of_role("delegation"),
        SCATTER_SAGA: (*wiring.of_role("scatter-gather"), *wiring.of_role("saga")),
        GATE: wiring.bounded_by("gate"),
    }
    chosen = {*spine.chosen, *coordination.chosen, *control.chosen}
    for pattern, where in there.items():
        yield PatternFound(pattern=pattern, declared=pattern in chosen, where=where)
    for plane in PLANES:
        where = wiring.bounded_by(plane)
        if plane == "kill switch" and not where and wiring.boundaries:
            where = ("every boundary, by its name",)
        wanted = PEOPLE in control.chosen and plane not in record.workload.deferred
        yield PatternFound(pattern=plane, declared=wanted, where=where)


def _of_patterns(
    record: DecisionRecord, wiring: Wiring, patterns: tuple[PatternFound, ...]
) -> Iterator[Drift]:
    for found in patterns:
        if found.declared and not found.where:
            yield _absent(found.pattern)
        elif found.where and not found.declared and (drift := _undeclared(found, record)):
            yield drift
    if SCATTER_SAGA in record.coordination.chosen:
        yield from _of_peers(record, wiring)


def _absent(pattern: str) -> Drift:
    return Drift(
        code="absent",
        where=pattern,
        says="the record declares it, and nothing that is wired makes it",
        remedy=f"{_MAKES[pattern]}; or name it with --app; or decide anew with `signoff select`",
    )


_MAKES = {
    STATE_MACHINE: "make a signoff.state.StateMachine",
    EVENT_LOG: "make a signoff.state.EventLog",
    DELEGATION: "make a signoff.coordination.Delegation",
    SCATTER_SAGA: "make a signoff.coordination.ScatterGather, or a Saga",
    GATE: "bound a boundary by a signoff.control.Gate",
    "kill switch": "bound a boundary by a signoff.control.KillSwitch",
    "escalation": "bound a boundary by a signoff.control.Escalation",
    "approval": "bound a boundary by a signoff.control.Approval",
    "throttle": "bound a boundary by a signoff.control.Throttle",
}


def _undeclared(found: PatternFound, record: DecisionRecord) -> Drift | None:
    # More control than was decided stops more, never less; and a kill reaches everything anyway.
    is_control = found.pattern == GATE or found.pattern in PLANES
    if found.pattern == "kill switch":
        return None
    deferred = found.pattern in record.workload.deferred
    return Drift(
        code="undeclared",
        where=found.pattern,
        says=f"the record {'defers' if deferred else 'does not declare'} it, and it is wired: "
        f"{', '.join(found.where)}",
        remedy="take it out, or decide anew with `signoff select`",
        gravity="note" if is_control else "drift",
    )


def _of_peers(record: DecisionRecord, wiring: Wiring) -> Iterator[Drift]:
    """Scatter-gather and saga are one pattern; the predicates say which half is needed."""
    held = {each.name for each in record.coordination.predicates if each.holds}
    peers, sagas = wiring.of_role("scatter-gather"), wiring.of_role("saga")
    if peers and not sagas and held & {"peers_act_outside", "half_of_it_is_worse_than_none"}:
        yield Drift(
            code="absent",
            where="saga",
            says="peers act outside or half of it is worse than none, and nothing is taken back",
            remedy="make a signoff.coordination.Saga whose steps have an undo=",
        )
    if sagas and not peers and "part_of_it_is_useful" in held:
        yield Drift(
            code="absent",
            where="scatter-gather",
            says="something useful must come out if some parts fail, and nothing gathers a quorum",
            remedy="make a signoff.coordination.ScatterGather with a quorum=",
        )


def _of_models(record: DecisionRecord, wiring: Wiring) -> Iterator[Drift]:
    decided = [name.strip() for name in record.model.split(",") if name.strip()]
    if not decided:
        return
    for model in wiring.models:
        if not any(_is_meant(name, model) for name in decided):
            places = ", ".join(each.name for each in wiring.boundaries if each.model == model)
            yield Drift(
                code="model",
                where=places,
                says=f"it asks {model}; the record was made for {record.model}",
                remedy="replay before it takes over (`signoff replay`), then decide anew with "
                "--model",
            )
    for name in decided:
        if wiring.models and not any(_is_meant(name, model) for model in wiring.models):
            yield Drift(
                code="model",
                where="date and model",
                says=f"the record was made for {name}, and no boundary asks it",
                remedy="configure it, or decide anew with --model",
            )


def _is_meant(name: str, model: str) -> bool:
    """Whether a record's name means a model: with its version, or every version of it.

    `simulated` means every simulated model: their names are those of functions.
    """
    bare = model.rpartition("@")[0] or model
    return name in (model, bare) or (name == "simulated" and bare.startswith("simulated:"))
