"""Fan-out against plain models: in any order of answers, lateness, failures and crashes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import pytest
from fans import (
    HOUR,
    NEVER,
    PATIENT,
    Case,
    Decision,
    Listening,
    Score,
    jump,
    keep,
    not_extreme,
    owner,
    settled,
    until,
    weigh,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signoff import (
    Accept,
    Boundary,
    Budget,
    Committed,
    Reject,
    Rejected,
    Runtime,
    Transactional,
    Verdict,
)
from signoff.boundary import Question, crossing_id
from signoff.coordination import Delegation, ScatterGather, Specialist
from signoff.proposers import Function

SUBSTITUTE = 7
TOO_MUCH = 5000
_numbers = count(1)

Say = int | Literal["never", "raises"]


def fair(decision: Decision, case: Case) -> Verdict:
    return Accept() if decision.risk % 3 else Reject("unfair", "no multiples of three")


@dataclass(frozen=True)
class Course:
    """What everybody says in each attempt, in which order, and after how many a crash comes."""

    says: Sequence[Mapping[str, Say]]
    order: Sequence[str]
    one_by_one: bool
    crash_after: int | None

    @property
    def names(self) -> list[str]:
        return list(self.says[0])


@st.composite
def courses(draw: st.DrawFn, attempts: int) -> Course:
    names = [f"s{n}" for n in range(draw(st.integers(1, 5)))]
    say = st.one_of(st.integers(0, 4), st.sampled_from([NEVER, "raises", TOO_MUCH]))
    says = [{name: draw(say) for name in names} for _ in range(attempts)]
    return Course(
        says=says,
        order=draw(st.permutations(names)),
        one_by_one=draw(st.booleans()),
        crash_after=draw(st.one_of(st.none(), st.integers(0, len(names)))),
    )


def state_of(say: Say) -> str:
    if say == NEVER:
        return "late"
    return "rejected" if say in ("raises", TOO_MUCH) else "answered"


class World:
    """Runs one course on a store, in two lives if it crashes, and counts who is asked."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.key = f"k{next(_numbers)}"
        self.case = Case(id=self.key)
        self.asked: Counter[tuple[int, str]] = Counter()
        self.recorded: set[tuple[int, str]] = set()  # at the crash
        self.gates: dict[tuple[int, str], asyncio.Event] = {}
        self.waiting: set[tuple[int, str]] = set()
        self.crashed = False
        attempts = range(1, len(course.says) + 1)
        self._of = {crossing_id(self.part(a, n)): (a, n) for a in attempts for n in course.names}

    def part(self, attempt: int, name: str) -> str:
        return f"{self.key}/{attempt}/{name}"

    def boundary(self, name: str) -> Any:
        async def answer(question: Question[Case]) -> Score:
            part = self._of[question.crossing]
            self.asked[part] += 1
            self.waiting.add(part)
            await self.gate(part).wait()
            say = self.course.says[part[0] - 1][name]
            if say == NEVER:
                await asyncio.Event().wait()
            if say == "raises":
                raise ConnectionError
            assert isinstance(say, int)
            return Score(risk=say)

        return Boundary(
            name,
            proposer=Function(answer, proposes=Score, name=name),
            verifiers=[not_extreme],
            commit=Transactional(keep),
            budget=PATIENT,
        )

    def gate(self, part: tuple[int, str]) -> asyncio.Event:
        return self.gates.setdefault(part, asyncio.Event())

    async def conduct(self, runtime: Runtime, crash_after: int | None) -> None:
        """Let the answers come in their order; returns when it is time to crash."""
        ended = 0
        for attempt, says in enumerate(self.course.says, 1):
            if crash_after == 0:
                await until(lambda: bool(self.waiting))
                return
            coming = [name for name in self.course.order if says[name] != NEVER]
            for name in coming:
                self.gate((attempt, name)).set()
                if self.course.one_by_one:
                    await settled(runtime, self.part(attempt, name))
                    ended += 1
                    if ended == crash_after:
                        return
            never = {(attempt, name) for name, say in says.items() if say == NEVER}
            heard = {(attempt, name) for name in coming}
            await until(
                lambda never=never, heard=heard: (
                    never <= self.waiting and heard <= self.listening.heard
                )
            )
            if crash_after is not None:
                return
            if never:
                jump()
        await asyncio.Event().wait()

    async def live(self, url: str, thing: Any, crash_after: int | None) -> Any:
        self.gates.clear()
        self.waiting.clear()
        self.listening = Listening(thing)
        heard = thing.boundary.proposed_by(self.listening)
        async with Runtime(url) as runtime:
            running = asyncio.create_task(runtime.run(heard, self.case, key=self.key))
            conductor = asyncio.create_task(self.conduct(runtime, crash_after))
            await asyncio.wait({running, conductor}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                self.crashed = True
                running.cancel()
            conductor.cancel()
            with suppress(asyncio.CancelledError):
                await conductor
            if self.crashed and crash_after is not None:
                with suppress(asyncio.CancelledError):
                    await running
                for id, part in self._of.items():
                    if (found := await runtime.ledger.crossing(id)) and found.status != "open":
                        self.recorded.add(part)
                return None
            outcome = await running
            asked = Counter(self.asked)
            assert await runtime.run(thing, self.case, key=self.key) == outcome
            assert self.asked == asked, "the same key again asks nobody"
            assert (await runtime.ledger.verify()).faults == ()
            return outcome

    def run(self, url: str, thing: Any) -> Any:
        outcome = None
        if self.course.crash_after is not None:
            outcome = asyncio.run(self.live(url, thing, self.course.crash_after))
        if outcome is None:
            outcome = asyncio.run(self.live(url, thing, None))
        return outcome

    def check_counts(self, attempts: int) -> None:
        """Nobody who had answered was asked again; everybody else once in each life."""
        for attempt, name in self._of.values():
            times = self.asked[attempt, name]
            if attempt > attempts:
                assert times == 0
            elif (attempt, name) in self.recorded:
                assert times == 1
            else:
                assert 1 <= times <= (2 if self.crashed else 1)


def check_parts(parts: Mapping[str, Any], says: Mapping[str, Say]) -> None:
    assert {name: part["state"] for name, part in parts.items()} == {
        name: state_of(say) for name, say in says.items()
    }


def risks(says: Mapping[str, Say], partial: str, weights: Mapping[str, int]) -> dict[str, int]:
    """What the merge should see, weighed; empty if there is nothing to merge."""
    answered = {n: s for n, s in says.items() if state_of(s) == "answered" and isinstance(s, int)}
    if partial == "fail" and len(answered) < len(says):
        return {}
    if partial == "substitute":
        answered = {name: answered.get(name, SUBSTITUTE) for name in says}
    return {name: risk * weights[name] for name, risk in answered.items()}


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(course=courses(attempts=2), partial=st.sampled_from(["fail", "drop", "substitute"]))
def test_a_delegation_is_what_its_model_says(course: Course, partial: Any, store_url: str) -> None:
    world = World(course)
    weights = {name: n + 1 for n, name in enumerate(course.names)}
    thing = Delegation(
        owner(fair, budget=Budget(attempts=2, seconds=None)),
        [
            Specialist(
                boundary=world.boundary(name),
                weight=weights[name],
                substitute=Score(risk=SUBSTITUTE),
            )
            for name in course.names
        ],
        merge=weigh,
        partial=partial,
        deadline=HOUR,
    )
    outcome = world.run(store_url, thing)
    attempt, code, last = 0, "", course.says[0]
    for attempt, last in enumerate(course.says, 1):  # noqa: B007
        seen = risks(last, partial, weights)
        if seen and sum(seen.values()) % 3:
            assert isinstance(outcome, Committed)
            assert outcome.receipt == sum(seen.values())
            break
        code = "unfair" if seen else "partial"
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.code in (code, "no_progress")
    assert outcome.attempts == attempt
    check_parts(outcome.parts, last)
    world.check_counts(attempt)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(course=courses(attempts=1), data=st.data())
def test_a_gather_is_what_its_model_says(course: Course, data: Any, store_url: str) -> None:
    world = World(course)
    quorum = data.draw(st.integers(1, len(course.names)))
    peers = [world.boundary(name) for name in course.names]
    thing = ScatterGather("case.gather", peers, aggregate=weigh, quorum=quorum, deadline=HOUR)
    outcome = world.run(store_url, thing)
    seen = risks(course.says[0], "drop", dict.fromkeys(course.names, 1))
    if len(seen) >= quorum:
        assert isinstance(outcome, Committed)
        # In the order in which the peers are declared, whatever order they answered in.
        assert outcome.receipt == Decision(risk=sum(seen.values()), by=list(seen))
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.code == "no_quorum"
    check_parts(outcome.parts, course.says[0])
    world.check_counts(1)


@pytest.mark.slow
@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(course=courses(attempts=2), partial=st.sampled_from(["fail", "drop", "substitute"]))
def test_many_delegations_are_what_their_model_says(
    course: Course, partial: Any, sqlite_url: str
) -> None:
    inner: Any = test_a_delegation_is_what_its_model_says
    inner.hypothesis.inner_test(course=course, partial=partial, store_url=sqlite_url)
