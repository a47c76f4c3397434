"""The five steps: from the answers about a workload to the lines of a decision record."""

from __future__ import annotations

from datetime import date

from signoff.methodology import _predicates as ask
from signoff.methodology._decision_record import DecisionRecord
from signoff.methodology._line import Alternative, Line, Predicate
from signoff.methodology._patterns import (
    DELEGATION,
    EVENT_LOG,
    GATE,
    NO_SPINE,
    PEOPLE,
    SCATTER_SAGA,
    STATE_MACHINE,
    instead,
    when_wrong,
)
from signoff.methodology._span import spelled
from signoff.methodology._workload import PLANES, Workload


def select(workload: Workload, *, on: date | None = None, model: str = "") -> DecisionRecord:
    """The composition for a workload, with the predicate that fired for every line.

    Deterministic: the same answers give the same record. The five steps are those of Srinivasan
    (2026), arXiv:2605.20173.

    Args:
        workload: What was answered.
        on: The date of the decision.
        model: The model and version that it is made for, such as `openai:gpt-5@2026-03-01`; what a
            boundary's fingerprint says of it.
    """
    coordination, control = _coordination(workload), _control(workload)
    return DecisionRecord(
        workload=workload,
        runtime=_runtime(workload),
        spine=_spine(workload),
        coordination=coordination,
        control=control,
        sequence=_sequence(workload, coordination, control),
        on=on,
        model=model,
    )


def _runtime(workload: Workload) -> Line:
    seconds, days = ask.somebody_sits_and_waits(workload), ask.it_outlives_a_process(workload)
    asked = (seconds, days)
    lasts = f"it lasts {spelled(workload.horizon)}"
    if seconds.holds:
        return _line("runtime class", "conversational", lasts, asked, seconds)
    if days.holds:
        moving = "" if workload.horizon >= ask.LONG_HORIZON else ", in which the world moves"
        return _line("runtime class", "long-horizon", f"{lasts}{moving}", asked, days)
    still = "" if workload.horizon <= ask.AUTONOMOUS else ", in which the world stands still"
    return _line("runtime class", "autonomous", f"{lasts}{still}", asked, *asked)


def _spine(workload: Workload) -> Line:
    a, b, c = asked = (
        ask.it_waits(workload),
        ask.it_cannot_be_rebuilt(workload),
        ask.the_world_moves(workload),
    )
    if not b.holds:
        told = "it can be rebuilt from its input"
        return _line("spine", NO_SPINE, told, asked, b)
    match a.holds, c.holds:
        case True, True:
            told = "it waits, cannot be rebuilt, and the world moves"
            return _line("spine", STATE_MACHINE, told, asked, *asked)
        case False, True:
            told = "it cannot be rebuilt and the world moves, but it does not wait"
            return _line("spine", EVENT_LOG, told, asked, *asked)
        case False, False:
            told = "it cannot be rebuilt, but it does not wait, and the world stands still"
            return _line("spine", EVENT_LOG, told, asked, *asked)
        case _:
            return _spine_by_cost(workload, asked)


def _spine_by_cost(workload: Workload, asked: tuple[Predicate, ...]) -> Line:
    """Either is correct: the world stands still during the pause."""
    cost = ask.history_is_read_by_many(workload)
    asked = (*asked, cost)
    either = "it waits and cannot be rebuilt, the world stands still: decided on cost,"
    if cost.holds:
        told = f"{either} many read the history"
        return _line("spine", EVENT_LOG, told, asked, *asked)
    told = f"{either} one row is read at once"
    return _line("spine", STATE_MACHINE, told, asked, *asked)


def _coordination(workload: Workload) -> Line:
    delegates = ask.one_owner_can_delegate(workload)
    of_peers = (
        ask.peers_act_outside(workload),
        ask.part_of_it_is_useful(workload),
        ask.half_of_it_is_worse_than_none(workload),
    )
    asked = (delegates, *of_peers)
    chosen: list[str] = []
    reasons: list[str] = []
    if delegates.holds:
        chosen.append(DELEGATION)
        reasons.append("one owner can delegate and merge")
    if any(each.holds for each in of_peers):
        chosen.append(SCATTER_SAGA)
        reasons += [_REASONS[each.name] for each in of_peers if each.holds]
    fired = [each for each in asked if each.holds] or asked
    told = ", ".join(reasons) or "nothing to delegate, and no peers whose failure matters"
    return _line("coordination", tuple(chosen), told, asked, *fired)


_REASONS = {
    "peers_act_outside": "peers act outside",
    "part_of_it_is_useful": "a part of it is useful",
    "half_of_it_is_worse_than_none": "half of it is worse than none",
    "a_wrong_action_costs": "a wrong action costs",
    "somebody_will_ask": "somebody will ask who decided",
}


def _control(workload: Workload) -> Line:
    acts = ask.something_changes_outside(workload)
    of_people = (ask.a_wrong_action_costs(workload), ask.somebody_will_ask(workload))
    asked = (acts, *of_people)
    if not acts.holds:
        return _line("control", (), "there is no side effect", asked, acts)
    reasons = [_REASONS[each.name] for each in of_people if each.holds]
    if not reasons:
        told = "there is a side effect, but nobody has to look at it"
        return _line("control", GATE, told, asked, *asked)
    told = f"there is a side effect, {' and '.join(reasons)}"
    deferred = workload.deferred
    later = ask.planes_are_deferred(workload)
    notes = tuple(f"{plane} deferred: {deferred[plane]}" for plane in PLANES if plane in deferred)
    fired = [each for each in asked if each.holds]
    return _line("control", (GATE, PEOPLE), told, (*asked, later), *fired, notes=notes)


def _sequence(workload: Workload, coordination: Line, control: Line) -> Line:
    """The dashboard before the agent: who cannot see it cannot steer it."""
    planes = [plane for plane in PLANES if plane not in workload.deferred]
    several = bool(coordination.chosen)
    chosen = (
        "dashboard: state schema and observability",
        "gate and audit" if GATE in control.chosen else "audit (nothing to gate)",
        "orchestrator with one sub-agent" if several else "the one agent",
        "the other sub-agents" if several else "no other sub-agents",
        ", ".join(planes) if PEOPLE in control.chosen else "nobody has to be in the loop",
    )
    asked = (*coordination.predicates, *control.predicates)
    told = "who cannot see the agent cannot steer it, so that the dashboard comes first"
    return _line("sequence", chosen, told, asked, *asked)


def _line(
    title: str,
    chosen: str | tuple[str, ...],
    because: str,
    asked: tuple[Predicate, ...],
    *fired: Predicate,
    notes: tuple[str, ...] = (),
) -> Line:
    patterns = (chosen,) if isinstance(chosen, str) else chosen
    alternatives: tuple[Alternative, ...] = instead(title, patterns, asked)
    return Line(
        title=title,
        chosen=patterns,
        because=because,
        fired=tuple(each.name for each in fired),
        predicates=asked,
        expect=when_wrong(title, patterns),
        alternatives=alternatives,
        notes=notes,
    )
