"""Signatures of supervisor and gate (P4)."""

from __future__ import annotations

import re

from signoff.diagnosis._reading import Reading
from signoff.diagnosis._signature import Detector, Signature

#: Tries after which work that was given up crashed "again and again".
RESTARTS = 3

#: Seconds above which a verdict was slow. The gate's own budget is a thousandth of a second.
SLOW = 0.05

_VARYING = re.compile(r"0x[0-9a-f]+|\d+")


class SameCrash(Detector):
    """Counts work that was given up, by the error with which it ended."""

    reads = ("gaveup",)

    def feed(self, reading: Reading) -> None:
        tries = reading.body.get("tries", 0)
        if tries < RESTARTS:
            return
        work, because = str(reading.body.get("work", "")), str(reading.body.get("because", ""))
        tally = self.at(f"{work}: {_VARYING.sub('…', because)[:120]}")
        tally.hit(reading)
        tally.told = f"{tries} tries each, at last: {because[:200]}"


class SlowGate(Detector):
    """Counts verdicts whose verifiers and controls took longer than `SLOW`."""

    reads = ("judged",)

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None:
            return
        tally = self.at(trail.boundary)
        tally.of += 1
        seconds = reading.body.get("seconds", 0.0)
        if seconds > SLOW:
            tally.hit(reading)
            tally.told = f"a verdict took up to {max(seconds, _longest(tally.told)):.2f} s"


def _longest(told: str) -> float:
    return float(told.split()[-2]) if told else 0.0


SIGNATURES = (
    Signature(
        code="P4-same-crash",
        pattern="P4",
        title="the same crash after repeated restarts",
        evidence=f"work that was given up after {RESTARTS} tries or more",
        cause="the input, not the moment, breaks the work: another restart cannot help",
        corrections=(
            "read the error; drop the work, or retry it once its cause is mended",
            "let the handler reject what it cannot do, instead of raising",
            "lower max_restarts, so that a person hears of it sooner",
        ),
        detector=SameCrash,
    ),
    Signature(
        code="P4-slow-gate",
        pattern="P4",
        title="the gate is slow",
        evidence=f"`seconds` of verdicts: those above {SLOW:g}",
        cause="a verifier or a control waits for something: often a model is called inside",
        corrections=(
            "look things up as evidence, before judging; a verdict is a pure function of it",
            "make a model's opinion evidence, and check that with a plain rule",
            "move rules into a policy: a rule takes some microseconds",
        ),
        minimum_evidence=3,
        detector=SlowGate,
        severity="minor",
        tolerance=0.01,
    ),
)
