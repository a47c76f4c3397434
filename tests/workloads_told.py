"""Answers about workloads: the five that ship, and the grid of all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

from hypothesis import strategies as st

from signoff.methodology import PLANES, Contradiction, DecisionRecord, Workload, select

RENEWAL = Workload(
    name="contract renewal",
    horizon=timedelta(days=90),
    waits_on_the_outside=True,
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    peers_write=True,
    consequence="financial",
)

PORT_IN = Workload(
    name="number port-in",
    about="Moves a subscriber's number from another carrier, who may reject in mid-flight.",
    horizon=timedelta(days=10),
    waits_on_the_outside=True,
    longest_pause=timedelta(days=3),
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=False,
    peers_write=True,
    partial_write_costs_more=True,
    side_effects=True,
    consequence="legal",
    asked_who_decided=True,
)

LEAD_WARMING = Workload(
    name="lead warming",
    about="Decides what to send to a lead next, from the log of touches alone.",
    horizon=timedelta(days=45),
    waits_on_the_outside=True,
    longest_pause=timedelta(days=7),
    rebuildable_from_input=True,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=True,
    deterministic_merge=True,
    peers_write=False,
    partial_result_useful=False,
    partial_write_costs_more=False,
    side_effects=True,
    consequence="minor",
    asked_who_decided=False,
)

BILLING = Workload(
    name="billing & payment assist",
    about="Answers about bills, and gives refunds and payment plans under policy.",
    horizon=timedelta(seconds=8),
    waits_on_the_outside=False,
    longest_pause=timedelta(0),
    rebuildable_from_input=True,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=True,
    deterministic_merge=True,
    peers_write=False,
    partial_result_useful=False,
    partial_write_costs_more=False,
    side_effects=True,
    consequence="financial",
    asked_who_decided=True,
    deferred={"escalation": "a person is on the line already"},
)

TRIAGE = Workload(
    name="network incident triage",
    about="Diagnoses an incident from probes, and remediates what can be undone.",
    horizon=timedelta(minutes=15),
    waits_on_the_outside=False,
    longest_pause=timedelta(minutes=5),
    rebuildable_from_input=False,
    world_moves_while_paused=True,
    one_owner=True,
    independent_subtasks=True,
    deterministic_merge=True,
    peers_write=True,
    partial_result_useful=True,
    partial_write_costs_more=True,
    side_effects=True,
    consequence="financial",
    asked_who_decided=True,
    deferred={"approval": "nobody answers within the minutes that an incident leaves"},
)

EVERY = (RENEWAL, PORT_IN, LEAD_WARMING, BILLING, TRIAGE)

HORIZONS = (timedelta(seconds=2), timedelta(minutes=20), timedelta(hours=6), timedelta(days=90))
PAUSES = (None, timedelta(0), timedelta(minutes=30), timedelta(days=3))
YES_NO = (True, False)
PERHAPS = (True, False, None)
CONSEQUENCES = ("minor", "financial", "legal")

#: The answers that are neither names nor reasons, with every kind of value that they can have.
GRID: dict[str, tuple[Any, ...]] = {
    "horizon": HORIZONS,
    "longest_pause": PAUSES,
    "waits_on_the_outside": YES_NO,
    "rebuildable_from_input": YES_NO,
    "world_moves_while_paused": YES_NO,
    "history_read_by_many": PERHAPS,
    "one_owner": PERHAPS,
    "independent_subtasks": PERHAPS,
    "deterministic_merge": PERHAPS,
    "peers_write": YES_NO,
    "partial_result_useful": PERHAPS,
    "partial_write_costs_more": PERHAPS,
    "side_effects": PERHAPS,
    "consequence": CONSEQUENCES,
    "asked_who_decided": PERHAPS,
}

FIRST: dict[str, Any] = {
    "name": "a workload",
    "horizon": timedelta(days=90),
    "waits_on_the_outside": True,
    "rebuildable_from_input": False,
    "world_moves_while_paused": True,
    "peers_write": False,
    "consequence": "minor",
}


def every(*names: str) -> Iterator[dict[str, Any]]:
    """Every combination of these answers, beside the same others."""
    for values in product(*(GRID[name] for name in names)):
        yield FIRST | dict(zip(names, values, strict=True))


def told(answers: dict[str, Any]) -> DecisionRecord | tuple[str, ...]:
    """The record, or the reasons why there is none."""
    try:
        return select(Workload(**answers))
    except Contradiction as refused:
        return refused.reasons


answers = st.fixed_dictionaries(
    {name: st.sampled_from(values) for name, values in GRID.items()}
    | {
        "name": st.just("a workload"),
        "deferred": st.dictionaries(st.sampled_from(PLANES), st.sampled_from(["later", ""])),
    }
)
