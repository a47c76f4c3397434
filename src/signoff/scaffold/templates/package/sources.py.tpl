"""Who is asked before anything is decided: several sources, of which enough have to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from statistics import median

from signoff import Boundary, Transactional, Write
from signoff.boundary import Question
from signoff.coordination import Part, ScatterGather
from signoff.proposers import Function

from $package.proposals import Finding
from $package.subject import $Subject
from $package.verifiers import plausible


def by_limit(subject: $Subject) -> float:
    return 0.5 * subject.limit


def by_experience(subject: $Subject) -> float:
    return 0.6 * subject.limit


def by_archive(subject: $Subject) -> float:
    if subject.id.endswith("3"):
        raise ConnectionError("the archive does not answer")
    return 0.7 * subject.limit


def keep(finding: Finding, subject: $Subject, write: Write[$Subject]) -> float:
    return finding.worth


def source(name: str, says: Callable[[$Subject], float]) -> Boundary[$Subject, Finding, float]:
    """One source. Put a client of a real system in place of `says`."""

    def look(question: Question[$Subject]) -> Finding:
        return Finding(worth=says(question.subject))

    return Boundary(
        f"$package.{name}",
        proposer=Function(look, name=f"function:{name}"),
        verifiers=[plausible],
        commit=Transactional(keep),
        attempts=1,
    )


def middle(parts: Mapping[str, Part], subject: $Subject) -> float:
    """What enough sources say together: a plain function, never a model."""
    worths: list[float] = [part.value for part in parts.values()]
    return round(median(worths), 2)


def assessment() -> ScatterGather[$Subject, float]:
    """All sources at the same time; two of the three are enough."""
    return ScatterGather(
        "$package.assess",
        [
            source("limits", by_limit),
            source("experience", by_experience),
            source("archive", by_archive),
        ],
        aggregate=middle,
        quorum=2,
        deadline=timedelta(seconds=30),
    )
