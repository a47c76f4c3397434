"""A runtime that is watched, and what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from signoff.telemetry import OpenTelemetry


class Watched:
    """Telemetry that keeps in memory what it is told."""

    def __init__(self, *, content: bool = False, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self._meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self._content = content

    def telemetry(self) -> OpenTelemetry:
        return OpenTelemetry(
            tracer_provider=self.tracers, meter_provider=self._meters, content=self._content
        )

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """In the order of their ends."""
        return self._exporter.get_finished_spans()

    def names(self) -> list[str]:
        """In the order of their beginnings."""
        return [span.name for span in sorted(self.spans, key=lambda span: span.start_time or 0)]

    def of(self, begins: str) -> list[ReadableSpan]:
        found = [span for span in self.spans if span.name.startswith(begins)]
        return sorted(found, key=lambda span: span.start_time or 0)

    def one(self, begins: str) -> ReadableSpan:
        (span,) = self.of(begins)
        return span

    def parent(self, span: ReadableSpan) -> str:
        """The name of the span around it; empty for a root."""
        around = {each.context.span_id: each.name for each in self.spans}
        return "" if span.parent is None else around[span.parent.span_id]

    def look(self) -> None:
        """Have every gauge read, from this thread."""
        self._reader.get_metrics_data()

    async def metrics(self) -> dict[str, dict[tuple[str, ...], Any]]:
        """Name of the metric -> values of its attributes -> value, or how often and how much."""
        data = await asyncio.to_thread(self._reader.get_metrics_data)
        found: dict[str, dict[tuple[str, ...], Any]] = {}
        for resource in [] if data is None else data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = found.setdefault(metric.name, {})
                    for point in metric.data.data_points:
                        told: Mapping[str, Any] = point.attributes or {}
                        values = tuple(str(told[name]) for name in sorted(told))
                        points[values] = getattr(point, "value", None)
                        if points[values] is None:
                            points[values] = (point.count, point.sum)  # type: ignore[union-attr]
        return found


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def place(span: ReadableSpan) -> tuple[int, int]:
    return span.context.trace_id, span.context.span_id


def links(span: ReadableSpan) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]
