"""Watching a crossing, or a piece of due work: its spans, and how long its steps took."""

from __future__ import annotations

from contextvars import Token
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeGuard, cast

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from signoff.boundary import (
    NOT_WATCHED,
    Asked,
    Boundary,
    Question,
    Recorded,
    Step,
    StepName,
    Watch,
)
from signoff.telemetry import _content
from signoff.telemetry._content import Redacted
from signoff.telemetry._facts import (
    fails,
    failure_of,
    of_answer,
    of_outcome,
    of_step,
    outcome_of,
)
from signoff.telemetry._harmless import harmless
from signoff.telemetry._logs import CROSSING
from signoff.telemetry._metrics import Metrics
from signoff.telemetry._model import Value, asked, is_model, named

_W3C = TraceContextTextMapPropagator()

#: Steps that run code which may have spans of its own.
_CURRENT = frozenset({"propose", "evidence", "commit", "effect", "probe"})

#: Steps of which it is told how long they took.
_TIMED = frozenset({"propose", "verify", "commit"})

_UNSEEN = cast("Step", NOT_WATCHED)


class Seen(Step):
    """A step with its span, or with only its duration.

    Args:
        watch: Of the crossing.
        what: Its kind.
        name: As the watch was told it.
        span: Already begun.
    """

    __slots__ = ("_began", "_name", "_span", "_token", "_watch", "_what", "failure")

    def __init__(self, watch: Watching, what: StepName, name: str, span: Span) -> None:
        self._watch = watch
        self._what: StepName = what
        self._name = name
        self._span = span
        self._token: Token[Context] | None = None
        self._began = 0.0
        #: What kept a model from answering.
        self.failure = ""

    def __enter__(self) -> Self:
        self._enter()
        return self

    @harmless(None)
    def _enter(self) -> None:
        self._began = perf_counter()
        if self._what in _CURRENT and self._span is not INVALID_SPAN:
            self._token = contexts.attach(set_span_in_context(self._span))
        if self._what == "commit":
            self._watch.within = set_span_in_context(self._span, Context())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit(error)

    @harmless(None)
    def _exit(self, error: BaseException | None) -> None:
        if self._token is not None:
            contexts.detach(self._token)
        if self._what == "commit":
            self._watch.within = self._watch.whole
        if error is not None:
            fails(self._span, error)
        self._span.end()
        self._watch.took(self, self._what, perf_counter() - self._began)

    @harmless(None)
    def tell(self, said: object) -> None:
        """What came of it."""
        if is_asked(said):
            self.failure = failure_of(said)
            self._watch.answered(said)
        if not self._span.is_recording():
            return
        self._span.set_attributes(self._watch.facts(self._what, self._name, said))
        if self.failure:
            self._span.set_status(Status(StatusCode.ERROR, self.failure))


