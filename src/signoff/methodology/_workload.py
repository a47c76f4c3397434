"""The door of the method: what is asked about a workload, and answers that cannot all hold."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    ValidationError,
    model_validator,
)

from signoff.errors import BadInput
from signoff.methodology._span import span_of, spelled

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: What a wrong action of the agent amounts to.
Consequence: TypeAlias = Literal["minor", "financial", "legal"]

#: What stands between an agent and the world when a person may have to look.
Plane: TypeAlias = Literal["kill switch", "escalation", "approval", "throttle"]

#: Every plane, in the order in which they are built.
PLANES: tuple[Plane, ...] = ("kill switch", "escalation", "approval", "throttle")

#: A unit of work up to this long is one that a person sits and waits for.
CONVERSATIONAL = timedelta(minutes=1)

#: A pause longer than this outlives a process (Srinivasan 2026, step 2, predicate a).
LONG_PAUSE = timedelta(hours=1)

_LONGEST = timedelta(days=36_525)
_YES = frozenset(("yes", "true", "y"))
_NO = frozenset(("no", "false", "n"))
_UNKNOWN = frozenset(("", "unknown", "?"))


class Contradiction(BadInput):
    """Answers that cannot all hold.

    Attributes:
        reasons: Why, one sentence for each contradiction.
    """

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def _as_answer(value: object) -> object:
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _YES:
        return True
    if word in _NO:
        return False
    return None if word in _UNKNOWN else value


def _as_span(value: object) -> object:
    if isinstance(value, str):
        return None if value.strip().lower() in _UNKNOWN else span_of(value)
    if isinstance(value, int | float):
        raise ValueError(f"{value} has no unit; write 90 days, 20 minutes or 2 s")
    return value


def _as_known(value: object) -> object:
    answer = _as_answer(value)
    if answer is None:
        raise ValueError("the method has no default for it: answer yes or no")
    return answer


YesNo = Annotated[StrictBool, BeforeValidator(_as_known)]
Perhaps = Annotated[StrictBool | None, BeforeValidator(_as_answer)]
_Span = Annotated[
    timedelta,
    BeforeValidator(_as_span),
    PlainSerializer(spelled, return_type=str, when_used="json"),
]


class Workload(BaseModel):
    """What the method asks about a workload; a value, from Python, YAML or JSON.

    The first seven have no default. The others may stay unanswered (None): the method then assumes
    what its default says, and the decision record says that it did.

    Attributes:
        name: Names the workload, such as `contract renewal`.
        horizon: How long one unit of work lasts, from its first input to its end, waiting included.
            A length of time; in a file a text with a unit, such as `90 days`.
        waits_on_the_outside: Whether a unit of work stops until somebody or something else acts: a
            customer, a carrier, a calendar. A call that answers within seconds is no wait.
        rebuildable_from_input: Whether where a unit of work stands at a pause can be worked out
            again from its original input alone.
        world_moves_while_paused: Whether what the agent acts on can change meanwhile.
        peers_write: Whether several peers act on other systems within one unit of work.
        consequence: What a wrong action amounts to: `minor`, `financial` or `legal`.
        about: One sentence for people.
        longest_pause: The longest time in which nothing happens to a unit of work; None if it does
            not pause by itself.
        history_read_by_many: Whether several readers need what happened, and not only where it
            stands. Asked where event log and state machine are both correct. Default: no.
        one_owner: Whether one component answers for the whole result. Default: yes.
        independent_subtasks: Whether parts of the work can be done without each other's results.
            Default: yes.
        deterministic_merge: Whether a plain function can join the parts. Default: yes.
        partial_result_useful: Whether something useful must come out if some parts fail.
            Default: no.
        partial_write_costs_more: Whether a bad partial write costs more than keeping a
            compensation log. Default: no.
        side_effects: Whether anything outside changes, words sent to a customer included.
            Default: yes.
        asked_who_decided: Whether somebody will ask who decided. Default: yes, if there are side
            effects.
        deferred: Planes of the human in the loop that come later, each with the reason.

    Raises:
        Contradiction: If the answers cannot all hold, with the reasons.
        pydantic.ValidationError: If an answer has the wrong type.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    horizon: _Span
    waits_on_the_outside: YesNo
    rebuildable_from_input: YesNo
    world_moves_while_paused: YesNo
    peers_write: YesNo
    consequence: Consequence
    about: Annotated[str, Field(max_length=500)] = ""
    longest_pause: _Span | None = None
    history_read_by_many: Perhaps = None
    one_owner: Perhaps = None
    independent_subtasks: Perhaps = None
    deterministic_merge: Perhaps = None
    partial_result_useful: Perhaps = None
    partial_write_costs_more: Perhaps = None
    side_effects: Perhaps = None
    asked_who_decided: Perhaps = None
    deferred: Mapping[Plane, Annotated[str, Field(max_length=300)]] = Field(
        default_factory=dict[Plane, str]
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Workload:
        if reasons := tuple(_contradictions(self)):
            raise Contradiction(reasons)
        return self

    def __hash__(self) -> int:
        return hash((self.name, self.horizon, self.longest_pause))

    def answers(self) -> dict[str, Any]:
        """What was answered, ready for JSON or YAML; what was not is left out."""
        said = self.model_dump(mode="json", exclude_none=True)
        return {name: value for name, value in said.items() if value not in ("", {})}

    def changed(self, **answers: object) -> Workload:
        """The same workload with other answers.

        Raises:
            Contradiction: If they cannot all hold.
        """
        now = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate(now | answers)


def workload_of(
    document: object,
    source: str = "the workload",
    *,
    place: Callable[[tuple[str | int, ...]], str] | None = None,
) -> Workload:
    """The workload that a JSON or YAML document describes.

    Args:
        document: Names with their answers.
        source: What to call it in a message, such as the name of its file.
        place: Says where the value under some keys is written, such as `workload.yaml:3:1`.

    Raises:
        BadInput: With everything that is wrong, one line each.
        Contradiction: If the answers cannot all hold.
    """
    if not isinstance(document, Mapping):
        raise BadInput(f"{source} has to name its answers, such as `horizon: 90 days`")
    given = cast("Mapping[object, object]", document)
    try:
        return Workload.model_validate({str(name): value for name, value in given.items()})
    except ValidationError as error:
        told = [
            f"{source if place is None else place(problem['loc'])}: {_told(problem)}"
            for problem in error.errors(include_url=False, include_context=False)
        ]
        raise BadInput("\n".join(told)) from error


def _told(problem: ErrorDetails) -> str:
    where = ".".join(map(str, problem["loc"]))
    match problem["type"]:
        case "missing":
            told = "is not answered, and the method has no default for it"
        case "extra_forbidden":
            near = difflib.get_close_matches(where, Workload.model_fields, n=3, cutoff=0.6)
            told = f"is no question of the method; {', '.join(near or Workload.model_fields)} is"
        case "bool_type":
            told = f"answer yes or no, not {problem['input']!r}"[:200]
        case "literal_error":
            told = f"{problem['input']!r} is no answer: {problem['msg']}"[:300]
        case _:
            told = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {told}" if where else told


def _contradictions(told: Workload) -> Iterator[str]:
    yield from _of_its_name(told)
    yield from _of_its_time(told)
    yield from _of_its_effects(told)
    yield from _of_its_planes(told)


def _of_its_name(told: Workload) -> Iterator[str]:
    for name in ("name", "about"):
        text: str = getattr(told, name)
        if not text.isprintable() or text != text.strip():
            yield f"{name} has to be on one line, without blanks around it"
    for plane, reason in told.deferred.items():
        if not reason.isprintable() or reason != reason.strip():
            yield f"why the {plane} is deferred has to be on one line, without blanks around it"


def _of_its_time(told: Workload) -> Iterator[str]:
    lasts, pause = told.horizon, told.longest_pause
    if lasts <= timedelta():
        yield f"a unit of work cannot last {spelled(lasts)}: it takes some time"
        return
    if lasts > _LONGEST:
        yield f"a unit of work that lasts {spelled(lasts)} ends after a hundred years"
    if pause is not None and pause < timedelta():
        yield f"a pause cannot last {spelled(pause)}"
    elif pause is not None and pause > lasts:
        yield (
            f"a unit of work that lasts {spelled(lasts)} cannot pause for {spelled(pause)}: the "
            "horizon includes the waiting"
        )
    elif told.waits_on_the_outside and pause == timedelta():
        yield "it waits on the outside, so that its longest pause is not 0 seconds"
    if told.waits_on_the_outside and lasts <= CONVERSATIONAL:
        yield (
            f"a unit of work that lasts {spelled(lasts)} does not wait on the outside: a call that "
            "answers within seconds is no wait; if it does wait, the horizon includes it"
        )


def _of_its_effects(told: Workload) -> Iterator[str]:
    if told.side_effects is not False:
        return
    if told.peers_write:
        yield "peers write, so that there are side effects"
    if told.partial_write_costs_more:
        yield "a partial write costs something, so that there are side effects"
    if told.consequence != "minor":
        yield (
            f"a wrong action has {told.consequence} consequences, so that there are side effects: "
            "words that somebody acts on are one"
        )
    if told.asked_who_decided:
        yield "somebody will ask who decided, so that there are side effects: a decision is one"


def _of_its_planes(told: Workload) -> Iterator[str]:
    for plane, reason in told.deferred.items():
        if not reason.strip():
            yield f"the {plane} is deferred without a reason"
    if len(told.deferred) == len(PLANES):
        yield "every plane is deferred, so that no human is in the loop: keep the kill switch"
