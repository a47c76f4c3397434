"""Telemetry owns what is told to the outside of crossings: spans, metrics, correlated logs.

It fulfils `signoff.runtime.Telemetry` and `signoff.boundary.Watch` by OpenTelemetry, an extra:
`pip install 'signoff[otel]'`. Without the extra, everything here but `OpenTelemetry` works.
"""

from typing import TYPE_CHECKING

from signoff.telemetry._conventions import ATTRIBUTES, METRICS, SPANS, Attribute, Metric, Span
from signoff.telemetry._logs import LOGGERS, Correlation, CrossingsInLogs, JsonLines
from signoff.telemetry._shipped import alerts, dashboard

if TYPE_CHECKING:
    from signoff.telemetry._opentelemetry import OpenTelemetry


def __getattr__(name: str) -> object:
    if name != "OpenTelemetry":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from signoff.telemetry._opentelemetry import OpenTelemetry
    except ImportError as error:
        from signoff.errors import MissingExtra

        raise MissingExtra(
            "telemetry needs OpenTelemetry. Install it with: pip install 'signoff[otel]'"
        ) from error
    globals()[name] = OpenTelemetry
    return OpenTelemetry


__all__ = [
    "ATTRIBUTES",
    "LOGGERS",
    "METRICS",
    "SPANS",
    "Attribute",
    "Correlation",
    "CrossingsInLogs",
    "JsonLines",
    "Metric",
    "OpenTelemetry",
    "Span",
    "alerts",
    "dashboard",
]
