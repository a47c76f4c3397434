"""Recorded proposals before another policy: what it would have said, held against what was said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from signoff.boundary import Reject, adapter_of, tenant_of
from signoff.control._policy import Policy, typed_principal
from signoff.control._recorded_policy import Judgement, asked_policies
from signoff.ledger import canonical

#: What became of a decision: the same codes and consequences, or not.
ReplayKind: TypeAlias = Literal["same", "newly_rejected", "newly_accepted", "rejected_otherwise"]

#: Judgements that wait to see whether their attempt is judged again.
_WAITING = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One recorded decision, and what another policy says.

    Attributes:
        judgement: As it is on record.
        kind: What would change.
        recorded: (code, consequence) of what the recorded policy objected, sorted.
        rejects: What the other policy objects.
    """

    judgement: Judgement
    kind: ReplayKind
    recorded: tuple[tuple[str, str], ...]
    rejects: tuple[Reject, ...]

    @property
    def now(self) -> tuple[tuple[str, str], ...]:
        """(code, consequence) of what the other policy objects, sorted."""
        return tuple(sorted({(reject.code, reject.then) for reject in self.rejects}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """A recorded judgement that says nothing about a policy, or that cannot be repeated.

    Attributes:
        judgement: As it is on record.
        why: `not_reached`: a verifier or an earlier control had objected; `no_proposal`: nothing
            that could be read was proposed; `misfit`: what is on record does not fit the type.
        problem: What does not fit.
    """

    judgement: Judgement
    why: Literal["not_reached", "no_proposal", "misfit"]
    problem: str = ""


class PolicyReplay:
    """Judges what is on record by another policy. Commits nothing, and reads nothing else.

    Where the recorded gates asked a policy of the same name, it is compared with that one, and
    otherwise with all that they asked. Where nothing but verifiers stood before the commit, with
    an acceptance.

    Args:
        policy: The other policy.
        proposal: Type of the proposal.
        subject: Type of the subject.
        principal: Type of the principal, if the policy reads one.
    """

    def __init__(
        self, policy: Policy, *, proposal: Any, subject: Any, principal: Any = None
    ) -> None:
        self.policy = policy
        self._proposal = adapter_of(proposal)
        self._subject = adapter_of(subject)
        self._principal = principal

    def judge(self, judgement: Judgement) -> Replayed | Unjudged:
        """Judge again what one judgement was about."""
        if judgement.proposal is None:
            return Unjudged(judgement=judgement, why="no_proposal")
        recorded = _said(judgement, self.policy.name)
        if recorded is None:
            return Unjudged(judgement=judgement, why="not_reached")
        try:
            proposal = self._proposal.validate_json(canonical(judgement.proposal))
            subject = self._subject.validate_json(canonical(judgement.subject))
        except Exception as error:  # a validator of the type's own may raise anything
            return Unjudged(judgement=judgement, why="misfit", problem=_first(error))
        rejects = self.policy.judge(
            proposal,
            subject,
            principal=typed_principal(self._principal, judgement.principal),
            tenant=tenant_of(subject),
        )
        now: set[tuple[str, str]] = {(reject.code, reject.then) for reject in rejects}
        return Replayed(
            judgement=judgement,
            kind=_kind(recorded, now),
            recorded=tuple(sorted(recorded)),
            rejects=rejects,
        )


def last_of_each_attempt(judgements: Iterable[Judgement]) -> Iterator[Judgement]:
    """The judgements of one chain, each attempt of a crossing once.

    A proposal that waited for a person is judged again: what was said last counts, unless the
    policies were not reached that time.
    """
    waiting: dict[str, Judgement] = {}
    for judgement in judgements:
        before = waiting.pop(judgement.crossing, None)
        if before is not None and before.attempt != judgement.attempt:
            yield before
        elif before is not None and before.policies and not judgement.policies:
            judgement = before
        waiting[judgement.crossing] = judgement
        if len(waiting) > _WAITING:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()


def _said(judgement: Judgement, name: str) -> set[tuple[str, str]] | None:
    """What the recorded policies objected; None if they were not asked."""
    asked, bounds = judgement.policies, asked_policies(judgement.bounds)
    if any(policy.policy == name for policy in (*asked, *bounds)):
        asked = tuple(policy for policy in asked if policy.policy == name)
        bounds = tuple(policy for policy in bounds if policy.policy == name)
    if not asked:
        return None if bounds or not judgement.accepted else set()
    said: set[tuple[str, str]] = set()
    gates = {policy.by for policy in asked}
    for rejection in judgement.rejections:
        if rejection.get("by") in gates and _by_a_policy(rejection):
            said.add((str(rejection.get("code")), str(rejection.get("then"))))
    for waiver in judgement.waived:
        if waiver.by in gates and (not waiver.objection or _by_a_policy(waiver.objection)):
            said.add((waiver.code, "escalate"))
    return said


def _by_a_policy(rejection: Any) -> bool:
    details = rejection.get("details")
    return isinstance(details, dict) and "policy" in details and "digest" in details


def _kind(recorded: set[tuple[str, str]], now: set[tuple[str, str]]) -> ReplayKind:
    if recorded == now:
        return "same"
    if not recorded:
        return "newly_rejected"
    return "rejected_otherwise" if now else "newly_accepted"


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"[:200]
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{error.title}: {where}: {first['msg']}" if where else f"{error.title}: {first['msg']}"
