"""P2, the saga: steps in order, and their reversal in reverse order of what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from signoff.boundary import (
    Answer,
    Boundary,
    Budget,
    Committed,
    Cross,
    Crossed,
    Outcome,
    Question,
    Refused,
    Rejected,
    Subject,
    Suspended,
    Ticket,
    Transactional,
    Unfinished,
    Unknown,
    Write,
    adapter_of,
)
from signoff.coordination._step import Step, handed
from signoff.errors import StorageUnavailable, UsageError
from signoff.ledger import Fingerprint, digest

S = TypeVar("S", bound=Subject)

Receipts: TypeAlias = Mapping[str, Any]

#: The code of a saga that was taken back.
COMPENSATED = "compensated"

#: Whom an outcome waits for while a step fails that has to succeed: nobody but the worker.
UNDOING = "worker"

#: How often one run tries a step that has to succeed before it rests.
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Compensated:
    """A step failed, and everything that had happened was taken back.

    Attributes:
        undone: Names of what took the steps back, in the order in which it did.
        because: Which step failed, and why.
        crossing: Id of the saga on the ledger.
    """

    undone: tuple[str, ...]
    because: str
    crossing: str = ""


class Saga(Generic[S]):
    """Steps that all happen, or are all taken back.

    Every step is a crossing of its own, under a key made from the saga's: after a crash at any
    point the steps that have happened are not done again, and the saga goes on from there, forward
    or backward. A step whose effect is in doubt is waited for, never compensated.

    Args:
        name: Names it on the ledger.
        steps: In order. A step without `undo` must be the last one, or a pivot.

    Raises:
        UsageError: If two steps have the same name, or one that cannot be undone stands in the way.
    """

    proposes: Any = dict[str, Any]

    def __init__(self, name: str, *steps: Step[S]) -> None:
        if not steps:
            raise UsageError(f"saga {name} has no steps")
        names = [step.name for step in steps]
        if len(set(names)) != len(names):
            raise UsageError(f"saga {name} has two steps of one name; give one a name=")
        for step in steps[:-1]:
            if not (step.pivot or _can_be_undone(step)):
                raise UsageError(
                    f"step {step.name} of saga {name} cannot be undone: put it last, give it an "
                    "undo=, or say pivot=True"
                )
        if sum(step.pivot for step in steps) > 1:
            raise UsageError(f"saga {name} has two pivots; there is one point of no return")
        self.name, self.steps = name, steps
        subject = next((s.subject_type for s in steps if s.subject_type is not None), None)
        if subject is None:
            raise UsageError(f"saga {name} cannot tell its subject: annotate a step's parameter")
        self._forward = {step.name: step.forward(name, subject) for step in steps}
        self._backward = {step.name: step.backward(name, subject) for step in steps}
        self.boundary: Boundary[S, dict[str, Any], dict[str, Any]] = Boundary(
            name,
            proposer=self,
            verifiers=(),
            commit=Transactional(_as_it_is),
            budget=Budget(attempts=1, seconds=None),
            subject=subject,
            durable=True,
        )

    @property
    def boundaries(self) -> tuple[Boundary[Any, Any, Any], ...]:
        """Everything that it crosses, for a runtime to know."""
        backward = [boundary for boundary in self._backward.values() if boundary is not None]
        return (*self._forward.values(), *backward)

    @property
    def fingerprint(self) -> Fingerprint:
        """The steps, with the versions of their functions."""
        versions = [boundary.proposer.fingerprint.body() for boundary in self.boundaries]
        return Fingerprint(model="saga", version=digest(versions)[:8])

    async def __call__(self, question: Question[S], /) -> Answer:
        cross = question.cross
        if cross is None:
            raise UsageError("a saga is run by a runtime: await runtime.run(saga, subject)")
        receipts: dict[str, Any] = {}
        past = False
        for step in self.steps:
            boundary = self._forward[step.name]
            outcome: Outcome[Any]
            if past:
                told = f"the point of no return has passed; still to be done: {self._rest(step)}"
                outcome = await _insist(cross, question, boundary, step.name, told)
            else:
                outcome = (await _try(cross, question, boundary, step.name)).outcome
            if isinstance(outcome, Committed):
                receipts[step.name] = _in_json(outcome)
            elif isinstance(outcome, Rejected) and outcome.ended != "halted":
                because = f"{step.name}: {outcome.rejections[-1].message}"
                await self._take_back(cross, question, receipts, because)
            else:
                raise Unfinished(self._with_us(outcome, question.crossing, receipts))
            past = past or step.pivot
        return Answer(content=receipts, parts={name: {"state": "done"} for name in receipts})

    def _with_us(self, outcome: Outcome[Any], crossing: str, receipts: Receipts) -> Outcome[Any]:
        """What a step waits for; if a saga within is stuck, with what has happened here, too."""
        if not (isinstance(outcome, Suspended) and outcome.ticket.ask == UNDOING and receipts):
            return outcome
        happened = f"before it, {self.name} has done: {', '.join(receipts)}"
        return _undoing(crossing, f"{outcome.ticket.because}; {happened}")

    def _rest(self, step: Step[S]) -> str:
        return ", ".join(each.name for each in self.steps[self.steps.index(step) :])

    async def _take_back(
        self, cross: Cross, question: Question[S], receipts: Receipts, because: str
    ) -> None:
        """Undo what happened, the last first. Raises `Refused` once all of it is undone."""
        undone = await self.undo_all(cross, question, receipts, because=because)
        parts = {name: {"state": "done"} for name in receipts}
        raise Refused(
            because, code=COMPENSATED, parts={**parts, "undone": list(undone), "because": because}
        )

    async def undo_all(
        self,
        cross: Cross,
        question: Question[S],
        receipts: Receipts,
        *,
        because: str,
        within: str = "",
        before: tuple[str, ...] = (),
    ) -> tuple[str, ...]:
        """Undo the steps that have a receipt, in reverse order.

        Args:
            cross: Crosses one part.
            question: Of the outermost saga.
            receipts: What the steps returned.
            because: Why, for whoever is asked if it cannot be done.
            within: The step of the outer saga that this one was; empty for the outermost.
            before: Steps of the outer saga that are still to be undone after this one.

        Returns:
            Names of what took them back, in order.

        Raises:
            Unfinished: If one cannot be undone now.
        """
        undone: list[str] = []
        happened = [step for step in self.steps if step.name in receipts]
        for position, step in reversed(list(enumerate(happened))):
            place = f"{within}{step.name}"
            earlier = (*before, *(f"{within}{each.name}" for each in happened[:position]))
            saga = step.saga
            if saga is not None and step.undo is None:
                inner = await saga.undo_all(
                    cross,
                    question,
                    receipts[step.name],
                    because=because,
                    within=f"{place}/",
                    before=earlier,
                )
                undone.extend(inner)
                continue
            boundary = self._backward[step.name]
            if boundary is None:
                continue  # the last step, whose failure is why we are here, or a pivot within
            told = f"{because}; still to be undone: {', '.join((*earlier, place))}"
            given = handed(boundary, receipts[step.name])
            await _insist(cross, question, given, f"{place}/undo", told)
            undone.append(step.undo_name)
        return tuple(undone)

    def told(self, outcome: Outcome[Any]) -> Outcome[Any] | Compensated:
        """A saga's outcome in its own words."""
        if isinstance(outcome, Rejected) and outcome.code == COMPENSATED:
            parts = outcome.parts
            return Compensated(tuple(parts["undone"]), parts["because"], outcome.crossing)
        return outcome


