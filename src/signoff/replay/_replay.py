"""Ask the questions on record of two proposers, and say whether one may take the other's place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from signoff.boundary import Answer, Boundary, Proposer, Subject
from signoff.clock import Clock, SystemClock, stamp
from signoff.diagnosis import Trial
from signoff.errors import BadInput, UsageError
from signoff.ledger import Ledger
from signoff.proposers import another
from signoff.replay._asking import Asking, Wanted
from signoff.replay._compared import Level
from signoff.replay._comparison import compare
from signoff.replay._examination import EffectOf, Examination, examined
from signoff.replay._journal import Journal
from signoff.replay._lanes import Lane, Reply, fingerprint_of, label_of
from signoff.replay._notes import Sides, notes_of
from signoff.replay._progress import Progress, Tell
from signoff.replay._questions import Questions, RecordedQuestion
from signoff.replay._recordings import questions_of
from signoff.replay._replay_report import LaneFacts, ReplayReport
from signoff.replay._spending import Spending

S = TypeVar("S", bound=Subject)
P = TypeVar("P")

_TICK = timedelta(microseconds=1)

#: When a window begins or ends: an instant, so long ago, or never.
When: TypeAlias = datetime | timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan(Generic[S, P]):
    """A replay that has been thought through."""

    examination: Examination[S, P]
    baseline: Proposer[S, P] | Literal["recorded"]
    candidate: Proposer[S, P]
    questions: Questions[S]
    n: int

    def wanted(self, there: Collection[tuple[str, str, int]]) -> list[Wanted[S, P]]:
        """What is still to be asked. Question by question, so that a part is a fair sample."""
        lanes: list[Lane[S, P]] = [Lane(name="candidate", proposer=self.candidate)]
        if not isinstance(self.baseline, str):
            lanes.insert(0, Lane(name="baseline", proposer=self.baseline))
        return [
            Wanted(lane=lane, question=question, number=number)
            for question in self.questions.asked
            for number in range(1, self.n + 1)
            for lane in lanes
            if (lane.name, question.key, number) not in there
        ]


async def replay(
    boundary: Boundary[S, P, Any] | Examination[S, P],
    ledger: Ledger,
    *,
    model: str | Proposer[S, P] = "",
    prompt: str | None = None,
    baseline: Proposer[S, P] | Literal["recorded"] | None = None,
    since: When = None,
    until: When = None,
    n: int = 4,
    most: int | None = None,
    seed: int = 0,
    revisions: bool = False,
    effect_of: EffectOf[P, S] | None = None,
    look_up: bool = False,
    concurrency: int = 8,
    timeout: float | None = 60.0,
    max_usd: float | None = None,
    confidence: float = 0.95,
    margin: float = 0.02,
    allow: Collection[Level] = ("proposal", "verdict"),
    examples: int = 3,
    journal: str | Path | None = None,
    tell: Tell | None = None,
    clock: Clock | None = None,
) -> ReplayReport:
    """Ask a boundary's recorded questions again: of its own proposer, and of another one.

    Each is asked `n` times, so that variance is measured before divergence is claimed. Answers are
    read and judged as a crossing would, up to the commit; there is none here to call, and the
    ledger is only read.

    Args:
        boundary: Whose questions; its verifiers, gates and approvals judge the answers.
        ledger: Where they are on record, such as `runtime.ledger`.
        model: The candidate: `provider:name`, `local`, `simulated`, or a proposer. By default the
            boundary's own, in the words of `prompt`.
        prompt: Instructions for the candidate, in place of the boundary's.
        baseline: Who is asked for comparison; by default the boundary's own proposer. `recorded`
            asks nobody: the one answer on record counts, and variance is not measured.
        since: Only crossings opened since then; a timedelta is so long ago.
        until: Only crossings opened before.
        n: Answers to each question in each lane.
        most: At most so many questions, a random sample.
        seed: Of the sample, its order, and the tests that draw.
        revisions: Also ask what was asked after objections, which then are part of the question.
        effect_of: What an accepted proposal would do, JSON-ready; by default the proposal itself.
        look_up: Ask the boundary's lookups about each new proposal. By default the evidence on
            record is used, and how often is told.
        concurrency: How many questions are out at the same time.
        timeout: Seconds that an answer may take.
        max_usd: Stop before more than this is spent, in US dollars.
        confidence: Of every interval.
        margin: How much less often the candidate may be accepted, from 0 to 1.
        allow: Levels at which the lanes may diverge and still ship.
        examples: How many are kept of each kind of divergence.
        journal: A file for every answer as it comes. The same call goes on with it.
        tell: Told after every answer.
        clock: Time; the real one by default.

    Raises:
        BadInput: If there is nothing to ask, or the journal is of another replay.
        UsageError: If the arguments do not fit together.
        MissingExtra: If what the model needs is not installed.
    """
    clock = clock or SystemClock()
    if n < 1 or (most is not None and most < 1):
        raise UsageError("a replay asks something: give n and most of at least 1")
    if max_usd is not None and max_usd <= 0:
        raise UsageError(f"max_usd is {max_usd}; nothing could be asked: give dollars above 0")
    examination = examined(boundary, effect_of)
    candidate = _candidate(examination.proposer, model, prompt)
    kept = None if journal is None else Journal(Path(journal))
    try:
        window = _window(kept, since, until, clock)
        questions = await questions_of(
            ledger,
            examination.name,
            examination.subject,
            since=window["since"],
            until=window["until"],
            revisions=revisions,
            needs_evidence=bool(examination.lookups) and not look_up,
            most=most,
            seed=seed,
        )
        if not questions.asked:
            raise BadInput(_nothing(questions, window))
        plan = _Plan(
            examination=examination,
            baseline=examination.proposer if baseline is None else baseline,
            candidate=candidate,
            questions=questions,
            n=n,
        )
        if kept is not None:
            kept.begin(_about(plan, window, most=most, seed=seed, look_up=look_up))
        there, spending = _there(kept), Spending(max_usd)
        before = len(there)
        asking = Asking(
            examination,
            concurrency=concurrency,
            timeout=timeout,
            look_up=look_up,
            clock=clock,
            may_ask=spending.why_not,
            take=_taking(there, kept, spending, plan, tell, clock),
        )
        await _ask(asking, plan.wanted(there.keys()), careful=max_usd is not None)
    finally:
        if kept is not None:
            kept.close()
    sides = await _sides(plan, there.values())
    return ReplayReport(
        boundary=examination.name,
        since=window["since"],
        until=window["until"],
        questions=len(questions.asked),
        found=questions.found,
        n=n,
        baseline=LaneFacts.of(plan.baseline, sides.baseline),
        candidate=LaneFacts.of(candidate, sides.candidate),
        comparison=compare(
            [reply.trial for reply in sides.baseline],
            [reply.trial for reply in sides.candidate],
            confidence=confidence,
            margin=margin,
            allow=allow,
            examples=examples,
            incomplete="; ".join(asking.stopped),
            seed=seed,
        ),
        stopped=tuple(asking.stopped),
        notes=(
            *notes_of(examination, questions, sides, plan.baseline, look_up=look_up),
            *_about_journal(kept, before),
        ),
        replies=(*sides.baseline, *sides.candidate),
    )


async def _ask(asking: Asking[S, P], wanted: list[Wanted[S, P]], *, careful: bool) -> None:
    if careful:
        # One answer of each lane tells what an answer costs, before many are out.
        first, wanted = wanted[:2], wanted[2:]
        await asking.run(first, concurrency=1)
    if not asking.stopped:
        await asking.run(wanted)


def _candidate(
    own: Proposer[S, P], model: str | Proposer[S, P], prompt: str | None
) -> Proposer[S, P]:
    if not isinstance(model, str):
        if prompt is not None:
            raise UsageError("prompt= goes with a model by name; give the proposer its own words")
        return model
    if not model and prompt is None:
        raise UsageError("nothing would differ: say which model= to ask, or with which prompt=")
    return another(own, model, instructions=prompt)


def _window(kept: Journal | None, since: When, until: When, clock: Clock) -> dict[str, str]:
    """The window as stamps. A replay that goes on keeps the window in which it began."""
    now = clock.now()
    asked = {"asked_since": _spelled(since), "asked_until": _spelled(until)}
    before: Any = {} if kept is None else kept.header.get("window", {})
    if all(before.get(name) == text for name, text in asked.items()):
        return {name: str(text) for name, text in before.items()}
    # What is recorded from now on, while we ask, is not asked about.
    ends = stamp(now + _TICK) if until is None else _instant(until, now)
    return {**asked, "since": _instant(since, now), "until": ends}


def _spelled(when: When) -> str:
    return "" if when is None else str(when)


def _instant(when: When, now: datetime) -> str:
    if when is None:
        return ""
    return stamp(now - when if isinstance(when, timedelta) else when)


def _about(
    plan: _Plan[Any, Any],
    window: dict[str, str],
    *,
    most: int | None,
    seed: int,
    look_up: bool,
) -> dict[str, Any]:
    baseline = plan.baseline
    return {
        "boundary": plan.examination.name,
        "window": window,
        "sample": {"most": most, "seed": seed, "look_up": look_up},
        "questions": plan.questions.digest,
        "judged_by": list(plan.examination.judged_by),
        "baseline": baseline if isinstance(baseline, str) else baseline.fingerprint.body(),
        "candidate": plan.candidate.fingerprint.body(),
    }


def _nothing(questions: Questions[Any], window: dict[str, str]) -> str:
    left_out = (
        (len(questions.misfits), "do not fit the types of now"),
        (questions.without_evidence, "have no evidence on record"),
        (questions.by_person, "were answered by a person"),
    )
    said = "; ".join(f"{number} {why}" for number, why in left_out if number)
    if said:
        first = f", such as: {questions.misfits[0].problem}" if questions.misfits else ""
        return f"no question of {questions.boundary} can be asked again: {said}{first}"
    when = f"between {window['since'] or 'the beginning'} and {window['until']}"
    if questions.last:
        return (
            f"the ledger has no crossing of {questions.boundary} {when}; the last was opened at "
            f"{questions.last}"
        )
    near = difflib.get_close_matches(questions.boundary, questions.others, n=8, cutoff=0.3)
    known = ", ".join(near or questions.others[:8])
    return f"the ledger has no crossing of {questions.boundary} at all" + (
        f"; it knows {known}" if known else ""
    )


def _there(kept: Journal | None) -> dict[tuple[str, str, int], Reply]:
    """What an earlier run was told. A question without an answer is asked again."""
    replies = {} if kept is None else kept.replies
    return {place: reply for place, reply in replies.items() if not reply.trial.error}


def _about_journal(kept: Journal | None, before: int) -> Iterator[str]:
    if kept is not None and before:
        yield f"{before} answers are those of an earlier run, kept in {kept.path}"
    if kept is not None and kept.repaired:
        yield "the journal's last line was torn; it was asked again"


def _taking(
    there: dict[tuple[str, str, int], Reply],
    kept: Journal | None,
    spending: Spending,
    plan: _Plan[Any, Any],
    tell: Tell | None,
    clock: Clock,
) -> Callable[[Reply], None]:
    for reply in there.values():
        spending.add(reply)
    began, before, wanted = clock.elapsed(), len(there), len(plan.wanted(()))

    def take(reply: Reply) -> None:
        there[(reply.lane, reply.key, reply.trial.number)] = reply
        if kept is not None:
            kept.add(reply)
        spending.add(reply)
        if tell is not None:
            seconds, new = clock.elapsed() - began, len(there) - before
            left = seconds / new * (wanted - len(there)) if new else None
            tell(Progress(done=len(there), of=wanted, usd=spending.usd, seconds=seconds, left=left))

    return take


async def _sides(plan: _Plan[S, P], replies: Iterable[Reply]) -> Sides:
    """The answers of either lane, by question and number."""
    order = {question.key: at for at, question in enumerate(plan.questions.asked)}
    chosen = [reply for reply in replies if reply.key in order and reply.trial.number <= plan.n]
    chosen.sort(key=lambda reply: (order[reply.key], reply.trial.number))
    recorded = [await recorded_reply(plan.examination, each) for each in plan.questions.asked]
    baseline = [reply for reply in chosen if reply.lane == "baseline"]
    return Sides(
        recorded=recorded,
        baseline=recorded if isinstance(plan.baseline, str) else baseline,
        candidate=[reply for reply in chosen if reply.lane == "candidate"],
    )


async def recorded_reply(examination: Examination[S, P], question: RecordedQuestion[S]) -> Reply:
    """The answer on record, judged as a new one would be. Nobody is asked."""
    fingerprint = fingerprint_of(question.fingerprint)
    common: dict[str, Any] = {
        "input": question.key,
        "model": label_of(fingerprint),
        "group": examination.name,
        "at": question.at,
    }
    if question.why in ("timeout", "error"):
        trial = Trial(**common, error=f"{question.why}: on record")
    elif question.proposal is None and not question.raw:
        trial = Trial(**common, ok=False, proposal="", verdict=question.verdict or "no_proposal")
    else:
        said = question.raw if question.proposal is None else question.proposal
        found = await examination.find(Answer(content=said), question)
        trial = Trial(
            **common,
            ok=found.ok,
            proposal=found.proposal,
            verdict=found.verdict,
            effect=found.effect,
            shown=found.shown,
        )
    return Reply(key=question.key, lane="baseline", trial=trial, fingerprint=fingerprint.body())
