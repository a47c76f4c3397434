"""The predicates of the five steps: plain functions of the answers that they name.

All of them are those of Srinivasan, A Methodology for Selecting and Composing Runtime Architecture
Patterns for Production LLM Agents (2026), arXiv:2605.20173, the five-step selection. The limits
between seconds, minutes and days (`CONVERSATIONAL`, `AUTONOMOUS`, `LONG_HORIZON`), and every
default, are ours: the paper leaves them to judgement.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from signoff.methodology._line import Predicate, Value
from signoff.methodology._questions import QUESTIONS
from signoff.methodology._span import spelled
from signoff.methodology._workload import CONVERSATIONAL, LONG_PAUSE, Workload

#: A unit of work up to this long is seen through by one process.
AUTONOMOUS = timedelta(hours=1)

#: A unit of work at least this long is long-horizon whatever the world does.
LONG_HORIZON = timedelta(days=1)

_DEFAULTS = {question.name: question.default for question in QUESTIONS}


def _predicate(workload: Workload, name: str, says: str, holds: bool, *reads: str) -> Predicate:
    values = {read: _as_value(getattr(workload, read)) for read in reads}
    assumed = {read: _DEFAULTS[read] for read, value in values.items() if value is None}
    return Predicate(name=name, says=says, holds=holds, reads=values, assumed=assumed)


def _as_value(answer: object) -> Value:
    if isinstance(answer, timedelta):
        return spelled(answer)
    return answer if isinstance(answer, bool | str) else None


def _unless_no(answer: bool | None) -> bool:
    return answer is not False


# Step 1: the runtime class


def somebody_sits_and_waits(told: Workload) -> Predicate:
    """Whether a unit of work is over in seconds."""
    says = f"one unit of work lasts {spelled(CONVERSATIONAL)} at most"
    holds = told.horizon <= CONVERSATIONAL
    return _predicate(told, "somebody_sits_and_waits", says, holds, "horizon")


def it_outlives_a_process(told: Workload) -> Predicate:
    """Whether a unit of work lasts days, or hours in which the world moves."""
    says = (
        f"one unit of work lasts {spelled(LONG_HORIZON)} or more, or more than "
        f"{spelled(AUTONOMOUS)} in which the world can change"
    )
    moves = told.world_moves_while_paused and told.horizon > AUTONOMOUS
    holds = told.horizon >= LONG_HORIZON or moves
    reads = ("horizon", "world_moves_while_paused")
    return _predicate(told, "it_outlives_a_process", says, holds, *reads)


# Step 2: the spine


def it_waits(told: Workload) -> Predicate:
    """Predicate (a): pauses longer than an hour, or external waits."""
    says = f"it pauses for more than {spelled(LONG_PAUSE)}, or waits on the outside"
    pauses = told.longest_pause is not None and told.longest_pause > LONG_PAUSE
    holds = told.waits_on_the_outside or pauses
    return _predicate(told, "it_waits", says, holds, "waits_on_the_outside", "longest_pause")


def it_cannot_be_rebuilt(told: Workload) -> Predicate:
    """Predicate (b): state at a pause is not reconstructible from the original input."""
    says = "where it stands cannot be worked out again from its input alone"
    holds = not told.rebuildable_from_input
    return _predicate(told, "it_cannot_be_rebuilt", says, holds, "rebuildable_from_input")


def the_world_moves(told: Workload) -> Predicate:
    """Predicate (c): the world can change during the pause."""
    says = "what it acts on can change while it pauses"
    holds = told.world_moves_while_paused
    return _predicate(told, "the_world_moves", says, holds, "world_moves_while_paused")


def history_is_read_by_many(told: Workload) -> Predicate:
    """The cost question, where event log and state machine are both correct."""
    says = "several readers need what happened, and not only where it stands"
    holds = told.history_read_by_many is True
    return _predicate(told, "history_is_read_by_many", says, holds, "history_read_by_many")


# Step 3: coordination


def one_owner_can_delegate(told: Workload) -> Predicate:
    """Whether one owner has independent sub-tasks and a deterministic merge."""
    says = "one owner, independent sub-tasks, and a merge that is a plain function"
    reads = ("one_owner", "independent_subtasks", "deterministic_merge")
    holds = all(_unless_no(getattr(told, read)) for read in reads)
    return _predicate(told, "one_owner_can_delegate", says, holds, *reads)


def peers_act_outside(told: Workload) -> Predicate:
    """Whether peers touch external systems."""
    says = "several peers act on other systems within one unit of work"
    return _predicate(told, "peers_act_outside", says, told.peers_write, "peers_write")


def part_of_it_is_useful(told: Workload) -> Predicate:
    """Whether partial failure must still yield a useful result."""
    says = "something useful must come out if some parts fail"
    holds = told.partial_result_useful is True
    return _predicate(told, "part_of_it_is_useful", says, holds, "partial_result_useful")


def half_of_it_is_worse_than_none(told: Workload) -> Predicate:
    """Whether a bad partial write costs more than a compensation log."""
    says = "a bad partial write costs more than a compensation log"
    holds = told.partial_write_costs_more is True
    reads = ("partial_write_costs_more",)
    return _predicate(told, "half_of_it_is_worse_than_none", says, holds, *reads)


# Step 4: control


def something_changes_outside(told: Workload) -> Predicate:
    """Whether there is any side effect."""
    says = "there is a side effect"
    holds = _unless_no(told.side_effects)
    return _predicate(told, "something_changes_outside", says, holds, "side_effects")


def a_wrong_action_costs(told: Workload) -> Predicate:
    """Whether a wrong action is legally or financially consequential."""
    says = "a wrong action is legally or financially consequential"
    holds = told.consequence != "minor"
    return _predicate(told, "a_wrong_action_costs", says, holds, "consequence")


def somebody_will_ask(told: Workload) -> Predicate:
    """Whether someone will ask who decided."""
    says = "somebody will ask who decided"
    holds = _unless_no(told.side_effects) and _unless_no(told.asked_who_decided)
    reads = ("side_effects", "asked_who_decided")
    return _predicate(told, "somebody_will_ask", says, holds, *reads)


def planes_are_deferred(told: Workload) -> Predicate:
    """Whether some planes of the human in the loop come later."""
    says = "some planes come later, each for a reason"
    found = _predicate(told, "planes_are_deferred", says, bool(told.deferred), "deferred")
    later = "; ".join(f"{plane}: {told.deferred[plane]}" for plane in sorted(told.deferred))
    return replace(found, reads={"deferred": later}, assumed={}) if later else found
