"""A person's answer in the hands of the crossing that waited for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from signoff.boundary._control import Granted
from signoff.ledger import AnswerRefused, digest

#: Who answers when nobody did, where the control says that this approves.
DEADLINE = "deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What somebody said, and what it is good for.

    Attributes:
        ticket: Where they said it.
        kind: `approve` the proposal that waits, or an `edit` of it, which is judged again.
        by: Who.
        because: Why.
        digest: Of the proposal that they saw.
        version: Of the row that they saw.
        policies: By which it had been judged.
        control: Name of the control that asked; empty if a verifier did.
        waives: Objections that their answer sets aside, by name.
        grants: Whether it counts as the yes that was asked for. Under four eyes an edit does not.
        terms: How they were asked, as `Terms.body` wrote it.
    """

    ticket: str
    kind: Literal["approve", "edit"]
    by: str
    because: str
    digest: str
    version: int | None
    policies: tuple[str, ...]
    control: str
    waives: tuple[str, ...]
    grants: bool
    terms: Mapping[str, Any]

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Answered:
        """The answer that `body` wrote."""
        fields: dict[str, Any] = dict(body)
        fields["policies"] = tuple(body["policies"])
        fields["waives"] = tuple(body["waives"])
        return cls(**fields)

    def body(self) -> dict[str, Any]:
        """JSON-ready fields."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["policies"] = list(self.policies)
        fields["waives"] = list(self.waives)
        return fields

    def why_not(
        self, proposal: object, version: int | None, policies: tuple[str, ...]
    ) -> AnswerRefused | None:
        """Why it does not count any more; None while everything is as the person saw it."""
        code = because = ""
        if self.kind == "approve" and digest_of(proposal) != self.digest:
            code, because = "other_proposal", "the proposal is not the one that was approved"
        elif version != self.version:
            code, because = "stale_version", "the subject went on since it was approved"
        elif policies != self.policies:
            code, because = "policy_changed", "the policy changed since it was approved"
        if not code:
            return None
        return AnswerRefused(
            ticket=self.ticket, answer=self.kind, by=self.by, code=code, because=because
        )

    def granted(self, proposal: object) -> tuple[Granted, ...]:
        """What it is worth to the control that asked."""
        if not (self.grants and self.control):
            return ()
        yes = Granted(
            control=self.control,
            digest=digest_of(proposal),
            version=self.version,
            by=self.by,
            ticket=self.ticket,
        )
        return (yes,)


def digest_of(proposal: object) -> str:
    """SHA-256 of a JSON-ready proposal; empty for none."""
    return "" if proposal is None else digest({"proposal": proposal})
