"""`signoff diagnose FAILURE --prior-model X`: the three-way procedure, by asking again."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from signoff.cli._ending import Status
from signoff.cli._output import count, put, show_json, show_table, styled
from signoff.cli._store import existing
from signoff.errors import BadInput, UsageError

if TYPE_CHECKING:
    from signoff.boundary import Boundary
    from signoff.diagnosis import Procedure, Reproduced, Trial
    from signoff.ledger import Ledger
    from signoff.replay import RecordedQuestion
    from signoff.statistics import Interval

#: Failing crossings of one boundary that are asked again.
MOST = 10

_STATUS = {
    "functional": Status.FAILED,
    "replay divergence": Status.FAILED,
    "variance": Status.DONE,
    "blocked": Status.UNDECIDED,
    "REVIEW": Status.UNDECIDED,
}


def run(failure: str, *, prior_model: str, n: int, boundary: str, store: str, json: bool) -> None:
    """Run the procedure, print what came of it, and exit accordingly."""
    if not failure:
        raise UsageError("name the failure: the id of a crossing, or a boundary for its failures")
    if not boundary:
        raise UsageError(
            "say where the boundary is: --boundary module:name. Its verifiers judge the answers, "
            "and its proposer is the present model"
        )
    crossed = load(boundary)
    procedure = asyncio.run(_asked(store, failure, crossed, prior_model, n))
    if json:
        show_json(as_json(procedure))
    else:
        show(procedure, prior_model)
    raise typer.Exit(_STATUS[procedure.label])


def load(place: str) -> Boundary[Any, Any, Any]:
    """The boundary at `module:name`, or of what coordinates one there.

    Raises:
        UsageError: If there is none.
    """
    from signoff.boundary import Boundary

    module, _, name = place.partition(":")
    if not module or not name:
        raise UsageError(f"--boundary {place!r}: say module:name, such as app.boundaries:offer")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"--boundary {place}: {error}") from error
    found = getattr(found, "boundary", found)
    if not isinstance(found, Boundary):
        raise UsageError(f"--boundary {place}: that is a {type(found).__name__}, and no boundary")
    return found  # pyright: ignore[reportUnknownVariableType]


async def _asked(
    store: str, failure: str, boundary: Boundary[Any, Any, Any], prior_model: str, n: int
) -> Procedure:
    from signoff.proposers import another

    async with existing(store) as storage:
        prior = another(boundary.proposer, prior_model)
        return await ask_three_way(storage, failure, boundary, prior=prior, n=n)


async def ask_three_way(
    ledger: Ledger, failure: str, boundary: Boundary[Any, Any, Any], *, prior: Any, n: int
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
    from signoff.diagnosis import three_way
    from signoff.replay import Examination, ask_lane, questions_of, recorded_reply

    examination = Examination[Any, Any].of(boundary)
    found = await questions_of(ledger, boundary.name, boundary.subject_adapter)
    chosen = _chosen(found.asked, failure, boundary.name)
    recorded = {q.key: (await recorded_reply(examination, q)).trial for q in chosen}
    current = await ask_lane(boundary, chosen, boundary.proposer, n, name="candidate")
    before: list[Trial] = []
    if prior is not None:
        before = await ask_lane(boundary, chosen, prior, n, name="baseline")
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


def _case(case: Any) -> dict[str, Any]:
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
