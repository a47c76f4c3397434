"""OpenTelemetry for a runtime: one object, made from the environment or from what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from signoff.boundary import NOT_WATCHED, Boundary, Watch
from signoff.clock import Clock
from signoff.errors import UsageError
from signoff.telemetry._content import Redacted
from signoff.telemetry._endpoint import Endpoint
from signoff.telemetry._harmless import harmless
from signoff.telemetry._logs import correlate
from signoff.telemetry._metrics import Metrics
from signoff.telemetry._providers import may_tell_content, meters, tracers
from signoff.telemetry._standing import Gauges, Standings
from signoff.telemetry._watching import Watching, links_to

_log = logging.getLogger("signoff.telemetry")

#: Seconds that the end of a runtime waits at most for a collector that does not answer.
PATIENCE = 2.0

#: What work is called that the outbox keeps, by its kind; others by their kind.
_WORK = {"outbox": "deliver", "commit": "recover"}

_UNSEEN = NOT_WATCHED


class OpenTelemetry:
    """Spans, metrics and correlated logs of a runtime: `Runtime(..., telemetry=OpenTelemetry())`.

    Uses the providers that the program has set up. Where there are none it makes its own, as
    OpenTelemetry's environment variables say: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`,
    `OTEL_TRACES_SAMPLER` and the others; without any, by OTLP over HTTP to this machine. Whoever
    collects may be slow or away: spans are then dropped, and no crossing waits.

    One object serves one runtime at a time.

    Args:
        export: Whether anything is sent. Without, only `prometheus` shows something.
        prometheus: `HOST:PORT` where metrics are served for Prometheus, such as `127.0.0.1:9464`;
            empty for nowhere. Whoever can reach it can read them.
        content: Whether what was said is told as well: subjects, proposals, evidence, messages,
            receipts. It goes through the runtime's `redact=` first, as on its way to the ledger.
            By default, as `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says; without it,
            no.
        tracer_provider: Makes the spans, instead.
        meter_provider: Makes the metrics, instead.

    Raises:
        BadInput: If the environment names what is not there, or the address cannot be used.
        MissingExtra: If OpenTelemetry is not installed; on importing the name.
    """

    watches = True

    def __init__(
        self,
        *,
        export: bool = True,
        prometheus: str = "",
        content: bool | None = None,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        if prometheus and meter_provider is not None:
            raise UsageError("give the meter provider a PrometheusMetricReader, or leave it out")
        self._endpoint = Endpoint(prometheus) if prometheus else None
        self._ends: list[Any] = []
        if tracer_provider is None:
            tracer_provider, ours = tracers() if export else (trace.NoOpTracerProvider(), None)
            self._ends += [] if ours is None else [ours]
        if meter_provider is None:
            readers = [] if self._endpoint is None else [self._endpoint.reader]
            meter_provider, ours_too = meters(readers, export=export)
            self._ends += [] if ours_too is None else [ours_too]
        self._tracer = tracer_provider.get_tracer("signoff", version("signoff"))
        meter = meter_provider.get_meter("signoff", version("signoff"))
        self._metrics, self._gauges = Metrics(meter), Gauges(meter)
        self._content = may_tell_content() if content is None else content
        self._redacted: Redacted | None = None
        self._serves = False
        correlate()

    @property
    def url(self) -> str:
        """Where metrics are served for Prometheus; empty if they are not."""
        return "" if self._endpoint is None else self._endpoint.url

    # What a runtime tells

    @harmless(_UNSEEN)
    def crossing(self, boundary: Boundary[Any, Any, Any], id: str, subject: str) -> Watch:
        """Watches a crossing."""
        span = self._tracer.start_span(f"cross {boundary.name}", contexts.get_current())
        if span.is_recording():
            strength = boundary.strength
            span.set_attributes(
                {
                    "signoff.boundary": boundary.name,
                    "signoff.crossing": id,
                    "signoff.subject": subject,
                    "signoff.strength.verifier": strength.verifier,
                    "signoff.strength.commit": strength.commit,
                }
            )
            if boundary.policies:
                span.set_attribute("signoff.policies", boundary.policies)
        return Watching(
            self._tracer, self._metrics, self._redacted, span, boundary=boundary, crossing=id
        )

    @harmless(_UNSEEN)
    def work(self, kind: str, name: str, *, crossing: str, trace: str) -> Watch:
        """Watches a piece of due work, in a trace of its own."""
        title = f"{_WORK.get(kind, kind)} {name.removeprefix(f'{kind}:')}"
        told = {"signoff.work": kind}
        if crossing:
            told["signoff.crossing"] = crossing
        # Whoever opened the runtime may have had a span, which has nothing to do with this.
        span = self._tracer.start_span(
            title, Context(), SpanKind.INTERNAL, told, links=links_to(trace)
        )
        return Watching(
            self._tracer, self._metrics, self._redacted, span, boundary=None, crossing=crossing
        )

    @harmless(None)
    def wrote(self, written: Any) -> None:
        """Counts what became durable."""
        for boundary, _, records in written:
            self._metrics.wrote(boundary, records)

    async def opened(self, store: Any, clock: Clock) -> None:
        """Looks at what waits in the runtime's store.

        Raises:
            UsageError: If it serves another runtime already.
        """
        if self._serves:
            raise UsageError("telemetry serves one runtime at a time: make one for each")
        self._serves = True
        standings: Standings = store
        self._gauges.follow(standings, clock)
        if self._content:
            self._redacted = store.redacted

    async def closed(self) -> None:
        """Hands on what was seen, for two seconds at most."""
        if not self._serves:
            return
        self._serves = False
        await _patiently([provider.force_flush for provider in self._ends])
        self._gauges.leave()
        self._redacted = None

    # The end

    def close(self) -> None:
        """Serve and send no more; what a program leaves out happens as it ends."""
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None
        for provider in self._ends:
            provider.shutdown()
        self._ends.clear()


async def _patiently(flushes: Sequence[Callable[[], object]]) -> None:
    """Hand on what there is, on threads that nobody has to wait for at the end."""
    loop = asyncio.get_running_loop()
    done = [loop.create_future() for _ in flushes]

    def run(flush: Callable[[], object], ended: asyncio.Future[None]) -> None:
        with contextlib.suppress(Exception):  # what is lost is told by the exporter
            flush()
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if ended.done() else ended.set_result(None))

    for flush, ended in zip(flushes, done, strict=True):
        threading.Thread(
            target=run, args=(flush, ended), name="signoff-telemetry", daemon=True
        ).start()
    try:
        await asyncio.wait_for(asyncio.gather(*done), PATIENCE)
    except TimeoutError:
        _log.warning("the collector of telemetry did not answer; what it was not given is lost")
