"""The patterns that the method chooses among: why not, and what shows that one was wrong.

Codes are those of `signoff.diagnosis.SIGNATURES`; they are texts here, because reading a ledger is
no part of the method.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, cast

from signoff.methodology._line import Alternative, Predicate
from signoff.methodology._questions import Step

RuntimeClass: TypeAlias = Literal["conversational", "autonomous", "long-horizon"]
Spine: TypeAlias = Literal["state machine", "event log", "none"]
Coordination: TypeAlias = Literal["delegation", "scatter-gather + saga"]
Control: TypeAlias = Literal["supervisor + gate", "human in the loop"]

RUNTIME_CLASSES: tuple[RuntimeClass, ...] = ("conversational", "autonomous", "long-horizon")

STATE_MACHINE: Spine = "state machine"
EVENT_LOG: Spine = "event log"
NO_SPINE: Spine = "none"
SPINES: tuple[Spine, ...] = (STATE_MACHINE, EVENT_LOG, NO_SPINE)

DELEGATION: Coordination = "delegation"
SCATTER_SAGA: Coordination = "scatter-gather + saga"

GATE: Control = "supervisor + gate"
PEOPLE: Control = "human in the loop"

#: The number that the catalogue of patterns gives each (Srinivasan 2026).
NUMBERS: Mapping[str, str] = {
    DELEGATION: "P1",
    SCATTER_SAGA: "P2",
    EVENT_LOG: "P3",
    GATE: "P4",
    STATE_MACHINE: "P5",
    PEOPLE: "P6",
}

_AGENT_FIRST = "agent before dashboard"

_CHOICES: Mapping[Step, tuple[str, ...]] = {
    "runtime class": RUNTIME_CLASSES,
    "spine": SPINES,
    "coordination": (DELEGATION, SCATTER_SAGA),
    "control": (GATE, PEOPLE),
    "sequence": (_AGENT_FIRST,),
}

_WRONG: Mapping[str, tuple[str, ...]] = {
    "conversational": ("SDB-unbounded", "SDB-unknown"),
    "autonomous": ("P4-same-crash", "SDB-unknown"),
    "long-horizon": ("P5-late-timer", "SDB-model-change"),
    STATE_MACHINE: ("P5-contention", "P5-late-timer"),
    EVENT_LOG: ("P3-late-events", "P3-divergence"),
    NO_SPINE: ("P3-divergence", "SDB-unknown"),
    DELEGATION: ("P1-weight", "P1-double-retry"),
    SCATTER_SAGA: ("P2-costly-undo", "P2-partial-write"),
    GATE: ("P4-slow-gate", "P4-same-crash"),
    PEOPLE: ("P6-deadlines", "P6-after-kill"),
    _AGENT_FIRST: ("SDB-no-verifier", "SDB-phantom"),
}

#: Nothing of a step was chosen, and that was wrong.
_NOTHING: Mapping[str, tuple[str, ...]] = {
    "coordination": ("P2-partial-write", "P1-weight"),
    "control": ("SDB-no-verifier", "SDB-weak-predicate"),
}

#: What shows that a pattern was left out where it was chosen.
LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    DELEGATION: ("P1-weight",),
    SCATTER_SAGA: ("P2-partial-write",),
    GATE: ("SDB-no-verifier", "P4-same-crash"),
    PEOPLE: ("SDB-weak-predicate",),
}

#: The predicates that decide about a pattern, where its line may have another one as well.
DECIDED_BY: Mapping[str, tuple[str, ...]] = {
    DELEGATION: ("one_owner_can_delegate",),
    SCATTER_SAGA: ("peers_act_outside", "part_of_it_is_useful", "half_of_it_is_worse_than_none"),
    GATE: ("something_changes_outside",),
    PEOPLE: ("a_wrong_action_costs", "somebody_will_ask"),
}


def step_of(pattern: str) -> Step | None:
    """The step that chooses a pattern, or does not; None if no step does."""
    for step, names in _CHOICES.items():
        if pattern in names and step != "sequence":
            return step
    return None


def patterns() -> tuple[str, ...]:
    """Everything that can be chosen."""
    return tuple(
        pattern for step, patterns in _CHOICES.items() if step != "sequence" for pattern in patterns
    )


def when_wrong(title: str, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Codes of the signatures to expect if the choice was wrong, the most likely first."""
    if title == "sequence":
        return _WRONG[_AGENT_FIRST]
    if not chosen:
        return _NOTHING[title]
    # The first of each pattern before the second of any.
    ranked = zip(*(_WRONG[pattern] for pattern in chosen), strict=True)
    return tuple(dict.fromkeys(code for rank in ranked for code in rank))


