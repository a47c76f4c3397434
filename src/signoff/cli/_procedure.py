"""`signoff diagnose FAILURE --prior-model X`: the three-way procedure, by asking again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import typer

from signoff.cli._ending import Status
from signoff.cli._output import put, show_json, show_table, styled
from signoff.errors import BadInput, UsageError
from signoff.reading import existing
from signoff.words import count

if TYPE_CHECKING:
    from signoff.boundary import Boundary, Proposer
    from signoff.diagnosis import Labelled, Procedure, Reproduced, Trial
    from signoff.ledger import Ledger
    from signoff.replay import Examination, RecordedQuestion
    from signoff.statistics import Interval
    from signoff.storage import Storage

#: Failing crossings of one boundary that are asked again.
MOST = 10

_STATUS = {
    "functional": Status.FAILED,
    "replay divergence": Status.FAILED,
    "variance": Status.DONE,
    "blocked": Status.UNDECIDED,
    "REVIEW": Status.UNDECIDED,
}


def run(failure: str, *, prior_model: str, n: int, apps: list[str], store: str, json: bool) -> None:
    """Run the procedure, print what came of it, and exit accordingly."""
    if not failure:
        raise UsageError("name the failure: the id of a crossing, or a boundary for its failures")
    procedure = asyncio.run(_asked(store, failure, apps, prior_model, n))
    if json:
        show_json(as_json(procedure))
    else:
        show(procedure, prior_model)
    raise typer.Exit(_STATUS[procedure.label])


async def _asked(store: str, failure: str, apps: list[str], prior_model: str, n: int) -> Procedure:
    async with existing(store) as storage:
        name = await _boundary_of(storage, failure)
        examined, prior = await _sides(storage, name, apps, prior_model)
        return await ask_three_way(storage, failure, examined, prior=prior, n=n)


async def _boundary_of(storage: Storage, failure: str) -> str:
    """At which boundary a crossing was, if this is no boundary's name itself."""
    if failure in {boundary for boundary, *_ in await storage.crossings_by_status()}:
        return failure
    found = await storage.find_crossings(failure)
    if len(found) > 1:
        raise BadInput(f"{failure} begins the ids of several crossings; give more of it")
    crossing = await storage.crossing(found[0][0]) if found else None
    return failure if crossing is None else crossing.boundary


async def _sides(
    storage: Storage, name: str, apps: list[str], prior_model: str
) -> tuple[Examination[Any, Any], Proposer[Any, Any]]:
    """What is examined, the present proposer with it, and the one before."""
    from signoff.cli._boundaries import apps_in, boundaries_of, unknown
    from signoff.proposers import another
    from signoff.replay import Examination, questions_of
    from signoff.workloads.contract_renewal import proposers
    from signoff.workloads.contract_renewal.examinations import (
        examination,
        proposers_of,
        replayable,
    )

    known = boundaries_of(apps or apps_in())
    if name in known:
        found: Any = known[name]
        examined = cast("Examination[Any, Any]", found)
        if not isinstance(found, Examination):
            examined = Examination[Any, Any].of(found)
        return examined, another(examined.proposer, prior_model)
    some = proposers.simulated(seed=0, misbehaves=0.0)
    shipped = replayable(some)
    if name not in shipped:
        raise unknown(name, [*known, *shipped])
    subject = examination(name, some).subject
    questions = await questions_of(storage, name, subject, most=1)
    present = proposers_of(questions.asked[0].fingerprint) if questions.asked else some
    examined = examination(name, present)
    if ":" in prior_model or prior_model == "local":
        # Its words for a model; what is simulated has none.
        named = proposers.named(prior_model, seed=0, misbehaves=0.0, base_url=None)
        return examined, examination(name, named).proposer
    return examined, another(examined.proposer, prior_model)


