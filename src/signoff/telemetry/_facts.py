"""What came of a step or a crossing, as attributes of its span."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from opentelemetry.trace import Span, Status, StatusCode

from signoff.boundary import (
    Accept,
    Asked,
    AskPerson,
    Boundary,
    Committed,
    EffectRefused,
    Halt,
    Object,
    Reject,
    Rejected,
    Settled,
    Suspended,
    Unfinished,
    Unknown,
)
from signoff.telemetry import _content
from signoff.telemetry._content import Redacted
from signoff.telemetry._model import Value

#: What a proposer's failure is called on the ledger; every other objection is a rejection.
_FAILURES = ("timeout", "error")


def outcome_of(said: object) -> str:
    """An outcome in one word."""
    match said:
        case Rejected(ended="halted"):
            return "halted"
        case Committed() | Rejected() | Suspended() | Unknown():
            return type(cast("object", said)).__name__.lower()
        case _:
            return ""


def of_outcome(
    said: object, boundary: Boundary[Any, Any, Any], redacted: Redacted | None
) -> dict[str, Value]:
    """What came of a crossing."""
    told: dict[str, Value] = {"signoff.outcome": outcome_of(said)}
    match said:
        case Committed():
            told["signoff.attempts"] = said.attempts
            if redacted is not None:
                told["signoff.receipt"] = _content.receipt(
                    redacted, boundary, cast("object", said.receipt)
                )
        case Rejected():
            told["signoff.attempts"] = said.attempts
            told["signoff.code"] = said.code
            told["signoff.ended"] = said.ended
        case Suspended():
            told["signoff.ticket"] = said.ticket.id
            told["signoff.ask"] = said.ticket.ask
        case Unknown():
            told["signoff.effect"] = said.effect
            told["error.type"] = "unknown"
        case _:
            pass
    return told


def of_answer(asked: Asked[Any], redacted: Redacted | None, *, model: bool) -> dict[str, Value]:
    """What a proposer answered."""
    told: dict[str, Value] = {}
    if asked.record.repaired:
        told["signoff.repaired"] = tuple(asked.record.repaired)
    usage = asked.usage
    if model:
        if version := asked.record.fingerprint.get("version"):
            told["gen_ai.response.model"] = str(version)
        told["gen_ai.usage.input_tokens"] = usage.tokens_in
        told["gen_ai.usage.output_tokens"] = usage.tokens_out
    if usage.usd:
        told["signoff.cost.usd"] = usage.usd
    if asked.objection is not None:
        told["signoff.code"] = asked.objection.code
        if failure := failure_of(asked):
            told["error.type"] = failure
    if redacted is not None:
        told["gen_ai.output.messages"] = _content.answer(redacted, asked)
    return told


def failure_of(asked: Asked[Any]) -> str:
    """What kept a proposer from answering; empty if it answered, or declined to."""
    details: Mapping[str, Any] = {} if asked.objection is None else asked.objection.details
    why = details.get("why")
    return str(details.get("error", why)) if why in _FAILURES else ""


def of_step(said: object, by: str, redacted: Redacted | None) -> dict[str, Value]:
    """What a verifier, a control or a commit said."""
    told: dict[str, Value] = {}
    match said:
        case Accept():
            told["signoff.verdict"] = "accept"
        case Reject():
            told["signoff.verdict"] = "reject"
            told.update(_objection(said, by, redacted))
        case Object():
            told["signoff.answer"] = "object"
            told.update(_objection(said.rejects[0], by, redacted))
        case Halt():
            told["signoff.answer"] = "halt"
            told["signoff.code"] = said.code
            if redacted is not None:
                reject = Reject(said.code, said.message, then="stop")
                told["signoff.message"] = _content.message(redacted, reject, by)
        case AskPerson():
            told["signoff.answer"] = "ask"
            told["signoff.ask"] = said.terms.ask
        case Settled():
            if said.row is not None:
                told["signoff.version"] = said.row.version
        case _:
            pass
    return told


def _objection(reject: Reject, by: str, redacted: Redacted | None) -> dict[str, Value]:
    told: dict[str, Value] = {"signoff.code": reject.code, "signoff.consequence": reject.then}
    if redacted is not None:
        told["signoff.message"] = _content.message(redacted, reject, by)
    return told


def fails(span: Span, error: BaseException) -> None:
    """Mark a span by what it raised: its class, never its text, which may hold what was said."""
    match error:
        case Unfinished():  # a part of it waits
            span.set_attribute("signoff.outcome", "waits")
        case EffectRefused():  # the other system's own no
            span.set_attribute("signoff.code", error.code)
        case _:
            span.set_attribute("error.type", _type_of(error))
            # Whoever is cancelled was told to stop.
            if isinstance(error, Exception):
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))


def _type_of(error: BaseException) -> str:
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__
