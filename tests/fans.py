"""Words for tests of fan-out: a panel that counts who is asked, and a deadline without a wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from signoff import Accept, Boundary, Budget, Reject, Runtime, Transactional, Verdict, Write
from signoff.boundary import Answer, Question, crossing_id
from signoff.coordination import Merged, Part
from signoff.ledger import Usage
from signoff.proposers import Function

#: Nobody waits for it: see `jump`.
HOUR = timedelta(hours=1)

#: One attempt, and no bound by time but the deadline that is tested.
PATIENT = Budget(attempts=1, seconds=None)

#: Asked, this one never answers.
NEVER = "never"


class Case(BaseModel):
    id: str = "c"
    tenant: str = ""


class Score(BaseModel):
    risk: int


class Decision(BaseModel):
    risk: int
    by: list[str]


def not_extreme(score: Score, case: Case) -> Verdict:
    return Accept() if score.risk <= 1000 else Reject("extreme", "1000 at most")


def keep(score: Score, case: Case, write: Write[Case]) -> Score:
    return score


def weigh(parts: Mapping[str, Part], case: Case) -> Decision:
    risk = sum(part.value.risk * int(part.weight) for part in parts.values())
    return Decision(risk=risk, by=list(parts))


def decide(decision: Decision, case: Case, write: Write[Case]) -> int:
    return decision.risk


def owner(*verifiers: Any, **more: Any) -> Any:
    options = {"commit": Transactional(decide), "budget": PATIENT, **more}
    return Boundary("case.decide", proposer=Merged(Decision), verifiers=verifiers, **options)


class Panel:
    """Boundaries whose proposers do what `plan` says, the last of it again and again.

    A plan is a risk to answer, `NEVER`, an exception to raise, or a function of the question.
    """

    def __init__(self, usd: float = 0.0, **plan: Any) -> None:
        self.plan = {
            name: says if isinstance(says, list) else [says] for name, says in plan.items()
        }
        self.asked: Counter[str] = Counter()
        self.questions: list[tuple[str, Question[Case]]] = []
        self.usage = Usage(tokens_in=10, tokens_out=1, usd=usd) if usd else Usage()

    def boundary(self, name: str, **more: Any) -> Any:
        async def answer(question: Question[Case]) -> Answer:
            self.asked[name] += 1
            self.questions.append((name, question))
            says = self.plan[name][min(self.asked[name], len(self.plan[name])) - 1]
            if callable(says):
                says = await says(question)
            if says == NEVER:
                await asyncio.Event().wait()
            if isinstance(says, BaseException):
                raise says
            return Answer(content=Score(risk=says), usage=self.usage)

        options = {"commit": Transactional(keep), "budget": PATIENT, "subject": Case, **more}
        proposer = Function(answer, proposes=Score, name=name)
        return Boundary(name, proposer=proposer, verifiers=[not_extreme], **options)

    @property
    def boundaries(self) -> list[Any]:
        return [self.boundary(name) for name in self.plan]


def jump(seconds: float = 7200) -> None:
    """Whatever waits for the event loop's time, a deadline among it, has waited long enough."""
    loop: Any = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds


async def settled(runtime: Runtime, key: str) -> str:
    """Wait until a crossing has ended; its status."""
    while True:
        recorded = await runtime.ledger.crossing(crossing_id(key))
        if recorded is not None and recorded.status not in ("open", "intended"):
            return recorded.status
        await asyncio.sleep(0)


class Listening:
    """A coordinator as a proposer, without its own changes, that remembers whom it has heard."""

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self.proposes = coordinator.proposes
        self.fingerprint = coordinator.fingerprint
        self.boundaries = coordinator.boundaries
        self.heard: set[tuple[int, str]] = set()

    async def __call__(self, question: Question[Any], /) -> Answer:
        crosses: Any = question.cross

        async def cross(boundary: Any, subject: Any, *, name: str) -> Any:
            crossed = await crosses(boundary, subject, name=name)
            self.heard.add((question.attempt, name))
            return crossed

        answer: Answer = await self._coordinator(replace(question, cross=cross))
        return answer


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # the condition is about what others do
        await asyncio.sleep(0)


async def run_past_the_deadline(
    runtime: Runtime,
    thing: Any,
    case: Case,
    *answering: str,
    key: str = "k",
    seconds: float = 7200,
    once: Callable[[], bool] = lambda: True,
) -> Any:
    """Run it, and let its deadline pass once these have answered, and something else holds."""
    listening = Listening(thing)
    boundary = thing.boundary.proposed_by(listening)
    running = asyncio.create_task(runtime.run(boundary, case, key=key))
    await until(lambda: once() and {(1, name) for name in answering} <= listening.heard)
    jump(seconds)
    return await running
