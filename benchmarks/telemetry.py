"""What telemetry costs: off, every crossing sampled, and one in ten, in turns."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from benchmarks.figures import Figure, micro
from benchmarks.machine import scratch
from benchmarks.orders import Order, cross_plain
from signoff import Runtime
from signoff.storage import SQLiteStorage
from signoff.telemetry import OpenTelemetry

#: Share of the crossings that is sampled; None is without telemetry.
SHARES = {"off": None, "sampled 0.1": 0.1, "sampled 1.0": 1.0}
CALLERS = (1, 64)
ROUNDS = 7


class Nowhere(SpanExporter):
    """Takes spans as a collector would that costs nothing."""

    def export(self, spans: Any) -> SpanExportResult:
        kept: list[ReadableSpan] = list(spans)
        return SpanExportResult.SUCCESS if kept else SpanExportResult.FAILURE


def measure(quick: bool = False) -> tuple[list[Figure], dict[str, Any]]:
    rounds, each = (3, 256) if quick else (ROUNDS, 1024)
    raw: dict[str, Any] = {}
    figures: list[Figure] = []
    for callers in CALLERS:
        said = asyncio.run(_in_turns(callers, each, rounds))
        raw[str(callers)] = said
        off = statistics.median(said["off"]["rates"])
        for name in SHARES:
            rate = statistics.median(said[name]["rates"])
            cpu = statistics.median(said[name]["cpu"])
            figures.append(
                Figure(
                    f"telemetry {name}, {callers} caller{'s' if callers > 1 else ''}",
                    f"{rate:,.0f}/s",
                    how=f"{rate / off:.2f} x off; CPU {micro(cpu)} a crossing; median of {rounds}",
                )
            )
    return figures, raw


async def _in_turns(callers: int, each: int, rounds: int) -> dict[str, Any]:
    said: dict[str, Any] = {name: {"rates": [], "cpu": []} for name in SHARES}
    with scratch() as folder:
        for turn in range(rounds + 1):
            for name, share in SHARES.items():
                rate, cpu = await _one(folder / f"{turn}-{name}.db", share, callers, each)
                if turn:  # the first one warms up
                    said[name]["rates"].append(rate)
                    said[name]["cpu"].append(cpu)
    return said


async def _one(file: Path, share: float | None, callers: int, each: int) -> tuple[float, float]:
    with _telemetry(share) as telemetry:
        async with Runtime(SQLiteStorage(str(file)), telemetry=telemetry) as runtime:

            async def call(caller: int) -> None:
                for turn in range(each // callers):
                    await cross_plain(runtime, Order(id=f"o-{caller}-{turn}"))

            began, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(call(caller) for caller in range(callers)))
            done = each // callers * callers
            seconds = time.perf_counter() - began
            return done / seconds, (time.process_time() - cpu) / done


@contextmanager
def _telemetry(share: float | None) -> Iterator[OpenTelemetry | None]:
    if share is None:
        yield None
        return
    tracers = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)))
    tracers.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=100_000))
    meters = MeterProvider([InMemoryMetricReader()])
    yield OpenTelemetry(tracer_provider=tracers, meter_provider=meters)
    tracers.shutdown()
    meters.shutdown()
