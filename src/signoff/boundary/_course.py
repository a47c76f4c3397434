"""Where a crossing stands: what it is about, what was said so far, and what is yet unwritten."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast

from signoff.boundary._answered import Answered, digest_of
from signoff.boundary._asking import json_can_say
from signoff.boundary._attempt import Attempt, Memory
from signoff.boundary._boundary import Boundary
from signoff.boundary._control import Granted, Passing
from signoff.boundary._ports import CrossingStore, Recorded, Status
from signoff.boundary._proposer import Crossed
from signoff.boundary._standing import Standing
from signoff.boundary._subject import (
    Subject,
    adapter_of,
    crossing_id,
    in_json,
    subject_id,
    tenant_of,
)
from signoff.boundary._verdict import Reject, Rejection, objection_of
from signoff.boundary._watch import NOT_WATCHED, Watch
from signoff.boundary._wire import wire_shape
from signoff.clock import Clock, stamp
from signoff.errors import BadInput, UsageError
from signoff.ledger import Judged, Opened, Record, Usage, canonical

S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The crossing that another one is a part of.

    Attributes:
        crossing: Its id.
        principal: On whose behalf it runs, and so its parts.
        durable: It goes on after a crash, and its parts with it.
        feedback: The objections to it so far, which those whom it asks are told.
    """

    crossing: str
    principal: object = None
    durable: bool = False
    feedback: tuple[Mapping[str, Any], ...] = ()


#: Crosses another boundary about a subject, under a key, as a part of a crossing.
Children: TypeAlias = Callable[[Any, Any, str, Parent], Awaitable[Crossed]]

_NOTHING = Usage()


