"""Sagas under random weather, crashes and restarts: every effect is wanted, or undone."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from saga_world import Case, World

from signoff import Committed, Runtime, Unknown
from signoff.coordination import Compensated, Saga
from signoff.storage import storage_at
from signoff.testing import FakeClock

#: Those with a step that nobody can ask about are told what became of it by a person.
KINDS = ["probed", "idempotent", "neither"]

NAMES = ["reserve", "issue", "book", "un-reserve", "un-issue"]

WEATHER = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(["refused", "lost", "late"]), max_size=3
)


class SagaInterleavings(RuleBasedStateMachine):
    """Sagas of every kind are begun, cut off, run again, and left to themselves."""

    database = ""  # of PostgreSQL; a file for each example if there is none

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.url = self.database or f"sqlite:///{Path(self.folder.name) / 'sagas.db'}"
        self.clock, self.world = FakeClock(), World()
        self.sagas: dict[str, Saga[Case]] = {
            kind: self.world.saga(kind=kind, name=f"{kind}.close")  # type: ignore[arg-type]
            for kind in KINDS
        }
        self.begun: dict[str, str] = {}
        self.ended: dict[str, Any] = {}
        self.faults_in = 0
        self.runtime = self.do(self._open)

    def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        return self.loop.run_until_complete(work())

    def _fault_point(self, name: str) -> None:
        if self.faults_in:
            self.faults_in -= 1
            if self.faults_in == 0:
                raise ConnectionError("the store was away")

    async def _open(self) -> Runtime:
        store = storage_at(self.url, fault_point=self._fault_point)
        knows, people = self.sagas.values(), {"omar": ["operator"]}
        options: dict[str, Any] = {"principals": people, "max_restarts": 3}
        runtime = Runtime(store, clock=self.clock, knows=knows, **options)
        await runtime.__aenter__()
        return runtime

    async def _run(self, key: str) -> Any:
        kind = self.begun[key]
        outcome = await self.runtime.run(self.sagas[kind], Case(id=key), key=key)
        if isinstance(outcome, Committed | Compensated):
            assert self.ended.setdefault(key, outcome) == outcome, "an outcome never changes"
        return outcome

    def _begin(self, kind: str) -> str:
        key = f"case-{len(self.begun):03}-{kind}"
        if self.database:
            key = f"{id(self)}-{key}"
        self.begun[key] = kind
        return key

    @rule(kind=st.sampled_from(KINDS), weather=WEATHER)
    def run(self, kind: str, weather: Any) -> None:
        self.world.weather = weather
        key = self._begin(kind)
        self.do(lambda: self._run(key))

    @rule(weather=WEATHER, which=st.integers(0, 99))
    def run_again(self, weather: Any, which: int) -> None:
        self.world.weather = weather
        if self.begun:
            key = list(self.begun)[which % len(self.begun)]
            self.do(lambda: self._run(key))

    @rule(kind=st.sampled_from(KINDS), weather=WEATHER, faults_in=st.integers(1, 120))
    def lose_a_statement(self, kind: str, weather: Any, faults_in: int) -> None:
        self.world.weather = weather
        key = self._begin(kind)
        self.faults_in = faults_in
        with suppress(ConnectionError):
            self.do(lambda: self._run(key))
        self.faults_in = 0

    @rule(kind=st.sampled_from(KINDS), weather=WEATHER, steps=st.integers(0, 200))
    def crash(self, kind: str, weather: Any, steps: int) -> None:
        """Begin one, and be gone a random moment later."""
        self.world.weather = weather
        key = self._begin(kind)

        async def work() -> None:
            task = asyncio.create_task(self._run(key))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(BaseException):
                await task
            await self.runtime.__aexit__(None, None, None)
            self.runtime = await self._open()

        self.do(work)

    @rule(minutes=st.integers(1, 20), weather=WEATHER)
    def let_time_pass(self, minutes: int, weather: Any) -> None:
        self.world.weather = weather
        self.do(lambda: self.clock.advance(minutes=minutes))

    @invariant()
    def nothing_is_done_twice(self) -> None:
        assert self.world.twice == []
        by_step = Counter((name, key.partition("/undo/")[0]) for name, key in self.world.account)
        assert not [name for name, n in by_step.items() if n > 1 and name[0][:3] != "un-"]

    def teardown(self) -> None:
        """In fair weather everything ends, and the other system's account agrees."""
        try:
            self.do(self._settle)
        finally:
            self.do(lambda: self.runtime.__aexit__(None, None, None))
            self.loop.close()
            self.folder.cleanup()
            logging.disable(logging.NOTSET)

    async def _settle(self) -> None:
        self.world.weather = {}
        for _ in range(8):
            await self._answer_everything()
            await self.clock.advance(hours=2)
            outcomes = {key: await self._run(key) for key in self.begun}
            if all(isinstance(each, Committed | Compensated) for each in outcomes.values()):
                break
        for key, outcome in outcomes.items():
            assert isinstance(outcome, Committed | Compensated), outcome
            self._check(key, outcome)
        assert await self.runtime.ledger.pending() == []
        assert (await self.runtime.ledger.verify()).faults == ()

    async def _answer_everything(self) -> None:
        """What a person has to say, a person says, having looked."""
        said: Any = {"by": "omar", "because": "seen"}
        async for ticket in self.runtime.ledger.tickets("open"):
            await self.runtime.retry(ticket.id, **said)
        for key, kind in self.begun.items():
            outcome = await self._run(key)
            if kind == "neither" and isinstance(outcome, Unknown):
                step = next(
                    each for each in self.sagas[kind].boundaries if outcome.effect == each.name
                )
                did = any(done == outcome.key for _, done in self.world.account)
                receipt = "seen" if did else None
                await self.runtime.resolve(step, outcome.key, happened=did, receipt=receipt, **said)

    def _check(self, key: str, outcome: Any) -> None:
        done = [name for name, under in self.world.account if under.startswith(f"{key}/")]
        if isinstance(outcome, Committed):
            assert done == ["reserve", "issue", "book"]
            return
        happened = [name for name in done if not name.startswith("un-")]
        assert happened == ["reserve", "issue"][: len(happened)]
        undone = [f"un-{name}" for name in reversed(happened)]
        assert list(outcome.undone) == undone
        # An undo that was refused is begun anew under another key; what is done, is done once.
        assert done == [*happened, *undone]


_quick = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

TestSagaInterleavings = SagaInterleavings.TestCase
TestSagaInterleavings.settings = _quick


@pytest.mark.timeout(500)
def test_sagas_under_random_interleavings_on_postgresql(postgres_database: str) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    class OnPostgres(SagaInterleavings):
        database = postgres_database

    run_state_machine_as_test(OnPostgres, settings=settings(_quick, max_examples=3))  # type: ignore[no-untyped-call]
