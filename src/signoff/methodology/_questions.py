"""The questions of the method, with what each answer changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias

from signoff.methodology._workload import LONG_PAUSE

#: What an answer is: a length of time, yes or no, one of several words, a text, or reasons by name.
Kind: TypeAlias = Literal["span", "yes or no", "choice", "text", "reasons"]

#: The steps of the method, in order (Srinivasan 2026, the five-step selection).
Step: TypeAlias = Literal["runtime class", "spine", "coordination", "control", "sequence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of the method.

    Attributes:
        name: Of the answer in a `Workload`.
        asks: The question.
        step: The first step that reads the answer.
        kind: What an answer is.
        changes: For each answer, what it changes.
        default: What is assumed if it is not answered; empty if it has to be.
    """

    name: str
    asks: str
    step: Step
    kind: Kind = "yes or no"
    changes: Mapping[str, str] = field(default_factory=dict[str, str])
    default: str = ""

    def is_moot(self, answers: Mapping[str, object]) -> bool:
        """Whether no predicate would read the answer, given those that come before it."""
        acts = answers.get("side_effects") is not False
        match self.name:
            case "history_read_by_many":
                pause = answers.get("longest_pause")
                pauses = isinstance(pause, timedelta) and pause > LONG_PAUSE
                waits = answers.get("waits_on_the_outside") or pauses
                stays = not answers.get("world_moves_while_paused")
                return not (waits and stays and answers.get("rebuildable_from_input") is False)
            case "asked_who_decided":
                return not acts or answers.get("consequence") != "minor"
            case "deferred":
                asked = answers.get("asked_who_decided") is not False
                return not (acts and (asked or answers.get("consequence") != "minor"))
            case _:
                return False


#: Every question, in the order in which they are asked.
QUESTIONS: tuple[Question, ...] = (
    Question(
        name="name",
        asks="What is the workload called?",
        step="runtime class",
        kind="text",
        changes={"any": "the title of the decision record"},
    ),
    Question(
        name="about",
        asks="What does it do, in one sentence?",
        step="runtime class",
        kind="text",
        changes={"any": "nothing; people read it"},
        default="nothing is said",
    ),
    Question(
        name="horizon",
        asks="How long does one unit of work last, from its first input to its end, with waiting?",
        step="runtime class",
        kind="span",
        changes={
            "up to 1 minute": "conversational: a person sits and waits for it",
            "up to 1 hour": "autonomous: nobody waits, and one process sees it through",
            "up to 1 day": "long-horizon if the world moves meanwhile, otherwise autonomous",
            "a day or more": "long-horizon: it outlives processes, models and people's memory",
        },
    ),
    Question(
        name="waits_on_the_outside",
        asks="Does a unit of work stop until somebody or something else acts?",
        step="spine",
        changes={
            "yes": "predicate (a) holds: there is a pause that something has to survive",
            "no": "without a long pause there is no state machine",
        },
    ),
    Question(
        name="longest_pause",
        asks="What is the longest time in which nothing happens to a unit of work by itself?",
        step="spine",
        kind="span",
        changes={
            "up to 1 hour": "predicate (a) rests on whether it waits on the outside",
            "more than 1 hour": "predicate (a) holds: no process should hold it in memory",
        },
        default="it does not pause by itself",
    ),
    Question(
        name="rebuildable_from_input",
        asks="Can where it stands be worked out again from its original input alone?",
        step="spine",
        changes={
            "yes": "no durable spine: reconstruct on demand",
            "no": "predicate (b) holds: what happened has to be kept",
        },
    ),
    Question(
        name="world_moves_while_paused",
        asks="Can what the agent acts on change while a unit of work is under way?",
        step="runtime class",
        changes={
            "yes": "predicate (c) holds: what was true at the pause has to be checked again",
            "no": "an event log is as correct as a state machine",
        },
    ),
    Question(
        name="history_read_by_many",
        asks="Do several readers need what happened, and not only where it stands?",
        step="spine",
        changes={
            "yes": "event log: each reader keeps an offset of its own",
            "no": "state machine: one row says where it stands, without folding a history",
        },
        default="no",
    ),
    Question(
        name="one_owner",
        asks="Does one component answer for the whole result?",
        step="coordination",
        changes={"yes": "delegation is possible", "no": "no delegation: nobody would merge"},
        default="yes",
    ),
    Question(
        name="independent_subtasks",
        asks="Are there parts of the work that need nothing of each other's results?",
        step="coordination",
        changes={"yes": "delegation is possible", "no": "no delegation: one part after another"},
        default="yes",
    ),
    Question(
        name="deterministic_merge",
        asks="Can a plain function join the parts, without asking a model?",
        step="coordination",
        changes={"yes": "delegation is possible", "no": "no delegation: a model would merge"},
        default="yes",
    ),
    Question(
        name="peers_write",
        asks="Do several peers act on other systems within one unit of work?",
        step="coordination",
        changes={
            "yes": "scatter-gather + saga: some may have acted when another one fails",
            "no": "no saga for the sake of the peers",
        },
    ),
    Question(
        name="partial_result_useful",
        asks="Must something useful come out if some parts fail?",
        step="coordination",
        changes={"yes": "scatter-gather: a quorum is enough", "no": "all parts or none"},
        default="no",
    ),
    Question(
        name="partial_write_costs_more",
        asks="Does a bad partial write cost more than keeping a compensation log?",
        step="coordination",
        changes={"yes": "saga: every step names its undo", "no": "no saga for the sake of cost"},
        default="no",
    ),
    Question(
        name="side_effects",
        asks="Does anything outside change, words sent to a customer included?",
        step="control",
        changes={
            "yes": "supervisor + gate before every commit",
            "no": "nothing to bound: no control at all",
        },
        default="yes",
    ),
    Question(
        name="consequence",
        asks="What does a wrong action amount to?",
        step="control",
        kind="choice",
        changes={
            "minor": "nobody has to look, unless somebody will ask who decided",
            "financial": "human in the loop: it costs money",
            "legal": "human in the loop: somebody is liable",
        },
    ),
    Question(
        name="asked_who_decided",
        asks="Will somebody ask who decided?",
        step="control",
        changes={
            "yes": "human in the loop: there has to be a name",
            "no": "nobody has to look, unless the consequence is legal or financial",
        },
        default="yes if there are side effects",
    ),
    Question(
        name="deferred",
        asks="Which planes of the human in the loop come later, and why?",
        step="control",
        kind="reasons",
        changes={
            "kill switch": "`signoff kill` still reaches every boundary",
            "escalation": "what no rule decides is rejected",
            "approval": "nobody is asked before a commit",
            "throttle": "no cap on how much happens in an hour or a day",
        },
        default="none is deferred",
    ),
)
