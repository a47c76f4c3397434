"""Which parts of a project a decision record asks for."""

from __future__ import annotations

from signoff.methodology import PLANES, DecisionRecord

_SPINES = {"state machine": "machine", "event log": "log", "none": "rebuilt"}
_PLANES = {plane: plane.replace("kill switch", "kill") for plane in PLANES}


def parts_of(record: DecisionRecord) -> frozenset[str]:
    """The parts that a record asks for, by the names that templates know them by.

    Of scatter-gather and saga, which are one pattern, the predicates say which half is needed: see
    `signoff check`.
    """
    return frozenset((*_spine(record), *_coordination(record), *_control(record)))


def _spine(record: DecisionRecord) -> set[str]:
    return {_SPINES[record.spine.chosen[0]], record.runtime.chosen[0]}


def _coordination(record: DecisionRecord) -> set[str]:
    held = {each.name for each in record.coordination.predicates if each.holds}
    parts: set[str] = set()
    if "delegation" in record.coordination.chosen:
        parts.add("delegation")
    if "scatter-gather + saga" in record.coordination.chosen:
        if held & {"peers_act_outside", "part_of_it_is_useful"}:
            parts.add("gather")
        if held & {"peers_act_outside", "half_of_it_is_worse_than_none"}:
            parts.add("saga")
    return parts


def _control(record: DecisionRecord) -> set[str]:
    chosen, deferred = record.control.chosen, record.workload.deferred
    parts: set[str] = set()
    if "supervisor + gate" in chosen:
        parts.add("gate")
    if "human in the loop" in chosen:
        parts |= {"people", *(name for plane, name in _PLANES.items() if plane not in deferred)}
    if parts & {"approval", "escalation"}:
        parts.add("desk")
    return parts