def instead(
    title: str, chosen: tuple[str, ...], asked: tuple[Predicate, ...]
) -> tuple[Alternative, ...]:
    """What was not chosen, and what leaving out each pattern that was chosen would show."""
    held = {predicate.name: predicate.holds for predicate in asked}
    found: list[Alternative] = []
    for pattern in _CHOICES[cast("Step", title)]:
        if pattern not in chosen:
            why = "; ".join(_why_not(pattern, chosen, held))
            found.append(Alternative(pattern=pattern, why_not=why, expect=_taken(pattern, chosen)))
        elif pattern in LEFT_OUT:
            why = "; ".join(_why_needed(pattern, held))
            without = Alternative(pattern=f"no {pattern}", why_not=why, expect=LEFT_OUT[pattern])
            found.append(without)
    return tuple(found)


def _taken(pattern: str, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """What shows that a pattern was taken where another was chosen."""
    if pattern == EVENT_LOG and chosen == (STATE_MACHINE,):
        return ("P3-late-events", "P3-divergence")
    if pattern == STATE_MACHINE and chosen == (NO_SPINE,):
        return ("P5-late-timer", "P5-contention")
    return _WRONG[pattern]


def _why_not(pattern: str, chosen: tuple[str, ...], held: Mapping[str, bool]) -> Iterator[str]:
    match pattern:
        case "conversational":
            yield "it lasts longer than somebody sits and waits"
        case "autonomous":
            short = held["somebody_sits_and_waits"]
            yield "somebody sits and waits" if short else "it outlives a process"
        case "long-horizon":
            yield "it does not last days, nor hours in which the world moves"
        case "state machine" | "event log" | "none":
            yield from _why_not_spine(pattern, held)
        case "delegation":
            yield "no one owner with independent sub-tasks and a merge that is a plain function"
        case "scatter-gather + saga":
            yield "no peers act outside, no part is useful alone, no partial write costs more"
        case "supervisor + gate":
            yield "there is no side effect to bound"
        case "human in the loop":
            acts = held["something_changes_outside"]
            yield "a wrong action is minor" if acts else "there is no action to look at"
            if acts:
                yield "nobody will ask who decided"
        case _:
            yield "nobody would see what the agent does, nor why"


def _why_not_spine(pattern: str, held: Mapping[str, bool]) -> Iterator[str]:
    waits, rebuilt, moves = (
        held["it_waits"],
        not held["it_cannot_be_rebuilt"],
        held["the_world_moves"],
    )
    if pattern == NO_SPINE:
        yield "where it stands cannot be rebuilt from its input"
    elif rebuilt:
        yield "it would keep what can be rebuilt from its input"
    elif pattern == STATE_MACHINE:
        if not waits:
            yield "there is no pause that a row would have to survive"
        if not moves:
            yield "the world stands still, so that there is nothing to swap against"
        if waits:
            yield "and many read the history"
    elif waits and moves:
        yield "after a pause the world has moved: a row's version refuses what a log would add"
    else:
        yield "one row is read at once, and nobody else reads the history"


def _why_needed(pattern: str, held: Mapping[str, bool]) -> Iterator[str]:
    match pattern:
        case "delegation":
            yield "one proposer would merge what specialists know, by no declared weight"
        case "scatter-gather + saga":
            if held["peers_act_outside"] or held["half_of_it_is_worse_than_none"]:
                yield "what has happened when a later part fails would stay"
            if held["part_of_it_is_useful"]:
                yield "one part that fails would fail all of it"
        case "supervisor + gate":
            yield "an effect would happen that no policy has judged"
        case _:
            yield "nobody could stop it, or answer for it"
