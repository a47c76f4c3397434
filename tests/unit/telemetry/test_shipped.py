"""The dashboard and the alert rules ask for what is really shown, at a real endpoint."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from awaited import awaited
from bounded import Order, Price, running, says, selling, ship
from prometheus_client.parser import text_string_to_metric_families

from signoff import Accept, External, Transactional
from signoff.boundary import Answer, Question
from signoff.control import Approval
from signoff.errors import BadInput
from signoff.ledger import Fingerprint, Usage
from signoff.telemetry import METRICS, OpenTelemetry, alerts, dashboard

#: What Grafana fills in before Prometheus sees it.
_FILLED = {"$__rate_interval": "5m", "$boundary": ".*"}


def expressions() -> Iterator[str]:
    for panel in json.loads(dashboard())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for group in yaml.safe_load(alerts())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def selected(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Every metric that an expression names, with the labels that it asks for."""
    for mark, filled in _FILLED.items():
        expression = expression.replace(mark, filled)
    yield from _selected(promql.parse(expression))


def _selected(node: Any) -> Iterator[tuple[str, set[str]]]:
    if isinstance(node, promql.VectorSelector):
        yield node.name, {matcher.name for matcher in node.matchers.matchers}
        return
    for name in ("expr", "lhs", "rhs", "vector_selector", "args", "param"):
        inside = getattr(node, name, None)
        for each in inside if isinstance(inside, list) else [inside]:
            if each is not None:
                yield from _selected(each)


def exposed() -> dict[str, set[str]]:
    """Every name that Prometheus may find -> its labels."""
    found: dict[str, set[str]] = {}
    for metric in METRICS:
        labels = {name.replace(".", "_") for name in metric.attributes}
        if metric.kind == "histogram":
            found[f"{metric.exposed}_bucket"] = {*labels, "le"}
            found[f"{metric.exposed}_sum"] = found[f"{metric.exposed}_count"] = labels
        else:
            found[metric.exposed] = labels
    return found


def test_every_expression_asks_for_what_there_is() -> None:
    known = exposed()
    several = 0
    for expression in expressions():
        by = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", expression))))
        names = list(selected(expression))
        assert names, expression
        for name, labels in names:
            assert name in known, expression
            assert labels | by <= known[name], expression
            several += 1
    assert several > 30


def test_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    panels = json.loads(dashboard())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridPos"]
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_rules_are_rules_for_prometheus_itself(tmp_path: Path) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed")
    file = tmp_path / "alerts.yml"
    file.write_text(alerts())
    checked = subprocess.run(
        [tool, "check", "rules", str(file)], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


class Model:
    """Says what is fine."""

    proposes = Price
    fingerprint = Fingerprint(model="openai:gpt-5", prompt="d1")

    async def __call__(self, question: Question[Any], /) -> Answer:
        return Answer(content='{"price": 5}', usage=Usage(tokens_in=9, tokens_out=2, usd=0.1))


def read(url: str) -> dict[str, set[str]]:
    """Name of every sample at an endpoint -> the labels that it has."""
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@awaited
async def test_every_metric_is_shown_at_the_endpoint_under_its_name(store_url: str) -> None:
    async def never(offer: Price, order: Order, key: str) -> str:
        raise OSError

    fax, mail = External(never, name="fax", tries=1), External(ship, name="mail")

    def sell(offer: Price, order: Order, write: Any) -> int:
        write.enqueue(fax, offer)
        write.enqueue(mail, offer)
        return offer.price

    def fine(offer: Price, order: Order) -> Any:
        return Accept()

    approval = Approval[Any, Any](ask="role:lead", within=timedelta(hours=1))
    committing = selling(
        proposer=Model(), verifiers=[fine], commit=Transactional(sell, effects=[fax, mail])
    )
    asking = selling(50, name="order.ask", controls=[approval])
    telemetry = OpenTelemetry(export=False, prometheus="127.0.0.1:0")
    try:
        async with running(store_url, committing, asking, telemetry=telemetry) as runtime:
            assert telemetry.url.startswith("http://127.0.0.1:")
            await runtime.run(committing, Order(id="o-1"))
            await runtime.run(selling(proposer=says(Price(price=900))), Order(id="o-2"), key="k")
            await runtime.run(asking, Order(id="o-3"))
            ticket = await runtime.run(asking, Order(id="o-4"))
            await runtime.deny(ticket.ticket, by="dana", because="no")
            await runtime.drain()
            found = await asyncio.to_thread(read, telemetry.url)
    finally:
        telemetry.close()
    known = exposed()
    ours = {name for name in found if name.startswith(("signoff_", "gen_ai_"))}
    assert {name for name in ours if not name.endswith("_created")} <= set(known)
    # Nothing was moved by a timer, given up or without a sign of life here.
    rare = {"signoff_timers_fired_total", "signoff_given_up_total"}
    assert set(known) - ours == rare
    for name in ours:
        assert found[name] <= known.get(name, set()) | {"le"}, name


@pytest.mark.parametrize("address", ["9464", "localhost", "127.0.0.1:http", ":9464", "a:70000"])
def test_an_address_that_is_none_is_said_so(address: str) -> None:
    with pytest.raises(BadInput, match="is no HOST:PORT"):
        OpenTelemetry(export=False, prometheus=address)


def test_an_address_that_is_taken_is_said_so() -> None:
    first = OpenTelemetry(export=False, prometheus="127.0.0.1:0")
    try:
        taken = first.url.removeprefix("http://").removesuffix("/metrics")
        with pytest.raises(BadInput, match="cannot be served at"):
            OpenTelemetry(export=False, prometheus=taken)
    finally:
        first.close()
