"""Asking a proposer once, and reading what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from signoff.boundary._boundary import Boundary
from signoff.boundary._parse import Parsed, parse
from signoff.boundary._proposer import Answer, Question, Refused, Unfinished
from signoff.boundary._subject import Subject, in_json
from signoff.boundary._verdict import Reject, Rejection
from signoff.clock import Clock
from signoff.errors import StorageUnavailable, UsageError
from signoff.ledger import Proposed, Usage, canonical, digest

S = TypeVar("S", bound=Subject)
P = TypeVar("P")

#: Characters of a model's text that the ledger keeps; the rest is told by length and digest.
RAW_KEPT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Generic[P]):
    """What came of one question.

    Attributes:
        record: What the ledger keeps of the answer.
        usage: What it cost.
        proposal: The typed proposal; None if there is an objection.
        objection: Why the answer is no proposal.
        said: The text that is no proposal, to see whether it comes again.
        parts: What became of those who were asked on the way.
    """

    record: Proposed
    usage: Usage
    proposal: P | None = None
    objection: Rejection | None = None
    said: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any])


async def ask(
    boundary: Boundary[S, P, Any], question: Question[S], *, timeout: float | None, clock: Clock
) -> Asked[P]:
    """Put one question to the boundary's proposer, and parse the answer.

    Raises:
        UsageError: The proposer is wrongly used or not installed: no rejection, a mistake.
    """
    began = clock.elapsed()
    answer, reject = await _answer(boundary, question, timeout)
    seconds = round(clock.elapsed() - began, 6)
    by, said = "proposer", ""
    proposal: P | None = None
    body: Any = None
    repaired: Sequence[str] = ()
    if reject is None:
        parsed = parse(answer.content, boundary.proposal_adapter)
        if isinstance(parsed, Parsed):
            proposal, repaired = parsed.proposal, parsed.repaired
            body = in_json(boundary.proposal_adapter, proposal)
            if not json_can_say(body):
                reject = Reject("malformed", "NaN and infinities are no numbers here")
        else:
            reject = Reject("malformed", parsed.message, path=parsed.path, details=parsed.details)
        if reject is not None:
            by, said, proposal, body = "parser", str(answer.content), None, None
    fingerprint = answer.fingerprint or boundary.proposer.fingerprint
    usage = answer.usage
    spent = {"in": usage.tokens_in, "out": usage.tokens_out, "usd": usage.usd}
    record = Proposed(
        attempt=question.attempt,
        fingerprint=fingerprint.body(),
        proposal=body,
        # The text is kept only where the parsed form does not tell it all.
        raw=_shortened(str(answer.content)) if body is None or repaired else "",
        repaired=repaired,
        usage=spent if any(spent.values()) else None,
        seconds=seconds,
        parts=answer.parts or None,
    )
    if reject is None:
        return Asked(record=record, usage=usage, proposal=proposal, parts=answer.parts)
    objection = Rejection.of(reject, by=by, attempt=question.attempt)
    return Asked(record=record, usage=usage, objection=objection, said=said, parts=answer.parts)


async def _answer(
    boundary: Boundary[S, Any, Any], question: Question[S], timeout: float | None
) -> tuple[Answer, Reject | None]:
    nothing = Answer(content="")
    try:
        async with asyncio.timeout(timeout):
            answer = cast("object", await boundary.proposer(question))
    except (UsageError, StorageUnavailable, Unfinished):
        raise
    except TimeoutError:
        return nothing, Reject("no_proposal", "no answer in time", details={"why": "timeout"})
    except Refused as refusal:
        why = {"why": "refused", "text": str(refusal)[:500]}
        message = "the proposer refused to answer"
        if refusal.code != "no_proposal":
            message = str(refusal)[:500]
        on_the_way = Answer(content="", parts=refusal.parts, usage=refusal.usage)
        return on_the_way, Reject(refusal.code, message, details=why, then=refusal.then)
    except Exception as error:
        why = {"why": "error", "error": type(error).__name__, "text": str(error)[:500]}
        return nothing, Reject("no_proposal", "the proposer failed", details=why)
    return answer if isinstance(answer, Answer) else Answer(content=answer), None


def read_answer(boundary: Boundary[S, P, Any], body: object, *, attempt: int, by: str) -> Asked[P]:
    """Read a proposal that a person wrote, or that waited for one.

    Args:
        boundary: Whose proposal it is.
        body: JSON-ready; None if nothing was proposed.
        attempt: Counts it.
        by: Who said it, for the fingerprint.
    """
    proposal: P | None = None
    reject: Reject | None = None
    try:
        # As JSON, so that times and enums are read even where a model is strict about Python's.
        proposal = boundary.proposal_adapter.validate_json(canonical(body))
        body = in_json(boundary.proposal_adapter, proposal)
    except (ValidationError, ValueError, RecursionError) as error:
        reject = Reject("malformed", _first_line(error))
    record = Proposed(
        attempt=attempt,
        fingerprint={"model": by},
        proposal=None if reject else body,
        raw=_shortened(str(body)) if reject else "",
    )
    if reject is None:
        return Asked(record=record, usage=Usage(), proposal=proposal)
    objection = Rejection.of(reject, by="parser", attempt=attempt)
    return Asked(record=record, usage=Usage(), objection=objection, said=str(body))


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else first["msg"]
    return f"it cannot be read: {error}"[:300]


def _shortened(raw: str) -> str:
    if len(raw) <= RAW_KEPT:
        return raw
    return f"{raw[:RAW_KEPT]}... [{len(raw)} characters, sha256 {digest(raw)}]"


def json_can_say(value: object) -> bool:
    """Whether a value can be put on the ledger as JSON."""
    try:
        canonical(value)
    except (ValueError, TypeError, RecursionError):
        return False
    return True
