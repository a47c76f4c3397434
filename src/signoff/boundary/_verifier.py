"""Verifiers: named, versioned, deterministic predicates. Nothing but `Accept()` passes."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

from signoff.boundary._verdict import Accept, Reject, Rejection, Verdict
from signoff.boundary._watch import NOT_WATCHED, Watch
from signoff.errors import UsageError

P = TypeVar("P")
S = TypeVar("S")
P_contra = TypeVar("P_contra", contravariant=True)
S_contra = TypeVar("S_contra", contravariant=True)

#: Facts looked up before judging, by name; recorded on the crossing.
Evidence: TypeAlias = Mapping[str, Any]

#: A predicate on (proposal, subject) or on (proposal, subject, evidence).
Predicate: TypeAlias = Callable[[P, S], Verdict] | Callable[[P, S, Evidence], Verdict]

#: Looks up one fact for (proposal, subject). May do I/O; must return a JSON-ready value.
Lookup: TypeAlias = Callable[[P, S], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Verifier(Generic[P_contra, S_contra]):
    """A predicate with a name and a version.

    A plain function is made into one by the boundary; wrap it yourself to choose the version, or to
    bound how long it may take. The default version is a digest of the function's source, so that an
    edited predicate is a new version on the ledger without anybody remembering to say so.

    Attributes:
        predicate: Deterministic; does no I/O. What it must look up is evidence.
        name: What rejections and the ledger call it; the function's name by default.
        version: Recorded with every crossing it judged.
        timeout: Seconds after which it counts as unanswered. It then runs in a thread, which costs
            some 50 microseconds and cannot be killed: None, the default, runs it in place.
    """

    predicate: Callable[..., Verdict]
    name: str = ""
    version: str = ""
    timeout: float | None = None
    takes_evidence: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            name = getattr(self.predicate, "__name__", type(self.predicate).__name__)
            object.__setattr__(self, "name", name)
        if not self.version:
            object.__setattr__(self, "version", source_version(self.predicate))
        object.__setattr__(self, "takes_evidence", _arity(self.predicate) == 3)
        if inspect.iscoroutinefunction(self.predicate):
            raise UsageError(
                f"verifier {self.name} is async: a verdict must not depend on I/O. "
                "Look the facts up in evidence=[...] and judge them in a plain function."
            )

    @property
    def label(self) -> str:
        """`name@version`, as recorded."""
        return f"{self.name}@{self.version}"


def source_version(function: Callable[..., Any]) -> str:
    """Eight hex digits that change when the function's source changes."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = repr((code.co_code, code.co_consts, code.co_names)) if code else repr(type(function))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _arity(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 2
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    if len(required) > 3 or len(positional) < 2:
        name = getattr(function, "__name__", repr(function))
        raise UsageError(
            f"verifier {name} takes {len(positional)} arguments; "
            "it must take (proposal, subject) or (proposal, subject, evidence)"
        )
    return 3 if len(positional) >= 3 else 2


async def judge(
    verifiers: Sequence[Verifier[Any, Any]],
    proposal: object,
    subject: object,
    evidence: Evidence,
    *,
    attempt: int,
    watch: Watch = NOT_WATCHED,
) -> tuple[Rejection, ...]:
    """Ask every verifier, so that the proposer sees all objections at once.

    Returns:
        One rejection per verifier that did not say `Accept()`; empty when all did.
    """
    rejections: list[Rejection] = []
    for verifier in verifiers:
        with watch.step("verifier", verifier.label) as step:
            verdict = await _ask(verifier, proposal, subject, evidence)
            step.tell(verdict)
        if type(verdict) is Accept:
            continue
        reject = (
            verdict
            if isinstance(verdict, Reject)
            else Reject(
                "unanswered", f"{verifier.name} did not say Accept(); nothing passes on that"
            )
        )
        rejections.append(Rejection.of(reject, by=verifier.name, attempt=attempt))
    return tuple(rejections)


async def _ask(
    verifier: Verifier[Any, Any], proposal: object, subject: object, evidence: Evidence
) -> object:
    arguments = (proposal, subject, evidence) if verifier.takes_evidence else (proposal, subject)
    try:
        if verifier.timeout is None:
            return cast("object", verifier.predicate(*arguments))
        async with asyncio.timeout(verifier.timeout):
            return await asyncio.to_thread(verifier.predicate, *arguments)
    except Exception as error:
        if isinstance(error, TimeoutError) and verifier.timeout is not None:
            return Reject("unanswered", f"{verifier.name} did not answer in {verifier.timeout} s")
        # The message goes to the model: the error's text may hold what the model must not see.
        return Reject(
            "verifier_failed",
            f"{verifier.name} could not judge this proposal",
            details={"error": type(error).__name__},
        )


async def gather(
    lookups: Sequence[Lookup[Any, Any]],
    proposal: object,
    subject: object,
    *,
    watch: Watch = NOT_WATCHED,
) -> dict[str, Any] | Reject:
    """Look all facts up, one after the other; a lookup that fails is a rejection."""
    facts: dict[str, Any] = {}
    for lookup in lookups:
        name = getattr(lookup, "__name__", type(lookup).__name__)
        try:
            with watch.step("evidence", name) as step:
                facts[name] = await lookup(proposal, subject)
                step.tell(facts[name])
        except Exception as error:
            return Reject(
                "evidence_failed",
                f"{name} could not be looked up, so nothing could be judged",
                details={"error": type(error).__name__},
            )
    return facts
