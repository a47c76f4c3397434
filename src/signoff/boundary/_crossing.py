"""The crossing: the one loop that everything rests on.

open(key) -> propose -> parse -> verify -> commit -> record
              ^                    |
              +----- revise -------+        stop / escalate / budget leave the loop
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import Any, Generic, TypeVar

from signoff.boundary._again import InFlight, answer_again
from signoff.boundary._asking import ask, json_can_say
from signoff.boundary._boundary import Boundary
from signoff.boundary._commit import Transactional
from signoff.boundary._ending import end_or_revise
from signoff.boundary._external import commit_outside
from signoff.boundary._outcome import Outcome
from signoff.boundary._ports import CrossingStore, Recorded, Transaction
from signoff.boundary._proposer import Question
from signoff.boundary._settle import Settled, Stale, commit_here
from signoff.boundary._standing import Standing
from signoff.boundary._subject import Subject, crossing_id, subject_id
from signoff.boundary._verdict import Reject, Rejection, gravest
from signoff.boundary._verifier import gather, judge
from signoff.boundary._wire import wire_shape
from signoff.clock import Clock, stamp
from signoff.errors import BadInput, UsageError
from signoff.ledger import Judged, Opened, Record, Usage, canonical

S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")

#: Seconds before a proposer that failed is asked again, the first time and at most.
FIRST_REST = 0.25
LONGEST_REST = 8.0


class Crossing(Generic[S, P, R]):
    """One run through one boundary. `run` may be called again after a crash: it goes on.

    Args:
        boundary: What is crossed.
        subject: What it is about; with a spine, `standing.subject` takes its place.
        key: The idempotency key. It exists before the proposer is asked.
        store: Where the crossing is kept.
        clock: Time.
        standing: The subject's place on its spine, and the move that the commit makes.
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
    ) -> None:
        if not key or len(key) > 1000 or not key.isprintable():
            raise BadInput(f"{key[:40]!r} cannot be a key: 1 to 1000 printable characters")
        self._boundary = boundary
        self._subject = subject
        self._store = store
        self._clock = clock
        self._standing = standing
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
        self._seen: set[str] = set()
        self._usage = Usage()
        self._unwritten: list[Record] = []
        self._began = clock.elapsed()

    async def run(self) -> Outcome[R] | InFlight:
        """Cross, or answer again what was recorded under this key."""
        recorded = await self._store.crossing(self._recorded.id)
        if recorded is None:
            self._open()
        else:
            self._check_same(recorded)
            if recorded.status != "open":
                return answer_again(self._boundary, recorded)
            self._resume(recorded)
        while True:
            proposal = await self._propose()
            if proposal is None:
                result = await self._after_rejection()
                if result is None:
                    await self._rest()
            else:
                result = await self._judge_and_commit(proposal)
            if isinstance(result, Recorded):
                return answer_again(self._boundary, result)

    async def _rest(self) -> None:
        """Pause before a proposer that failed is asked again, twice as long every time in a row.

        Asking at once would spend the whole budget on one outage.
        """
        failures = 0
        for rejection in reversed(self._rejections):
            if rejection.details.get("why") not in ("timeout", "error"):
                break
            failures += 1
        if failures:
            await self._clock.pause(min(FIRST_REST * 2 ** (failures - 1), LONGEST_REST))

    def _open(self) -> None:
        standing = self._standing
        self._unwritten.append(
            Opened(
                boundary=self._boundary.name,
                key=self._recorded.key,
                subject=self._boundary.subject_adapter.dump_python(self._subject, mode="json"),
                version=None if standing is None else standing.version,
                verifiers=self._boundary.labels,
            )
        )

    def _check_same(self, recorded: Recorded) -> None:
        mine = self._recorded
        if (recorded.boundary, recorded.subject) != (mine.boundary, mine.subject):
            raise UsageError(
                f"key {mine.key!r} belongs to a crossing of {recorded.boundary} about "
                f"{recorded.subject}; it cannot name one of {mine.boundary} about {mine.subject}"
            )

    def _resume(self, recorded: Recorded) -> None:
        self._recorded = recorded
        state = recorded.state
        self._rejections = [Rejection.from_body(body) for body in state.get("rejections", ())]
        self._seen = set(state.get("seen", ()))
        self._usage = Usage(**state.get("usage", {}))

    # Proposing

    async def _propose(self) -> P | None:
        """Ask once. None if what came back is no proposal; the objection is then noted."""
        attempt = self._recorded.attempts + 1
        self._recorded = replace(self._recorded, attempts=attempt)
        question = Question(
            subject=self._subject,
            crossing=self._recorded.id,
            attempt=attempt,
            feedback=self._feedback(),
            schema=self._boundary.schema,
        )
        asked = await ask(self._boundary, question, timeout=self._seconds_left(), clock=self._clock)
        self._usage = self._usage + asked.usage
        self._unwritten.append(asked.record)
        if asked.objection is not None:
            self._rejected((asked.objection,), asked.said, evidence=None)
            return None
        return asked.proposal

    def _feedback(self) -> tuple[dict[str, Any], ...]:
        if not self._rejections:
            return ()
        by_attempt: dict[int, list[Rejection]] = {}
        for rejection in self._rejections:
            by_attempt.setdefault(rejection.attempt, []).append(rejection)
        return tuple(wire_shape(rejections) for rejections in by_attempt.values())

    def _seconds_left(self) -> float | None:
        bound = self._boundary.budget.seconds
        return None if bound is None else max(bound - (self._clock.elapsed() - self._began), 0.001)

    # Judging

    async def _judge_and_commit(self, proposal: P) -> Recorded | None:
        """Judge and commit; judged again on the new version whenever the row moved meanwhile."""
        while True:
            evidence = await self._evidence(proposal)
            attempt = self._recorded.attempts
            rejections: tuple[Rejection, ...]
            if isinstance(evidence, Reject):
                rejections = (Rejection.of(evidence, by="evidence", attempt=attempt),)
                evidence = {}
            else:
                rejections = await judge(
                    self._boundary.verifiers, proposal, self._subject, evidence, attempt=attempt
                )
            if rejections:
                said = canonical(self._boundary.proposal_adapter.dump_python(proposal, mode="json"))
                self._rejected(rejections, said, evidence)
                return await self._after_rejection()
            self._unwritten.append(
                Judged(
                    attempt=attempt, accepted=True, evidence=evidence or None, version=self._version
                )
            )
            settled = await self._commit(proposal)
            if isinstance(settled, Settled):
                return settled.recorded
            stopped = await self._see_the_new_version()
            if stopped is not None:
                self._rejected((stopped,), "", None)
                return await self._after_rejection()

    async def _evidence(self, proposal: P) -> dict[str, Any] | Reject:
        if not self._boundary.evidence:
            return {}
        try:
            async with asyncio.timeout(self._seconds_left()):
                facts = await gather(self._boundary.evidence, proposal, self._subject)
        except TimeoutError:
            return Reject("evidence_failed", "the facts could not be looked up in time")
        if not isinstance(facts, Reject) and not json_can_say(facts):
            return Reject("evidence_failed", "a fact that was looked up cannot be put on record")
        return facts

    @property
    def _version(self) -> int | None:
        return None if self._standing is None else self._standing.version

    def _rejected(
        self, rejections: tuple[Rejection, ...], said: str, evidence: dict[str, Any] | None
    ) -> None:
        rejections = tuple(map(_recordable, rejections))
        self._unwritten.append(
            Judged(
                attempt=self._recorded.attempts,
                accepted=False,
                rejections=tuple(rejection.body() for rejection in rejections),
                evidence=evidence or None,
                version=self._version,
            )
        )
        codes = ",".join(sorted(f"{r.by}:{r.code}" for r in rejections))
        mark = hashlib.sha256(f"{codes}\n{said}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        repeated = bool(said) and mark in self._seen
        self._seen.add(mark)
        self._rejections.extend(rejections)
        if repeated:
            message = "the same proposal came again after the same objection"
            self._rejections.append(
                Rejection.of(
                    Reject("no_progress", message, then="stop"),
                    by="loop",
                    attempt=self._recorded.attempts,
                )
            )

    async def _after_rejection(self) -> Recorded | None:
        """Make the last rejection durable. None if the proposer may be asked again."""
        attempts = self._recorded.attempts
        last = tuple(r for r in self._rejections if r.attempt == attempts)
        consequence = gravest(last)
        spent = self._boundary.budget.spent(
            attempts=attempts, usage=self._usage, seconds=self._clock.elapsed() - self._began
        )
        recorded, ending = end_or_revise(
            self._recorded,
            self._rejections,
            consequence=consequence,
            spent=bool(spent),
            usage=self._usage,
            seen=self._seen,
        )
        records = [*self._unwritten, *ending]
        at = stamp(self._clock.now())

        def write(tx: Transaction) -> Recorded:
            existing = tx.crossing(recorded.id)
            if existing is not None and (
                existing.status != "open" or existing.attempts >= recorded.attempts
            ):
                return existing
            tx.append(recorded.subject, recorded.id, at, records)
            tx.save_crossing(recorded)
            return recorded

        written = await self._store.transact(write)
        self._unwritten.clear()
        if written is not recorded:
            # Another run of this crossing was faster: go on from where it stands.
            self._resume(written)
        self._recorded = written
        return None if written.status == "open" else written

    # Committing

    async def _commit(self, proposal: P) -> Settled | Stale:
        boundary, recorded, subject = self._boundary, self._recorded, self._subject
        standing, unwritten = self._standing, tuple(self._unwritten)
        settled: Settled | Stale
        if isinstance(boundary.commit, Transactional):
            now = self._clock.now()
            settled = await self._store.transact(
                lambda tx: commit_here(
                    tx, boundary, recorded, proposal, subject, standing, unwritten, now
                )
            )
        else:
            settled = await commit_outside(
                boundary,
                recorded,
                proposal,
                subject,
                standing,
                unwritten,
                store=self._store,
                clock=self._clock,
            )
        if isinstance(settled, Settled):
            self._unwritten.clear()
            if self._standing is not None:
                if settled.row is not None:
                    self._standing.made(settled.row)
                else:
                    await self._standing.refresh()
        return settled

    async def _see_the_new_version(self) -> Rejection | None:
        """Look at the row again after losing a race; the reason to stop, if there is one."""
        standing = self._standing
        if standing is None:
            raise AssertionError("only a row can be stale")
        bound = self._boundary.budget.seconds or 120.0
        while True:
            await standing.refresh()
            if not standing.holder:
                break
            holder = await self._store.crossing(standing.holder)
            spent = self._clock.elapsed() - self._began > bound
            if spent or (holder is not None and holder.status == "unknown"):
                message = f"crossing {standing.holder} holds the subject and has not settled"
                return self._stop("held", message)
            await self._clock.pause(0.01)
        refusal = standing.refuses()
        if refusal is not None:
            return self._stop("stale_version", refusal.message)
        self._subject = standing.subject
        return None

    def _stop(self, code: str, message: str) -> Rejection:
        reject = Reject(code, message, then="stop")
        return Rejection.of(reject, by="spine", attempt=self._recorded.attempts)


def _recordable(rejection: Rejection) -> Rejection:
    """A rejection counts even if its details cannot be put on record."""
    if not rejection.details or json_can_say(dict(rejection.details)):
        return rejection
    return replace(rejection, details={"unreadable": sorted(map(str, rejection.details))})
