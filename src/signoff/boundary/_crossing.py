"""The crossing: the one loop that everything rests on.

open(key) -> [controls] -> propose -> parse -> verify -> [controls] -> commit -> record
                 ^                                |
                 +------------ revise ------------+      stop / escalate / budget leave the loop
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from signoff.boundary._again import InFlight, answer_again
from signoff.boundary._answered import DEADLINE
from signoff.boundary._asking import ask, json_can_say, read_answer
from signoff.boundary._attempt import Attempt, Settled, Stale, news, overtaken, worth_telling
from signoff.boundary._commit import EffectRefused, Transactional
from signoff.boundary._control import Agree, AskPerson, Halt, Object, Passing, Terms
from signoff.boundary._course import Course
from signoff.boundary._doorway import Heard, ask_before, release, reserve
from signoff.boundary._ending import end_or_revise, terms_of
from signoff.boundary._external import GRACE, commit_outside
from signoff.boundary._kills import KILLS, NO_KILLS
from signoff.boundary._outcome import Outcome
from signoff.boundary._passage import pass_controls
from signoff.boundary._ports import Recorded, Transaction
from signoff.boundary._proposer import Question, Unfinished
from signoff.boundary._settle import commit_here
from signoff.boundary._subject import (
    Subject,
)
from signoff.boundary._suspend import halt, suspend, work_on
from signoff.boundary._verdict import Reject, Rejection, gravest, objection_of
from signoff.boundary._verifier import gather, judge
from signoff.clock import stamp
from signoff.ledger import Judged, Usage

S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")

#: Seconds before a proposer that failed is asked again, the first time and at most.
FIRST_REST = 0.25
LONGEST_REST = 8.0


class Crossing(Course[S, P, R]):
    """One run through one boundary. `run` may be called again after a crash: it goes on.

    Args:
        boundary: What is crossed.
        subject: What it is about; with a spine, `standing.subject` takes its place.
        key: The idempotency key. It exists before the proposer is asked.
        store: Where the crossing is kept.
        clock: Time.
        standing: The subject's place on its spine, and the move that the commit makes.
        principal: On whose behalf it runs: a name, or anything with an `id`.
    """

    async def run(self) -> Outcome[R] | InFlight:
        """Cross, or answer again what was recorded under this key."""
        recorded, kills = await self._store.opening(self._recorded.id, KILLS)
        self.found = self.found or ("nothing" if recorded is None else recorded.status)
        if recorded is None:
            self._open()
        else:
            self._check_same(recorded)
            self.watch.finds(recorded)
            if recorded.status != "open":
                self._usage = Usage(**recorded.state.get("usage", {}))
                return answer_again(self._boundary, recorded)
            self._resume(recorded)
        try:
            return answer_again(self._boundary, await self._see_through(kills))
        except Unfinished as waiting:
            return cast("Outcome[R]", waiting.outcome)

    async def _see_through(self, kills: str) -> Recorded:
        """The loop. Raises `Unfinished` if a part of it waits."""
        result: Recorded | None
        while True:
            if self._resumes:
                proposal = await self._take_up()
                result = None
            else:
                result = await self._ask_controls(kills)
                if result is None and self._boundary.durable:
                    await self._begin()
                proposal = None if result is not None else await self._propose()
            if result is None:
                if proposal is None:
                    result = await self._after_rejection()
                else:
                    result = await self._judge_and_commit(proposal)
            if result is not None:
                return result
            await self._rest()
            _, kills = await self._store.opening(self._recorded.id, KILLS)

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

    # Proposing

    async def _ask_controls(self, kills: str) -> Recorded | None:
        """Ask the controls before the proposer is; where the crossing stands if one stops it."""
        if not self._boundary.controls and kills in NO_KILLS:
            return None
        passing = self._passing(None)
        heard = ask_before(self._boundary, kills, passing, self.watch)
        if isinstance(heard.said, Agree):
            if not any(control.reserves for control in self._boundary.controls):
                return None
            known = self._recorded

            def write(tx: Transaction) -> Heard | Recorded:
                existing = tx.crossing(known.id)
                if existing is not None and overtaken(existing, known):
                    return existing
                return reserve(self._boundary, tx, passing, self.watch)

            reserved = await self._store.transact(write)
            if isinstance(reserved, Recorded):
                return reserved
            heard = reserved
            if isinstance(heard.said, Agree):
                return None
        return await self._stopped(heard, passing)

    async def _begin(self) -> None:
        """Be on record before anything happens, with work that goes on if this process does not."""
        attempt = self._attempt(None, self._passing(None))
        state = {**self._recorded.state, **attempt.state(), "begun": True}
        recorded = replace(self._recorded, state=state)
        due = stamp(attempt.passing.now + GRACE)

        def write(tx: Transaction) -> None:
            existing = tx.crossing(recorded.id)
            # It is on record already if it was halted before it began.
            if existing is None or not existing.state.get("begun"):
                records = news(attempt.unwritten, existing)
                tx.append(recorded.subject, recorded.id, stamp(attempt.passing.now), records)
                tx.save_crossing(recorded)
                if self._parent is None or not self._parent.durable:
                    tx.enqueue(work_on(recorded, "durable", "", due))

        await self._store.transact(write)
        self._unwritten.clear()

    async def _stopped(self, heard: Heard, passing: Passing) -> Recorded | None:
        """A control spoke up before anything was proposed."""
        said, by = heard.said, heard.by
        attempt = self._attempt(None, passing)
        match said:
            case Halt():

                def write(tx: Transaction) -> Settled:
                    existing = tx.crossing(attempt.recorded.id)
                    if existing is not None and overtaken(existing, attempt.recorded):
                        return Settled(existing)
                    return halt(tx, existing, attempt, said, by)

                halted = await self._store.transact(write)
                return halted.recorded
            case AskPerson(terms):
                return await self._suspend(terms)
            case Object(rejects):
                # Nothing was proposed that could be revised.
                stops = tuple(replace(reject, then="stop") for reject in rejects)
                attempts = self._recorded.attempts
                told = tuple(Rejection.of(reject, by=by, attempt=attempts) for reject in stops)
                self._rejected(told, "", None, controls=heard.asked)
                return await self._after_rejection()
            case Agree():
                raise AssertionError("nobody stopped it")

    async def _propose(self) -> P | None:
        """Ask once. None if what came back is no proposal; the objection is then noted."""
        question = Question(
            subject=self._subject,
            crossing=self._recorded.id,
            attempt=self._next_attempt(),
            feedback=self._feedback(),
            schema=self._boundary.schema,
            cross=self._cross_part,
            seconds=self._seconds_left(),
        )
        with self.watch.step("propose", self._boundary.name, question) as step:
            asked = await ask(self._boundary, question, timeout=question.seconds, clock=self._clock)
            step.tell(asked)
        self._usage = self._usage + asked.usage
        self._parts = asked.parts
        self._unwritten.append(asked.record)
        self._body, self._editor = asked.record.proposal, ""
        self._fingerprint = asked.record.fingerprint
        if asked.objection is not None:
            self._rejected((asked.objection,), asked.said, evidence=None)
            return None
        return asked.proposal

    async def _take_up(self) -> P | None:
        """Go on with the proposal that waited: for a person, or for a halt to be lifted.

        None if it cannot be read any more, or the row has gone where it leads nowhere.
        """
        self._resumes = False
        answer, standing = self._answer, self._standing
        refusal = None if standing is None else standing.refuses()
        if refusal is not None:
            self._rejected((self._stop("stale_version", refusal.message),), "", None)
            return None
        if answer is not None:
            void = answer.why_not(self._body, self._version, self._boundary.policies)
            if void is not None:
                self._unwritten.append(void)
                self._answer = None
                self._granted = ()  # what others agreed to before was bound to the same
            else:
                self._waives = frozenset(answer.waives)
                self._granted = (*self._granted, *answer.granted(self._body))
        if answer is not None and answer.kind == "edit":
            read = read_answer(
                self._boundary, self._body, attempt=self._next_attempt(), by=f"person:{answer.by}"
            )
            self._unwritten.append(read.record)
            self._fingerprint = read.record.fingerprint
        else:
            by = self._recorded.attempts or self._next_attempt()
            read = read_answer(self._boundary, self._body, attempt=by, by="waiting")
        if read.objection is not None:
            self._rejected((read.objection,), "", None)
            return None
        return read.proposal

    # Judging

    async def _judge_and_commit(self, proposal: P) -> Recorded | None:
        """Judge and commit; judged again on the new version whenever the row moved meanwhile."""
        while True:
            evidence = await self._evidence(proposal)
            attempt = self._recorded.attempts
            rejections: tuple[Rejection, ...]
            began = self._clock.elapsed()
            if isinstance(evidence, Reject):
                rejections = (Rejection.of(evidence, by="evidence", attempt=attempt),)
                evidence = {}
            else:
                with self.watch.step("verify", self._boundary.name):
                    rejections = await judge(
                        self._boundary.verifiers,
                        proposal,
                        self._subject,
                        evidence,
                        attempt=attempt,
                        watch=self.watch,
                    )
            took = worth_telling(self._clock.elapsed() - began)
            standing_objections = tuple(r for r in rejections if not self._is_waived(r))
            waived = tuple(objection_of(r.by, r) for r in rejections if self._is_waived(r))
            if standing_objections:
                self._rejected(
                    standing_objections, self._said(), evidence, waived=waived, seconds=took
                )
                return await self._after_rejection()
            self._unwritten.append(
                Judged(
                    attempt=attempt,
                    accepted=True,
                    evidence=evidence or None,
                    version=self._version,
                    waived=waived,
                    ticket="" if self._answer is None else self._answer.ticket,
                    seconds=took,
                )
            )
            with self.watch.step("commit", self._boundary.name) as step:
                settled = await self._commit(proposal)
                step.tell(settled)
            if isinstance(settled, Settled):
                return settled.recorded
            if isinstance(settled, Heard):
                assert isinstance(settled.said, Object)
                self._unwritten.pop()
                objections = tuple(
                    Rejection.of(reject, by=settled.by, attempt=attempt)
                    for reject in settled.said.rejects
                )
                self._rejected(
                    objections,
                    self._said(),
                    evidence,
                    controls=settled.asked,
                    waived=(*waived, *settled.waived),
                )
                return await self._after_rejection()
            # What a person set aside, they set aside on the version that they saw.
            self._waives = frozenset()
            stopped = await self._see_the_new_version()
            if stopped is not None:
                self._rejected((stopped,), "", None)
                return await self._after_rejection()

    async def _evidence(self, proposal: P) -> dict[str, Any] | Reject:
        if not self._boundary.evidence:
            return {}
        try:
            async with asyncio.timeout(self._seconds_left()):
                facts = await gather(
                    self._boundary.evidence, proposal, self._subject, watch=self.watch
                )
        except TimeoutError:
            return Reject("evidence_failed", "the facts could not be looked up in time")
        if not isinstance(facts, Reject) and not json_can_say(facts):
            return Reject("evidence_failed", "a fact that was looked up cannot be put on record")
        return facts

    async def _after_rejection(self) -> Recorded | None:
        """Make the last rejection durable. None if the proposer may be asked again."""
        attempts = self._recorded.attempts
        last = self._last
        consequence = gravest(last)
        spent = bool(
            self._boundary.budget.spent(
                attempts=attempts, usage=self._usage, seconds=self._clock.elapsed() - self._began
            )
        )
        terms = self._terms(last, consequence, spent)
        if terms is not None:
            self._asks = frozenset(objection_of(r.by, r) for r in last if r.then == "escalate")
            self._waives |= self._asks
            return await self._suspend(terms)
        recorded, ending = end_or_revise(
            self._recorded,
            self._rejections,
            consequence=consequence,
            spent=spent,
            going_on=self._going_on(),
        )
        records, known, before = [*self._unwritten, *ending], self._known, self._recorded
        passing = self._passing(None)

        def write(tx: Transaction) -> Recorded:
            existing = tx.crossing(recorded.id)
            if existing is not None and (existing.attempts != known or overtaken(existing, before)):
                return existing
            if recorded.status != "open":
                if self._boundary.durable:
                    tx.settle_durable(recorded.id)
                release(self._boundary, tx, passing)
            tx.append(recorded.subject, recorded.id, stamp(passing.now), records)
            tx.save_crossing(recorded)
            return recorded

        written = await self._store.transact(write)
        self._unwritten.clear()
        if written is not recorded:
            # Another run of this crossing was faster: go on from where it stands.
            self._resume(written)
        elif written.status == "open":
            self._body = None  # what was rejected does not wait
        self._recorded = written
        self._known = written.attempts
        return None if written.status == "open" else written

    def _terms(self, last: Sequence[Rejection], consequence: Any, spent: bool) -> Terms | None:
        """How a person is asked about the last rejection, if one is."""
        if last[-1].by == "spine":
            return None
        if self._answer is not None and self._answer.by == DEADLINE:
            self._answer = None  # nobody is there who could decide again
        if self._answer is not None and consequence != "escalate":
            # The answer did not get through: whoever gave it decides again, knowing why.
            terms = Terms.from_body(self._answer.terms, self._boundary.effects)
            return replace(terms, because=f"{last[-1]}")
        return terms_of(self._boundary.controls, last, consequence=consequence, spent=spent)

    # Committing and pausing

    async def _commit(self, proposal: P) -> Settled | Stale | Heard:
        attempt = self._attempt(proposal, self._passing(proposal))
        settled: Settled | Stale | Heard
        if isinstance(self._boundary.commit, Transactional):
            try:
                settled = await self._store.transact(
                    lambda tx: pass_controls(tx, attempt, commit_here)
                )
            except EffectRefused as refusal:  # nothing was written
                reject = Reject(refusal.code, refusal.message, then="stop")
                return Heard(Object((reject,)), self._boundary.name, ())
        else:
            settled = await commit_outside(attempt, store=self._store, clock=self._clock)
        if isinstance(settled, Settled):
            await self._take_note(settled)
        return settled

    async def _suspend(self, terms: Terms) -> Recorded | None:
        """Wait for a person; on the row's new version, if it moved meanwhile."""
        while True:
            attempt = self._attempt(None, self._passing(self._body))

            def write(tx: Transaction, attempt: Attempt = attempt) -> Settled | Stale:
                existing = tx.crossing(attempt.recorded.id)
                if existing is not None and overtaken(existing, attempt.recorded):
                    return Settled(existing)
                return suspend(tx, existing, attempt, terms)

            settled = await self._store.transact(write)
            if isinstance(settled, Settled):
                await self._take_note(settled)
                return settled.recorded
            stopped = await self._see_the_new_version()
            if stopped is not None:
                self._rejected((stopped,), "", None)
                return await self._after_rejection()

    async def _take_note(self, settled: Settled) -> None:
        self._unwritten.clear()
        if self._standing is not None:
            if settled.row is not None:
                self._standing.made(settled.row)
            else:
                await self._standing.refresh()

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
