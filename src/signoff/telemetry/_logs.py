"""Log records that say of which trace and of which crossing they are."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from signoff.boundary import Boundary, Watch
from signoff.clock import Clock

#: The loggers of this package.
LOGGERS = (
    "signoff.console",
    "signoff.control",
    "signoff.runtime",
    "signoff.storage",
    "signoff.telemetry",
)

#: Id of the crossing that runs here; empty for none.
CROSSING: ContextVar[str] = ContextVar("signoff_crossing", default="")


class Correlation(logging.Filter):
    """Adds `trace_id`, `span_id` and `crossing` to every record; lets all of them through.

    A filter of a handler adds them to all that goes there; one of a logger, to what it logs.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add them; empty where there is none."""
        if not hasattr(record, "trace_id"):
            record.trace_id, record.span_id = _current_span()
            record.crossing = CROSSING.get()
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line, with the fields of `Correlation` where they are not empty."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("crossing", "trace_id", "span_id"):
            if value := getattr(record, name, ""):
                told[name] = value
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def correlate() -> None:
    """Have the records of this package correlated, wherever they go."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(known, Correlation) for known in logger.filters):
            logger.addFilter(Correlation())


def _current_span() -> tuple[str, str]:
    # Nobody who does without OpenTelemetry has to import it in order to log.
    opentelemetry: Any = sys.modules.get("opentelemetry.trace")
    if opentelemetry is None:
        return "", ""
    context = opentelemetry.get_current_span().get_span_context()
    if not context.is_valid:
        return "", ""
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


class Marked(Watch):
    """Has the log records of a crossing say whose they are, and sees nothing else.

    Args:
        crossing: Its id.
    """

    __slots__ = ("_crossing", "_mark")

    def __init__(self, crossing: str) -> None:
        self._crossing = crossing
        self._mark: Token[str] | None = None

    def __enter__(self) -> Self:
        self._mark = CROSSING.set(self._crossing)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._mark is not None:
            CROSSING.reset(self._mark)


class CrossingsInLogs:
    """Telemetry of a runtime whose log records name their crossing, and nothing more."""

    watches = False

    def __init__(self) -> None:
        correlate()

    def crossing(self, boundary: Boundary[Any, Any, Any], id: str, subject: str) -> Watch:
        """Marks what a crossing logs."""
        return Marked(id)

    def work(self, kind: str, name: str, *, crossing: str, trace: str) -> Watch:
        """Marks what a piece of due work logs."""
        return Marked(crossing)

    def wrote(self, written: Any) -> None:
        """Looks away."""

    async def opened(self, store: Any, clock: Clock) -> None:
        """Looks away."""

    async def closed(self) -> None:
        """Looks away."""