async def _insist(
    cross: Cross,
    question: Question[Any],
    boundary: Boundary[Any, Any, Any],
    place: str,
    because: str,
) -> Committed[Any]:
    """Cross what has to be crossed, again and again, each time under a key of its own.

    What is in doubt is not begun anew: it is repeated or asked after under the key that it has.

    Raises:
        Unfinished: If it cannot be done now. It is tried again when the saga is, and an operator
            is asked when that has been too often.
    """
    number = fresh = 0
    while True:
        number += 1
        crossed = await _try(cross, question, boundary, f"{place}/{number}", because)
        outcome: Outcome[Any] = crossed.outcome
        if isinstance(outcome, Committed):
            return outcome
        if isinstance(outcome, Unknown) and place.endswith("/undo"):
            raise Unfinished(_undoing(question.crossing, f"{because} ({outcome.because})"))
        if not isinstance(outcome, Rejected) or outcome.ended == "halted":
            raise Unfinished(outcome)
        fresh += crossed.fresh
        if fresh >= _AT_ONCE:
            raise Unfinished(_undoing(question.crossing, f"{because} ({outcome.rejections[-1]})"))


async def _try(
    cross: Cross,
    question: Question[Any],
    boundary: Boundary[Any, Any, Any],
    place: str,
    because: str = "",
) -> Crossed:
    """Cross once. What raises has decided nothing: it is neither done nor given up."""
    try:
        return await cross(boundary, question.subject, name=place)
    except (UsageError, StorageUnavailable):
        raise
    except Exception as error:
        told = f"{because or place} ({type(error).__name__}: {error})"
        raise Unfinished(_undoing(question.crossing, told)) from error


def _can_be_undone(step: Step[Any]) -> bool:
    if step.undo is not None:
        return True
    return step.saga is not None and all(map(_can_be_undone, step.saga.steps))


def _undoing(crossing: str, because: str) -> Suspended:
    return Suspended(Ticket(id=crossing, ask=UNDOING, because=because), crossing)


def _in_json(outcome: Committed[Any]) -> Any:
    return adapter_of(Any).dump_python(outcome.receipt, mode="json")


def _as_it_is(receipts: dict[str, Any], subject: Any, write: Write[Any]) -> dict[str, Any]:
    return receipts
