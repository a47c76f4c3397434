"""The three-way procedure: a failure, asked again of the current model and of the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from signoff.errors import UsageError
from signoff.statistics import Interval, clopper_pearson

#: What a failure is.
#:
#: `functional`: it persists on the prior model; the catalogue of signatures says more.
#: `replay divergence`: it reproduces on the current model, and is resolved on the prior.
#: `variance`: it reproduces on neither; raise k, and watch.
#: `blocked`: there is no prior model to ask.
#: `REVIEW`: the evidence does not decide.
Label: TypeAlias = Literal["functional", "replay divergence", "variance", "blocked", "REVIEW"]

#: A failure reproduces if its rate is above this, and is resolved if it is below.
REPRODUCES = 0.5

#: Of the intervals on both sides.
CONFIDENCE = 0.9

_NEXT: dict[Label, str] = {
    "functional": "It persists on the prior model: look for its signature with `signoff diagnose`.",
    "replay divergence": "It came with the model: pin the prior version, and replay before the "
    "next change.",
    "variance": "It reproduces on neither: raise k, and watch how often it comes back.",
    "blocked": "There is no prior model to ask: pin a version now, so that there will be.",
    "REVIEW": "The answers do not decide: ask more often, or look at the cases one by one.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """How often one failing question failed again.

    Attributes:
        name: Which: the id of the failing crossing.
        current: Failures of the current model.
        current_of: How often it was asked.
        prior: Failures of the prior model.
        prior_of: How often it was asked; 0 if there is none.
    """

    name: str = ""
    current: int
    current_of: int
    prior: int = 0
    prior_of: int = 0

    def __post_init__(self) -> None:
        for count, of in ((self.current, self.current_of), (self.prior, self.prior_of)):
            if not 0 <= count <= of:
                raise UsageError(f"{count} failures of {of} answers make no sense")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A failing question, or all of them together, with what it is.

    Attributes:
        counts: How often it failed again.
        label: What it is.
        current: Interval of the failure rate on the current model; None if it was not asked.
        prior: Interval on the prior model; None if it was not asked.
    """

    counts: Reproduced
    label: Label
    current: Interval | None
    prior: Interval | None

    @property
    def next(self) -> str:
        """What to do."""
        return _NEXT[self.label]


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """What the three-way procedure says of some failing crossings.

    Attributes:
        cases: Each by itself.
        pooled: All together, if they are of one kind: `REVIEW` if the cases say different things.
    """

    cases: tuple[Labelled, ...]
    pooled: Labelled

    @property
    def label(self) -> Label:
        """What the failure is."""
        return self.pooled.label


def three_way(cases: Iterable[Reproduced], *, confidence: float = CONFIDENCE) -> Procedure:
    """Tell functional failures, replay divergence and variance apart.

    The rule, after Srinivasan (arXiv:2605.20173), with intervals in place of single runs. A
    failure *reproduces* on a model if the Clopper-Pearson interval (Clopper & Pearson 1934) of its
    rate lies above one half, and is *resolved* there if the interval lies below.

    - No answer of a prior model: `blocked`.
    - It reproduces on both: it persists, `functional`.
    - It reproduces on the current model and is resolved on the prior: `replay divergence`.
    - It is resolved on both, so that it reproduces on neither: `variance`.
    - Everything else, an interval that holds one half included: `REVIEW`.

    With eight answers of each model and 90 % confidence, seven or eight failures reproduce, none or
    one are resolved, and two to six decide nothing. Four answers cannot decide; five of five can.

    Args:
        cases: The failing crossings, with how often each failed again.
        confidence: Of each interval.

    Raises:
        UsageError: If there is no case, or a count makes no sense.
    """
    labelled = tuple(_labelled(case, confidence) for case in cases)
    if not labelled:
        raise UsageError("nothing failed: give at least one failing crossing")
    pooled = _labelled(_together([each.counts for each in labelled]), confidence)
    decided = {each.label for each in labelled} - {"REVIEW"}
    if len(decided) > 1:
        # They are failures of several kinds: a mean over them is none.
        pooled = Labelled(
            counts=pooled.counts, label="REVIEW", current=pooled.current, prior=pooled.prior
        )
    return Procedure(cases=labelled, pooled=pooled)


def _together(cases: Sequence[Reproduced]) -> Reproduced:
    return Reproduced(
        current=sum(case.current for case in cases),
        current_of=sum(case.current_of for case in cases),
        prior=sum(case.prior for case in cases),
        prior_of=sum(case.prior_of for case in cases),
    )


def _labelled(case: Reproduced, confidence: float) -> Labelled:
    current = _interval(case.current, case.current_of, confidence)
    prior = _interval(case.prior, case.prior_of, confidence)
    label: Label
    match _stands(current), _stands(prior):
        case _, "unknown":
            label = "blocked"
        case "reproduces", "reproduces":
            label = "functional"
        case "reproduces", "resolved":
            label = "replay divergence"
        case "resolved", "resolved":
            label = "variance"
        case _:
            label = "REVIEW"
    return Labelled(counts=case, label=label, current=current, prior=prior)


@lru_cache(maxsize=1024)
def _interval(failures: int, of: int, confidence: float) -> Interval | None:
    return clopper_pearson(failures, of, confidence=confidence) if of else None


def _stands(interval: Interval | None) -> Literal["reproduces", "resolved", "straddles", "unknown"]:
    if interval is None:
        return "unknown"
    if interval.low > REPRODUCES:
        return "reproduces"
    return "resolved" if interval.high < REPRODUCES else "straddles"
