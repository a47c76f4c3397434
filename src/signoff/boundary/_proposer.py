"""What a boundary asks, and what a proposer answers."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from signoff.boundary._verdict import Consequence
from signoff.ledger import Fingerprint, Usage

SubjectT_co = TypeVar("SubjectT_co", covariant=True)
SubjectT_contra = TypeVar("SubjectT_contra", contravariant=True)
ProposalT_co = TypeVar("ProposalT_co", covariant=True)


class Cross(Protocol):
    """Crosses another boundary as a part of a crossing, durably: the same part is asked once."""

    def __call__(self, boundary: Any, subject: Any, *, name: str) -> Awaitable[Crossed]:
        """Cross it.

        Args:
            boundary: What to cross.
            subject: What it is about.
            name: Tells the parts of one question apart; the key is made from it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """What came of a part: its outcome, what it cost, and where it is on the ledger.

    `fresh` is False if it had ended before, and was only looked up.
    """

    outcome: Any
    usage: Usage
    crossing: str
    fresh: bool = True


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
        cross: Crosses other boundaries on behalf of this question; only a coordinator uses it.
        seconds: How long an answer may take, by the boundary's budget; None for any time.
    """

    subject: SubjectT_co
    crossing: str
    attempt: int = 1
    feedback: tuple[Mapping[str, Any], ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cross: Cross | None = field(default=None, repr=False, compare=False)
    seconds: float | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back from a proposer, before it is parsed.

    Attributes:
        content: Text from a model, or an already typed proposal from a function.
        usage: Tokens and US dollars that the answer cost.
        fingerprint: Set when the provider served another model or version than was asked for.
        parts: What became of those who were asked on the way, by name; see
            `signoff.coordination`.
    """

    content: object
    usage: Usage = field(default_factory=Usage)
    fingerprint: Fingerprint | None = None
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any])


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


class Unfinished(Exception):
    """A coordinator cannot go on now: a part of it waits, or is in doubt.

    The crossing stays open, and goes on when it is run again.

    Args:
        outcome: What whoever waits for the crossing is told meanwhile.
    """

    def __init__(self, outcome: Any) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


class Refused(Exception):
    """The proposer declined to answer (a model's refusal, a content filter).

    Args:
        message: Why.
        code: Becomes the rejection's code.
        parts: What became of those who were asked on the way.
        usage: What that cost.
        then: `revise` asks again while the budget lasts; `stop` does not.
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "no_proposal",
        parts: Mapping[str, Any] | None = None,
        usage: Usage | None = None,
        then: Consequence = "revise",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.parts = dict(parts or {})
        self.usage = usage or Usage()
        self.then: Consequence = then
