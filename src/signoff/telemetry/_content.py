"""What was said, if it may be told: as the ledger keeps it, after the same redaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from signoff.boundary import Asked, Boundary, Question, Reject, Rejection, in_json
from signoff.ledger import Committed, Judged, Opened, Record, canonical

#: The fields of a record as the ledger would keep them.
Redacted: TypeAlias = Callable[[Record], Mapping[str, Any]]


def question(redacted: Redacted, boundary: Boundary[Any, Any, Any], asked: Question[Any]) -> str:
    """What a proposer was asked, as messages: the subject, then the objections."""
    subject = in_json(boundary.subject_adapter, asked.subject)
    opened = Opened(boundary=boundary.name, key="", subject=subject)
    said = [_message("user", redacted(opened).get("subject"))]
    for objections in asked.feedback:
        judged = Judged(
            attempt=asked.attempt, accepted=False, rejections=objections.get("rejections", ())
        )
        said.append(_message("user", {"rejections": redacted(judged).get("rejections")}))
    return canonical(said)


def answer(redacted: Redacted, asked: Asked[Any]) -> str:
    """What a proposer said, as messages."""
    kept = redacted(asked.record)
    said = kept.get("raw") or kept.get("proposal")
    return canonical([{**_message("assistant", said), "finish_reason": "stop"}])


def evidence(redacted: Redacted, name: str, fact: object) -> str:
    """A fact that was looked up."""
    judged = Judged(attempt=0, accepted=False, evidence={name: fact})
    return canonical(redacted(judged).get("evidence"))


def message(redacted: Redacted, reject: Reject, by: str) -> str:
    """What was objected."""
    body = Rejection.of(reject, by=by, attempt=0).body()
    judged = redacted(Judged(attempt=0, accepted=False, rejections=[body]))
    return str(judged["rejections"][0]["message"])


def receipt(redacted: Redacted, boundary: Boundary[Any, Any, Any], receipt: object) -> str:
    """What a commit returned."""
    body = in_json(boundary.receipt_adapter, receipt)
    return canonical(redacted(Committed(receipt=body)).get("receipt"))


def _message(role: str, content: object) -> dict[str, Any]:
    text = content if isinstance(content, str) else canonical(content)
    return {"role": role, "parts": [{"type": "text", "content": text}]}