async def ask_three_way(
    ledger: Ledger,
    failure: str,
    boundary: Boundary[Any, Any, Any] | Examination[Any, Any],
    *,
    prior: Proposer[Any, Any] | None,
    n: int,
) -> Procedure:
    """Ask failing questions again, n times of the boundary's own proposer and of the prior one.

    A failure whose first proposal was rejected fails again if the answer is rejected. One that was
    accepted, and turned out wrong, fails again if the answer is accepted and proposes the same.

    Args:
        ledger: Where the failures are on record.
        failure: The id of a crossing, which may be shortened, or the boundary's name, for its
            rejected first proposals.
        boundary: Whose questions they are.
        prior: The proposer before; None if there is none.
        n: Answers of each.

    Raises:
        BadInput: If there is no such failure on record.
    """
    from signoff.boundary import Boundary
    from signoff.diagnosis import three_way
    from signoff.replay import Examination, ask_lane, questions_of, recorded_reply

    examined: Examination[Any, Any] = (
        Examination[Any, Any].of(boundary) if isinstance(boundary, Boundary) else boundary
    )
    found = await questions_of(ledger, examined.name, examined.subject)
    chosen = _chosen(found.asked, failure, examined.name)
    recorded = {q.key: (await recorded_reply(examined, q)).trial for q in chosen}
    current = await ask_lane(examined, chosen, examined.proposer, n, name="baseline")
    before: list[Trial] = []
    if prior is not None:
        before = await ask_lane(examined, chosen, prior, n, name="candidate")
    return three_way(
        _counted(question, recorded[question.key], current, before) for question in chosen
    )


def _chosen(
    asked: tuple[RecordedQuestion[Any], ...], failure: str, boundary: str
) -> list[RecordedQuestion[Any]]:
    if failure == boundary:
        chosen = [question for question in asked if question.verdict != "accepted"][:MOST]
    else:
        chosen = [question for question in asked if question.crossing.startswith(failure)]
    if not chosen:
        raise BadInput(
            f"the ledger has no failing question {failure!r} of boundary {boundary}: give the id "
            "of a crossing at it, or its name"
        )
    if failure != boundary and len(chosen) > 1:
        raise BadInput(f"{failure} begins the ids of several crossings; give more of it")
    return chosen


def _counted(
    question: RecordedQuestion[Any], recorded: Trial, current: list[Trial], before: list[Trial]
) -> Reproduced:
    from signoff.diagnosis import Reproduced

    def failed(trial: Trial) -> bool:
        if question.verdict == "accepted":
            return trial.ok is True and trial.proposal == recorded.proposal
        return trial.ok is False

    mine = [
        [trial for trial in lane if trial.input == question.key and not trial.error]
        for lane in (current, before)
    ]
    return Reproduced(
        name=question.crossing,
        current=sum(map(failed, mine[0])),
        current_of=len(mine[0]),
        prior=sum(map(failed, mine[1])),
        prior_of=len(mine[1]),
    )


def show(procedure: Procedure, prior_model: str) -> None:
    """Print what the failure is, why, and what to do."""
    put(styled(procedure.label, "bold"))
    put(styled(f"  {procedure.pooled.next}", most=0))
    print()
    rows = [
        [
            each.counts.name[:12],
            _rate(each.counts.current, each.counts.current_of, each.current),
            _rate(each.counts.prior, each.counts.prior_of, each.prior),
            each.label,
        ]
        for each in (*procedure.cases, *([procedure.pooled] if len(procedure.cases) > 1 else []))
    ]
    if len(procedure.cases) > 1:
        rows[-1][0] = "together"
    show_table(("failure", "fails now", f"fails with {prior_model}", "is"), rows)
    put(styled(f"{count(len(procedure.cases), 'failure')}; 90 % intervals, Clopper-Pearson", "dim"))


def _rate(failures: int, of: int, interval: Interval | None) -> str:
    if interval is None:
        return "not answered"
    return f"{failures} of {of} ({interval.low:.0%} to {interval.high:.0%})"


def as_json(procedure: Procedure) -> dict[str, Any]:
    """The whole procedure, for programs."""
    return {
        "label": procedure.label,
        "next": procedure.pooled.next,
        "cases": [_case(each) for each in procedure.cases],
        "together": _case(procedure.pooled),
    }


def _case(case: Labelled) -> dict[str, Any]:
    counts = case.counts
    return {
        "failure": counts.name,
        "label": case.label,
        "current": _side(counts.current, counts.current_of, case.current),
        "prior": _side(counts.prior, counts.prior_of, case.prior),
    }


def _side(failures: int, of: int, interval: Interval | None) -> dict[str, Any]:
    ends = None if interval is None else [interval.low, interval.high]
    return {"failures": failures, "answers": of, "interval": ends}
