"""What a boundary asks, and what a proposer answers."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from signoff.ledger import Fingerprint, Usage

SubjectT_co = TypeVar("SubjectT_co", covariant=True)
SubjectT_contra = TypeVar("SubjectT_contra", contravariant=True)
ProposalT_co = TypeVar("ProposalT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[SubjectT_co]):
    """One attempt's question to a proposer: the subject, and every objection so far.

    Attributes:
        subject: What the boundary is asked about, as it is now.
        crossing: Id of the crossing; the same for every attempt.
        attempt: 1 for the first attempt.
        feedback: The rejections of earlier attempts in the wire shape for a model (see
            `signoff.boundary.wire_shape`), oldest first; empty on the first attempt.
        schema: JSON schema of the proposal type.
    """

    subject: SubjectT_co
    crossing: str
    attempt: int = 1
    feedback: tuple[Mapping[str, Any], ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back from a proposer, before it is parsed.

    Attributes:
        content: Text from a model, or an already typed proposal from a function.
        usage: Tokens and US dollars that the answer cost.
        fingerprint: Set when the provider served another model or version than was asked for.
    """

    content: object
    usage: Usage = field(default_factory=Usage)
    fingerprint: Fingerprint | None = None


@runtime_checkable
class Proposer(Protocol[SubjectT_contra, ProposalT_co]):
    """Anything that suggests: a model, a function, a script, a person's form.

    Guarantees nothing about its answers: the boundary parses and judges them.
    It may raise; `TimeoutError` and `Refused` are told apart on the ledger from other errors.
    """

    @property
    def proposes(self) -> type[ProposalT_co]:
        """The type that answers are parsed into."""
        ...

    @property
    def fingerprint(self) -> Fingerprint:
        """Who answers: model and version, prompt digest, tools digest, settings."""
        ...

    def __call__(self, question: Question[SubjectT_contra], /) -> Awaitable[Answer]:
        """Answer one question."""
        ...


class Refused(Exception):
    """The proposer declined to answer (a model's refusal, a content filter)."""
