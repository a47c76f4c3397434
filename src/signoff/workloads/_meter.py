"""What guarding costs: time beside the model and the services, transactions, model calls."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from signoff.boundary import Answer, Proposer, Question, Subject
from signoff.ledger import Fingerprint

T = TypeVar("T")
P = TypeVar("P")
S = TypeVar("S", bound=Subject)
ServiceT = TypeVar("ServiceT")

_OUTCOMES = frozenset(("Committed", "Rejected", "Suspended", "Unknown", "Compensated"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One piece of guarded work.

    Attributes:
        unit: Whose it was.
        what: The boundary that was crossed, or the step.
        outcome: How it ended: `committed`, `rejected` and so on; `done` where there is no outcome.
        seconds: Wall time, without what the model and the services took.
        transactions: Transactions that were committed meanwhile.
        calls: How often a model was asked meanwhile.
    """

    unit: str
    what: str
    outcome: str
    seconds: float
    transactions: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What some pieces of work had in common, and what each of them cost.

    Attributes:
        what: The boundary; empty for whole units of work.
        outcome: How they ended.
        number: How many they are.
        median: Of the added seconds of one.
        p99: Of the added seconds of one: the nearest rank.
        transactions: Of one, on average.
        calls: Model calls of one, on average.
    """

    what: str
    outcome: str
    number: int
    median: float
    p99: float
    transactions: float
    calls: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What guarding cost.

    Attributes:
        crossings: By boundary and outcome.
        units: By the outcome of the whole unit of work.
        seconds: Added seconds, all together.
        transactions: All together.
        calls: Model calls, all together.
    """

    crossings: tuple[CostRow, ...]
    units: tuple[CostRow, ...]
    seconds: float
    transactions: int
    calls: int


class Meter:
    """Counts and times what is done between a unit's beginning and its end.

    It tells the bookkeeping apart from the model and the services by taking the time during which
    at least one of them was at work from the wall time. So it is right only while one unit of work
    is in progress at a time; parts of it may run at the same time.
    """

    def __init__(self) -> None:
        self.calls = self.transactions = 0
        self.samples: list[Sample] = []
        self._away = 0.0
        self._at_work = 0
        self._since = 0.0

    def statement(self, name: str) -> None:
        """The fault point of a storage: counts commits."""
        self.transactions += name == "committed"

    @contextmanager
    def away(self) -> Generator[None]:
        """While this lasts, somebody else is at work."""
        if not self._at_work:
            self._since = time.perf_counter()
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._away += time.perf_counter() - self._since

    def taken(self, seconds: float) -> float:
        """What of so much wall time was not somebody else's."""
        return max(seconds - self._away, 0.0)

    def proposer(self, proposer: Proposer[S, P]) -> Proposer[S, P]:
        """The same proposer, counted and timed."""
        return _Metered(proposer, self)

    def service(self, service: ServiceT) -> ServiceT:
        """The same service, with its `perform` and `find` timed."""
        port: Any = _MeteredService(service, self)
        return port  # type: ignore[no-any-return]

    async def measure(self, unit: str, what: str, work: Awaitable[T]) -> T:
        """Do a piece of work, and keep what it cost.

        Args:
            unit: Id of the unit of work that it belongs to.
            what: The boundary that it crosses, or a word for the step.
            work: What to wait for.
        """
        began, away = time.perf_counter(), self._away
        transactions, calls = self.transactions, self.calls
        result = await work
        seconds = time.perf_counter() - began - (self._away - away)
        kind = type(result).__name__
        self.samples.append(
            Sample(
                unit=unit,
                what=what,
                outcome=kind.lower() if kind in _OUTCOMES else "done",
                seconds=max(seconds, 0.0),
                transactions=self.transactions - transactions,
                calls=self.calls - calls,
            )
        )
        return result

    def cost(self, ended: Mapping[str, str]) -> Cost:
        """What all of it cost.

        Args:
            ended: How each unit of work ended, by its id.
        """
        by_crossing: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        by_unit: dict[str, list[Sample]] = defaultdict(list)
        for sample in self.samples:
            by_crossing[sample.what, sample.outcome].append(sample)
            by_unit[sample.unit].append(sample)
        by_outcome: dict[str, list[Sample]] = defaultdict(list)
        for unit, samples in by_unit.items():
            by_outcome[ended.get(unit, "under way")].append(_together(unit, samples))
        return Cost(
            crossings=tuple(_row(*named, samples) for named, samples in by_crossing.items()),
            units=tuple(_row("", outcome, samples) for outcome, samples in by_outcome.items()),
            seconds=sum(sample.seconds for sample in self.samples),
            transactions=sum(sample.transactions for sample in self.samples),
            calls=sum(sample.calls for sample in self.samples),
        )


class _Metered(Generic[S, P]):
    def __init__(self, proposer: Proposer[S, P], meter: Meter) -> None:
        self._proposer, self._meter = proposer, meter

    @property
    def proposes(self) -> type[P]:
        return self._proposer.proposes

    @property
    def fingerprint(self) -> Fingerprint:
        return self._proposer.fingerprint

    async def __call__(self, question: Question[S], /) -> Answer:
        self._meter.calls += 1
        with self._meter.away():
            return await self._proposer(question)


class _MeteredService:
    def __init__(self, service: Any, meter: Meter) -> None:
        self._service, self._meter = service, meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    async def perform(self, *args: Any, **named: Any) -> Any:
        with self._meter.away():
            return await self._service.perform(*args, **named)

    async def find(self, key: str) -> Any:
        with self._meter.away():
            return await self._service.find(key)


def _together(unit: str, samples: Sequence[Sample]) -> Sample:
    return Sample(
        unit=unit,
        what="",
        outcome="",
        seconds=sum(sample.seconds for sample in samples),
        transactions=sum(sample.transactions for sample in samples),
        calls=sum(sample.calls for sample in samples),
    )


def _row(what: str, outcome: str, samples: Sequence[Sample]) -> CostRow:
    number = len(samples)
    seconds = sorted(sample.seconds for sample in samples)
    return CostRow(
        what=what,
        outcome=outcome,
        number=number,
        median=seconds[(number - 1) // 2],
        p99=seconds[-(-99 * number // 100) - 1],
        transactions=sum(sample.transactions for sample in samples) / number,
        calls=sum(sample.calls for sample in samples) / number,
    )
