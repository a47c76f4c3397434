"""The endpoint that Prometheus reads."""

from __future__ import annotations

from typing import Any, cast

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import MetricReader
from prometheus_client import CollectorRegistry, start_http_server

from signoff.errors import BadInput


class Endpoint:
    """Serves the metrics of one provider over HTTP, until it is closed.

    Args:
        address: `HOST:PORT`; port 0 takes any that is free.

    Raises:
        BadInput: If it cannot listen there.
    """

    def __init__(self, address: str) -> None:
        host, colon, port = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            raise BadInput(f"{address!r} is no HOST:PORT, such as 127.0.0.1:9464")
        registry = CollectorRegistry()
        self.reader: MetricReader = PrometheusMetricReader(
            scope_info_enabled=False, registry=registry
        )
        try:
            serving: Any = start_http_server(int(port), host, registry)
        except OSError as error:
            raise BadInput(
                f"metrics cannot be served at {address}: {error.strerror or error}. Name another "
                "address, or end what listens there."
            ) from error
        self._server, self._thread = serving
        bound = cast("tuple[str, int]", self._server.server_address[:2])
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        #: Where it is.
        self.url = f"http://{shown}:{bound[1]}/metrics"

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
