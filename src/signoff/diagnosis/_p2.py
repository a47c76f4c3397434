"""Signatures of scatter-gather and sagas (P2)."""

from __future__ import annotations

from signoff.diagnosis._parts import Steps, last_of, left_standing, steps_of
from signoff.diagnosis._reading import Reading, Trail, between
from signoff.diagnosis._signature import Detector, End, Signature

#: Seconds without a record after which a saga that is undoing counts as standing still.
STILL = 600.0

#: An undoing took longer if it took this many times as long, and this many seconds more.
LONGER, MARGIN = 1.5, 0.05


class CostlyUndo(Detector):
    """Compares, for each step that was taken back, what doing and undoing it cost."""

    reads = ("rejected",)

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None or not trail.parts:
            return
        for name, step in steps_of(trail).items():
            if not (step.done and step.undone):
                continue
            tally = self.at(f"{trail.boundary}.{name}")
            tally.of += 1
            more = _more(step)
            if more:
                tally.hit(reading)
                tally.told = more


def _more(step: Steps) -> str:
    """In what the undoing cost more; empty if it did not."""
    for what, done, undone in (
        ("tries", float(len(step.forward)), float(len(step.undo))),
        ("US dollars", sum(p.usd for p in step.forward), sum(p.usd for p in step.undo)),
    ):
        if undone > done:
            return f"undoing it took {undone:g} {what}, doing it {done:g}"
    done, undone = (sum(p.seconds for p in parts) for parts in (step.forward, step.undo))
    if undone > LONGER * done + MARGIN:
        return f"undoing it took {undone:.3g} s, doing it {done:.3g} s"
    return ""


class PartialWrite(Detector):
    """Looks for steps that happened, beside one that failed, and were not taken back."""

    reads = ("committed", "rejected")

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None or not trail.parts:
            return
        steps = steps_of(trail)
        if not any(step.writes and step.done for step in steps.values()):
            return
        self.at(trail.boundary).of += 1
        # `compensated` says that everything was undone that can be.
        if reading.type == "rejected" and trail.code != "compensated":
            self._left(trail, steps)

    def finish(self, end: End) -> None:
        for trail in end.open.values():
            if not trail.parts:
                continue
            steps = steps_of(trail)
            stuck = any(step.failed for step in steps.values()) and any(left_standing(steps))
            if stuck and between(last_of(trail), end.now) >= STILL:
                self.at(trail.boundary).of += 1
                self._left(trail, steps)

    def _left(self, trail: Trail, steps: dict[str, Steps]) -> None:
        left = sorted(left_standing(steps))
        if left:
            tally = self.at(trail.boundary)
            tally.hit(trail)
            tally.told = f"still standing: {', '.join(left)[:200]}"


SIGNATURES = (
    Signature(
        code="P2-costly-undo",
        pattern="P2",
        title="compensation costs more than the action",
        evidence="tries, dollars and seconds of each undoing, against those of its step",
        cause="the step does too much at once, or undoing it needs what doing it did not",
        corrections=(
            "ask first, act later: move the check that fails in front of the step",
            "split the step into a reservation, which is cheap to undo, and a confirmation",
            "put the step last, or make it the pivot",
        ),
        minimum_evidence=8,
        detector=CostlyUndo,
        severity="minor",
        tolerance=0.5,
        strength="inferred",
    ),
    Signature(
        code="P2-partial-write",
        pattern="P2",
        title="a partial write stays uncompensated",
        evidence="steps that happened beside one that failed, and no undoing of them",
        cause="parts with effects are combined without an undo, or the undoing itself is stuck",
        corrections=(
            "see what holds the undoing: `signoff approvals list` shows work that was given up",
            "give the parts an undo=: make a saga of them",
            "check the whole before anything is written",
        ),
        detector=PartialWrite,
        severity="critical",
    ),
)
