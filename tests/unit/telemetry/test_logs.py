"""A log record says of which crossing and of which trace it is."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from awaited import awaited
from bounded import Order, Price, running, selling
from watched import Watched, told

import signoff
from signoff import External
from signoff.telemetry import LOGGERS, Correlation, CrossingsInLogs, JsonLines

SOURCE = Path(signoff.__file__).parent


def record(message: str = "it failed", **more: Any) -> logging.LogRecord:
    fields = {"name": "signoff.runtime", "levelname": "WARNING", "msg": message, **more}
    return logging.makeLogRecord(fields)


async def warns(offer: Price, order: Order, key: str) -> str:
    logging.getLogger("signoff.runtime").warning("on its way")
    return "sent"


@awaited
async def test_what_is_logged_within_a_crossing_names_it_and_its_span(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = Watched()
    boundary = selling(50, commit=External(warns))
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        outcome = await runtime.run(boundary, Order(id="o-1"))
    (logged,) = [each for each in caplog.records if each.message == "on its way"]
    span = seen.one("effect")
    assert (
        vars(logged)["crossing"] == outcome.crossing == told(seen.one("cross"))["signoff.crossing"]
    )
    assert vars(logged)["trace_id"] == f"{span.context.trace_id:032x}"
    assert vars(logged)["span_id"] == f"{span.context.span_id:016x}"


@awaited
async def test_crossings_are_named_in_logs_without_traces(caplog: pytest.LogCaptureFixture) -> None:
    boundary = selling(50, commit=External(warns))
    async with running("sqlite://:memory:", telemetry=CrossingsInLogs()) as runtime:
        outcome = await runtime.run(boundary, Order(id="o-1"))
    (logged,) = [each for each in caplog.records if each.message == "on its way"]
    assert vars(logged)["crossing"] == outcome.crossing
    assert vars(logged)["trace_id"] == ""


def test_a_line_is_one_object_whatever_is_logged() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        failed = record("naïve \u2028 %s", args=("ü\n",), exc_info=sys.exc_info())
    Correlation().filter(failed)
    line = JsonLines().format(failed)
    assert "\n" not in line
    said = json.loads(line)
    assert (said["level"], said["logger"]) == ("warning", "signoff.runtime")
    assert said["message"] == "naïve \u2028 ü\n"
    assert "ValueError: two" in said["error"]
    assert "crossing" not in said


def test_every_logger_of_the_package_is_correlated() -> None:
    named = {
        name
        for file in SOURCE.rglob("*.py")
        for name in re.findall(r'getLogger\("(signoff[\w.]*)"\)', file.read_text())
    }
    assert named <= set(LOGGERS)
