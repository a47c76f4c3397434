"""What guarding costs is told apart from what the model and the services take."""

from __future__ import annotations

import asyncio

import pytest
from awaited import awaited

from signoff.boundary import Committed, Rejected, Rejection
from signoff.workloads import Meter


class _Moments:
    """A clock that is told how late it is."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> _Moments:
    moments = _Moments()
    monkeypatch.setattr("signoff.workloads._meter.time.perf_counter", moments)
    return moments


@awaited
async def test_time_of_somebody_else_is_not_added(late: _Moments) -> None:
    meter = Meter()

    async def work() -> Committed[str]:
        late.now += 1
        with meter.away():
            late.now += 30
        late.now += 2
        meter.statement("committed")
        meter.statement("begin")
        return Committed("receipt")

    await meter.measure("u", "b", work())
    [sample] = meter.samples
    assert (sample.seconds, sample.transactions, sample.outcome) == (3.0, 1, "committed")


@awaited
async def test_two_at_the_same_time_are_away_once(late: _Moments) -> None:
    meter = Meter()

    async def ask(seconds: float) -> None:
        with meter.away():
            await asyncio.sleep(0)
            late.now += seconds

    async def work() -> None:
        await asyncio.gather(ask(10), ask(5))
        late.now += 4

    await meter.measure("u", "b", work())
    assert meter.samples[0].seconds == 4.0
    assert meter.samples[0].outcome == "done"


@awaited
async def test_a_cost_is_told_by_crossing_and_by_the_outcome_of_the_whole(late: _Moments) -> None:
    meter = Meter()

    async def work(seconds: float, ends: object) -> object:
        late.now += seconds
        meter.statement("committed")
        return ends

    no = Rejected([Rejection(code="c", message="m", then="stop", by="v", attempt=1)])
    await meter.measure("one", "b", work(1, Committed("r")))
    await meter.measure("one", "c", work(2, no))
    await meter.measure("two", "b", work(5, Committed("r")))
    cost = meter.cost({"one": "handed over"})
    rows = {(row.what, row.outcome): (row.number, row.median, row.p99) for row in cost.crossings}
    assert rows == {("b", "committed"): (2, 1, 5), ("c", "rejected"): (1, 2, 2)}
    ends = {row.outcome: (row.number, row.median, row.transactions) for row in cost.units}
    assert ends == {"handed over": (1, 3, 2), "under way": (1, 5, 1)}
    assert (cost.seconds, cost.transactions, cost.calls) == (8, 3, 0)
