"""Providers of spans and metrics: the program's own, or new ones as the environment says.

Source: OpenTelemetry environment variable specification, for the names and their defaults.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from signoff.errors import BadInput

#: What the service is called unless `OTEL_SERVICE_NAME` says otherwise.
_SERVICE = "signoff"

_PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


def tracers() -> tuple[trace.TracerProvider, TracerProvider | None]:
    """The provider of spans; a second time if it is ours, and not the program's."""
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return trace.get_tracer_provider(), None
    # It samples as OTEL_TRACES_SAMPLER says. The end of the program waits for no collector: the end
    # of a runtime has, for a while.
    ours = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    for exporter in _exporters("traces"):
        ours.add_span_processor(BatchSpanProcessor(exporter()))
    return ours, ours


def meters(
    readers: Sequence[MetricReader], *, export: bool
) -> tuple[metrics.MeterProvider, MeterProvider | None]:
    """The provider of metrics; a second time if it is ours, and not the program's.

    Args:
        readers: Of ours, which is then made in any case.
        export: Whether what the environment says is exported.
    """
    if not readers and isinstance(metrics.get_meter_provider(), MeterProvider):
        return metrics.get_meter_provider(), None
    made: list[MetricReader] = list(readers)
    for exporter in _exporters("metrics") if export else ():
        told = exporter()
        # Some are readers themselves, such as the one for Prometheus.
        made.append(told if isinstance(told, MetricReader) else PeriodicExportingMetricReader(told))
    ours = MeterProvider(made, resource=_resource(), shutdown_on_exit=False)
    return ours, ours


def may_tell_content() -> bool:
    """Whether the environment says that what was said may be told."""
    said = os.environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "")
    return said.strip().lower() in ("true", "span_only", "span_and_event")


def _resource() -> Resource:
    found = Resource.create()
    if not str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return found
    return found.merge(Resource({SERVICE_NAME: _SERVICE}))


def _exporters(signal: str) -> list[Any]:
    """The classes of the exporters that `OTEL_TRACES_EXPORTER` and its like name."""
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    wanted = os.environ.get(variable, "").strip() or "otlp"
    found: list[Any] = []
    for name in (name.strip() for name in wanted.split(",")):
        if name in ("none", ""):
            continue
        known = _protocol(signal) if name == "otlp" else name
        points = entry_points(group=f"opentelemetry_{signal}_exporter", name=known)
        if not points:
            raise BadInput(
                f"{variable} names the exporter {name!r}, and no such one is installed; "
                "say otlp, console or none"
            )
        found.append(next(iter(points)).load())
    return found


def _protocol(signal: str) -> str:
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    said = os.environ.get(variable) or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    name = (said or "http/protobuf").strip()
    if name not in _PROTOCOLS:
        known = ", ".join(_PROTOCOLS)
        raise BadInput(f"the protocol {name!r} of OpenTelemetry is none of: {known}")
    return _PROTOCOLS[name]
