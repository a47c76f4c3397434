"""The signature of a changed model or prompt: fewer of its first proposals are accepted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from signoff.diagnosis._reading import Reading
from signoff.diagnosis._signature import Detector, End, Evidence, Signature
from signoff.statistics import newcombe

#: First proposals that each of the two fingerprints must have made.
MINIMUM = 20

#: Of the interval of the drop: many changes are looked at, and each could be a false alarm.
CONFIDENCE = 0.999

#: Fingerprints that are told apart at one boundary; later ones are left out.
MOST = 64

#: Who proposes without a model that could change.
_NOBODY = ("saga", "delegation", "scatter-gather", "merged", "person:")


class _Under:
    """First proposals under one fingerprint."""

    __slots__ = ("accepted", "first", "judged", "label")

    def __init__(self, label: str, first: Evidence) -> None:
        self.label, self.first = label, first
        self.accepted = self.judged = 0


class Drop(Detector):
    """Compares acceptance at the first attempt under each fingerprint with the one before it."""

    reads = ("judged",)

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, dict[str, _Under]] = {}

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None or trail.attempt != 1 or trail.asked != 1 or self in trail.memory:
            return
        trail.memory[self] = True  # a row that moved has it judged again
        if trail.model.startswith(_NOBODY):
            return
        seen = self._seen.setdefault(trail.boundary, {})
        mark = str(trail.fingerprint)  # its fields are sorted on the ledger
        under = seen.get(mark)
        if under is None:
            if len(seen) >= MOST:
                return
            first = Evidence(
                position=reading.entry.position, subject=trail.subject, crossing=trail.id
            )
            under = seen[mark] = _Under(_label(trail.fingerprint), first)
        under.judged += 1
        under.accepted += reading.body.get("accepted") is True

    def finish(self, end: End) -> None:
        for boundary, seen in self._seen.items():
            compared = [under for under in seen.values() if under.judged >= MINIMUM]
            for before, after in pairwise(compared):
                interval = newcombe(
                    before.accepted, before.judged, after.accepted, after.judged,
                    confidence=CONFIDENCE,
                )  # fmt: skip
                if interval.high >= 0:
                    continue
                tally = self.at(f"{boundary}: {after.label}")
                tally.count, tally.of = after.judged - after.accepted, after.judged
                tally.interval, tally.evidence = interval, [after.first]
                tally.told = (
                    f"accepted at the first attempt: {before.accepted / before.judged:.0%} of "
                    f"{before.judged} under {before.label}, "
                    f"{after.accepted / after.judged:.0%} of {after.judged} since"
                )


def _label(fingerprint: Mapping[str, Any]) -> str:
    named = [str(fingerprint.get(name, "")) for name in ("model", "version")]
    prompt = str(fingerprint.get("prompt", ""))[:8]
    return " ".join([*filter(None, named), *([f"prompt {prompt}"] if prompt else [])])


SIGNATURES = (
    Signature(
        code="SDB-model-change",
        pattern="SDB",
        title="fewer proposals are accepted since the model or prompt changed",
        evidence=f"first attempts under each fingerprint and the one before it, {MINIMUM} of each "
        "at least; the 99.9 % interval of the drop (Newcombe 1998) excludes none",
        cause="the new model or prompt answers the same questions otherwise",
        corrections=(
            "pin the model version that was accepted",
            "run the three-way procedure: `signoff diagnose FAILURE --prior-model X`",
            "replay before the next change: `signoff replay BOUNDARY --model X`",
        ),
        detector=Drop,
        strength="inferred",
    ),
)
