"""Questions as they were asked, as values, with what was answered then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from signoff.boundary import Question
from signoff.ledger import digest

S = TypeVar("S")
JSON: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedQuestion(Generic[S]):
    """One question that was asked before, and what was answered.

    Attributes:
        key: Names it: the crossing's id, and `/attempt` after the first.
        crossing: Id of the crossing.
        attempt: Which attempt of the crossing.
        at: When the answer was recorded, as text.
        subject: What it was about, as it then was.
        feedback: What had been objected before, in the shape that the model was shown.
        evidence: The facts on record; None if nothing was looked up.
        principal: On whose behalf the crossing ran, JSON-ready.
        fingerprint: Who answered.
        proposal: What was proposed, JSON-ready; None if the answer was no proposal.
        raw: The text of an answer that was no proposal, if it was kept.
        verdict: `accepted`, or the code of the first objection.
        why: Why there was no answer: `timeout`, `refused` or `error`; empty if there was one.
    """

    key: str
    crossing: str
    attempt: int
    at: str
    subject: S
    feedback: tuple[JSON, ...]
    evidence: JSON | None
    principal: Any
    fingerprint: JSON
    proposal: Any
    raw: str
    verdict: str
    why: str = ""

    def question(self, schema: JSON, *, lane: str = "baseline", number: int = 1) -> Question[S]:
        """The question to ask again. Nothing can be crossed from it.

        Args:
            schema: JSON schema of the proposal.
            lane: Where it is asked.
            number: Which of several answers is wanted. The baseline's first is asked under the
                crossing's own id, all others under ids made from it: a proposer whose luck follows
                from the crossing has other luck each time, and its own in every lane. Lanes with
                the same luck would agree more than they do.
        """
        own = number == 1 and lane == "baseline"
        crossing = self.crossing if own else digest(f"{self.crossing}#{lane}#{number}")[:24]
        return Question(
            subject=self.subject,
            crossing=crossing,
            attempt=self.attempt,
            feedback=self.feedback,
            schema=schema,
            cross=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """A recorded question that cannot be asked again.

    Attributes:
        crossing: Id of the crossing.
        problem: What is on record does not fit, and how.
    """

    crossing: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions(Generic[S]):
    """The questions of one boundary in one window, in the order in which they will be asked.

    The order is random but fixed by the seed, so that the first of them are a fair sample of all.

    Attributes:
        boundary: Name of the boundary.
        asked: The questions.
        found: How many questions were found before a sample was taken.
        misfits: Those whose record does not fit the types of now.
        without_evidence: How many need evidence of which there is none on record.
        by_person: How many were answered by a person, not by a model.
        redacted: Questions of which something looks redacted -> where.
        others: Names of the other boundaries on this ledger.
        last: When the last crossing was opened, in the window or not, as text.
    """

    boundary: str
    asked: tuple[RecordedQuestion[S], ...]
    found: int
    misfits: tuple[Misfit, ...] = ()
    without_evidence: int = 0
    by_person: int = 0
    redacted: Mapping[str, str] = field(default_factory=dict[str, str])
    others: tuple[str, ...] = ()
    last: str = ""

    @property
    def digest(self) -> str:
        """Changes with any question: its subject, its feedback, its evidence."""
        return digest([[q.key, q.at, list(q.feedback), q.proposal] for q in self.asked])
