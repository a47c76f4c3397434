"""Counting what became durable, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from opentelemetry.metrics import Counter, Histogram, Meter

from signoff.ledger import (
    Committed,
    Delivered,
    GaveUp,
    Halted,
    Judged,
    Proposed,
    Reconciled,
    Record,
    Rejected,
    Resumed,
    Suspended,
    TimerFired,
    Unknown,
)
from signoff.telemetry._conventions import METRICS
from signoff.telemetry._model import is_answer

Attributes: TypeAlias = Mapping[str, str]

#: Codes of one boundary that are told apart. They come from code, but nobody can promise that
#: none of them is made of what a model said.
MOST_CODES = 100

#: Seconds. From a flush on a fast disk to a model that takes minutes.
_SECONDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip

#: As the conventions for generative AI ask for them.
_GEN_AI_SECONDS = tuple(0.01 * 2**power for power in range(14))
_GEN_AI_TOKENS = tuple(4**power for power in range(14))


class Metrics:
    """The counters and histograms of a meter.

    Args:
        meter: Makes them.
    """

    def __init__(self, meter: Meter) -> None:
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._codes: dict[str, set[str]] = {}
        for metric in METRICS:
            if metric.kind == "counter":
                self._counters[metric.name] = meter.create_counter(
                    metric.name, metric.unit, metric.about
                )
            elif metric.kind == "histogram":
                self._histograms[metric.name] = meter.create_histogram(
                    metric.name,
                    metric.unit,
                    metric.about,
                    explicit_bucket_boundaries_advisory=_buckets(metric.name),
                )

    def took(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Note how long something took, or how much it was."""
        self._histograms[name].record(seconds, attributes)

    def wrote(self, boundary: str, records: Sequence[Record]) -> None:
        """Count what some records say."""
        for record in records:
            match record:
                case Proposed():
                    self._proposed(boundary, record)
                case Judged(accepted=False):
                    for rejection in record.rejections:
                        code = self._bounded(boundary, str(rejection.get("code", "")))
                        self._count("signoff.rejections", _of(boundary, code=code))
                case Committed() | Rejected() | Suspended() | Halted():
                    self._count("signoff.crossings", _of(boundary, outcome=record.type))
                case Unknown():
                    if boundary:  # an effect of the outbox is no outcome of its crossing
                        self._count("signoff.crossings", _of(boundary, outcome=record.type))
                    self._effect(record.effect, "in_doubt")
                case Delivered():
                    self._effect(record.effect, "delivered")
                case Reconciled():
                    self._effect(record.effect, "reconciled" if record.happened else "refused")
                case Resumed():
                    self._count("signoff.answers", {"signoff.answered": record.answer})
                case TimerFired():
                    self._count("signoff.timers.fired", {"signoff.timer": record.name})
                case GaveUp():
                    self._count("signoff.given_up", {})
                case _:
                    pass

    def _proposed(self, boundary: str, record: Proposed) -> None:
        if not is_answer(record.fingerprint):
            return
        self._count("signoff.attempts", _of(boundary))
        usage: Mapping[str, Any] = record.usage or {}
        for name, type in (("in", "input"), ("out", "output")):
            if usage.get(name):
                attributes = {**_of(boundary), "gen_ai.token.type": type}
                self._counters["signoff.tokens"].add(usage[name], attributes)
        if usage.get("usd"):
            self._counters["signoff.cost.usd"].add(usage["usd"], _of(boundary))

    def _effect(self, effect: str, outcome: str) -> None:
        self._count("signoff.effects", {"signoff.effect": effect, "signoff.outcome": outcome})

    def _count(self, name: str, attributes: Attributes) -> None:
        self._counters[name].add(1, attributes)

    def _bounded(self, boundary: str, code: str) -> str:
        codes = self._codes.setdefault(boundary, set())
        if code not in codes:
            if len(codes) >= MOST_CODES:
                return "other"
            codes.add(code)
        return code


def _of(boundary: str, **more: str) -> dict[str, str]:
    return {
        "signoff.boundary": boundary,
        **{f"signoff.{name}": said for name, said in more.items()},
    }


def _buckets(name: str) -> Sequence[float]:
    if name == "gen_ai.client.token.usage":
        return _GEN_AI_TOKENS
    return _GEN_AI_SECONDS if name.startswith("gen_ai.") else _SECONDS
