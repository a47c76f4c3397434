"""A real collector is given everything, over both protocols; one that dies disturbs nobody."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from awaited import awaited
from bounded import Order, running, selling

from signoff import Committed
from signoff.telemetry import OpenTelemetry

HERE = Path(__file__).parent
SINK = HERE.parent / "otlp_sink.py"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> None:
    until(lambda: _answers(port))


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(holds: Callable[[], Any], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.05)


class Collector:
    """A collector's process, and a process behind it that writes down what it exports."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.find_spec("rotel")
        if spec is None or not spec.submodule_search_locations:
            pytest.skip("the rotel wheel is not installed")
        program = Path(spec.submodule_search_locations[0]) / "rotel-agent"
        self.grpc, self.http, behind = free_port(), free_port(), free_port()
        self.file = folder / "collected.jsonl"
        self.sink = subprocess.Popen([sys.executable, str(SINK), str(behind), str(self.file)])
        listening(behind)
        self.process = subprocess.Popen(
            [
                program, "start",
                "--otlp-grpc-endpoint", f"127.0.0.1:{self.grpc}",
                "--otlp-http-endpoint", f"127.0.0.1:{self.http}",
                "--exporter", "otlp", "--otlp-exporter-protocol", "http",
                "--otlp-exporter-endpoint", f"http://127.0.0.1:{behind}",
                "--pid-file", folder / "collector.pid", "--log-file", folder / "collector.log",
            ],
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        listening(self.grpc)
        listening(self.http)

    def environment(self, protocol: str) -> dict[str, str]:
        port = self.grpc if protocol == "grpc" else self.http
        return {
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        }

    def spans(self) -> list[dict[str, Any]]:
        return list(self._found("resourceSpans", "scopeSpans", "spans"))

    def metrics(self) -> set[str]:
        return {each["name"] for each in self._found("resourceMetrics", "scopeMetrics", "metrics")}

    def services(self) -> set[str]:
        return {
            pair["value"]["stringValue"]
            for line in self._lines()
            for resource in line.get("resourceSpans", ())
            for pair in resource["resource"]["attributes"]
            if pair["key"] == "service.name"
        }

    def _lines(self) -> list[dict[str, Any]]:
        text = self.file.read_text() if self.file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def _found(self, resource: str, scope: str, what: str) -> Iterator[dict[str, Any]]:
        for line in self._lines():
            for one in line.get(resource, ()):
                for inside in one[scope]:
                    yield from inside[what]

    def end(self) -> None:
        for process in (self.process, self.sink):
            process.kill()
            process.wait()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    collecting = Collector(tmp_path)
    yield collecting
    collecting.end()


@pytest.fixture
def told_where(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def tell(variables: dict[str, str]) -> None:
        for name in list(os.environ):
            if name.startswith("OTEL_"):
                monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return tell


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in span.get("attributes", ())}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@awaited
async def test_a_collector_is_given_every_span_and_metric(
    collector: Collector, told_where: Callable[..., None], protocol: str
) -> None:
    told_where({**collector.environment(protocol), "OTEL_SERVICE_NAME": "shop"})
    telemetry = OpenTelemetry()
    async with running("sqlite://:memory:", telemetry=telemetry) as runtime:
        outcome = await runtime.run(selling(50), Order(id="o-1"))
    # The end of the runtime has handed everything on.
    await asyncio.to_thread(until, lambda: len(collector.spans()) >= 4)
    await asyncio.to_thread(until, lambda: "signoff.crossings" in collector.metrics())
    telemetry.close()
    spans = {span["name"]: span for span in collector.spans()}
    assert set(spans) == {
        "cross order.sell", "propose order.sell", "verify affordable", "commit order.sell"
    }  # fmt: skip
    assert attributes(spans["cross order.sell"])["signoff.crossing"] == outcome.crossing
    assert spans["verify affordable"]["parentSpanId"] == spans["cross order.sell"]["spanId"]
    assert len(base64.b64decode(spans["cross order.sell"]["traceId"])) == 16
    assert collector.services() == {"shop"}


@awaited
async def test_the_sampler_of_the_environment_is_honoured(
    collector: Collector, told_where: Callable[..., None]
) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    told_where({**collector.environment("http/protobuf"), **sampler})
    telemetry = OpenTelemetry()
    async with running("sqlite://:memory:", telemetry=telemetry) as runtime:
        await runtime.run(selling(50), Order(id="o-1"))
    await asyncio.to_thread(until, lambda: "signoff.crossings" in collector.metrics())
    telemetry.close()
    assert collector.spans() == []


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@awaited
async def test_a_collector_that_is_killed_disturbs_no_crossing(
    collector: Collector, told_where: Callable[..., None], protocol: str
) -> None:
    quick = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    told_where({**collector.environment(protocol), **quick})
    telemetry = OpenTelemetry()
    boundary = selling(50)
    async with running("sqlite://:memory:", telemetry=telemetry) as runtime:
        for number in range(200):
            if number == 100:
                collector.process.kill()
            outcome = await runtime.run(boundary, Order(id=f"o-{number}"))
            assert isinstance(outcome, Committed)
    await asyncio.to_thread(telemetry.close)


@awaited
async def test_a_collector_that_never_answers_disturbs_no_crossing(
    told_where: Callable[..., None],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        where = f"http://127.0.0.1:{silent.getsockname()[1]}"
        told_where(
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": where,
                "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
                "OTEL_BSP_MAX_QUEUE_SIZE": "64",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "32",
                "OTEL_BSP_SCHEDULE_DELAY": "50",
            }
        )
        telemetry = OpenTelemetry()
        boundary = selling(50)
        async with running("sqlite://:memory:", telemetry=telemetry) as runtime:
            for number in range(200):  # far more spans than may wait
                outcome = await runtime.run(boundary, Order(id=f"o-{number}"))
                assert isinstance(outcome, Committed)
    await asyncio.to_thread(telemetry.close)


def test_a_worker_shows_its_metrics_sends_its_spans_and_logs_in_json(
    collector: Collector, tmp_path: Path
) -> None:
    port = free_port()
    path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    store = f"sqlite:///{tmp_path / 'signoff.db'}"
    environment = {
        **os.environ,
        **collector.environment("http/protobuf"),
        "PYTHONPATH": path,
        "PARCELS_MAIL": str(tmp_path / "mails"),
    }
    place = (
        "import asyncio, sys, parcels\n"
        "from signoff import Runtime\n"
        "async def main():\n"
        "    async with Runtime(sys.argv[1]) as runtime:\n"
        "        await runtime.start(parcels.parcels, parcels.Parcel(id='p-1'))\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", place, store], check=True, env=environment)
    worker = subprocess.Popen(
        [
            sys.executable, "-m", "signoff", "worker", "--app", "parcels:everything",
            "--store", store, "--otel", "--metrics", f"127.0.0.1:{port}", "--log", "json",
        ],
        env=environment, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == f"metrics at http://127.0.0.1:{port}/metrics\n"
        wanted = 'signoff_effects_total{signoff_effect="parcel.mail",signoff_outcome="delivered"}'
        until(lambda: wanted in _metrics(port))
        wanted_spans = {"timer placed:label_it", "deliver parcel.mail"}
        until(lambda: wanted_spans <= _names(collector), within=60)
    finally:
        worker.send_signal(signal.SIGTERM)
        _, logged = worker.communicate(timeout=30)
    assert worker.returncode == 0
    for line in logged.splitlines():
        json.loads(line)
    deliveries = [span for span in collector.spans() if span["name"] == "deliver parcel.mail"]
    crossings = {span["spanId"] for span in collector.spans() if span["name"].startswith("cross")}
    assert deliveries[0]["links"][0]["spanId"] in crossings


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read().decode())


def _names(collector: Collector) -> set[str]:
    return {span["name"] for span in collector.spans()}
