"""What a verifier says, and what the ledger keeps of a no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from signoff.errors import UsageError

#: What the runtime does after a rejection.
Consequence: TypeAlias = Literal["revise", "stop", "escalate"]

_SEVERITY: dict[Consequence, int] = {"revise": 0, "stop": 1, "escalate": 2}


@dataclass(frozen=True, slots=True)
class Accept:
    """The only answer that lets a proposal pass."""


@dataclass(frozen=True, slots=True)
class Reject:
    """No, with a code for programs, a message for the proposer, a consequence for the runtime.

    Attributes:
        code: Stable and greppable; counted by diagnosis.
        message: Read by the model on its next attempt, and by people.
        then: `revise` asks again within the budget, `stop` ends the crossing, `escalate` waits
            for a person.
        path: Which field of the proposal, such as `discount`; empty for the whole.
        details: Facts for programs, JSON-ready.
    """

    code: str
    message: str
    then: Consequence = "revise"
    path: str = ""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.then not in _SEVERITY:
            raise UsageError(f"then={self.then!r}: say revise, stop or escalate")


Verdict: TypeAlias = Accept | Reject


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """What the ledger keeps of one `Reject`: with who said it, and about which attempt."""

    code: str
    message: str
    then: Consequence
    by: str
    attempt: int
    path: str = ""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, reject: Reject, *, by: str, attempt: int) -> Rejection:
        """The rejection that `by` pronounced about an attempt."""
        return cls(
            code=reject.code,
            message=reject.message,
            then=reject.then,
            by=by,
            attempt=attempt,
            path=reject.path,
            details=reject.details,
        )

    def __str__(self) -> str:
        return f"{self.code}: {self.message} ({self.by}, attempt {self.attempt})"

    def body(self) -> dict[str, Any]:
        """JSON-ready fields, empty ones left out."""
        fields: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "then": self.then,
            "by": self.by,
            "attempt": self.attempt,
        }
        if self.path:
            fields["path"] = self.path
        if self.details:
            fields["details"] = dict(self.details)
        return fields

    @classmethod
    def from_body(cls, fields: Mapping[str, Any]) -> Rejection:
        """The rejection that `body` wrote."""
        return cls(**fields)


def objection_of(by: str, objection: Reject | Rejection) -> str:
    """What names an objection: who, the code, and the rule if one of several can say it."""
    rule = objection.details.get("rule", "")
    return f"{by}:{objection.code}#{rule}" if rule else f"{by}:{objection.code}"


def gravest(rejections: tuple[Rejection, ...]) -> Consequence:
    """The consequence that decides when several verifiers objected: escalate, stop, revise."""
    return max((rejection.then for rejection in rejections), key=_SEVERITY.__getitem__)
