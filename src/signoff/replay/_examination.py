"""A boundary without its commit: enough to ask, read and judge, and nothing that acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from signoff.boundary import (
    Answer,
    Boundary,
    Lookup,
    Parsed,
    Proposer,
    Reject,
    Rejection,
    Subject,
    Verifier,
    digest_of,
    gather,
    in_json,
    judge,
    parse,
    source_version,
)
from signoff.control import Judge, judges_of
from signoff.errors import UsageError
from signoff.ledger import canonical, digest
from signoff.replay._questions import RecordedQuestion

S = TypeVar("S", bound=Subject)
P = TypeVar("P")
S2 = TypeVar("S2", bound=Subject)
P2 = TypeVar("P2")

#: Characters of a proposal that an example shows.
_SHOWN = 240

#: What would be done about (proposal, subject), JSON-ready, if it were accepted. A pure function.
EffectOf = Callable[[P, S], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found about one answer.

    Attributes:
        ok: Whether it would have been committed at once, as far as what is judged here goes.
        proposal: Digest of what was proposed; of the text, if it is no proposal.
        verdict: `accepted`, or the code of the first objection; `asks_person`, if a person would
            have been asked.
        effect: Digest of what would have been done; empty if nothing.
        shown: A short text of what was proposed.
        reused: It was judged by evidence that had been looked up for another proposal.
        because: What the first objection says; empty if there is none.
        by: Who made it.
    """

    ok: bool
    proposal: str
    verdict: str
    effect: str = ""
    shown: str = ""
    reused: bool = False
    because: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination(Generic[S, P]):
    """What replay knows of a boundary. No attribute of it leads to a commit, an undo or a hook.

    Attributes:
        name: The boundary's name.
        proposer: Who suggests.
        subject: Reads subjects.
        proposal: Reads proposals.
        schema: JSON schema of the proposal.
        verifiers: Every one must accept.
        judges: Controls that judge a proposal by itself: gates, approvals, escalations.
        unjudged: Names of controls that cannot be asked outside a transaction.
        lookups: Facts that verifiers read; not asked again unless somebody says so.
        effect_of: What an accepted proposal would do; the proposal itself if None.
    """

    name: str
    proposer: Proposer[S, P]
    subject: TypeAdapter[S]
    proposal: TypeAdapter[P]
    schema: Mapping[str, Any]
    verifiers: tuple[Verifier[P, S], ...] = ()
    judges: tuple[Judge, ...] = ()
    unjudged: tuple[str, ...] = ()
    lookups: tuple[Lookup[P, S], ...] = ()
    effect_of: EffectOf[P, S] | None = None

    # Its own variables, so that they follow from the boundary alone.
    @staticmethod
    def of(
        boundary: Boundary[S2, P2, Any], *, effect_of: EffectOf[P2, S2] | None = None
    ) -> Examination[S2, P2]:
        """What there is to examine of a boundary. Its commit stays behind.

        Raises:
            UsageError: If its proposer asks other boundaries, which only a runtime can cross.
        """
        asked: Any = getattr(boundary.proposer, "boundaries", ())
        if names := [other.name for other in asked]:
            raise UsageError(
                f"{boundary.name} is decided by crossing others ({', '.join(names)}), and replay "
                "crosses nothing: replay those one by one"
            )
        judges, unjudged = judges_of(boundary.controls)
        return Examination(
            name=boundary.name,
            proposer=boundary.proposer,
            subject=boundary.subject_adapter,
            proposal=boundary.proposal_adapter,
            schema=boundary.schema,
            verifiers=boundary.verifiers,
            judges=judges,
            unjudged=unjudged,
            lookups=boundary.evidence,
            effect_of=effect_of,
        )

    @property
    def judged_by(self) -> tuple[str, ...]:
        """Labels of all that judges here, with versions: another one is another examination."""
        effect = () if self.effect_of is None else (f"effect@{source_version(self.effect_of)}",)
        verifiers = tuple(verifier.label for verifier in self.verifiers)
        return (*verifiers, *(judge.label for judge in self.judges), *effect)

    async def find(
        self, answer: Answer, question: RecordedQuestion[S], *, look_up: bool = False
    ) -> Finding:
        """Read an answer and judge it, as a crossing would up to its commit.

        Args:
            answer: What a proposer said.
            question: What it was asked.
            look_up: Ask the lookups about this proposal, instead of reading what is on record.
        """
        parsed = parse(answer.content, self.proposal)
        if not isinstance(parsed, Parsed):
            raw = str(answer.content)
            return Finding(
                ok=False,
                proposal=digest({"raw": raw}),
                verdict="malformed",
                shown=raw[:_SHOWN],
                because=parsed.message,
                by="parser",
            )
        body = in_json(self.proposal, parsed.proposal)
        evidence, reused = await self._evidence(parsed.proposal, body, question, look_up=look_up)
        rejections: tuple[Rejection, ...]
        if isinstance(evidence, Reject):
            rejections = (Rejection.of(evidence, by="evidence", attempt=question.attempt),)
        else:
            rejections = await self._rejections(parsed.proposal, question, evidence)
        first = rejections[0] if rejections else None
        return Finding(
            ok=first is None,
            proposal=digest_of(body),
            verdict="accepted" if first is None else first.code,
            effect=self._effect(parsed.proposal, body, question.subject) if first is None else "",
            shown=canonical(body)[:_SHOWN],
            reused=reused,
            because="" if first is None else first.message[:_SHOWN],
            by="" if first is None else first.by,
        )

    async def _evidence(
        self, proposal: P, body: Any, question: RecordedQuestion[S], *, look_up: bool
    ) -> tuple[dict[str, Any] | Reject, bool]:
        if not self.lookups:
            return {}, False
        if look_up:
            return await gather(self.lookups, proposal, question.subject), False
        return dict(question.evidence or {}), body != question.proposal

    async def _rejections(
        self, proposal: P, question: RecordedQuestion[S], evidence: dict[str, Any]
    ) -> tuple[Rejection, ...]:
        """As in a crossing: every verifier, and if all accept, every control up to the first."""
        attempt = question.attempt
        rejections = await judge(
            self.verifiers, proposal, question.subject, evidence, attempt=attempt
        )
        for asked in self.judges if not rejections else ():
            rejections = asked.rejections(
                proposal, question.subject, question.principal, attempt=attempt
            )
            if rejections:
                break
        return rejections

    def _effect(self, proposal: P, body: Any, subject: S) -> str:
        if self.effect_of is None:
            return digest({"effect": body})
        try:
            return digest({"effect": to_jsonable_python(self.effect_of(proposal, subject))})
        except Exception as error:
            raise UsageError(
                f"what an accepted proposal of {self.name} would do cannot be told: "
                f"{type(error).__name__}: {error}"
            ) from error


def examined(
    boundary: Boundary[S, P, Any] | Examination[S, P], effect_of: EffectOf[P, S] | None = None
) -> Examination[S, P]:
    """What there is to examine of either."""
    if isinstance(boundary, Boundary):
        return Examination.of(boundary, effect_of=effect_of)
    return boundary if effect_of is None else replace(boundary, effect_of=effect_of)
