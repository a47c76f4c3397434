"""Signatures of delegation (P1)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast

from signoff.diagnosis._parts import place_of
from signoff.diagnosis._reading import Reading, Trail, fields
from signoff.diagnosis._signature import Detector, Signature


class Outweighs(Detector):
    """Compares what each specialist answered with what the owner proposed.

    Counted are delegations in which the specialists disagree about a number; one occurs where the
    proposal has exactly what this specialist said, and not what any other did. The rate that its
    weight explains is its share of the weights. Whoever has the greatest weight of all is left out:
    a merge by priority explains that.
    """

    reads = ("proposed",)

    def __init__(self) -> None:
        super().__init__()
        self._shares: dict[str, float] = defaultdict(float)

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None or not trail.parts:
            return
        told = fields(reading.body.get("parts"))
        answers, weights = _answers(trail, told)
        if len(answers) < 2:
            return
        winner = _winner(answers, leaves(reading.body.get("proposal")))
        if winner is None:
            return
        total, top = sum(weights.values()), max(weights.values())
        alone = sum(weight == top for weight in weights.values()) == 1
        for name in answers:
            if total <= 0 or (alone and weights[name] == top):
                continue
            where = f"{trail.boundary}/{name}"
            tally = self.at(where)
            tally.of += 1
            self._shares[where] += weights[name] / total
            tally.tolerance = self._shares[where] / tally.of
            if name == winner:
                tally.hit(reading)
            tally.told = (
                f"the merged answer was that of {name} alone in {tally.count} of {tally.of} "
                f"disagreements; its weight explains {tally.tolerance:.0%}"
            )


def _answers(
    trail: Trail, told: dict[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """What each who answered said, as leaves, and what it weighs."""
    answers: dict[str, dict[str, Any]] = {}
    weights: dict[str, float] = {}
    for name, part in told.items():
        state = fields(part)
        child = trail.parts.get(str(state.get("crossing", "")))
        if child is None or state.get("state") != "answered" or state.get("substituted"):
            continue
        said = child.receipt if child.receipt is not None else child.proposal
        answers[name] = leaves(said)
        weights[name] = float(state.get("weight", 1.0))
    return answers, weights


def _winner(answers: dict[str, dict[str, Any]], merged: dict[str, Any]) -> str | None:
    """Who alone was followed; empty if nobody alone was, None if they do not disagree."""
    if all(said.keys() == {""} for said in answers.values()) and merged.keys() != {""}:
        # Bare values: whichever of them stands somewhere in the proposal was followed.
        if len({said[""] for said in answers.values()}) < 2:
            return None
        followed = [name for name, said in answers.items() if said[""] in merged.values()]
        return followed[0] if len(followed) == 1 else ""
    common = sorted(set(merged).intersection(*answers.values()))
    seen = {name: [said[path] for path in common] for name, said in answers.items()}
    if not common or all(said == seen[next(iter(seen))] for said in seen.values()):
        return None
    mine = [merged[path] for path in common]
    followed = [name for name, said in seen.items() if said == mine]
    return followed[0] if len(followed) == 1 else ""


def leaves(value: object, path: str = "") -> dict[str, Any]:
    """The numbers of a JSON value by path; a bare number is under the empty path.

    Only numbers: a text or a flag that several answer may be one's own affair.
    """
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for name, each in cast("dict[str, Any]", value).items():
            found.update(leaves(each, f"{path}.{name}" if path else name))
        return found
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {path: value} if is_number else {}


class DoubleRetry(Detector):
    """Looks at each owner's end for a part that retried, and failed, in two of its attempts."""

    reads = ("committed", "rejected")

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None or not trail.parts or trail.asked < 2:
            return
        tally = self.at(trail.boundary)
        tally.of += 1
        attempts: dict[tuple[str, str], set[int]] = defaultdict(set)
        for part in trail.parts.values():
            if part.status != "rejected" or part.asked < 2:
                continue
            attempt, _ = place_of(trail, part)
            for code in part.codes:
                attempts[part.boundary, code].add(attempt)
        twice = sorted(key for key, seen in attempts.items() if len(seen) > 1)
        if twice:
            boundary, code = twice[0]
            tally.hit(reading)
            tally.told = f"{boundary} retries {code} on its own, and its owner retries it again"


SIGNATURES = (
    Signature(
        code="P1-weight",
        pattern="P1",
        title="one specialist's answer outweighs its declared weight",
        evidence="what specialists said, against what their owner proposed: how often one alone "
        "was followed, above its share of the weights",
        cause="the merge follows one voice whatever the weights say; often a model merges",
        corrections=(
            "make the merge a plain function of the parts and their weights",
            "declare the weights, or the priority, that is really meant",
            "give the specialist that is always followed the decision, and drop the others",
        ),
        minimum_evidence=8,
        detector=Outweighs,
        strength="inferred",
    ),
    Signature(
        code="P1-double-retry",
        pattern="P1",
        title="parent and child both retry the same failure",
        evidence="parts that used more than one attempt and failed alike in two of the owner's",
        cause="both levels have a retry budget, so that attempts multiply",
        corrections=(
            "give the part's boundary attempts=1: the retries are the owner's",
            "let the rejection stop instead of revise where another attempt cannot help",
        ),
        minimum_evidence=2,
        detector=DoubleRetry,
        severity="minor",
    ),
)
