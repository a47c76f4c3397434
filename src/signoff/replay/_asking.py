"""Asking in lanes: what is wanted, a few at the same time, until all is there or it stops."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from signoff.boundary import Boundary, Proposer, Subject
from signoff.clock import Clock, SystemClock
from signoff.diagnosis import Trial
from signoff.errors import UsageError
from signoff.replay._examination import Examination, examined
from signoff.replay._lanes import Lane, LaneName, Reply, ask_once
from signoff.replay._questions import RecordedQuestion

S = TypeVar("S", bound=Subject)
P = TypeVar("P")

#: Failures in a row after which a lane is not asked any more.
PATIENCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Generic[S, P]):
    """One answer that is wanted."""

    lane: Lane[S, P]
    question: RecordedQuestion[S]
    number: int


class Asking(Generic[S, P]):
    """Asks for what is wanted, a few at the same time, until all is there or something stops it.

    Args:
        examination: What is judged.
        concurrency: How many questions are out at the same time.
        timeout: Seconds that an answer may take; None for any time.
        look_up: Ask the lookups anew.
        clock: Measures.
        patience: Failures in a row after which a lane is not asked any more.
        may_ask: Asked before every question with how many are out; why not, or an empty text.
        take: Given every reply as it comes.
    """

    def __init__(
        self,
        examination: Examination[S, P],
        *,
        concurrency: int = 8,
        timeout: float | None = 60.0,
        look_up: bool = False,
        clock: Clock,
        patience: int = PATIENCE,
        may_ask: Callable[[int], str] = lambda out: "",
        take: Callable[[Reply], None],
    ) -> None:
        if concurrency < 1:
            raise UsageError(f"concurrency is {concurrency}; somebody has to ask: give at least 1")
        if timeout is not None and timeout <= 0:
            raise UsageError(f"timeout is {timeout}; an answer takes some time: give seconds")
        self._examination = examination
        self._concurrency, self._timeout, self._look_up = concurrency, timeout, look_up
        self._clock, self._patience = clock, patience
        self._may_ask, self._take = may_ask, take
        self._failures: dict[str, int] = {}
        self._out = 0
        #: Why not everything was asked, each reason once.
        self.stopped: list[str] = []

    async def run(self, wanted: Iterable[Wanted[S, P]], *, concurrency: int | None = None) -> None:
        """Ask. What was answered before an error or an interruption has been taken."""
        waiting = deque(wanted)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency or self._concurrency, len(waiting))):
                    group.create_task(self._work(waiting))
        except BaseExceptionGroup as failed:
            # All tasks do the same: what the first of them met is what there is to say.
            raise failed.exceptions[0] from None

    async def _work(self, waiting: deque[Wanted[S, P]]) -> None:
        while waiting:
            if why := self._may_ask(self._out):
                self._stop(why)
                waiting.clear()
                return
            want = waiting.popleft()
            if self._has_given_up(want.lane.name):
                continue
            self._out += 1
            try:
                reply = await ask_once(
                    self._examination,
                    want.lane,
                    want.question,
                    want.number,
                    timeout=self._timeout,
                    look_up=self._look_up,
                    clock=self._clock,
                )
            finally:
                self._out -= 1
            self._note(reply)
            self._take(reply)

    def _has_given_up(self, lane: str) -> bool:
        return self._failures.get(lane, 0) >= self._patience

    def _note(self, reply: Reply) -> None:
        if not reply.trial.error:
            # Once given up, a late answer does not take it back: lanes would be cut anywhere.
            if not self._has_given_up(reply.lane):
                self._failures[reply.lane] = 0
            return
        self._failures[reply.lane] = self._failures.get(reply.lane, 0) + 1
        if self._has_given_up(reply.lane):
            self._stop(
                f"the {reply.lane} failed {self._patience} times in a row and was not asked any "
                f"more; the last time: {reply.trial.error}"
            )

    def _stop(self, why: str) -> None:
        if not any(why.partition(";")[0] == known.partition(";")[0] for known in self.stopped):
            self.stopped.append(why)


async def ask_lane(
    boundary: Boundary[S, P, Any] | Examination[S, P],
    questions: Sequence[RecordedQuestion[S]],
    proposer: Proposer[S, P],
    n: int,
    *,
    name: LaneName = "candidate",
    concurrency: int = 8,
    timeout: float | None = 60.0,
    look_up: bool = False,
    clock: Clock | None = None,
) -> list[Trial]:
    """Ask one proposer recorded questions, n times each. Nothing is committed.

    Args:
        boundary: Whose questions they are; its verifiers and gates judge.
        questions: See `signoff.replay.questions_of`.
        proposer: Who is asked.
        n: Answers to each question.
        name: Which lane this is; two lanes that are compared have two names, and other luck.
        concurrency: How many questions are out at the same time.
        timeout: Seconds that an answer may take.
        look_up: Ask the boundary's lookups anew, instead of using the evidence on record.
        clock: Measures; the real one by default.

    Returns:
        Trials by question and number. One without an answer has an `error`; if the proposer failed
        five times in a row, those that were not asked any more are missing.
    """
    examination = examined(boundary)
    replies: list[Reply] = []
    asking = Asking(
        examination,
        concurrency=concurrency,
        timeout=timeout,
        look_up=look_up,
        clock=clock or SystemClock(),
        take=replies.append,
    )
    lane = Lane(name=name, proposer=proposer)
    await asking.run(
        Wanted(lane=lane, question=question, number=number)
        for question in questions
        for number in range(1, n + 1)
    )
    order = {question.key: at for at, question in enumerate(questions)}
    trials = [reply.trial for reply in replies]
    return sorted(trials, key=lambda trial: (order[trial.input], trial.number))