class Watching(Watch):
    """Watches one crossing.

    Args:
        tracer: Makes the spans.
        metrics: Are told how long it took.
        redacted: What the ledger would keep; None if nothing that was said may be told.
        span: Already begun: the crossing's, or the work's.
        boundary: What is crossed; None for work.
        crossing: Its id.
    """

    __slots__ = (
        "_attempt", "_began", "_boundary", "_crossing", "_found", "_mark", "_metrics", "_outcome",
        "_redacted", "_span", "_token", "_tracer", "whole", "within",
    )  # fmt: skip

    def __init__(
        self,
        tracer: Tracer,
        metrics: Metrics,
        redacted: Redacted | None,
        span: Span,
        *,
        boundary: Boundary[Any, Any, Any] | None,
        crossing: str,
    ) -> None:
        self._tracer, self._metrics, self._redacted = tracer, metrics, redacted
        self._span, self._boundary, self._crossing = span, boundary, crossing
        self._token: Token[Context] | None = None
        self._mark: Token[str] | None = None
        self._began = 0.0
        self._attempt = 0
        self._found = self._outcome = ""
        #: The context of all of it, and of what is done on other threads just now.
        self.whole = self.within = set_span_in_context(span, Context())

    # The crossing

    def __enter__(self) -> Self:
        self._enter()
        return self

    @harmless(None)
    def _enter(self) -> None:
        self._began = perf_counter()
        self._mark = CROSSING.set(self._crossing)
        # The crossing's own span, whoever's span was current: also where it is not sampled.
        self._token = contexts.attach(set_span_in_context(self._span))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit(error)

    @harmless(None)
    def _exit(self, error: BaseException | None) -> None:
        if self._token is not None:
            contexts.detach(self._token)
        if error is not None:
            fails(self._span, error)
        self._span.end()
        if self._boundary is not None and self._outcome and self._found in ("", "open"):
            told = {
                "signoff.boundary": self._boundary.name,
                "signoff.outcome": self._outcome,
            }
            self._metrics.took("signoff.crossing.duration", perf_counter() - self._began, told)
        if self._mark is not None:
            CROSSING.reset(self._mark)

    @harmless(None)
    def tell(self, said: object) -> None:
        """The outcome."""
        self._outcome = outcome_of(said)
        if self._boundary is None or not self._span.is_recording():
            return
        self._span.set_attributes(of_outcome(said, self._boundary, self._redacted))
        if self._outcome == "unknown":
            self._span.set_status(Status(StatusCode.ERROR, "unknown"))

    @property
    def trace(self) -> str:
        """Where it can be found; empty if it is not sampled."""
        carrier: dict[str, str] = {}
        if self._span.is_recording():
            _W3C.inject(carrier, self.whole)
        return carrier.get("traceparent", "")

    @harmless(None)
    def finds(self, recorded: Recorded) -> None:
        """Link it to where it was watched first."""
        self._found = recorded.status
        if not self._span.is_recording():
            return
        self._span.set_attribute("signoff.found", recorded.status)
        first = place_of(str(recorded.state.get("trace", "")))
        if first is not None and first.span_id != self._span.get_span_context().span_id:
            self._span.add_link(first)

    # Its steps

    @harmless(_UNSEEN)
    def step(self, what: StepName, name: str, about: object = None) -> Step:
        """A step that is about to be taken."""
        if is_question(about):
            self._attempt = about.attempt
        if what == "verify" or not self._span.is_recording():
            return Seen(self, what, name, INVALID_SPAN) if what in _TIMED else NOT_WATCHED
        parent = contexts.get_current()
        if not get_current_span(parent).get_span_context().is_valid:
            parent = self.within  # a thread of the store's
        title, kind, attributes = self._begins(what, name, about)
        span = self._tracer.start_span(title, parent, kind, attributes)
        return Seen(self, what, name, span)

    def _begins(
        self, what: StepName, name: str, about: object
    ) -> tuple[str, SpanKind, dict[str, Value]]:
        told: dict[str, Value] = {"signoff.attempt": self._attempt} if self._attempt else {}
        title, kind = f"{what} {name}", SpanKind.INTERNAL
        match what:
            case "propose":
                assert self._boundary is not None, "only a crossing proposes"
                fingerprint = self._boundary.proposer.fingerprint.body()
                if is_model(fingerprint):
                    told.update(asked(fingerprint))
                    title, kind = f"chat {told['gen_ai.request.model']}", SpanKind.CLIENT
                if self._redacted is not None and is_question(about):
                    told["gen_ai.input.messages"] = _content.question(
                        self._redacted, self._boundary, about
                    )
            case "verifier":
                bare, _, version = name.partition("@")
                title = f"verify {bare}"
                told.update({"signoff.verifier": bare, "signoff.verifier_version": version})
            case "control":
                title = f"control {name.partition('(')[0]}"
                told.update({"signoff.control": name, "signoff.asked": str(about)})
            case "effect" | "probe":
                kind = SpanKind.CLIENT
                told["signoff.key"] = str(about)
            case "evidence":
                kind = SpanKind.CLIENT
            case _:
                pass
        return title, kind, told

    # What its steps say

    def facts(self, what: StepName, name: str, said: object) -> dict[str, Value]:
        """What came of a step, as attributes."""
        if is_asked(said):
            model = is_model(said.record.fingerprint)
            return of_answer(said, self._redacted, model=model)
        if what == "evidence":
            if self._redacted is None:
                return {}
            return {"signoff.evidence": _content.evidence(self._redacted, name, said)}
        told = of_step(said, name.partition("@")[0], self._redacted)
        if what == "control":
            told.setdefault("signoff.answer", "agree")
        elif what == "verifier":
            told.setdefault("signoff.verdict", "reject")  # whatever else was said is no Accept()
        return told

    def answered(self, said: Asked[Any]) -> None:
        """Count a model's tokens."""
        if not is_model(said.record.fingerprint):
            return
        attributes = named(said.record.fingerprint)
        for type, tokens in (("input", said.usage.tokens_in), ("output", said.usage.tokens_out)):
            if tokens:
                told = {**attributes, "gen_ai.token.type": type}
                self._metrics.took("gen_ai.client.token.usage", tokens, told)

    def took(self, step: Seen, what: StepName, seconds: float) -> None:
        """Note how long a step took."""
        if what not in _TIMED or self._boundary is None:
            return
        told = {"signoff.boundary": self._boundary.name}
        self._metrics.took(f"signoff.{what}.duration", seconds, told)
        if what == "propose":
            fingerprint = self._boundary.proposer.fingerprint.body()
            if is_model(fingerprint):
                attributes = named(fingerprint)
                if step.failure:
                    attributes["error.type"] = step.failure
                self._metrics.took("gen_ai.client.operation.duration", seconds, attributes)


def is_asked(said: object) -> TypeGuard[Asked[Any]]:
    """Whether it is what came of a question."""
    return isinstance(said, Asked)


def is_question(about: object) -> TypeGuard[Question[Any]]:
    """Whether it is a question."""
    return isinstance(about, Question)


def place_of(trace: str) -> SpanContext | None:
    """Where something was watched, from what `Watch.trace` said."""
    if not trace:
        return None
    found = get_current_span(_W3C.extract({"traceparent": trace}, Context())).get_span_context()
    return found if found.is_valid else None


def links_to(trace: str) -> list[Link]:
    """A link to where something was watched first, if it was."""
    place = place_of(trace)
    return [] if place is None else [Link(place)]