class Course(Generic[S, P, R]):
    """The state of one crossing, without the loop that drives it; see `Crossing`.

    Args:
        boundary: What is crossed.
        subject: What it is about; with a spine, `standing.subject` takes its place.
        key: The idempotency key. It exists before the proposer is asked.
        store: Where the crossing is kept.
        clock: Time.
        standing: The subject's place on its spine, and the move that the commit makes.
        principal: On whose behalf it runs: a name, or anything with an `id`.
        parent: Crossing that this one is a part of.
        children: Crosses the parts of this one.
    """

    def __init__(
        self,
        boundary: Boundary[S, P, R],
        subject: S,
        *,
        key: str,
        store: CrossingStore,
        clock: Clock,
        standing: Standing[S] | None = None,
        principal: object = None,
        parent: Parent | None = None,
        children: Children | None = None,
    ) -> None:
        if not key or len(key) > 1000 or not key.isprintable():
            raise BadInput(f"{key[:40]!r} cannot be a key: 1 to 1000 printable characters")
        self._boundary = boundary
        self._subject = subject
        self._store = store
        self._clock = clock
        self._standing = standing
        self._principal = principal
        self._parent, self._children = parent, children
        self._parts: Mapping[str, Any] = {}
        self._recorded = Recorded(
            id=crossing_id(key),
            key=key,
            subject=subject_id(subject),
            boundary=boundary.name,
            status="open",
            attempts=0,
            opened=stamp(clock.now()),
            state={},
        )
        self._rejections: list[Rejection] = []
        self._last: tuple[Rejection, ...] = ()
        self._seen: set[str] = set()
        self._usage = Usage()
        self._unwritten: list[Record] = []
        self._began = clock.elapsed()
        self._known = 0  # attempts that are on record
        self._body: Any = None  # the proposal at hand, JSON-ready
        self._editor = ""  # who wrote it, if it was a person
        self._fingerprint: Mapping[str, Any] = {}  # who proposed it
        self._resumes = False
        self._answer: Answered | None = None
        self._waives: frozenset[str] = frozenset()
        self._asks: frozenset[str] = frozenset()
        self._granted: tuple[Granted, ...] = ()
        self._trace = ""  # where it was watched first
        #: Who watches it.
        self.watch: Watch = NOT_WATCHED
        #: What was on record under the key when it was first run; empty until then.
        self.found: Status | Literal["nothing", ""] = ""

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        return self._usage

    def _open(self) -> None:
        standing, controls = self._standing, self._boundary.controls
        strength = self._boundary.strength
        self._unwritten.append(
            Opened(
                boundary=self._boundary.name,
                key=self._recorded.key,
                subject=in_json(self._boundary.subject_adapter, self._subject),
                version=None if standing is None else standing.version,
                verifiers=self._boundary.labels,
                controls=tuple(control.label for control in controls),
                principal=self._principal_body(),
                parent="" if self._parent is None else self._parent.crossing,
                strength=(strength.verifier, strength.commit),
            )
        )

    def _principal_body(self) -> Any:
        principal = self._principal
        if principal is None or isinstance(principal, str | Mapping):
            return principal  # pyright: ignore[reportUnknownVariableType]
        return in_json(adapter_of(cast("Any", type(principal))), principal)

    def _check_same(self, recorded: Recorded) -> None:
        mine = self._recorded
        if (recorded.boundary, recorded.subject) != (mine.boundary, mine.subject):
            raise UsageError(
                f"key {mine.key!r} belongs to a crossing of {recorded.boundary} about "
                f"{recorded.subject}; it cannot name one of {mine.boundary} about {mine.subject}"
            )

    def _resume(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._known = recorded.attempts
        state = recorded.state
        self._rejections = [Rejection.from_body(body) for body in state.get("rejections", ())]
        self._seen = set(state.get("seen", ()))
        self._usage = Usage(**state.get("usage", {}))
        self._parts = state.get("parts", {})
        self._trace = state.get("trace", "")
        self._granted = tuple(Granted(**yes) for yes in state.get("granted", ()))
        waiting = state.get("waiting", {})
        if self._principal is None:
            self._principal = waiting.get("principal")
        answer = state.get("answer")
        self._answer = Answered.from_body(answer) if answer else None
        self._waives = frozenset()
        self._body, self._editor = waiting.get("proposal"), waiting.get("editor", "")
        self._fingerprint = waiting.get("fingerprint", {})
        self._resumes = self._body is not None or self._answer is not None
        if self._resumes and self._standing is None and "subject" in waiting:
            # What was seen is what commits, whatever the subject of this call has become.
            with contextlib.suppress(ValueError):
                adapter = self._boundary.subject_adapter
                self._subject = adapter.validate_json(canonical(waiting["subject"]))

    def _next_attempt(self) -> int:
        attempt = self._recorded.attempts + 1
        self._recorded = replace(self._recorded, attempts=attempt)
        return attempt

    def _feedback(self) -> tuple[Mapping[str, Any], ...]:
        told = () if self._parent is None else self._parent.feedback
        if not self._rejections:
            return told
        by_attempt: dict[int, list[Rejection]] = {}
        for rejection in self._rejections:
            by_attempt.setdefault(rejection.attempt, []).append(rejection)
        return (*told, *(wire_shape(rejections) for rejections in by_attempt.values()))

    def _seconds_left(self) -> float | None:
        bound = self._boundary.budget.seconds
        return None if bound is None else max(bound - (self._clock.elapsed() - self._began), 0.001)

    def _is_waived(self, rejection: Rejection) -> bool:
        """Whether a person's answer set it aside: only what asked for a person can be."""
        named = objection_of(rejection.by, rejection)
        return rejection.then == "escalate" and named in self._waives

    def _said(self) -> str:
        return canonical(self._body)

    @property
    def _version(self) -> int | None:
        return None if self._standing is None else self._standing.version

    def _rejected(
        self,
        rejections: tuple[Rejection, ...],
        said: str,
        evidence: dict[str, Any] | None,
        *,
        controls: tuple[str, ...] = (),
        waived: tuple[str, ...] = (),
        seconds: float | None = None,
    ) -> None:
        rejections = tuple(map(_recordable, rejections))
        self._unwritten.append(
            Judged(
                attempt=self._recorded.attempts,
                accepted=False,
                rejections=tuple(rejection.body() for rejection in rejections),
                evidence=evidence or None,
                version=self._version,
                controls=controls,
                waived=waived,
                ticket="" if self._answer is None else self._answer.ticket,
                seconds=seconds,
            )
        )
        codes = ",".join(sorted(f"{r.by}:{r.code}" for r in rejections))
        mark = hashlib.sha256(f"{codes}\n{said}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        repeated = bool(said) and mark in self._seen and self._answer is None
        self._seen.add(mark)
        if repeated:
            message = "the same proposal came again after the same objection"
            reject = Reject("no_progress", message, then="stop")
            attempt = self._recorded.attempts
            rejections = (*rejections, Rejection.of(reject, by="loop", attempt=attempt))
        self._rejections.extend(rejections)
        self._last = rejections

    def _attempt(self, proposal: P | None, passing: Passing) -> Attempt:
        return Attempt(
            boundary=self._boundary,
            recorded=self._recorded,
            proposal=proposal,
            subject=self._subject,
            standing=self._standing,
            unwritten=tuple(self._unwritten),
            passing=passing,
            memory=self._memory,
            kept=self._kept(),
            waives=tuple(sorted(self._waives)),
            asks=tuple(sorted(self._asks)),
            fingerprint=self._fingerprint,
            watch=self.watch,
        )

    def _memory(self) -> Memory:
        return Memory(
            proposal=self._body,
            principal=self._principal_body(),
            editor=self._editor,
            going_on=self._going_on(),
            granted=self._granted,
            answered=self._answer is not None,
            fingerprint=self._fingerprint,
        )

    def _passing(self, proposal: object) -> Passing:
        subject = self._subject
        # Costs some microseconds, and only controls look at it.
        looked_at = proposal is not None and self._boundary.controls
        digest = digest_of(self._body) if looked_at else ""
        return Passing(
            boundary=self._boundary.name,
            crossing=self._recorded.id,
            subject=subject,
            subject_id=self._recorded.subject,
            tenant=tenant_of(subject),
            version=self._version,
            proposal=proposal,
            digest=digest,
            attempt=self._recorded.attempts,
            usage=self._usage,
            principal=self._principal,
            granted=self._granted,
            waived=self._waives,
            now=self._clock.now(),
        )

    def _going_on(self) -> dict[str, Any]:
        return {
            "rejections": [rejection.body() for rejection in self._rejections],
            "seen": sorted(self._seen),
            **self._kept(),
        }

    def _kept(self) -> dict[str, Any]:
        usage, kept = self._usage, dict[str, Any]()
        if usage != _NOTHING:
            kept["usage"] = {
                "tokens_in": usage.tokens_in,
                "tokens_out": usage.tokens_out,
                "usd": usage.usd,
            }
        if self._parts:
            kept["parts"] = dict(self._parts)
        if trace := self._trace or self.watch.trace:
            kept["trace"] = trace
        return kept

    async def _cross_part(self, boundary: Any, subject: Any, *, name: str) -> Crossed:
        """Cross another boundary as a part of this attempt, under a key made from ours."""
        if self._children is None:
            raise UsageError(f"{self._boundary.name} asks others, which needs a runtime")
        key = f"{self._recorded.key}/{self._recorded.attempts}/{name}"
        parent = Parent(
            crossing=self._recorded.id,
            principal=self._principal,
            durable=self._boundary.durable,
            feedback=self._feedback(),
        )
        return await self._children(boundary, subject, key, parent)

    def _stop(self, code: str, message: str) -> Rejection:
        reject = Reject(code, message, then="stop")
        return Rejection.of(reject, by="spine", attempt=self._recorded.attempts)


def _recordable(rejection: Rejection) -> Rejection:
    """A rejection counts even if its details cannot be put on record."""
    if not rejection.details or json_can_say(dict(rejection.details)):
        return rejection
    return replace(rejection, details={"unreadable": sorted(map(str, rejection.details))})
