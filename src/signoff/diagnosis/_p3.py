"""Signatures of the event log (P3)."""

from __future__ import annotations

from signoff.diagnosis._reading import Reading
from signoff.diagnosis._signature import Detector, Signature


class Divergence(Detector):
    """Counts questions that were asked again, and came out with another verdict or other events."""

    reads = ("askedagain",)

    def feed(self, reading: Reading) -> None:
        body = reading.body
        tally = self.at(f"{body.get('log', '')}/{body.get('consumer', '')}")
        tally.of += 1
        if body.get("differs") in ("verdict", "events"):
            tally.hit(reading)
            tally.told = f"at last, version {body.get('version')} differs in its {body['differs']}"


class LateEvents(Detector):
    """Counts late events that changed what had been decided, or were left out of it."""

    reads = ("late",)

    def feed(self, reading: Reading) -> None:
        body = reading.body
        tally = self.at(f"{body.get('log', '')}/{body.get('consumer', '')}")
        tally.of += 1
        otherwise, policy = body.get("otherwise") or 0, body.get("policy", "")
        if otherwise or policy == "drop":
            tally.hit(reading)
            what = f"{otherwise} later events came out otherwise" if otherwise else "left out"
            tally.told = f"at last, an event of {str(body.get('happened', ''))[:19]}: {what}"


SIGNATURES = (
    Signature(
        code="P3-divergence",
        pattern="P3",
        title="replay divergence",
        evidence="questions about recorded events that were asked again, and their comparison",
        cause="another model or prompt answers the same recorded input otherwise",
        corrections=(
            "re-read with the recorded answers, as is the default; ask again only to compare",
            "pin the model version of the consumer",
            "fork the stream where the model changed, and compare the two before going on",
        ),
        minimum_evidence=3,
        detector=Divergence,
        tolerance=0.05,
    ),
    Signature(
        code="P3-late-events",
        pattern="P3",
        title="late or out-of-order events change outcomes",
        evidence="late events that were dropped, or after which later events came out otherwise",
        cause="the watermark is too tight for its sources, or what happened is stamped wrongly",
        corrections=(
            "allow more lateness before the watermark passes",
            "let late events be reprocessed instead of dropped",
            "let the source stamp what it sends with when it happened",
        ),
        minimum_evidence=3,
        detector=LateEvents,
    ),
)
