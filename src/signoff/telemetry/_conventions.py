"""The names of every span, attribute and metric, and what they mean.

Sources: OpenTelemetry semantic conventions for generative AI, client inference spans and metrics,
as of October 2026 (status: development): `gen_ai.*`; OpenTelemetry attribute registry:
`error.type`. What begins with `signoff.` is our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Span:
    """A span.

    Attributes:
        name: With what is filled in, in braces.
        kind: Of OpenTelemetry's kinds.
        about: What it lasts for.
        attributes: Names of what it may carry, besides those of its crossing.
    """

    name: str
    kind: Literal["internal", "client"]
    about: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of spans; `content` is told only if capturing content was switched on."""

    name: str
    about: str
    content: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: As OpenTelemetry has it; see `exposed` for Prometheus.
        kind: Its instrument; a gauge is read from the store when somebody looks.
        unit: In UCUM; braces are no unit but what is counted.
        about: What it says.
        attributes: All that it may carry. None of them names a subject.
    """

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    about: str
    attributes: tuple[str, ...] = ()

    @property
    def exposed(self) -> str:
        """Its name for Prometheus; a histogram has `_bucket`, `_sum` and `_count` of it."""
        name = self.name.replace(".", "_")
        if self.unit == "s":
            name += "_seconds"
        return name + "_total" if self.kind == "counter" else name


_ALWAYS = ("signoff.boundary", "signoff.crossing", "signoff.subject")

SPANS = (
    Span(
        "cross {boundary}",
        "internal",
        "A crossing, as far as this process takes it: until it ends, or waits. A part of another "
        "crossing lies within it; one that goes on later has a trace of its own, linked to the "
        "first.",
        (
            *_ALWAYS,
            "signoff.outcome",
            "signoff.code",
            "signoff.ended",
            "signoff.attempts",
            "signoff.found",
            "signoff.strength.verifier",
            "signoff.strength.commit",
            "signoff.policies",
            "signoff.ticket",
            "signoff.ask",
            "signoff.effect",
            "signoff.receipt",
            "error.type",
        ),
    ),
    Span(
        "chat {model}",
        "client",
        "A model is asked once. `propose {boundary}`, and internal, if the proposer is no model.",
        (
            "signoff.attempt",
            "signoff.code",
            "signoff.repaired",
            "signoff.cost.usd",
            "gen_ai.operation.name",
            "gen_ai.provider.name",
            "gen_ai.request.model",
            "gen_ai.response.model",
            "gen_ai.output.type",
            "gen_ai.request.temperature",
            "gen_ai.request.top_p",
            "gen_ai.request.top_k",
            "gen_ai.request.max_tokens",
            "gen_ai.request.seed",
            "gen_ai.request.frequency_penalty",
            "gen_ai.request.presence_penalty",
            "gen_ai.request.stop_sequences",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "error.type",
        ),
    ),
    Span(
        "evidence {lookup}",
        "client",
        "A fact is looked up.",
        ("signoff.attempt", "signoff.evidence", "error.type"),
    ),
    Span(
        "verify {verifier}",
        "internal",
        "A verifier judges. Each has a span; how long all of them took is a metric.",
        (
            "signoff.attempt",
            "signoff.verifier",
            "signoff.verifier_version",
            "signoff.verdict",
            "signoff.code",
            "signoff.consequence",
            "signoff.message",
        ),
    ),
    Span(
        "control {control}",
        "internal",
        "A control is asked: before the proposer is, when it reserves, and again in the commit's "
        "transaction.",
        (
            "signoff.attempt",
            "signoff.control",
            "signoff.asked",
            "signoff.answer",
            "signoff.code",
            "signoff.ask",
            "signoff.message",
        ),
    ),
    Span(
        "commit {boundary}",
        "internal",
        "From the controls of the commit until it is durable, with an effect outside in between.",
        ("signoff.attempt", "signoff.version", "error.type"),
    ),
    Span(
        "effect {effect}",
        "client",
        "Another system is asked to act, once; a further try is a further span.",
        ("signoff.key", "signoff.code", "error.type"),
    ),
    Span(
        "probe {effect}",
        "client",
        "Another system is asked whether an effect has happened.",
        ("signoff.key", "error.type"),
    ),
    Span(
        "{work} {name}",
        "internal",
        "A piece of due work: `deliver`, `recover`, `resume`, `deadline`, `durable`, `event`, "
        "`timer`, `consume`. It begins a trace, linked to the first one of its crossing.",
        ("signoff.work", "signoff.crossing", "error.type"),
    ),
)

ATTRIBUTES = (
    Attribute("signoff.boundary", "Name of the boundary."),
    Attribute("signoff.crossing", "Id of the crossing, as on the ledger."),
    Attribute("signoff.subject", "Id of the subject."),
    Attribute(
        "signoff.outcome",
        "`committed`, `rejected`, `suspended`, `halted`, `unknown`; `waits` if a part of it does.",
    ),
    Attribute("signoff.code", "Code of a rejection."),
    Attribute("signoff.ended", "Why a rejected crossing ended; see `Rejected.ended`."),
    Attribute("signoff.attempts", "How often the proposer was asked, over all processes."),
    Attribute("signoff.attempt", "The attempt at hand, from 1."),
    Attribute("signoff.found", "Where the crossing stood on record when this process took it up."),
    Attribute("signoff.strength.verifier", "What the boundary verifies at most."),
    Attribute("signoff.strength.commit", "How its commit stands a crash."),
    Attribute("signoff.policies", "`name@version+digest` of every policy that judges."),
    Attribute("signoff.ticket", "Id of the ticket that waits."),
    Attribute("signoff.ask", "Whom it asks."),
    Attribute("signoff.effect", "Name of the effect that is in doubt."),
    Attribute("signoff.repaired", "What had to be repaired in the model's text."),
    Attribute("signoff.cost.usd", "US dollars that the answer cost, where a price is known."),
    Attribute("signoff.verifier", "Name of the verifier."),
    Attribute("signoff.verifier_version", "Its version."),
    Attribute("signoff.verdict", "`accept` or `reject`."),
    Attribute("signoff.consequence", "What the rejection asks for: revise, stop or escalate."),
    Attribute("signoff.control", "Label of the control, with its policy's version and digest."),
    Attribute("signoff.asked", "`before`, `reserve` or `at_commit`."),
    Attribute("signoff.answer", "`agree`, `object`, `halt` or `ask`."),
    Attribute("signoff.version", "Of the subject's row after the commit."),
    Attribute("signoff.key", "The idempotency key that the other system is handed."),
    Attribute("signoff.work", "Kind of the work."),
    Attribute("gen_ai.operation.name", "`chat`."),
    Attribute("gen_ai.provider.name", "Who serves the model."),
    Attribute("gen_ai.request.model", "The model that was asked for."),
    Attribute("gen_ai.response.model", "The one that answered, where the provider tells it."),
    Attribute("gen_ai.output.type", "`json`."),
    Attribute("gen_ai.request.temperature", "From the proposer's settings."),
    Attribute("gen_ai.request.top_p", "From the proposer's settings."),
    Attribute("gen_ai.request.top_k", "From the proposer's settings."),
    Attribute("gen_ai.request.max_tokens", "From the proposer's settings."),
    Attribute("gen_ai.request.seed", "From the proposer's settings."),
    Attribute("gen_ai.request.frequency_penalty", "From the proposer's settings."),
    Attribute("gen_ai.request.presence_penalty", "From the proposer's settings."),
    Attribute("gen_ai.request.stop_sequences", "From the proposer's settings."),
    Attribute("gen_ai.usage.input_tokens", "Tokens of the question."),
    Attribute("gen_ai.usage.output_tokens", "Tokens of the answer."),
    Attribute(
        "error.type",
        "What failed: the class of an exception, `timeout`, or `unknown` for an effect in doubt. "
        "Only then the span's status is an error; a rejection is none.",
    ),
    Attribute(
        "gen_ai.input.messages",
        "What was asked: the subject, then the objections so far. Not the prompt's wording.",
        content=True,
    ),
    Attribute("gen_ai.output.messages", "What the proposer said.", content=True),
    Attribute("signoff.evidence", "The fact, as JSON.", content=True),
    Attribute("signoff.message", "What a verifier or a control said.", content=True),
    Attribute("signoff.receipt", "What the commit returned, as JSON.", content=True),
)

METRICS = (
    Metric(
        "signoff.crossings",
        "counter",
        "{crossing}",
        "Outcomes that became durable. One crossing may be suspended first and committed later.",
        ("signoff.boundary", "signoff.outcome"),
    ),
    Metric("signoff.attempts", "counter", "{attempt}", "Proposers asked.", ("signoff.boundary",)),
    Metric(
        "signoff.rejections",
        "counter",
        "{rejection}",
        "Objections of verifiers, controls and the parser. After a hundred codes of a boundary, "
        "further ones count as `other`.",
        ("signoff.boundary", "signoff.code"),
    ),
    Metric(
        "signoff.tokens",
        "counter",
        "{token}",
        "Tokens used.",
        ("signoff.boundary", "gen_ai.token.type"),
    ),
    Metric("signoff.cost.usd", "counter", "{USD}", "US dollars spent.", ("signoff.boundary",)),
    Metric(
        "signoff.effects",
        "counter",
        "{effect}",
        "What became of effects outside: `delivered`, `refused`, `in_doubt`, or `reconciled` after "
        "that.",
        ("signoff.effect", "signoff.outcome"),
    ),
    Metric(
        "signoff.answers",
        "counter",
        "{answer}",
        "Tickets that ended: `approved`, `edited`, `denied`, `expired` and so on.",
        ("signoff.answered",),
    ),
    Metric(
        "signoff.timers.fired", "counter", "{timer}", "Moves that a timer made.", ("signoff.timer",)
    ),
    Metric("signoff.given_up", "counter", "{piece}", "Work that was given up, and asks a person."),
    Metric(
        "signoff.crossing.duration",
        "histogram",
        "s",
        "From the beginning of a crossing until it ends or waits.",
        ("signoff.boundary", "signoff.outcome"),
    ),
    Metric("signoff.propose.duration", "histogram", "s", "One answer.", ("signoff.boundary",)),
    Metric(
        "signoff.verify.duration", "histogram", "s", "All verifiers, once.", ("signoff.boundary",)
    ),
    Metric(
        "signoff.commit.duration",
        "histogram",
        "s",
        "Controls, commit and flush; with an effect outside, that too.",
        ("signoff.boundary",),
    ),
    Metric(
        "gen_ai.client.operation.duration",
        "histogram",
        "s",
        "One answer of a model, as the conventions for generative AI have it.",
        ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "error.type"),
    ),
    Metric(
        "gen_ai.client.token.usage",
        "histogram",
        "{token}",
        "Tokens of one answer of a model, as the conventions for generative AI have it.",
        (
            "gen_ai.operation.name",
            "gen_ai.provider.name",
            "gen_ai.request.model",
            "gen_ai.token.type",
        ),
    ),
    Metric(
        "signoff.queue.depth",
        "gauge",
        "{piece}",
        "Timers and effects that wait, due or not.",
        ("signoff.work", "signoff.work_name"),
    ),
    Metric(
        "signoff.queue.lag",
        "gauge",
        "s",
        "For how long the first of them has been due; 0 if none is.",
        ("signoff.work", "signoff.work_name"),
    ),
    Metric(
        "signoff.effects.in_doubt",
        "gauge",
        "{effect}",
        "Effects that may have happened, and nobody can say yet.",
        ("signoff.effect",),
    ),
    Metric("signoff.tickets.waiting", "gauge", "{ticket}", "Open tickets.", ("signoff.ask",)),
    Metric(
        "signoff.tickets.overdue",
        "gauge",
        "{ticket}",
        "Open tickets whose deadline has passed.",
        ("signoff.ask",),
    ),
    Metric(
        "signoff.tickets.deadline",
        "gauge",
        "s",
        "Until the next deadline of a ticket; none if no open ticket has one.",
    ),
    Metric(
        "signoff.workers.alive",
        "gauge",
        "{process}",
        "Processes with a sign of life in the last thirty seconds.",
    ),
    Metric(
        "signoff.kills",
        "gauge",
        "{kill}",
        "Kills in force, by how far they reach: `everything`, `boundary`, `tenant`, `subject`.",
        ("signoff.scope",),
    ),
)
